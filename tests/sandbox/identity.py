# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client certificate with its key, as the edge presents it."""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


@dataclass(frozen=True)
class Identity:
    """A leaf and its key. The key is kept out of ``repr`` and of every journal."""

    certificate: x509.Certificate
    key_pem: bytes = field(repr=False)
    der: bytes = b""
    sha256: str = ""

    @staticmethod
    def of(certificate: x509.Certificate, key_pem: bytes) -> Identity:
        """Build from a certificate and an unencrypted PEM key."""
        der = certificate.public_bytes(Encoding.DER)
        return Identity(certificate, key_pem, der, hashlib.sha256(der).hexdigest())

    def describe(self) -> dict[str, str]:
        """Public facts: fingerprints, serial (hex), subject and issuer."""
        return {
            "fingerprint": self.sha256,
            "sha1": hashlib.sha1(self.der).hexdigest(),
            "serial": format(self.certificate.serial_number, "X"),
            "subject": self.certificate.subject.rfc4514_string(),
            "issuer": self.certificate.issuer.rfc4514_string(),
        }

    def load_into(self, context: ssl.SSLContext) -> None:
        """Give the leaf (nothing else) and its key to a TLS context. Raises ssl.SSLError if OpenSSL cannot use it."""
        pem = self.certificate.public_bytes(Encoding.PEM)
        load_pem(context, pem, self.key_pem)


def load_pem(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Load PEMs into a context: the ssl module wants files, so one in memory, or a short-lived 0600 one."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("identity")
        path = f"/proc/self/fd/{descriptor}"
    else:  # not Linux
        descriptor, path = tempfile.mkstemp(prefix="sandbox-identity-")
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(certificate_pem + b"\n" + key_pem)
        context.load_cert_chain(path)
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)
