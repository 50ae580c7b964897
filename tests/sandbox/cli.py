# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the sandbox."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from .config import describe
from .server import Sandbox


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox",
        description="Plays Cloudflare's API and edge for Authenticated Origin Pulls. Stop it with Ctrl-C or SIGTERM.",
        epilog="Guide: docs/sandbox.md",
    )
    parser.add_argument("--listen", default="127.0.0.1", metavar="ADDR", help="address of API and edge (%(default)s)")
    for name, what in (("api", "API"), ("edge", "edge (visitors' HTTPS)"), ("control", "control interface (loopback)")):
        parser.add_argument(f"--{name}-port", type=int, default=0, metavar="PORT", help=f"{what}; 0 = choose one")
    parser.add_argument("--edge-source", metavar="ADDR", help="source address of pulls; also what GET /ips lists")
    parser.add_argument("--state-dir", type=Path, metavar="DIR",
                        help="where edge-ca.pem, shared-ca.pem, foreign-ca.pem go (default: a temporary directory)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="where to write the addresses (JSON)")
    parser.add_argument("--scale", type=float, default=1.0, help="simulated seconds per real second (%(default)s)")
    parser.add_argument("--config", action="append", default=[], metavar="NAME=VALUE",
                        help="set a switch at the start (VALUE in JSON, or a plain word); may be repeated")
    parser.add_argument("--exit-on-eof", action="store_true", help="stop as soon as standard input is closed")
    parser.add_argument("--switches", action="store_true", help="list the switches as a Markdown table and exit")
    return parser


def switches_table() -> str:
    """The switches as docs/sandbox.md shows them."""
    lines = ["| switch | default | meaning |", "|---|---|---|"]
    for item in describe():
        default = json.dumps(item["default"])
        choices = f" (`{'`, `'.join(item['choices'])}`)" if item["choices"] else ""
        guess = " **U**" if item["unknown"] else ""
        lines.append(f"| `{item['name']}` | `{default}` | {item['doc']}{choices}{guess} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run until a signal comes. Exit code 2 for wrong arguments or a port that is taken."""
    options = _parser().parse_args(argv)
    if options.switches:
        sys.stdout.write(switches_table() + "\n")
        return 0
    try:
        asyncio.run(_run(options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    except KeyboardInterrupt:
        pass
    return 0


async def _run(options: argparse.Namespace) -> None:
    sandbox = Sandbox(
        options.listen, options.api_port, options.edge_port, options.control_port, options.edge_source,
        options.state_dir, options.scale,
    )
    sandbox.world.config.update(dict(_switch(text) for text in options.config))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        facts = await sandbox.start()
        text = json.dumps(facts, indent=2)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        if options.ready_file:
            # Whoever waits for the file must never read half of it.
            partial = options.ready_file.with_name(options.ready_file.name + ".part")
            partial.write_text(text + "\n", encoding="utf-8")
            os.replace(partial, options.ready_file)
        if options.exit_on_eof:
            loop.add_reader(0, lambda: stopped.set() if not os.read(0, 4096) else None)
        await stopped.wait()
    finally:
        await sandbox.stop()


def _switch(text: str) -> tuple[str, Any]:
    name, _sign, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
