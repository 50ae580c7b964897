# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that changes nothing costs, in units of ``ansible -m ping`` for the same hosts.

    .venv/bin/python -m tests.bench.bench_host_cost [hosts]

The hosts (12 by default) are names for one small NGINX origin. ``onboard`` looks a bit worse than on as many machines,
as runs on one machine wait for each other. Ends with 1 when a limit is passed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from tests.story.theatre import PLAYER, Theatre

HOST = "nginx-trixie"
LIMITS = {"onboard": 5.0, "status": 3.0, "evidence": 3.0}
SETTINGS = {"client_pki_key_type": "ECDSA", "aop_canaries": 4}
SWITCHES = {"certificate_deploy_seconds": 0.2, "association_deploy_seconds": 0.2}


def ping(theatre: Theatre) -> None:
    """``ansible -m ping`` on all origins."""
    argv = [PLAYER, "-m", "ansible", "adhoc", "-i", str(theatre.inventory), "aop_origins", "-m", "ping"]
    subprocess.run(argv, env=theatre.environment(), cwd=theatre.project, check=True, capture_output=True)


def multiply(theatre: Theatre, count: int) -> None:
    """Give the one origin ``count`` names in the inventory."""
    inventory = json.loads(theatre.inventory.read_text())
    (group,) = inventory["all"]["children"]["aop_origins"]["children"].values()
    hosts = group["hosts"]
    (facts,) = hosts.values()
    hosts.clear()
    hosts.update({f"web{number}": facts for number in range(count)})
    theatre.inventory.write_text(json.dumps(inventory))


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """The best of two."""
    found = []
    for _number in range(2):
        started = time.monotonic()
        work(*arguments)
        found.append(time.monotonic() - started)
    return min(found)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 12
    with Theatre("bench-host-cost", HOST, settings=SETTINGS, switches=SWITCHES) as theatre:
        theatre.play("onboard")
        multiply(theatre, count)
        unit = seconds(ping, theatre)
        print(f"ping on {count} hosts: {unit:.1f} s")
        missed = False
        for name, limit in LIMITS.items():
            took = seconds(lambda book: theatre.play(book, check=book != "evidence"), name) / unit
            missed = missed or took > limit
            print(f"{name}: {took:.1f} pings (limit {limit:g})", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
