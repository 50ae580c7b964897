# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Apache hosts for this directory's tests: Debian 12 and Debian 13."""

from __future__ import annotations

import pytest

from tests.origins.releases import releases
from tests.origins.running import Machines

from .host import ApacheHost

RELEASES = releases(*ApacheHost.releases)


@pytest.fixture(scope="session")
def hosts(machines: Machines[ApacheHost]) -> dict[str, ApacheHost]:
    return machines(ApacheHost)


@pytest.fixture(params=RELEASES)
def apache(request: pytest.FixtureRequest, hosts: dict[str, ApacheHost]) -> ApacheHost:
    """A host with the plain sites it came with."""
    host = hosts[request.param]
    host.reset()
    return host
