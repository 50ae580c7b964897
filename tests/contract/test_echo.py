# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises on the echo double."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.origins.pki import Clients

from . import suite
from .echo_host import EchoHost

globals().update(suite.PROMISES)


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return Clients(tmp_path_factory.mktemp("clients"))


@pytest.fixture
def host(tmp_path: pytest.TempPathFactory) -> Iterator[EchoHost]:
    made = EchoHost(tmp_path / "machine")
    made.root.mkdir()
    made.reset()
    yield made
    made.end()
