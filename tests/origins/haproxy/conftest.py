# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real HAProxy hosts for this directory's tests: Debian 12 (1.22) and Debian 13 (1.26)."""

from __future__ import annotations

import pytest

from tests.origins.releases import releases
from tests.origins.running import Machines

from .host import HAProxyHost

RELEASES = releases(*HAProxyHost.releases)


@pytest.fixture(scope="session")
def hosts(machines: Machines[HAProxyHost]) -> dict[str, HAProxyHost]:
    return machines(HAProxyHost)


@pytest.fixture(params=RELEASES)
def haproxy(request: pytest.FixtureRequest, hosts: dict[str, HAProxyHost]) -> HAProxyHost:
    """A host with the plain sites it came with."""
    host = hosts[request.param]
    host.reset()
    return host
