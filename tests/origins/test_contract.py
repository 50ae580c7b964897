# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises that hold for every server, on real ones: each folder beside this file that has a host.py joins."""

from __future__ import annotations

import pytest

from tests.contract import suite
from tests.origins.host import Host
from tests.origins.running import KINDS, Machines

globals().update(suite.PROMISES)


@pytest.fixture(params=sorted(KINDS))
def host(request: pytest.FixtureRequest, machines: Machines) -> Host:
    """The first machine of a kind, as it came."""
    found = next(iter(machines(KINDS[request.param]).values()))
    found.reset()
    return found
