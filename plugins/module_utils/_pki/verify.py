# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust bundles and leaves, judged before a server sees them.

What is asked here is what OpenSSL asks in ``openssl verify -purpose sslclient`` at security level 2 (the default of
Debian, Ubuntu and RHEL), because that is what nginx, Apache and HAProxy do with the same files.
"""

from __future__ import annotations

from datetime import datetime

from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import (
    CertificateFacts,
    days_left,
    describe,
    extended_key_usages,
    extension,
    is_ca,
    is_self_signed,
    iso,
    issued_by,
    key_kind,
    key_usages,
    not_after,
    not_before,
    signature_hash,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import UnsupportedAlgorithm, x509
from ansible_collections.originlock.aop.plugins.module_utils._pki.pem import dump, load_certificate, split

__all__ = [
    "CertificateFacts",
    "check_leaf",
    "check_trust_bundle",
    "describe",
    "dump",
    "parse_bundle",
]

MINIMUM_RSA_BITS = 2048
MINIMUM_EC_BITS = 256
WEAK_HASHES = ("md2", "md4", "md5", "sha1")
# Extensions that OpenSSL handles; any other critical one makes it refuse the certificate (RFC 5280, 4.2).
_HANDLED: tuple[str, ...] = (
    "BasicConstraints",
    "KeyUsage",
    "ExtendedKeyUsage",
    "SubjectAlternativeName",
    "NameConstraints",
)
_HANDLED += ("CertificatePolicies", "PolicyConstraints", "PolicyMappings", "InhibitAnyPolicy", "CRLDistributionPoints")


def parse_bundle(pem: str, label: str) -> list[x509.Certificate]:
    """All certificates of a PEM text, in order; nothing is skipped.

    ``label`` names the text in errors. Raises PkiError (naming label, block number and line) for an empty text, a block
    that does not parse or is no certificate, and for anything between blocks but comments.
    """
    return [load_certificate(block, label) for block in split(pem, label)]


def check_trust_bundle(pem: str, label: str, now: datetime) -> list[x509.Certificate]:
    """The CAs of a trust bundle that every server accepts as one.

    Each block is a CA that may sign certificates for TLS clients, valid at ``now`` (aware) and strong, and for each
    intermediate the bundle holds the chain up to a self-signed root (nginx trusts nothing less).
    Raises PkiError.
    """
    bundle = parse_bundle(pem, label)
    for number, certificate in enumerate(bundle, 1):
        name = f"{label}: certificate {number} ({certificate.subject.rfc4514_string()})"
        _check_authority(certificate, name)
        check_validity(certificate, name, now, "Take it out of the bundle or replace it.")
        if not is_self_signed(certificate):
            _check_hash(certificate, name)
            _chain(certificate, bundle, name)
    return bundle


def check_leaf(
    pem: str, bundle: list[x509.Certificate], label: str, now: datetime, min_days: float = 0
) -> x509.Certificate:
    """The one client certificate in ``pem``, verified as an origin that trusts ``bundle`` would.

    Signature and chain up to a root of the bundle, validity at ``now`` (aware) and for ``min_days`` more, no CA,
    clientAuth and digitalSignature where usages are limited, key and hash strong enough. Raises PkiError.
    """
    certificates = parse_bundle(pem, label)
    if len(certificates) != 1:
        raise PkiError(
            f"{label} holds {len(certificates)} certificates; exactly one client certificate is expected.",
            "Leave the CA's certificates out of it; they belong into the trust bundle.",
        )
    verify_leaf(certificates[0], bundle, label, now, min_days)
    return certificates[0]


def verify_leaf(
    certificate: x509.Certificate, bundle: list[x509.Certificate], label: str, now: datetime, min_days: float = 0
) -> None:
    """check_leaf for a certificate that is parsed already."""
    name = f"{label} ({certificate.subject.rfc4514_string() or 'no subject'})"
    check_client_purpose(certificate, name)
    check_strength(certificate, name)
    check_validity(certificate, name, now, "Issue a new client certificate.")
    if days_left(certificate, now) < min_days:
        raise PkiError(
            f"{name} is valid for {days_left(certificate, now):.1f} more days only; {min_days} are needed.",
            "Issue a new client certificate.",
        )
    for issuer in _chain(certificate, bundle, name):
        issuer_name = f"{label}: its issuer {issuer.subject.rfc4514_string()}"
        _check_authority(issuer, issuer_name)
        check_validity(issuer, issuer_name, now, "The CA must be replaced.")


def check_client_purpose(certificate: x509.Certificate, name: str) -> None:
    """Refuse what OpenSSL's purpose sslclient (or Cloudflare, with code 1412) refuses. Raises PkiError."""
    remedy = "Use a certificate with CA:FALSE, keyUsage digitalSignature and extendedKeyUsage clientAuth."
    if is_ca(certificate):
        raise PkiError(f"{name} is a CA certificate, not a client certificate.", remedy)
    purposes = extended_key_usages(certificate)
    if purposes is not None and "clientAuth" not in purposes:
        raise PkiError(
            "{} is not for TLS clients: its extendedKeyUsage is {}, without clientAuth.".format(
                name, ", ".join(purposes)
            ),
            remedy,
        )
    usages = key_usages(certificate)
    if usages is not None and "digitalSignature" not in usages:
        raise PkiError(f"{name} may not sign: its keyUsage lacks digitalSignature.", remedy)
    _check_critical(certificate, name)


