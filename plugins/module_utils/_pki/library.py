# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one import of C(cryptography), so that its absence can be told in a sentence instead of a traceback.

Everything in this package takes the library's names from here. Without the library the names are None and
LIBRARY_PROBLEM holds the traceback of the import; callers look at it before they do anything else.
"""

from __future__ import annotations

import traceback

LIBRARY_PROBLEM: str | None = None
# The oldest release whose API is used (x509.Certificate.verify_directly_issued_by, builders without backends).
LIBRARY_REQUIREMENT = "cryptography >= 41"

try:
    from cryptography import __version__ as _version
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    if int(_version.split(".", 1)[0]) < 41:
        LIBRARY_PROBLEM = f"cryptography {_version} is too old"
except ImportError:
    LIBRARY_PROBLEM = traceback.format_exc()
    x509 = hashes = serialization = ec = rsa = None  # type: ignore[assignment]
    InvalidSignature = UnsupportedAlgorithm = None  # type: ignore[assignment,misc]
    ExtendedKeyUsageOID = NameOID = None  # type: ignore[assignment,misc]

__all__ = [
    "LIBRARY_PROBLEM",
    "LIBRARY_REQUIREMENT",
    "ExtendedKeyUsageOID",
    "InvalidSignature",
    "NameOID",
    "UnsupportedAlgorithm",
    "ec",
    "hashes",
    "rsa",
    "serialization",
    "x509",
]
