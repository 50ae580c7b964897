# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading single properties of a certificate, and all of them as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from ansible_collections.originlock.aop.plugins.module_utils._pki.library import (
    ExtendedKeyUsageOID,
    InvalidSignature,
    NameOID,
    UnsupportedAlgorithm,
    ec,
    hashes,
    rsa,
    x509,
)

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")
SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class CertificateFacts:
    """What is public about a certificate.

    Names are RFC 4514 strings (as nginx and Apache log them), serials are given as even-length upper-case hexadecimal
    and as decimal text, fingerprints as lower-case hexadecimal without colons, times are aware and in UTC.
    ``names`` are the DNS names of subjectAltName. ``key_size`` is in bits; ``key_curve`` is None but for ECDSA.
    """

    subject: str
    issuer: str
    common_name: str | None
    issuer_common_name: str | None
    serial_hex: str
    serial_decimal: str
    sha256: str
    sha1: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    is_ca: bool
    self_signed: bool
    key_type: str
    key_size: int | None
    key_curve: str | None
    signature_hash: str | None
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    subject_key_identifier: str | None
    authority_key_identifier: str | None

    def as_dict(self) -> dict[str, Any]:
        """The same as values that JSON knows; these are the key names that modules return."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "common_name": self.common_name,
            "issuer_common_name": self.issuer_common_name,
            "serial": self.serial_hex,
            "serial_decimal": self.serial_decimal,
            "fingerprint_sha256": self.sha256,
            "fingerprint_sha1": self.sha1,
            "not_before": iso(self.not_before),
            "not_after": iso(self.not_after),
            "subject_alt_names": list(self.names),
            "is_ca": self.is_ca,
            "self_signed": self.self_signed,
            "key_type": self.key_type,
            "key_size": self.key_size,
            "key_curve": self.key_curve,
            "signature_hash": self.signature_hash,
            "key_usage": list(self.key_usage),
            "extended_key_usage": list(self.extended_key_usage),
            "subject_key_identifier": self.subject_key_identifier,
            "authority_key_identifier": self.authority_key_identifier,
        }


def iso(moment: datetime) -> str:
    """``2026-11-24T06:43:18Z``."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def not_before(certificate: x509.Certificate) -> datetime:
    """Start of validity, aware, UTC. (cryptography < 42 has the naive attribute only.)"""
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=timezone.utc)


def not_after(certificate: x509.Certificate) -> datetime:
    """End of validity, aware, UTC."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=timezone.utc)


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """Days until the certificate expires, negative afterwards."""
    return (not_after(certificate) - now).total_seconds() / SECONDS_PER_DAY


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The value of an extension, or None where the certificate has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_ca(certificate: x509.Certificate) -> bool:
    """basicConstraints say CA:TRUE. Without the extension a certificate is no CA (RFC 5280, 4.2.1.9)."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """The names chain and the signature is the issuer's. Says nothing about validity or extensions."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """A root: signed by the key that it certifies."""
    return certificate.subject == certificate.issuer and issued_by(certificate, certificate)


def common_name(name: x509.Name) -> str | None:
    """The (last) common name of a distinguished name."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[-1].value) if values else None


def dns_names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> tuple[str, ...]:
    """The DNS names of subjectAltName, as they are written there."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def key_kind(key: Any) -> tuple[str, int | None, str | None]:
    """Type (``RSA``, ``ECDSA`` or the library's own word), size in bits and curve of a public or private key."""
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return "RSA", key.key_size, None
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(key.curve.name, key.curve.name)
        return "ECDSA", key.curve.key_size, curve
    word = type(key).__name__.lstrip("_")
    for tail in ("PublicKey", "PrivateKey"):
        word = word.replace(tail, "")
    return word, None, None


def signature_hash(certificate: x509.Certificate) -> str | None:
    """``sha256`` and the like; None where the algorithm has no separate hash (Ed25519) or is unknown."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if algorithm is not None else None


def key_usages(certificate: x509.Certificate) -> tuple[str, ...] | None:
    """The bits set in keyUsage by their RFC 5280 names; None without the extension."""
    usage = extension(certificate, x509.KeyUsage)
    if usage is None:
        return None
    bits = {
        "digitalSignature": usage.digital_signature,
        "contentCommitment": usage.content_commitment,
        "keyEncipherment": usage.key_encipherment,
        "dataEncipherment": usage.data_encipherment,
        "keyAgreement": usage.key_agreement,
        "keyCertSign": usage.key_cert_sign,
        "cRLSign": usage.crl_sign,
    }
    return tuple(name for name, is_set in bits.items() if is_set)


def extended_key_usages(certificate: x509.Certificate) -> tuple[str, ...] | None:
    """The purposes in extendedKeyUsage (short name, or dotted number where it has none); None without it."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    if usage is None:
        return None
    short = {
        ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
        ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
        ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
        ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
    }
    return tuple(short.get(oid, oid.dotted_string) for oid in usage)


def serial_hex(number: int) -> str:
    """Upper-case, two digits per byte, as nginx and Apache write serials."""
    text = f"{number:X}"
    return text if len(text) % 2 == 0 else "0" + text


def describe(certificate: x509.Certificate) -> CertificateFacts:
    """Everything public about one certificate."""
    ski = extension(certificate, x509.SubjectKeyIdentifier)
    aki = extension(certificate, x509.AuthorityKeyIdentifier)
    try:
        kind, size, curve = key_kind(certificate.public_key())
    except (UnsupportedAlgorithm, ValueError):
        kind, size, curve = "unknown", None, None
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_name=common_name(certificate.subject),
        issuer_common_name=common_name(certificate.issuer),
        serial_hex=serial_hex(certificate.serial_number),
        serial_decimal=str(certificate.serial_number),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        sha1=certificate.fingerprint(hashes.SHA1()).hex(),  # an identifier: nginx logs no other
        not_before=not_before(certificate),
        not_after=not_after(certificate),
        names=dns_names(certificate),
        is_ca=is_ca(certificate),
        self_signed=is_self_signed(certificate),
        key_type=kind,
        key_size=size,
        key_curve=curve,
        signature_hash=signature_hash(certificate),
        key_usage=key_usages(certificate) or (),
        extended_key_usage=extended_key_usages(certificate) or (),
        subject_key_identifier=ski.digest.hex() if ski else None,
        authority_key_identifier=aki.key_identifier.hex() if aki and aki.key_identifier else None,
    )
