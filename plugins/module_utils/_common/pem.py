# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in a PEM text, as servers see them: what isn't one is passed over. ``_pki.pem`` is the strict reader."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache

# A body holds no dash, so that the time to search is linear.
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")


@lru_cache(maxsize=2048)
def ders(text: str) -> tuple[bytes, ...]:
    """DER of each certificate, in order; what is no valid base64 is left out."""
    found = []
    for body in _CERTIFICATE.findall(text):
        try:
            found.append(base64.b64decode("".join(body.split()), validate=True))
        except (binascii.Error, ValueError):
            continue
    return tuple(found)


def fingerprints(text: str) -> tuple[str, ...]:
    """SHA-256 of the DER of each certificate, lower-case hex, in order."""
    return tuple(hashlib.sha256(der).hexdigest() for der in ders(text))
