# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away certificate authorities and client certificates, good ones and all the bad ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NOW = datetime.now(timezone.utc)


class Authority:
    """A client CA with a P-256 key."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = _sign(self.name, self.name, self.key.public_key(), self.key, None, True, (-1, 365))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def leaf(
        self, name: str, usage: Any | None = ExtendedKeyUsageOID.CLIENT_AUTH, days: tuple[int, int] = (-1, 30)
    ) -> tuple[str, str]:
        """Certificate and key of a client, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _sign(subject, self.name, key.public_key(), self.key, usage, False, days)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _sign(
    subject: x509.Name, issuer: x509.Name, public: Any, key: Any, usage: Any | None, ca: bool, days: tuple[int, int]
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW + timedelta(days=days[0]))
        .not_valid_after(_NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(key, hashes.SHA256())


class Clients:
    """Files with certificate and key by kind: valid, foreign, expired, early, server_only, and their CA."""

    def __init__(self, directory: Path) -> None:
        self.ca = Authority("example.com client CA")
        self.other_ca = Authority("somebody else's CA")
        self.certificates: dict[str, str] = {}
        self.files: dict[str, str] = {}
        made = {
            "valid": self.ca.leaf("app.example.com"),
            "foreign": self.other_ca.leaf("app.example.com"),
            "expired": self.ca.leaf("app.example.com", days=(-30, -1)),
            "early": self.ca.leaf("app.example.com", days=(5, 30)),
            "server_only": self.ca.leaf("app.example.com", usage=ExtendedKeyUsageOID.SERVER_AUTH),
        }
        for kind, (certificate, key) in made.items():
            file = directory / f"{kind}.pem"
            file.write_text(certificate + key, encoding="ascii")
            self.certificates[kind] = certificate
            self.files[kind] = str(file)

    def wanted(self, name: str, stage: str) -> dict[str, str]:
        """What the driver is asked for."""
        return {"name": name, "stage": stage, "trust_bundle": self.ca.pem, "certificate": self.certificates["valid"]}
