# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames in one spelling, by one rule."""

from __future__ import annotations

import re
from typing import Any

from .errors import InvalidInput

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_ADDRESS = re.compile(r"[\d.]+\Z")


def plain(name: Any) -> str:
    """Lower case, without a final dot; not checked."""
    return str(name).strip().rstrip(".").lower()


def is_hostname(name: str, wildcard: bool = False) -> bool:
    """Whether ``name`` is a hostname in plain spelling: no address, a first label ``*`` only with ``wildcard``."""
    if wildcard and name.startswith("*."):
        name = name[2:]
    return bool(_HOSTNAME.match(name)) and not _ADDRESS.match(name)


def hostname(name: str, wildcard: bool = False) -> str:
    """``name`` in plain spelling, checked with :func:`is_hostname`.

    :raises InvalidInput: if it is no hostname.
    """
    found = plain(name)
    if not is_hostname(found, wildcard):
        raise InvalidInput(
            f"{name!r} is not a hostname.",
            "Give a name such as app.example.com in ASCII (xn--...), without scheme, port or path"
            + ("." if wildcard else ", and no wildcard."),
        )
    return found
