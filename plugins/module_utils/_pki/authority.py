# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client CA: what origins trust."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._pki import keys
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import (
    common_name,
    days_left,
    describe,
    is_ca,
    is_self_signed,
    iso,
    not_after,
    not_before,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import NameOID, hashes, x509
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import (
    check_authority_purpose,
    check_strength,
    parse_bundle,
)

# A certificate is used the moment it is made, by machines whose clocks are a little behind.
CLOCK_SKEW = timedelta(hours=1)
MAXIMUM_DAYS = 36500
MAXIMUM_COMMON_NAME = 64  # X.520 ub-common-name; both openssl and the library refuse more


@dataclass(frozen=True)
class AuthoritySpec:
    """The root that is wanted. Lifetimes in days."""

    common_name: str
    valid_days: int
    renew_before: float
    digest: str
    key: keys.KeySpec


@dataclass(frozen=True)
class Judgement:
    """What is to be said about a CA (or a client certificate) that exists and is sound.

    ``replace_recommended`` comes in good time, ``must_be_replaced`` when nothing can be issued any more;
    ``differences`` are properties that differ from what was asked and are left as they are.
    """

    replace_recommended: bool
    must_be_replaced: bool
    reason: str | None
    differences: tuple[str, ...] = ()


def hash_algorithm(digest: str) -> Any:
    """``sha256``, ``sha384`` or ``sha512`` as the library's object."""
    known: dict[str, Any] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
    return known[digest]()


def check_common_name(name: str, option: str) -> None:
    """Refuse what does not fit into a certificate. Raises PkiError."""
    size = len(name.encode("utf-8"))
    if not 1 <= size <= MAXIMUM_COMMON_NAME or any(ord(character) < 32 for character in name):
        raise PkiError(
            f"{option} must have 1 to {MAXIMUM_COMMON_NAME} bytes, all printable; it has {size}.",
            "Choose a shorter name; the hostname itself can stand in the subject alternative names.",
        )


def check_lifetime(valid_days: int, renew_before: float) -> None:
    """Refuse lifetimes that no certificate can have, or that are over at once. Raises PkiError."""
    if not 1 <= valid_days <= MAXIMUM_DAYS:
        raise PkiError(f"valid_days is {valid_days}.", f"Use 1 to {MAXIMUM_DAYS} days.")
    if renew_before >= valid_days:
        raise PkiError(
            f"renew_before ({renew_before:g}) is not less than valid_days ({valid_days}).",
            "What is made new would be due for replacement at once.",
        )


def build_name(name: str) -> x509.Name:
    """A distinguished name that holds a common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def random_serial() -> int:
    """159 random bits: positive, at most 20 octets (RFC 5280, 4.1.2.2), and never to be guessed or repeated."""
    return x509.random_serial_number()


def build_root(
    key: keys.PrivateKey, spec: AuthoritySpec, now: datetime, subject: x509.Name | None = None
) -> x509.Certificate:
    """A self-signed root for ``key``. With ``subject`` it keeps an earlier root's name, so that what that one issued
    still verifies.
    """
    name = subject if subject is not None else build_name(spec.common_name)
    usage = {
        word: word in ("key_cert_sign", "crl_sign")
        for word in (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
    }
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(random_serial())
        .not_valid_before(_whole(now - CLOCK_SKEW))
        .not_valid_after(_whole(now + timedelta(days=spec.valid_days)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hash_algorithm(spec.digest))
    )


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def load_authority(pem: str, label: str) -> x509.Certificate:
    """The one CA certificate in a text, able to issue client certificates. Validity is not asked here.

    Raises PkiError.
    """
    certificates = parse_bundle(pem, label)
    if len(certificates) != 1:
        raise PkiError(
            f"{label} holds {len(certificates)} certificates; exactly one, the CA's own, is expected.",
            "Put the certificate of the issuing CA into a file of its own.",
        )
    certificate = certificates[0]
    name = f"{label} ({certificate.subject.rfc4514_string()})"
    if not is_ca(certificate):
        raise PkiError(
            f"{name} is not a CA certificate (basicConstraints CA:TRUE).",
            "Give the certificate of the CA, not one that it issued.",
        )
    check_authority_purpose(certificate, name)
    check_strength(certificate, name)
    return certificate


def check_pair(key: keys.PrivateKey, certificate: x509.Certificate, key_label: str, label: str) -> None:
    """Refuse a key that is not the certificate's. Raises PkiError."""
    if not keys.same_key(key, certificate):
        raise PkiError(
            f"The key {key_label} does not match the certificate {label} ({certificate.subject.rfc4514_string()}).",
            "Nothing was changed. Put the matching key in its place, or choose other paths.",
        )


def check_usable(certificate: x509.Certificate, label: str, now: datetime) -> None:
    """Refuse a CA that is not valid at ``now``. Raises PkiError."""
    name = f"{label} ({certificate.subject.rfc4514_string()})"
    if now > not_after(certificate):
        raise PkiError(
            f"The CA {name} expired at {iso(not_after(certificate))}.",
            "Make a new CA, have all origins trust it, and issue new client certificates.",
        )
    if now < not_before(certificate):
        raise PkiError(
            f"The CA {name} is not valid before {iso(not_before(certificate))}.",
            "Wait, or check this machine's clock.",
        )


def judge(certificate: x509.Certificate, spec: AuthoritySpec, now: datetime) -> Judgement:
    """Whether a CA that exists should go on. It is never changed by this."""
    found = describe(certificate)
    differences = spec.key.differences(found.key_type, found.key_size, found.key_curve)
    if common_name(certificate.subject) != spec.common_name:
        differences.append(f"common_name is {found.common_name}, wanted {spec.common_name}")
    if not is_self_signed(certificate):
        differences.append("it is an intermediate: origins need the chain up to its root in their trust bundle")
    left = days_left(certificate, now)
    if left <= 0:
        reason: str | None = f"the CA expired at {iso(found.not_after)}"
    elif left < spec.renew_before:
        reason = f"the CA expires at {iso(found.not_after)}, in {left:.1f} days (renew_before is {spec.renew_before:g})"
    else:
        reason = None
    return Judgement(reason is not None, left <= 0, reason, tuple(differences))


def predicted(spec: AuthoritySpec, now: datetime) -> dict[str, Any]:
    """The facts of a root that would be made now; what nobody can know yet is None."""
    kind, size, curve = spec.key.predicted()
    subject = build_name(spec.common_name).rfc4514_string()
    return {
        "subject": subject,
        "issuer": subject,
        "common_name": spec.common_name,
        "issuer_common_name": spec.common_name,
        "serial": None,
        "serial_decimal": None,
        "fingerprint_sha256": None,
        "fingerprint_sha1": None,
        "not_before": iso(now - CLOCK_SKEW),
        "not_after": iso(now + timedelta(days=spec.valid_days)),
        "subject_alt_names": [],
        "is_ca": True,
        "self_signed": True,
        "key_type": kind,
        "key_size": size,
        "key_curve": curve,
        "signature_hash": spec.digest,
        "key_usage": ["keyCertSign", "cRLSign"],
        "extended_key_usage": [],
        "subject_key_identifier": None,
        "authority_key_identifier": None,
    }
