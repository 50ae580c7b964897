# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of an upload, in the order in which the API is thought to make them."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timezone
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Oid

from .config import Config
from .envelope import ApiError
from .identity import Identity

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)
_MLDSA_PREFIX = "2.16.840.1.101.3.4.3."
_MLDSA = {_MLDSA_PREFIX + "17": "ML-DSA-44", _MLDSA_PREFIX + "18": "ML-DSA-65", _MLDSA_PREFIX + "19": "ML-DSA-87"}
_SIGNATURES = {
    Oid.RSA_WITH_SHA1: "SHA1WithRSA",
    Oid.RSA_WITH_MD5: "MD5WithRSA",
    Oid.RSA_WITH_SHA256: "SHA256WithRSA",
    Oid.RSA_WITH_SHA384: "SHA384WithRSA",
    Oid.RSA_WITH_SHA512: "SHA512WithRSA",
    Oid.RSASSA_PSS: "RSAPSS",
    Oid.ECDSA_WITH_SHA1: "ECDSAWithSHA1",
    Oid.ECDSA_WITH_SHA256: "ECDSAWithSHA256",
    Oid.ECDSA_WITH_SHA384: "ECDSAWithSHA384",
    Oid.ECDSA_WITH_SHA512: "ECDSAWithSHA512",
    Oid.ED25519: "Ed25519",
}
_WEAK = {"SHA1WithRSA", "MD5WithRSA", "ECDSAWithSHA1"}


def check_upload(body: Any, config: Config, now: float) -> tuple[Identity, str]:
    """Certificate, key and stored PEM of an upload; raises ApiError."""
    for name in ("certificate", "private_key"):
        if not isinstance(body, dict) or not isinstance(body.get(name), str) or not body[name].strip():
            raise ApiError("missing_field", field=name)
    certificate = _certificate(body["certificate"], config)
    if _is_ca(certificate):
        raise ApiError("not_leaf")
    identity = Identity.of(certificate, _key(body["private_key"], certificate, config))
    _strength(certificate, config)
    if config.refuse_expired and not_after(certificate) <= now:
        raise ApiError("expired")
    if config.refuse_not_yet_valid and certificate.not_valid_before_utc.timestamp() > now:
        raise ApiError("not_yet_valid")
    return identity, certificate.public_bytes(Encoding.PEM).decode().rstrip("\n") + "\n"


def not_after(certificate: x509.Certificate) -> float:
    """End of validity, seconds since the epoch."""
    return certificate.not_valid_after_utc.astimezone(timezone.utc).timestamp()


def signature_name(certificate: x509.Certificate) -> str:
    """The signature's name in the API's spelling."""
    oid = certificate.signature_algorithm_oid
    return _SIGNATURES.get(oid) or _MLDSA.get(oid.dotted_string) or oid.dotted_string


def signature_text(certificate: x509.Certificate, style: str) -> str:
    """The same as the switch ``signature_style`` has it: ``SHA256-RSA``, ``ECDSA-SHA256``."""
    name = signature_name(certificate)
    first, with_, second = name.partition("With")
    if style == "SHA256WithRSA" or not with_:
        return name
    return f"{first}-{second}"


def issuer_text(certificate: x509.Certificate, order: str) -> str:
    """The issuer's name, in the order of the switch ``issuer_order``."""
    parts = list(reversed(certificate.issuer.rdns))
    if order == "cn_first":
        parts.sort(key=lambda part: not any(one.oid == NameOID.COMMON_NAME for one in part))
    return ",".join(part.rfc4514_string() for part in parts)


def _certificate(text: str, config: Config) -> x509.Certificate:
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise ApiError("unparsable")
    if len(blocks) > 1 and config.chain == "refuse":
        raise ApiError("chain")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(blocks[0].split()), validate=True))
        certificate.extensions  # noqa: B018  (parsed lazily: broken ones must fail here)
        certificate.not_valid_after_utc  # noqa: B018
    except (ValueError, binascii.Error, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise ApiError("unparsable") from error
    return certificate


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key(text: str, certificate: x509.Certificate, config: Config) -> bytes:
    mldsa = certificate.public_key_algorithm_oid.dotted_string in _MLDSA
    if mldsa and not config.accept_mldsa:
        raise ApiError("unsupported_key")
    try:
        key: Any = load_pem_private_key(text.encode(), None)
    except TypeError as error:  # encrypted
        raise ApiError("encrypted_key" if config.refuse_encrypted_key else "unreadable_key") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ApiError("unreadable_key") from error
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ApiError("unsupported_key") from error
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*spki) != key.public_key().public_bytes(*spki):
        raise ApiError("key_mismatch")
    if mldsa and len(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())) < _der_length(text):
        raise ApiError("expanded_key")  # written again it is the bare seed: there was more in it
    accepted: tuple[type, ...] = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)
    if config.accept_ed25519:
        accepted += (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
    if not mldsa and not isinstance(public, accepted):
        raise ApiError("unsupported_key")
    return text.encode()


def _der_length(text: str) -> int:
    body = "".join(line for line in text.split("\n") if line and not line.startswith("-----"))
    return len(base64.b64decode("".join(body.split())))


def _strength(certificate: x509.Certificate, config: Config) -> None:
    if not config.refuse_weak:
        return
    public = certificate.public_key()
    if signature_name(certificate) in _WEAK or (isinstance(public, rsa.RSAPublicKey) and public.key_size < 2048):
        raise ApiError("weak")
