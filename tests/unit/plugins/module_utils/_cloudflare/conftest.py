# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures."""

from __future__ import annotations

import pytest


@pytest.fixture
def api():
    """A tiny API whose answers are scripted, on a real socket."""
    # Not at the top: conftest files are read before Ansible's import machinery for collections is in place.
    from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.stub import serving

    with serving() as stub:
        yield stub
