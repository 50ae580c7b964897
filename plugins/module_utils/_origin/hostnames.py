# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names can be protected."""

from __future__ import annotations

from .._common import hostnames
from .model import Finding


def is_hostname(name: str) -> bool:
    """Whether ``name`` is a hostname of several labels in plain spelling, no wildcard; so it's safe in a path, too."""
    return hostnames.is_hostname(name) and "." in name


def bad_hostname(name: str) -> Finding:
    """The finding for a name that isn't one."""
    return Finding(
        "bad_hostname", "error", name, "this isn't a plain hostname", "Name one hostname per entry, and no wildcard."
    )
