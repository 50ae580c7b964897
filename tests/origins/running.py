# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that run one kind of server."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, TypeVar

from tests.hosts import fleet
from tests.origins.host import Host

Kind = TypeVar("Kind", bound=Host)
#: Gives the machines of a kind of host by release, and starts them if need be.
Machines = Callable[[type[Kind]], dict[str, Kind]]


def _kinds() -> dict[str, type[Host]]:
    for path in sorted(Path(__file__).parent.glob("*/host.py")):
        importlib.import_module(f"tests.origins.{path.parent.name}.host")
    return {kind.server: kind for kind in Host.__subclasses__() if kind.releases}


#: The kinds of hosts by the name of their server: those of all folders here that have a ``host.py``.
KINDS = _kinds()


def prefix_of(kind: type[Host]) -> str:
    """Of its own for every run, so that two of them don't take each other's hosts down."""
    return f"{kind.server}-{os.getpid()}"


@contextmanager
def running(kind: type[Kind], releases: Sequence[str]) -> Iterator[dict[str, Kind]]:
    """A host of ``kind`` for each of the Debian ``releases``, ready for the driver."""
    prefix = prefix_of(kind)
    wanted = fleet.parse_hosts(",".join(f"{one}={kind.server}-{one}" for one in releases))
    state: dict[str, Any] = fleet.up(prefix, wanted, False, None)
    try:
        found = {
            name: kind(entry["container"], entry["address"], entry["address6"])
            for name, entry in state["hosts"].items()
        }
        for host in found.values():
            host.install()
        yield found
    finally:
        fleet.down(prefix)
