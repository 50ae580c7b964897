# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of every server need."""

from __future__ import annotations

import pytest

from tests.hosts.commands import end_tidily
from tests.origins.pki import Clients


def pytest_configure() -> None:
    end_tidily()


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Client certificates, good and bad."""
    return Clients(tmp_path_factory.mktemp("clients"))
