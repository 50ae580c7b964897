# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be uploaded: one leaf certificate and its private key, checked before anything is sent."""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from .._common.errors import InvalidInput
from .._common.pem import ders, fingerprints

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

# The body ends at the next five dashes, so that the time to search is linear. An encrypted key has single dashes.
_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----(?:[^-]|-(?!----))+-----END \1PRIVATE KEY-----")


@dataclass(frozen=True)
class Leaf:
    """A certificate to upload. ``sha256`` is of the DER, lower-case hex; ``serial_number`` is decimal."""

    certificate: str
    sha256: str
    serial_number: str
    expires_on: str
    not_after: datetime.datetime
    issuer: str
    key: str | None = field(default=None, repr=False)


def fingerprint(text: str | None) -> str | None:
    """SHA-256 of the first PEM certificate's DER as lower-case hex, None if there is none."""
    return next(iter(fingerprints(text or "")), None)


def read_leaf(certificate: str, key: str | None, label: str = "certificate") -> Leaf:
    """Parse and check a leaf. Without ``key`` it can be looked for and deleted, but not uploaded.

    :raises InvalidInput: not one PEM certificate, a CA, an encrypted or foreign private key.
    """
    found = ders(certificate)
    if not found:
        html = re.search(r"<(!doctype|html)", certificate, re.IGNORECASE)
        raise InvalidInput(
            f"The {label} is {'an HTML page, not a certificate' if html else 'not a PEM certificate'}.",
            "Give the leaf certificate in PEM format.",
        )
    if len(found) > 1:
        raise InvalidInput(
            f"The {label} holds {len(found)} certificates.",
            "Upload the leaf certificate only; the CA belongs on the origins.",
        )
    try:
        parsed = x509.load_der_x509_certificate(found[0])
    except ValueError:
        raise InvalidInput(f"The {label} cannot be parsed.", "Give one valid PEM certificate.") from None
    if _is_ca(parsed):
        raise InvalidInput(
            f"The {label} is a CA certificate (CA:TRUE); Cloudflare accepts only leaf certificates (code 1412).",
            "Upload the leaf certificate (CA:FALSE), not the CA; the CA belongs on the origins.",
        )
    not_after = _not_after(parsed)
    return Leaf(
        certificate=parsed.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        sha256=hashlib.sha256(found[0]).hexdigest(),
        serial_number=str(parsed.serial_number),
        expires_on=not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        not_after=not_after,
        issuer=parsed.issuer.rfc4514_string(),
        key=None if key is None else _checked_key(key, parsed, label),
    )


def _is_ca(parsed: Any) -> bool:
    try:
        return bool(parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


def _not_after(parsed: Any) -> datetime.datetime:
    aware = getattr(parsed, "not_valid_after_utc", None)
    if isinstance(aware, datetime.datetime):
        return aware
    naive: datetime.datetime = parsed.not_valid_after
    return naive.replace(tzinfo=datetime.timezone.utc)


def _checked_key(text: str, parsed: Any, label: str) -> str:
    found = _KEY.search(text)
    if not found:
        raise InvalidInput(
            f"The private key of the {label} is not in PEM format.", "Give the leaf's own private key in PEM format."
        )
    pem = found.group(0) + "\n"
    if "ENCRYPTED" in found.group(0)[:200]:
        raise InvalidInput(
            f"The private key of the {label} is encrypted; Cloudflare needs it without a passphrase.",
            "Decrypt the leaf's key first; only the CA's key stays encrypted.",
        )
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        public = parsed.public_key()
    except UnsupportedAlgorithm:
        # Such as ML-DSA with an older library: Cloudflare itself compares the two.
        return pem
    except Exception:
        # The library's text could quote the key.
        raise InvalidInput(
            f"The private key of the {label} cannot be parsed.", "Give an unencrypted PEM private key."
        ) from None
    shape = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*shape) != public.public_bytes(*shape):
        raise InvalidInput(
            f"The private key does not belong to the {label}.", "Give the private key that the leaf was made for."
        )
    return pem
