# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is this file? The question behind most broken set-ups: the wrong PEM in the right place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable

from ansible_collections.originlock.aop.plugins.module_utils._pki import pem as pem_text
from ansible_collections.originlock.aop.plugins.module_utils._pki import verify
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import (
    CertificateFacts,
    days_left,
    describe,
    extended_key_usages,
    is_ca,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.keys import is_encrypted
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import x509

KINDS = (
    "client_ca",
    "client_certificate",
    "server_certificate",
    "cloudflare_shared_pull_ca",
    "origin_ca_root",
    "origin_ca_certificate",
    "html",
    "private_key",
    "bundle",
    "unknown",
)
_HTML = re.compile(r"\s*(<!doctype html|<html|<\?xml|<head|<body)", re.IGNORECASE)
_SHARED_PULL = "origin-pull.cloudflare.net"
_ORIGIN_CA = ("cloudflare origin ssl certificate authority", "cloudflare origin ssl ecc certificate authority")


@dataclass(frozen=True)
class Finding:
    """What a text is. ``reasons`` say why it is of no use as the certificate that the edge presents for us."""

    kind: str
    certificates: tuple[x509.Certificate, ...] = ()
    kinds: tuple[str, ...] = ()
    contains_private_key: bool = False
    private_key_encrypted: bool | None = None
    usable: bool = False
    reasons: tuple[str, ...] = ()

    def as_dict(self, now: datetime) -> dict[str, Any]:
        """As values that JSON knows. Days left are those of the certificate that expires first."""
        entries = [
            dict(describe(certificate).as_dict(), kind=kind, days_left=round(days_left(certificate, now), 2))
            for certificate, kind in zip(self.certificates, self.kinds)
        ]
        return {
            "kind": self.kind,
            "certificates": entries,
            "contains_private_key": self.contains_private_key,
            "private_key_encrypted": self.private_key_encrypted,
            "usable_as_client_certificate": self.usable,
            "reasons": list(self.reasons),
            "days_left": min((entry["days_left"] for entry in entries), default=None),
        }


def kind_of(certificate: x509.Certificate) -> str:
    """Which of KINDS one certificate is; Cloudflare's own are told by the names in them."""
    subject, issuer = _words(certificate.subject), _words(certificate.issuer)
    if is_ca(certificate):
        if _SHARED_PULL in subject:
            return "cloudflare_shared_pull_ca"
        return "origin_ca_root" if any(word in subject for word in _ORIGIN_CA) else "client_ca"
    if any(word in issuer for word in _ORIGIN_CA):
        return "origin_ca_certificate"
    purposes = extended_key_usages(certificate)
    if purposes is None or "clientAuth" in purposes:
        return "client_certificate"
    return "server_certificate" if "serverAuth" in purposes else "unknown"


def _words(name: x509.Name) -> set[str]:
    return {str(attribute.value).lower() for attribute in name}


def classify(text: str, label: str, now: datetime) -> Finding:
    """What a text is, and whether it would do as a client certificate at ``now``. Never raises for odd content."""
    if _HTML.match(text):
        return Finding("html", reasons=(f"{label} is a web page, not a certificate: a download went wrong.",))
    try:
        blocks = pem_text.split(text, label)
        certificates = [pem_text.load_certificate(block, label) for block in blocks if block.is_certificate]
    except PkiError as error:
        return Finding("unknown", reasons=(str(error),))
    keys = [block for block in blocks if block.is_private_key]
    encrypted = any(is_encrypted(block.text) for block in keys) if keys else None
    if not certificates:
        if keys:
            reason = f"{label} is a private key, not a certificate."
            return Finding("private_key", (), (), True, encrypted, False, (reason,))
        held = ", ".join(sorted({block.label for block in blocks}))
        return Finding("unknown", reasons=(f"{label} holds no certificate (but: {held}).",))
    kinds = tuple(kind_of(certificate) for certificate in certificates)
    kind = kinds[0] if len(certificates) == 1 and not keys else "bundle"
    reasons = _reasons(certificates, kinds, bool(keys), label, now)
    return Finding(kind, tuple(certificates), kinds, bool(keys), encrypted, not reasons, tuple(reasons))


def classify_bytes(data: bytes, label: str, now: datetime) -> Finding:
    """classify for what a file holds: tells DER (binary) from text."""
    try:
        return classify(data.decode("utf-8"), label, now)
    except UnicodeDecodeError:
        pass
    try:
        facts = describe(x509.load_der_x509_certificate(data))
    except Exception:  # the library raises many kinds for what is no certificate
        return Finding("unknown", reasons=(f"{label} is neither text nor a certificate in DER form.",))
    reason = f"{label} is a certificate ({facts.subject}) in DER form; convert it: openssl x509 -inform der."
    return Finding("unknown", reasons=(reason,))


def _reasons(
    certificates: list[x509.Certificate], kinds: tuple[str, ...], has_key: bool, label: str, now: datetime
) -> list[str]:
    """Each reason against uploading the text as a client certificate."""
    found: list[str] = []
    if len(certificates) > 1:
        found.append(f"{label} holds {len(certificates)} certificates; upload the client certificate alone.")
    if has_key:
        found.append(f"{label} holds a private key as well; keep key and certificate apart.")
    certificate, facts = certificates[0], describe(certificates[0])
    found += _cloudflares(kinds[0], facts, label)
    name = f"{label} ({facts.subject or 'no subject'})"
    checks: list[Callable[[], None]] = [
        lambda: verify.check_client_purpose(certificate, name),
        lambda: verify.check_strength(certificate, name),
        lambda: verify.check_validity(certificate, name, now, ""),
    ]
    return found + [problem for problem in map(_problem, checks) if problem]


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except PkiError as error:
        return str(error)
    return None


def _cloudflares(kind: str, facts: CertificateFacts, label: str) -> list[str]:
    """What to say about certificates of Cloudflare's own."""
    if kind == "cloudflare_shared_pull_ca":
        return [f"{label} is the CA of Cloudflare's shared pull certificate: it lets every Cloudflare account in."]
    if kind == "origin_ca_root":
        return [f"{label} is a root of Cloudflare's Origin CA, which certifies servers: the edge presents none of it."]
    if kind == "origin_ca_certificate":
        return [f"{label} is a certificate of Cloudflare's Origin CA: it is for the server, not for the edge."]
    if facts.issuer_common_name == _SHARED_PULL:
        return [f"{label} is Cloudflare's shared pull certificate: its key is Cloudflare's."]
    return []


def verifies_against(
    certificates: tuple[x509.Certificate, ...], bundle: list[x509.Certificate], label: str, now: datetime
) -> str | None:
    """None where the first certificate verifies as a client certificate with the bundle, else the reason."""
    return _problem(lambda: verify.verify_leaf(certificates[0], bundle, label, now))