def check_strength(certificate: x509.Certificate, name: str) -> None:
    """Refuse keys and signature hashes that OpenSSL refuses at security level 2. Raises PkiError."""
    _check_key(certificate, name)
    _check_hash(certificate, name)


def _check_authority(certificate: x509.Certificate, name: str) -> None:
    if not is_ca(certificate):
        raise PkiError(f"{name} is not a CA certificate (basicConstraints CA:TRUE).", "Give the CA that issued it.")
    check_authority_purpose(certificate, name)
    _check_key(certificate, name)


def check_authority_purpose(certificate: x509.Certificate, name: str) -> None:
    """Refuse a CA whose usages forbid issuing certificates for TLS clients. Raises PkiError."""
    usages = key_usages(certificate)
    if usages is not None and "keyCertSign" not in usages:
        raise PkiError(f"{name} may not sign certificates: its keyUsage lacks keyCertSign.", "Use another CA.")
    purposes = extended_key_usages(certificate)
    if purposes is not None and "clientAuth" not in purposes:
        raise PkiError(
            f"{name} may not issue for TLS clients: its extendedKeyUsage lacks clientAuth.", "Use another CA."
        )
    _check_critical(certificate, name)


def _check_critical(certificate: x509.Certificate, name: str) -> None:
    for entry in certificate.extensions:
        if entry.critical and type(entry.value).__name__ not in _HANDLED:
            raise PkiError(
                f"{name} has the critical extension {entry.oid.dotted_string}, which servers do not know.",
                "Use a certificate without it.",
            )


def check_key_strength(key: object, name: str) -> None:
    """Refuse a public or private key that OpenSSL refuses at security level 2. Raises PkiError."""
    kind, bits, curve = key_kind(key)
    if kind == "RSA" and bits is not None and bits < MINIMUM_RSA_BITS:
        raise PkiError(
            f"{name} has a weak key: RSA with {bits} bits.", f"Use RSA with at least {MINIMUM_RSA_BITS} bits."
        )
    if kind == "ECDSA" and bits is not None and bits < MINIMUM_EC_BITS:
        raise PkiError(f"{name} has a weak key: ECDSA on {curve}.", "Use P-256 or P-384.")
    if kind == "DSA":
        raise PkiError(f"{name} has a DSA key, which no current server accepts.", "Use RSA or ECDSA.")


def _check_key(certificate: x509.Certificate, name: str) -> None:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        return  # newer than this library: nothing weak is unknown to it
    check_key_strength(key, name)


def _check_hash(certificate: x509.Certificate, name: str) -> None:
    digest = signature_hash(certificate)
    if digest in WEAK_HASHES:
        raise PkiError(
            f"{name} is signed with a weak hash: {str(digest).upper()}.", "Have it issued again with SHA-256."
        )


def check_validity(certificate: x509.Certificate, name: str, now: datetime, remedy: str) -> None:
    """Refuse what is expired at ``now`` (then with ``remedy``) or not yet valid. Raises PkiError."""
    if now > not_after(certificate):
        raise PkiError(f"{name} expired at {iso(not_after(certificate))}.", remedy)
    if now < not_before(certificate):
        raise PkiError(
            f"{name} is not valid before {iso(not_before(certificate))}.", "Wait, or check this machine's clock."
        )


def _chain(certificate: x509.Certificate, bundle: list[x509.Certificate], name: str) -> list[x509.Certificate]:
    """The issuers of a certificate up to a self-signed root, nearest first. Raises PkiError where one is missing."""
    chain: list[x509.Certificate] = []
    current = certificate
    while True:
        # A root renewed with the same key has the same name: the youngest one that signed is the one to judge.
        candidates = [issuer for issuer in bundle if issuer not in chain and issued_by(current, issuer)]
        if not candidates:
            raise PkiError(*_no_issuer(current, certificate, bundle, name))
        issuer = max(candidates, key=not_after)
        chain.append(issuer)
        constraints = extension(issuer, x509.BasicConstraints)
        if constraints and constraints.path_length is not None and constraints.path_length < len(chain) - 1:
            raise PkiError(
                f"{name}: its issuer {issuer.subject.rfc4514_string()} allows {constraints.path_length} CAs below it, "
                f"there are {len(chain) - 1}.",
                "Use another CA.",
            )
        if is_self_signed(issuer):
            return chain
        current = issuer


def _no_issuer(
    current: x509.Certificate, certificate: x509.Certificate, bundle: list[x509.Certificate], name: str
) -> tuple[str, str]:
    wanted = current.issuer.rfc4514_string()
    if current is not certificate or is_ca(certificate):
        return (
            f"{name}: the bundle lacks the issuer {wanted} of {current.subject.rfc4514_string()}.",
            "Add each CA up to the self-signed root.",
        )
    if any(issuer.subject == current.issuer for issuer in bundle):
        return (
            f"{name}: its signature does not verify with the CA {wanted}, though that has the issuer's name.",
            "It was issued by another CA of the same name (an earlier key?): give that CA, or issue it again.",
        )
    have = "; ".join(issuer.subject.rfc4514_string() for issuer in bundle)
    return (
        f"{name} was issued by {wanted}, which is not in the trust bundle ({have}).",
        "Add that CA to the bundle, or issue the certificate by a CA of the bundle.",
    )
