# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names can be protected."""

from __future__ import annotations

import re

from .model import Finding

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+\Z")
_ADDRESS = re.compile(r"[\d.]+\Z")


def is_hostname(name: str) -> bool:
    """Whether ``name`` is a plain lower-case hostname (no wildcard, no address, nothing that is unsafe in a path)."""
    return bool(_HOSTNAME.match(name)) and not _ADDRESS.match(name)


def bad_hostname(name: str) -> Finding:
    """The finding for a name that isn't one."""
    return Finding(
        "bad_hostname", "error", name, "this isn't a plain hostname", "Name one hostname per entry, and no wildcard."
    )
