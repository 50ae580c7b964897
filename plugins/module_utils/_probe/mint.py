# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away client certificates: what a stranger could come with. The only file of the probe with cryptography."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .._common.errors import UserError
from .model import EXPIRED, FOREIGN_CA, SAME_NAME_CA, SELF_SIGNED, SERVER_AUTH, Identity

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False


@dataclass(frozen=True)
class Authority:
    """A CA that signs; ``key`` is a private key of cryptography."""

    name: Any
    key: Any
    certificate: Any


@dataclass(frozen=True)
class Ours:
    """What is known of our side: PEM of the CA and the leaf (empty: not known), and the CA's key if it is at hand."""

    ca: bytes = b""
    leaf: bytes = b""
    ca_key: bytes = b""
    ca_passphrase: str = ""


def mint(hostname: str, ours: Ours, directory: Path) -> list[Identity]:
    """One identity of each bad kind, as files of mode 0600 in ``directory`` (which the caller made and removes).

    The expired and the serverAuth-only certificate are signed by our CA where its key is given, else by a foreign CA
    (the server then has another reason to refuse them, too). Where our CA or leaf is known, the forgery carries its
    subject and its serial, for servers that look at nothing else.
    """
    if not HAS_CRYPTOGRAPHY:
        raise UserError(
            "The Python library cryptography is missing on the controller.",
            "Install it, or leave out the forged certificates (certificates: []).",
        )
    leaf = _read(ours.leaf, "certificate")
    own = _read(ours.ca, "CA certificate")
    name = own.subject if own is not None else leaf.issuer if leaf is not None else _name("AOP Client CA " + hostname)
    foreign = _authority(_name("Foreign CA"))
    forged = _authority(name)
    signer = foreign if not ours.ca_key or own is None else Authority(own.subject, _key(ours, own), own)
    subject = leaf.subject if leaf is not None else _name(hostname)
    serial = leaf.serial_number if leaf is not None else x509.random_serial_number()
    key = ec.generate_private_key(ec.SECP256R1())
    itself = Authority(subject, key, None)
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    wanted = (
        (SELF_SIGNED, itself, client, 365),
        (FOREIGN_CA, foreign, client, 365),
        (SAME_NAME_CA, forged, client, 365),
        (EXPIRED, signer, client, -1),
        (SERVER_AUTH, signer, server, 365),
    )
    made = []
    for kind, authority, usage, days in wanted:
        leaf_like = kind in (SELF_SIGNED, FOREIGN_CA, SAME_NAME_CA)
        number = serial if leaf_like else x509.random_serial_number()
        pem = _leaf(hostname, subject, key, authority, usage, days, number)
        if authority.certificate is not None:
            pem += authority.certificate.public_bytes(serialization.Encoding.PEM)
        made.append(_store(directory, kind, pem, key))
    return made


def same_issuer(first: bytes, second: bytes) -> bool:
    """Whether two leaves are of one CA: by issuer and, where both carry it, the CA's key identifier."""
    if not HAS_CRYPTOGRAPHY:
        return False
    one, other = _read(first, "certificate"), _read(second, "certificate")
    if one is None or other is None or one.issuer != other.issuer:
        return False
    keys = [_authority_key(entry) for entry in (one, other)]
    return None in keys or keys[0] == keys[1]


def _authority_key(certificate: Any) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    return bytes(found) if found else None


def _read(pem: bytes, what: str) -> Any:
    if not pem:
        return None
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise UserError(f"The {what} is not a PEM certificate.", "Give the path of a PEM file.") from None


def _key(ours: Ours, own: Any) -> Any:
    try:
        key: Any = serialization.load_pem_private_key(ours.ca_key, ours.ca_passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UserError(
            "The CA's private key can't be read: it is not a PEM key, or the passphrase is wrong.",
            "Give the right ca_private_key and ca_private_key_passphrase, or neither.",
        ) from None
    if key.public_key() != own.public_key():
        raise UserError(
            "The CA's private key is not the key of the CA certificate.",
            "Give the ca_private_key that belongs to ca_certificate, or leave it out.",
        )
    return key


def _sign(builder: Any, key: Any) -> Any:
    """Ed25519 and Ed448 come with their own hash."""
    own_hash = isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    try:
        return builder.sign(key, None if own_hash else hashes.SHA256())
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise UserError(
            "Nothing can be signed with the CA's private key.",
            "Give the ca_private_key of an RSA, EC, Ed25519 or Ed448 CA, or leave it out.",
        ) from None


def _name(common_name: str) -> Any:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _authority(name: Any) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return Authority(name, key, _sign(builder, key))


def _leaf(hostname: str, subject: Any, key: Any, authority: Authority, usage: Any, days: int, serial: int) -> bytes:
    now = datetime.now(timezone.utc)
    # No authorityKeyIdentifier: with one, a forgery would be thrown out by name before its signature is looked at.
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=20))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
    )
    certificate: bytes = _sign(builder, authority.key).public_bytes(serialization.Encoding.PEM)
    return certificate


def _store(directory: Path, kind: str, pem: bytes, key: Any) -> Identity:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths = []
    for ending, content in ((".crt", pem), (".key", secret)):
        path = directory / (kind + ending)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        paths.append(str(path))
    return Identity(kind, paths[0], paths[1])
