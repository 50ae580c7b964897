# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Caddy hosts for this directory's tests."""

from __future__ import annotations

import pytest

from tests.origins.releases import releases
from tests.origins.running import Machines

from .host import CaddyHost

RELEASES = releases(*CaddyHost.releases)


@pytest.fixture(scope="session")
def hosts(machines: Machines[CaddyHost]) -> dict[str, CaddyHost]:
    return machines(CaddyHost)


@pytest.fixture(params=RELEASES)
def caddy(request: pytest.FixtureRequest, hosts: dict[str, CaddyHost]) -> CaddyHost:
    """A host with the plain sites it came with."""
    host = hosts[request.param]
    host.reset()
    return host
