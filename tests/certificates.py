# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where tests and the sandbox make certificates, good ones and bad ones."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@functools.cache
def ec_key(name: str = "a") -> ec.EllipticCurvePrivateKey:
    """A key per name, made once."""
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key per size, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def name(common_name: str, **more: str) -> x509.Name:
    """A distinguished name; further attributes by the names in NameOID."""
    attributes = [x509.NameAttribute(getattr(NameOID, key), value) for key, value in more.items()]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*bits: str) -> x509.KeyUsage:
    """keyUsage with the given bits set."""
    words = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    words += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{word: word in bits for word in words})


def certificate(
    subject: str | x509.Name,
    key: Any,
    issuer: x509.Certificate | x509.Name | None = None,
    issuer_key: Any = None,
    ca: bool | None = False,
    start: float = -1,
    days: float = 365,
    key_usage: x509.KeyUsage | None = None,
    purposes: list[x509.ObjectIdentifier] | None = None,
    names: list[str] | None = None,
    path_length: int | None = None,
    extra: list[tuple[x509.ExtensionType, bool]] | None = None,
    now: datetime = NOW,
) -> x509.Certificate:
    """Any certificate; ``start`` and ``days`` are in days from ``now``, which is when the tests began."""
    subject = name(subject) if isinstance(subject, str) else subject
    issuer = issuer.subject if isinstance(issuer, x509.Certificate) else issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=start))
        .not_valid_after(now + timedelta(days=days))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), True)
    if key_usage:
        builder = builder.add_extension(key_usage, True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), False)
    for value, critical in extra or []:
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer_key or key, hashes.SHA256())


def identifiers(key: Any, issuer_key: Any = None) -> list[tuple[x509.ExtensionType, bool]]:
    """The identifiers of the keys, for ``extra``; the issuer's where it is given."""
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    ]
    if issuer_key is not None:
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False))
    return found


@functools.cache
def root(common_name: str = "example.com", key: str = "ca") -> x509.Certificate:
    """A sound root, made once per name and key."""
    return certificate(common_name, ec_key(key), ca=True, days=1826, key_usage=usage("key_cert_sign", "crl_sign"))


def leaf(common_name: str = "app.example.com", key: str = "leaf", **options: Any) -> x509.Certificate:
    """A client certificate by root()."""
    options.setdefault("names", [common_name])
    options.setdefault("purposes", [CLIENT])
    options.setdefault("key_usage", usage("digital_signature"))
    return certificate(common_name, ec_key(key), root(), ec_key("ca"), **options)


def pem(*certificates: x509.Certificate) -> str:
    """Certificates as PEM text."""
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in certificates)


def key_pem(key: Any, passphrase: str | None = None) -> str:
    """A key as PKCS #8 PEM text."""
    encryption: Any = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    text: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return text.decode()
