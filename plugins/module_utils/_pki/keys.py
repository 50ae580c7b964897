# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: making, reading and writing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import key_kind
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import (
    InvalidSignature,
    UnsupportedAlgorithm,
    ec,
    rsa,
    serialization,
    x509,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.pem import split
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_key_strength

PrivateKey = Union["rsa.RSAPrivateKey", "ec.EllipticCurvePrivateKey"]
CURVES = ("P-256", "P-384")
DEFAULT_TYPE = "RSA"
DEFAULT_RSA_BITS = 4096
DEFAULT_CURVE = "P-256"
MINIMUM_PASSPHRASE = 8
MAXIMUM_PASSPHRASE_BYTES = 1023  # OpenSSL reads no more
MAXIMUM_RSA_BITS = 8192


@dataclass(frozen=True)
class KeySpec:
    """What key is wanted. None leaves it open: an existing key fits whatever it is, a new one gets the default."""

    kind: str | None = None
    size: int | None = None
    curve: str | None = None

    def check(self) -> None:
        """Refuse combinations that make no sense or a weak key. Raises PkiError."""
        if self.kind == "ECDSA" and self.size is not None:
            raise PkiError("key_size is for RSA only; the key_type is ECDSA.", "Choose a curve instead.")
        if self.kind != "ECDSA" and self.curve is not None:
            raise PkiError("curve is for ECDSA only.", "Set key_type to ECDSA, or leave curve out.")
        if self.size is not None and not 2048 <= self.size <= MAXIMUM_RSA_BITS:
            raise PkiError(
                f"key_size {self.size} is out of range.",
                f"Use 2048 to {MAXIMUM_RSA_BITS} bits: less is weak, more is refused by TLS libraries.",
            )

    def predicted(self) -> tuple[str, int, str | None]:
        """Type, bits and curve that a new key would have."""
        if self.kind == "ECDSA":
            curve = self.curve or DEFAULT_CURVE
            return "ECDSA", int(curve[2:]), curve
        return DEFAULT_TYPE, self.size or DEFAULT_RSA_BITS, None

    def differences(self, kind: str, size: int | None, curve: str | None) -> list[str]:
        """In what a key that exists differs from what was asked for, in words."""
        found: list[str] = []
        if self.kind is not None and kind != self.kind:
            return [f"key_type is {kind}, wanted {self.kind}"]
        if self.size is not None and kind == "RSA" and size != self.size:
            found.append(f"key_size is {size}, wanted {self.size}")
        if self.curve is not None and curve != self.curve:
            found.append(f"curve is {curve}, wanted {self.curve}")
        return found


def generate(spec: KeySpec) -> PrivateKey:
    """A new private key."""
    kind, size, curve = spec.predicted()
    if kind == "ECDSA":
        return ec.generate_private_key(ec.SECP384R1() if curve == "P-384" else ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def dump(key: PrivateKey, passphrase: str | None = None) -> str:
    """PKCS #8 PEM text; with a passphrase encrypted by PBES2 with AES-256-CBC, else in the clear."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode("ascii")


def check_new_passphrase(passphrase: str) -> None:
    """Refuse what protects nothing. Raises PkiError."""
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise PkiError(
            f"The passphrase for the new CA key is shorter than {MINIMUM_PASSPHRASE} characters.",
            "Make a random one and keep it in Ansible Vault.",
        )
    if len(passphrase.encode("utf-8")) > MAXIMUM_PASSPHRASE_BYTES:
        raise PkiError(
            f"The passphrase for the new CA key is longer than {MAXIMUM_PASSPHRASE_BYTES} bytes.",
            "Choose a shorter one.",
        )


def is_encrypted(pem: str) -> bool:
    """Whether the text of a private key is encrypted (PKCS #8 or the older OpenSSL form)."""
    return "-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem or "Proc-Type: 4,ENCRYPTED" in pem


def load(pem: str, passphrase: str | None, label: str) -> PrivateKey:
    """The private key in a PEM text; ``label`` names it in errors.

    Raises PkiError, each with words of its own, for a text that is no private key, a missing or wrong passphrase, a
    passphrase for a key that has none, a weak key and a kind of key that is not used for client certificates.
    """
    blocks = split(pem, label)
    keys = [block for block in blocks if block.is_private_key]
    if not keys:
        held = ", ".join(sorted({block.label for block in blocks}))
        raise PkiError(f"{label} holds no private key (but: {held}).", "Give the path of the private key.")
    if len(keys) > 1:
        raise PkiError(f"{label} holds {len(keys)} private keys.", "Leave one of them in the file.")
    encrypted = is_encrypted(keys[0].text)
    if encrypted and not passphrase:
        raise PkiError(f"{label} is encrypted and no passphrase is given.", "Give its passphrase.")
    if not encrypted and passphrase:
        raise PkiError(
            f"{label} is not encrypted, though a passphrase is given.",
            "Encrypt it (openssl pkey -aes256), or leave the passphrase out and allow an unencrypted key.",
        )
    secret = passphrase.encode("utf-8") if passphrase and encrypted else None
    try:
        key = serialization.load_pem_private_key(keys[0].text.encode("ascii"), password=secret)
    except UnsupportedAlgorithm:
        raise PkiError(f"{label} is of a kind that is not supported.", "Use an RSA or ECDSA key.") from None
    except (ValueError, TypeError):
        if encrypted:
            raise PkiError(
                f"{label} does not open with the given passphrase.",
                "Check the passphrase (and that the file is whole).",
            ) from None
        raise PkiError(f"{label} does not parse as a private key.", "The text was cut or damaged.") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise PkiError(f"{label} is an {key_kind(key)[0]} key.", "Use an RSA or ECDSA key.")
    check_key_strength(key, label)
    return key


def same_key(key: PrivateKey, certificate: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """The certificate (or request) is for this key."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    except (UnsupportedAlgorithm, InvalidSignature, ValueError):
        return False
