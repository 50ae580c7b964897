# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the whole story on real origins: `make demo`. KEEP=1 leaves everything running at the end."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.hosts.commands import HostsError, end_tidily
from tests.story.story import Story, table
from tests.story.theatre import HOSTNAMES, Theatre

_STARTED = time.monotonic()


def say(line: str = "") -> None:
    """One line of the story, with the time since its beginning."""
    print(f"[{time.monotonic() - _STARTED:5.1f} s] {line}" if line else "", flush=True)


def show(lines: list[str]) -> None:
    """A table, set off from the story."""
    for line in lines:
        print(f"            {line}", flush=True)
    print(flush=True)


def tell(story: Story) -> None:
    """The story, from anybody gets in to only the edge gets in."""
    theatre = story.theatre
    say(f"{len(theatre.fleet['hosts'])} origins are up: {', '.join(sorted(theatre.fleet['hosts']))}.")
    say(f"The sandbox plays Cloudflare: API {theatre.sandbox.base_url}, edge {theatre.sandbox.facts['edge']}.")
    story.open_doors()
    say(f"Visitors come to {' and '.join(HOSTNAMES)} through the edge, and will keep coming until the end.")

    story.before()
    say(f"BEFORE: who knows an origin's address gets in without the edge: {story.proofs[-1].seen}.")

    say("ONBOARD: client CA and certificate, origins to log_only, upload, association, canaries ...")
    story.onboard()
    time.sleep(2)
    say("Nobody was refused. The origins' own logs say who came with which certificate:")
    show([f"{name:16} {dict(sorted(counts.items()))}" for name, counts in sorted(story.log_says().items())])

    say(f"ENFORCE, but the edge has stopped presenting a certificate for {HOSTNAMES[0]}. The gate:")
    show([story.refuse_while_wrong()])
    say("It is mended. ENFORCE again: gate, then batch by batch, each proved before it is confirmed ...")
    played = story.enforce()
    say("The prover tried every door after each batch:")
    show(table(played.output, "HOSTNAME", "FOUND", "HOLES"))

    say("AFTER: the intruder tries right SNI, no SNI, foreign SNI, a session of another site; without a")
    say("certificate, with one of another CA, with an expired one of ours; TLS 1.2 and 1.3; IPv4 and IPv6 ...")
    story.after()
    say(f"Refused: {story.proofs[-1].seen}.")
    say("STATUS:")
    show(table(story.status().output, "hostname", "generation"))
    story.end()


def main() -> int:
    """Exit status 0 if everything was as told, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--prefix", default="demo", help="name of the hosts (default: %(default)s)")
    prefix = parser.parse_args().prefix
    end_tidily()
    keep = os.environ.get("KEEP", "") not in ("", "0")
    say("Bringing up systemd containers with NGINX and Apache on Debian 12 and 13; they know nothing of all this.")
    try:
        with Theatre(prefix, keep=keep) as theatre:
            story = Story(theatre, say)
            tell(story)
            if keep:
                _how_to_look_around(theatre)
    except (HostsError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Interrupted. Everything that was running was taken down.")
        return 130
    return _verdict(story)


def _verdict(story: Story) -> int:
    width = max(len(proof.claim) for proof in story.proofs)
    say("What was proved:")
    show([f"{'yes' if proof.holds else 'NO ':3} {proof.claim.ljust(width)}  {proof.seen}" for proof in story.proofs])
    holds = all(proof.holds for proof in story.proofs)
    say("Everything was as told." if holds else "Something was NOT as told.")
    return 0 if holds else 1


def _how_to_look_around(theatre: Theatre) -> None:
    sandbox = theatre.sandbox
    say("KEEP=1: everything is left running. Look around:")
    show(
        [
            f"cd {theatre.project}    # a project as users have it",
            f"export CLOUDFLARE_BASE_URL={sandbox.base_url} CLOUDFLARE_API_TOKEN={sandbox.token}",
            f"ansible-playbook -i {theatre.inventory} originlock.aop.status    # or evidence, rollback, ...",
            *(f"podman exec -it {host['container']} bash" for host in theatre.fleet["hosts"].values()),
            f"the sandbox is process {sandbox.facts['pid']}; `make clean` removes the origins",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
