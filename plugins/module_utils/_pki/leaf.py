# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client certificate: what Cloudflare's edge presents."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._common.hostnames import is_hostname
from ansible_collections.originlock.aop.plugins.module_utils._pki import authority, keys
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import (
    days_left,
    describe,
    extension,
    iso,
    issued_by,
    not_after,
    not_before,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import ExtendedKeyUsageOID, x509
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_client_purpose, check_strength

# A renewal that wins less than this is not worth a rotation.
WORTHWHILE = timedelta(days=1)


@dataclass(frozen=True)
class LeafSpec:
    """The client certificate that is wanted. Lifetimes in days; ``clamp`` shortens it to the end of its CA."""

    common_name: str
    names: tuple[str, ...]
    valid_days: int
    renew_before: float
    digest: str
    key: keys.KeySpec
    clamp: bool = False

    def check(self) -> None:
        """Refuse names that cannot stand in a certificate. Raises PkiError."""
        authority.check_common_name(self.common_name, "common_name")
        if not self.names:
            raise PkiError("subject_alt_names is empty.", "Leave it out to get the common name, or name hostnames.")
        for name in self.names:
            check_dns_name(name)
        self.key.check()
        authority.check_lifetime(self.valid_days, self.renew_before)


def check_dns_name(name: str) -> None:
    """Refuse what is not a hostname (in ASCII form; a leading wildcard label is allowed). Raises PkiError."""
    remedy = "Give hostnames in their ASCII (xn--) form, without scheme, port or path."
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        raise PkiError(f"{name!r} is an address, not a hostname.", remedy)
    if not is_hostname(name.lower(), wildcard=True):
        raise PkiError(f"{name!r} is not a hostname.", remedy)


def end_of_life(spec: LeafSpec, ca: x509.Certificate, label: str, now: datetime) -> datetime:
    """When a certificate issued now would expire. Raises PkiError where that is after its CA and clamping is off."""
    wanted = now + timedelta(days=spec.valid_days)
    if wanted <= not_after(ca):
        return wanted
    if not spec.clamp:
        raise PkiError(
            f"A certificate for {spec.common_name} valid for {spec.valid_days} days (until {iso(wanted)}) would "
            f"outlive its CA {label} ({ca.subject.rfc4514_string()}), which expires at {iso(not_after(ca))}, "
            f"in {days_left(ca, now):.0f} days.",
            "Replace the CA, choose fewer valid_days, or set on_ca_expiry to clamp.",
        )
    return not_after(ca)


def build_request(key: keys.PrivateKey, spec: LeafSpec) -> x509.CertificateSigningRequest:
    """A certificate signing request with the same names and usages that the certificate gets."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(authority.build_name(spec.common_name))
    for value, critical in _extensions(spec):
        builder = builder.add_extension(value, critical)
    return builder.sign(key, authority.hash_algorithm(spec.digest))


def _extensions(spec: LeafSpec) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectAlternativeName([x509.DNSName(name) for name in spec.names]), False),
    ]


def issue(
    key: keys.PrivateKey, spec: LeafSpec, ca: x509.Certificate, ca_key: keys.PrivateKey, label: str, now: datetime
) -> x509.Certificate:
    """A client certificate for ``key``, signed by the CA. ``label`` names the CA in errors. Raises PkiError."""
    authority.check_usable(ca, label, now)
    end = end_of_life(spec, ca, label, now)
    # Clocks may be behind, but a certificate from before its CA looks forged.
    start = max(now - authority.CLOCK_SKEW, not_before(ca))
    builder = (
        x509.CertificateBuilder()
        .subject_name(authority.build_name(spec.common_name))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(authority.random_serial())
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_identifier(ca), critical=False)
    )
    for value, critical in _extensions(spec):
        builder = builder.add_extension(value, critical)
    return builder.sign(ca_key, authority.hash_algorithm(spec.digest))


def _authority_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    # A CA's own identifier need not be the hash that we would compute; OpenSSL compares the two.
    own = extension(ca, x509.SubjectKeyIdentifier)
    if own is not None:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]


def check_existing(
    certificate: x509.Certificate, ca: x509.Certificate, label: str, ca_label: str, now: datetime
) -> None:
    """Refuse what stands in the place of our certificate and is none of our making. Raises PkiError."""
    name = f"{label} ({certificate.subject.rfc4514_string() or 'no subject'})"
    check_client_purpose(certificate, name)
    check_strength(certificate, name)
    if not issued_by(certificate, ca):
        raise PkiError(
            f"{name} was not issued by the CA {ca_label} ({ca.subject.rfc4514_string()}), "
            f"but by {certificate.issuer.rfc4514_string()}.",
            "Nothing was changed. Choose another path, give the CA that issued it, or set regenerate to always.",
        )
    if now < not_before(certificate):
        raise PkiError(
            f"{name} is not valid before {iso(not_before(certificate))}.", "Wait, or check this machine's clock."
        )


def reasons(certificate: x509.Certificate, spec: LeafSpec) -> list[str]:
    """In what a sound certificate differs from what was asked; empty where it fits."""
    found = describe(certificate)
    differences = spec.key.differences(found.key_type, found.key_size, found.key_curve)
    if found.common_name != spec.common_name:
        differences.append(f"common_name is {found.common_name}, wanted {spec.common_name}")
    # Certificates made by the documented openssl commands have no names; the common name then stands for them.
    have = {name.lower() for name in found.names} or {(found.common_name or "").lower()}
    if have != {name.lower() for name in spec.names}:
        differences.append(f"subject_alt_names are {', '.join(sorted(have))}, wanted {', '.join(sorted(spec.names))}")
    return differences


def judge(certificate: x509.Certificate, spec: LeafSpec, now: datetime) -> authority.Judgement:
    """Whether it is time for the next one."""
    left = days_left(certificate, now)
    end = iso(not_after(certificate))
    if left > spec.renew_before:
        return authority.Judgement(False, False, None)
    reason = f"it expired at {end}" if left <= 0 else f"it expires at {end}, in {left:.1f} days"
    if left > 0:
        reason += f" (renew_before is {spec.renew_before:g})"
    return authority.Judgement(True, left <= 0, reason)


def renewal_helps(certificate: x509.Certificate, spec: LeafSpec, ca: x509.Certificate, now: datetime) -> bool:
    """A certificate issued now would live noticeably longer than this one."""
    return min(now + timedelta(days=spec.valid_days), not_after(ca)) - not_after(certificate) >= WORTHWHILE


def predicted(spec: LeafSpec, ca: x509.Certificate | None, now: datetime) -> dict[str, Any]:
    """The facts of a certificate that would be issued now; what nobody can know yet is None."""
    kind, size, curve = spec.key.predicted()
    start, end = now - authority.CLOCK_SKEW, now + timedelta(days=spec.valid_days)
    issuer = describe(ca) if ca is not None else None
    if issuer is not None:
        start, end = max(start, issuer.not_before), min(end, issuer.not_after)
    return {
        "subject": authority.build_name(spec.common_name).rfc4514_string(),
        "issuer": issuer.subject if issuer else None,
        "common_name": spec.common_name,
        "issuer_common_name": issuer.common_name if issuer else None,
        "serial": None,
        "serial_decimal": None,
        "fingerprint_sha256": None,
        "fingerprint_sha1": None,
        "not_before": iso(start),
        "not_after": iso(end),
        "subject_alt_names": list(spec.names),
        "is_ca": False,
        "self_signed": False,
        "key_type": kind,
        "key_size": size,
        "key_curve": curve,
        "signature_hash": spec.digest,
        "key_usage": ["digitalSignature"],
        "extended_key_usage": ["clientAuth"],
        "subject_key_identifier": None,
        "authority_key_identifier": (_authority_identifier(ca).key_identifier or b"").hex() if ca is not None else None,
    }
