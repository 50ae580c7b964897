# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real nginx hosts for this directory's tests: Debian 12 (1.22) and Debian 13 (1.26)."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator

import pytest

from tests.hosts import fleet
from tests.origins.apache_pki import Clients
from tests.origins.releases import releases

from .host import NginxHost

#: Of its own for every run, so that two of them don't take each other's hosts down.
PREFIX = f"nginx-{os.getpid()}"
RELEASES = releases("trixie")


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Client certificates, good and bad."""
    return Clients(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def hosts() -> Iterator[Dict[str, NginxHost]]:
    state: Dict[str, Any] = fleet.up(
        PREFIX, fleet.parse_hosts(",".join(f"{one}=nginx-{one}" for one in RELEASES)), False, None
    )
    try:
        found = {
            name: NginxHost(entry["container"], entry["address"], entry["address6"])
            for name, entry in state["hosts"].items()
        }
        for host in found.values():
            host.install()
        yield found
    finally:
        fleet.down(PREFIX)


@pytest.fixture(params=RELEASES)
def nginx(request: pytest.FixtureRequest, hosts: Dict[str, NginxHost]) -> NginxHost:
    """A host with the plain sites it came with."""
    host = hosts[request.param]
    host.reset()
    return host
