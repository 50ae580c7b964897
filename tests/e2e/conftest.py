# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chapters: tests of a file that tell one story in order. Once one fails, the rest are skipped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosts.commands import end_tidily

_failed: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    end_tidily()
    config.addinivalue_line("markers", "chapters: the tests of this file build on each other, in order")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    failed = call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)
    if failed and item.get_closest_marker("chapters"):
        _failed.setdefault(str(item.path), item.name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    earlier = _failed.get(str(item.path))
    if earlier and item.get_closest_marker("chapters"):
        pytest.skip(f"{earlier} failed before")
