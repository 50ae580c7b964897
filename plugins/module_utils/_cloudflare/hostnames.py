# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames in one spelling."""

from __future__ import annotations

from collections.abc import Iterable

from .._common.errors import InvalidInput
from .._common.hostnames import hostname as checked

try:
    import idna

    HAS_IDNA = True
except ImportError:
    HAS_IDNA = False

_EXAMPLE = "Give a name such as app.example.com."


def normalise(hostname: str) -> str:
    """Lower case, without a final dot, in ASCII (IDNA 2008 with the UTS 46 mapping). A first label ``*`` is kept.

    :raises InvalidInput: if it is no hostname.
    """
    name = hostname.strip().rstrip(".")
    return checked(name if name.isascii() else _ascii(name, hostname), wildcard=True)


def normalise_all(hostnames: Iterable[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(normalise(hostname) for hostname in hostnames))


def same(left: str, right: str) -> bool:
    """True if both name the same host."""
    try:
        return normalise(left) == normalise(right)
    except InvalidInput:
        return left == right


def _ascii(name: str, given: str) -> str:
    prefix = "*." if name.startswith("*.") else ""
    try:
        if HAS_IDNA:
            return prefix + str(idna.encode(name[len(prefix) :], uts46=True).decode("ascii"))
        return prefix + name[len(prefix) :].encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidInput(f"{given!r} is not a hostname: {error}.", _EXAMPLE) from None
