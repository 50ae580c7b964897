# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of every server need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.hosts.commands import end_tidily
from tests.origins.host import Host
from tests.origins.pki import Clients
from tests.origins.releases import releases
from tests.origins.running import Machines, running


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines[Any]]:
    """Machines by kind of host, which stay until the end; those of a kind start when somebody asks for them."""
    with ExitStack() as stack:
        started: dict[str, Any] = {}

        def of(kind: type[Host]) -> Any:
            if kind.server not in started:
                started[kind.server] = stack.enter_context(running(kind, releases(*kind.releases)))
            return started[kind.server]

        yield of


def pytest_configure() -> None:
    end_tidily()


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Client certificates, good and bad."""
    return Clients(tmp_path_factory.mktemp("clients"))
