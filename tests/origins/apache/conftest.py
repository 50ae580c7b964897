# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Apache hosts for this directory's tests: Debian 12 and Debian 13."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import pytest

from tests.hosts import fleet
from tests.origins.apache_pki import Clients
from tests.origins.releases import releases

from .host import ApacheHost

PREFIX = "apache-tests"
RELEASES = releases("bookworm")


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Client certificates, good and bad."""
    return Clients(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def hosts() -> Iterator[Dict[str, ApacheHost]]:
    wanted = fleet.parse_hosts(",".join(f"{one}=apache-{one}" for one in RELEASES))
    state: Dict[str, Any] = fleet.up(PREFIX, wanted, False, None)
    try:
        found = {
            name: ApacheHost(entry["container"], entry["address"], entry["address6"])
            for name, entry in state["hosts"].items()
        }
        for host in found.values():
            host.install()
        yield found
    finally:
        fleet.down(PREFIX)


@pytest.fixture(params=RELEASES)
def apache(request: pytest.FixtureRequest, hosts: Dict[str, ApacheHost]) -> ApacheHost:
    """A host with the plain sites it came with."""
    host = hosts[request.param]
    host.reset()
    return host
