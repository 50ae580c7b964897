# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sandbox for all tests, reset before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.client import Control, SandboxProcess


@pytest.fixture(scope="session")
def _process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(_process: SandboxProcess) -> Control:
    """A sandbox as new, ten times as fast as the clock on the wall."""
    _process.reset()
    _process.clock(scale=10)
    return _process
