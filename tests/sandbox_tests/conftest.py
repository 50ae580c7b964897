# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one sandbox process for the session, reset before each test; certificates made once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.api import Api
from support.pki import Pki

from tests.sandbox.client import SandboxProcess


@pytest.fixture(scope="session")
def process() -> Iterator[SandboxProcess]:
    """The sandbox, as users start it."""
    with SandboxProcess() as running:
        yield running


@pytest.fixture
def sandbox(process: SandboxProcess) -> SandboxProcess:
    """The same with its defaults."""
    process.reset()
    process.clock(scale=1)
    return process


@pytest.fixture
def api(sandbox: SandboxProcess) -> Api:
    """Calls of the API with fewer words."""
    return Api(sandbox)


@pytest.fixture(scope="session")
def pki() -> Pki:
    """A client CA and what can be made with it."""
    return Pki()
