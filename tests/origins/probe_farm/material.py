# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates of the scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("app.test", "open.test", "staff.test")


@dataclass(frozen=True)
class Material:
    """Files: ca (ours), staff-ca, app (our leaf), staff (a leaf of the other CA), server; each as .crt and .key."""

    directory: Path

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def read(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()


def make(directory: Path) -> Material:
    ours = _certificate(directory, "ca", "Our AOP CA")
    staff = _certificate(directory, "staff-ca", "Staff CA")
    _certificate(directory, "app", "app.test", ours, ExtendedKeyUsageOID.CLIENT_AUTH)
    _certificate(directory, "staff", "somebody", staff, ExtendedKeyUsageOID.CLIENT_AUTH)
    _certificate(directory, "server", "open.test", None, ExtendedKeyUsageOID.SERVER_AUTH)
    return Material(directory)


def _certificate(
    directory: Path, file: str, name: str, issuer: tuple[Any, Any] | None = None, usage: Any = None
) -> tuple[Any, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    )
    if usage is not None:
        names = [x509.DNSName(entry) for entry in NAMES]
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (directory / (file + ".crt")).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (directory / (file + ".key")).write_bytes(secret)
    return made, key
