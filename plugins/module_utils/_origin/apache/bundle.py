# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trust bundle as Apache's TLS library will see it.

``apache2 -t`` accepts a bundle that it can't use, and the reload then ends the whole server; so it's looked at here
again, on the origin, with the TLS library of the system's Python.
"""

from __future__ import annotations

import re
import ssl
from functools import lru_cache

# A body ends at the next five dashes, so that the time to search is linear.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(?:[^-]|-(?!----))*-----END \1-----")


@lru_cache(maxsize=256)
def problem(pem: str) -> str:
    """Why a bundle can't be used; empty if it can."""
    labels = [found.group(1) for found in _BLOCK.finditer(pem)]
    if not labels:
        return "the trust bundle holds no PEM block"
    if set(labels) != {"CERTIFICATE"}:
        other = sorted(set(labels) - {"CERTIFICATE"})
        return f"the trust bundle holds {', '.join(other)}, which has no place there"
    if pem.count("-----BEGIN") != len(labels):
        return "a block of the trust bundle has no end"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for number, block in enumerate(_BLOCK.finditer(pem), 1):
        try:
            context.load_verify_locations(cadata=block.group(0))
        except (ssl.SSLError, ValueError) as error:
            return f"certificate {number} of the trust bundle can't be read ({error})"
    # The store keeps a certificate that is there twice only once.
    unique = len({re.sub(r"\s", "", found.group(0)) for found in _BLOCK.finditer(pem)})
    if context.cert_store_stats()["x509_ca"] != unique:
        return "the trust bundle holds a certificate that is no CA"
    return ""


def normalise(pem: str) -> str:
    """The blocks of a bundle alone, each once, so that comments and order of whitespace make no difference."""
    lines = [found.group(0).split("\n") for found in _BLOCK.finditer(pem)]
    blocks = ["\n".join(line.rstrip(" \t\r") for line in block) for block in lines]
    return "".join(f"{block}\n" for block in dict.fromkeys(blocks))
