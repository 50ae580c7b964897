# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Traefik hosts for this directory's tests."""

from __future__ import annotations

import pytest

from tests.origins.releases import releases
from tests.origins.running import Machines

from .host import TraefikHost

RELEASES = releases(*TraefikHost.releases)


@pytest.fixture(params=RELEASES)
def traefik(request: pytest.FixtureRequest, machines: Machines[TraefikHost]) -> TraefikHost:
    """A host with the plain sites it came with."""
    host = machines(TraefikHost)[request.param]
    host.reset()
    return host
