# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for uploads, good and bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests import certificates


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: str
    private_key: str
    x509: x509.Certificate

    @property
    def body(self) -> dict[str, str]:
        """Body of an upload."""
        return {"certificate": self.certificate, "private_key": self.private_key}

    @property
    def sha256(self) -> str:
        """Fingerprint as the sandbox writes it."""
        return self.x509.fingerprint(hashes.SHA256()).hex()


class Pki:
    """A CA on P-256."""

    def __init__(self, name: str = "Test client CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, ca=True)

    @property
    def pem(self) -> str:
        """The CA certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def leaf(
        self, name: str = "app.example.com", *, kind: str = "p256", days: tuple[float, float] = (-1, 100),
        ca: bool = False, server: bool = False, password: bytes | None = None,
    ) -> Pair:
        """A new leaf, as bad as asked."""
        key = make_key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, days=days, ca=ca, server=server)
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
        return Pair(certificate.public_bytes(Encoding.PEM).decode(), private, certificate)

    def _sign(
        self, subject: x509.Name, key: Any, *, days: tuple[float, float] = (-1, 100), ca: bool = False,
        server: bool = False,
    ) -> x509.Certificate:
        common = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        purposes = [certificates.SERVER if server else certificates.CLIENT]
        return certificates.certificate(
            subject, key, self.name, self.key, ca=ca, start=days[0], days=days[1], purposes=None if ca else purposes,
            names=[common] if server else None, extra=certificates.identifiers(key, self.key),
        )


def make_key(kind: str) -> Any:
    """A private key: rsa1024, rsa2048, p256, p384, p521, ed25519."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])
