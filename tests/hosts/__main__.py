# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the test hosts."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from . import fleet, images
from .commands import HostsError, end_tidily


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    up = commands.add_parser(
        "up",
        help="start hosts (those of the same prefix are replaced), print how to reach them, and the addresses that a "
        "sandbox may pull from (--edge-source)",
    )
    up.add_argument("--prefix", required=True, help="name of the group; containers and the network carry it")
    up.add_argument(
        "--hosts",
        required=True,
        help="all, or SERVER-RELEASE or NAME=SERVER-RELEASE with commas between; "
        f"servers: {', '.join(images.servers())}; releases: {', '.join(images.RELEASES)}",
    )
    up.add_argument("--inventory", type=Path, help="write the Ansible inventory here (else into the run's directory)")

    down = commands.add_parser("down", help="remove the hosts, the network and the keys of a prefix, or of an owner")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("--prefix")
    which.add_argument("--owner", help="everything that was brought up with this value of ORIGINLOCK_OWNER")

    build = commands.add_parser("images", help="build the images (all, or those of --hosts)")
    build.add_argument("--hosts", default="all")

    commands.add_parser("list", help="what is there")
    chosen = parser.parse_args(arguments)
    end_tidily()

    try:
        if chosen.command == "up":
            state = fleet.up(chosen.prefix, fleet.parse_hosts(chosen.hosts), True, chosen.inventory)
            print(json.dumps(state, indent=2))
        elif chosen.command == "down":
            fleet.down(chosen.prefix) if chosen.prefix else fleet.down_of(chosen.owner)
        elif chosen.command == "images":
            images.build((entry["server"], entry["release"]) for entry in fleet.parse_hosts(chosen.hosts))
        else:
            print(json.dumps(fleet.running(), indent=2))
    except (HostsError, subprocess.TimeoutExpired) as error:
        print(f"tests.hosts: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
