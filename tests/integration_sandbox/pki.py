# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small CAs and leaves for tests."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from tests.sandbox.minting import Authority


class Pair(NamedTuple):
    """A leaf in PEM format and its private key."""

    certificate: str
    key: str


@cache
def authority() -> Authority:
    """One client CA for all tests."""
    return Authority.make("example.com")


def leaf(name: str = "app.example.com", days: tuple[float, float] = (-1, 365)) -> Pair:
    """A new leaf of that CA."""
    made = authority().client(name, days)
    return Pair(made.certificate.public_bytes(Encoding.PEM).decode(), made.key_pem.decode())
