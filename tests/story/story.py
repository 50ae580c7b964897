# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The story itself, step by step, for the demo (which tells it) and for the end-to-end test (which checks it)."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS

from .intruder import Attempt, Intruder
from .theatre import HOSTNAMES, PASSPHRASE, Played, Theatre
from .visitors import Tally, Visitors

FOREIGN = "www.example.org"
LOGS = {server: known.logs[0] for server, known in SERVERS.items()}


@dataclass
class Proof:
    """One thing that was claimed and what was seen."""

    claim: str
    seen: str
    holds: bool


@dataclass
class Story:
    """Plays on a theatre; each step appends what it proved. ``tell`` gets a line or two for each step."""

    theatre: Theatre
    tell: Callable[[str], None] = lambda line: None
    proofs: list[Proof] = field(default_factory=list)
    visitors: Visitors | None = None
    intruder: Intruder | None = None
    opened: float = 0.0
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def addresses(self) -> list[str]:
        hosts = self.theatre.fleet["hosts"].values()
        return [host[key] for host in hosts for key in ("address", "address6") if host.get(key)]

    @property
    def tally(self) -> Tally:
        assert self.visitors is not None
        return self.visitors.tally

    def prove(self, claim: str, seen: str, holds: bool) -> None:
        """Note a proof, and say so where it doesn't hold."""
        self.proofs.append(Proof(claim, seen, holds))
        if not holds:
            self.tell(f"!! NOT AS TOLD: {claim}: {seen}")

    def open_doors(self, per_second: float = 40) -> None:
        """Let visitors come through the edge, until the end of the story."""
        self.opened = time.monotonic()
        self.visitors = self._stack.enter_context(self.theatre.visitors(per_second))

    def end(self) -> None:
        """Send the visitors home and count."""
        self._stack.close()
        tally = self.tally
        for failure in tally.failures[:10]:
            self.tell(f"   failed: {failure}")
        kinds = f"{tally.by_kind['kept']} on kept connections, {tally.by_kind['new']} on new ones"
        self.prove(
            "every visitor through the edge was served",
            f"{tally.served} served ({kinds}), {len(tally.failures)} failed",
            not tally.failures and tally.served >= 200 and min(tally.by_kind["kept"], tally.by_kind["new"]) > 50,
        )

    def before(self) -> None:
        """Whoever knows an address gets in."""
        self.intruder = Intruder(self.theatre.project)
        tries = [self.intruder.attempt(one, HOSTNAMES[0], "right SNI", "none", "TLS 1.3") for one in self.addresses]
        got_in = sum(one.got_in for one in tries)
        self.prove("before: a direct request gets in", f"at {got_in} of {len(tries)} addresses", got_in == len(tries))

    def onboard(self) -> Played:
        """CA, certificates, log_only, association."""
        played = self.theatre.play("onboard")
        self.intruder = Intruder(self.theatre.project, self.theatre.project / "pki" / "example.com", PASSPHRASE)
        return played

    def onboard_again(self) -> Played:
        """Nothing is left to do."""
        played = self.theatre.play("onboard")
        self.prove("onboard again changes nothing", f"{played.changed} tasks changed something", played.changed == 0)
        return played

    def predict(self) -> None:
        """Check mode writes nothing, at Cloudflare or on an origin."""
        before = self.trees()
        played = self.theatre.play("onboard", "--check", "--diff")
        writes = self.theatre.sandbox.journal(writes=True)
        touched = [name for name, tree in self.trees().items() if tree != before[name]]
        self.prove(
            "onboard in check mode predicts and writes nothing",
            f"{played.changed} tasks predicted, {len(writes)} writes to the API, {len(touched)} origins touched",
            played.changed > 0 and not writes and not touched,
        )

    def log_says(self) -> dict[str, Counter[str]]:
        """What the verification logs hold: for each origin, lines by result."""
        return {
            name: Counter(str(line["verify"]).partition(":")[0] for line in self.lines(name))
            for name in self.theatre.fleet["hosts"]
        }

    def lines(self, host: str) -> list[dict[str, Any]]:
        """The verification log of an origin, parsed; Apache's ``\\xHH`` is no JSON and is mended."""
        path = LOGS[self.theatre.fleet["hosts"][host]["server"]]
        text = self.theatre.shell(host, f"cat {path}")
        return [json.loads(re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", line)) for line in text.splitlines()]

    def refuse_while_wrong(self) -> str:
        """The edge stops presenting for one hostname: the gate refuses, and nothing is changed."""
        before = self.trees()
        self.theatre.sandbox.edge_switches(hostnames={HOSTNAMES[0]: {"present": "none"}})
        played = self.theatre.play("enforce", check=False, aop_evidence_since=self.moment())
        self.theatre.sandbox.edge_switches(hostnames={HOSTNAMES[0]: {"present": "normal"}})
        touched = [name for name, tree in self.trees().items() if tree != before[name]]
        reason = re.search(rf"{re.escape(HOSTNAMES[0])} on \S+: [^']*?refused: (\[\w+\] [^\[']*)", played.output)
        said = reason.group(1).strip() if reason else "no reason"
        self.prove(
            "the gate refuses while the edge presents nothing",
            f"exit {played.status}, {len(touched)} origins touched; {said.split(']')[0]}]",
            played.status != 0 and not touched and "nothing_presented" in said,
        )
        return said

    def enforce(self, **variables: Any) -> Played:
        """Gate, batches, proof."""
        options = {"aop_soak_seconds": 2, "aop_foreign_sni": [FOREIGN], "aop_batches": [1, "100%"], **variables}
        options.setdefault("aop_evidence_since", self.moment())
        return self.theatre.play("enforce", **options)

    def after(self) -> list[Attempt]:
        """Nobody but the edge gets in, whatever door they try."""
        assert self.intruder is not None
        tries = [one for hostname in HOSTNAMES for one in self.intruder.try_all(self.addresses, hostname)]
        got_in = [one for one in tries if one.got_in]
        for one in got_in[:10]:
            self.tell(f"   got in: {one}")
        self.prove("after: direct requests are refused", f"{len(tries) - len(got_in)} of {len(tries)}", not got_in)
        return tries

    def status(self, **variables: Any) -> Played:
        """The table, and an exit code of 0."""
        played = self.theatre.play("status", check=False, **variables)
        enforced = played.output.count("  enforce  ")
        wanted = len(HOSTNAMES) * len(self.theatre.fleet["hosts"])
        self.prove(
            "status: every hostname is enforced on every origin, the edge presents",
            f"{enforced} of {wanted}, exit {played.status}",
            enforced == wanted and played.status == 0,
        )
        return played

    def trees(self) -> dict[str, str]:
        """For each origin, the checksums, modes and owners of everything below /etc."""
        command = (
            "cd /etc && find . -type f ! -name .updated -exec sha256sum {} + | sort -k2 && "
            "find . ! -name .updated -printf '%p %y %m %U %G %l\\n' | sort"
        )
        return {name: self.theatre.shell(name, command) for name in self.theatre.fleet["hosts"]}

    @staticmethod
    def moment() -> str:
        """From now on; a second of quiet lets what was before be over."""
        time.sleep(1.2)
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def table(output: str, *heading: str) -> list[str]:
    """The rows of all tables that a playbook showed whose heading has these words; the heading once."""
    rows: list[str] = []
    inside = False
    for line in output.splitlines():
        if not line.startswith('        "'):
            inside = False
            continue
        text = json.loads(line.strip().rstrip(","))
        if all(word in text.split() for word in heading):
            inside = True
            rows += [] if rows else [text]
        elif inside:
            rows.append(text)
    cells = [re.split(r"\s{2,}", row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]
