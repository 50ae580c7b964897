# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read about a zone to findings: code, severity, hostname, message, remedy. Talks to nobody."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import operations, times
from .associations import Association
from .limits import CERTIFICATES_PER_ZONE, HOSTNAMES_PER_CERTIFICATE
from .settings import SSL, SSL_AUTOMATIC_MODE, TLS_CLIENT_AUTH
from .status import is_live
from .survey import Survey

ERROR, WARNING, INFO = "error", "warning", "info"
SEVERITIES = (ERROR, WARNING, INFO)
_ANEW = "upload a certificate (hostname_certificate) and associate the hostname with it (hostname_association)."

# What the token must be allowed for each kind of work; (permission, can be proved by a read).
PURPOSES: dict[str, Sequence[str]] = {
    "upload": (operations.SSL_WRITE,),
    "associate": (operations.SSL_WRITE,),
    "delete": (operations.SSL_WRITE,),
    "zone_tls_client_auth": (operations.SETTINGS_WRITE,),
}


@dataclass(frozen=True)
class Finding:
    """One finding. ``hostname`` is None where the whole zone is concerned."""

    code: str
    severity: str
    message: str
    remedy: str
    hostname: str | None = None

    def public(self) -> dict[str, Any]:
        """All fields as the module returns them."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Plan:
    """What is going to be done: for these hostnames, with so many certificates more, for these purposes.

    ``new_certificates`` None = as many as the hostnames without an association need that find no place on the zone's
    certificates.
    ``known`` are SHA-256 of leaves that are at hand (they need no new place where they are uploaded already).
    ``min_days``: certificates must be valid for so many days more after ``now`` (aware).
    """

    hostnames: Sequence[str]
    purposes: Sequence[str]
    new_certificates: int | None
    known: Sequence[str]
    min_days: float
    now: datetime.datetime
    certificates_per_zone: int = CERTIFICATES_PER_ZONE
    hostnames_per_certificate: int = HOSTNAMES_PER_CERTIFICATE


def judge(seen: Survey, plan: Plan) -> list[Finding]:
    """All findings, the most severe first."""
    found: list[Finding] = []
    for part in (_access, _zone, _ssl, _limits, _associations, _dns):
        found.extend(part(seen, plan))
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _access(seen: Survey, plan: Plan) -> Iterator[Finding]:
    if seen.zone_missing is not None:
        yield Finding("zone_not_found", ERROR, str(seen.zone_missing), seen.zone_missing.remedy)
        return
    for what, error in seen.denied:
        if error.unauthenticated:
            yield Finding("credentials_invalid", ERROR, f"{what} could not be read: {error}", error.remedy)
            continue
        wanted = error.operation.permission
        severity = WARNING if wanted == operations.ZONE_READ and seen.certificates is not None else ERROR
        yield Finding("permission_missing", severity, f"{what} could not be read: {error}", error.remedy)
    for what, error, optional in seen.unreadable:
        severity = WARNING if optional else ERROR
        yield Finding("unreadable", severity, f"{what} could not be read: {error}", error.remedy)
    needed = sorted({permission for purpose in plan.purposes for permission in PURPOSES[purpose]})
    if needed:
        yield Finding(
            "permission_unproven",
            INFO,
            f"That the token has {' and '.join(map(repr, needed))} can only be seen by writing, which is not tried "
            "here.",
            "Check the token in Cloudflare's dashboard if a later step is refused.",
        )


def _zone(seen: Survey, plan: Plan) -> Iterator[Finding]:
    zone = seen.zone
    if zone is None:
        return
    if zone.status not in (None, "active"):
        yield Finding(
            "zone_not_active",
            ERROR,
            f"The zone {zone.name} is {zone.status} at Cloudflare: its traffic does not go through the edge.",
            "Finish the zone's activation (name servers) first.",
        )
    if zone.paused:
        yield Finding(
            "zone_paused",
            ERROR,
            f"The zone {zone.name} is paused: visitors reach the origins directly.",
            "Resume Cloudflare for the zone before enforcing.",
        )
    for hostname in plan.hostnames:
        if _is_outside(hostname, zone.name):
            yield Finding(
                "hostname_outside_zone",
                WARNING,
                f"{hostname} does not belong to the zone {zone.name}.",
                "Right only for a custom hostname (Cloudflare for SaaS); else it is misspelt, or in another zone.",
                hostname,
            )


def _ssl(seen: Survey, plan: Plan) -> Iterator[Finding]:
    mode = seen.settings.get(SSL)
    if mode is not None and mode.value in ("off", "flexible"):
        yield Finding(
            "ssl_mode",
            ERROR,
            f"The zone's SSL mode is '{mode.value}': the edge pulls without TLS and presents no client certificate.",
            "Set the SSL mode to Full (strict) or Full. A configuration rule may set another mode for a hostname.",
        )
    automatic = seen.settings.get(SSL_AUTOMATIC_MODE)
    if automatic is not None and automatic.value == "auto":
        yield Finding(
            "ssl_mode_automatic",
            WARNING,
            "Cloudflare may change the zone's SSL mode by itself (automatic SSL mode).",
            "Set it to custom, with Full (strict) or Full.",
        )
    shared = seen.settings.get(TLS_CLIENT_AUTH)
    if shared is not None:
        on = shared.value == "on"
        yield Finding(
            "global_aop_on" if on else "global_aop_off",
            INFO,
            "Global AOP (tls_client_auth) is {}.{}".format(
                shared.value,
                " Hostnames without a certificate of their own get Cloudflare's shared one." if on else "",
            ),
            "Client certificates of hostnames do not need it; nothing is to be done.",
        )


def _limits(seen: Survey, plan: Plan) -> Iterator[Finding]:
    if seen.certificates is None:
        return
    live = [one for one in seen.certificates if one.live]
    used = _used(seen)
    new = plan.new_certificates
    needed = 0
    if new is None and plan.known:
        new = len(set(plan.known) - {one.sha256 for one in live})
    elif new is None:
        needed = _unassociated(seen, plan)
        free = sum(max(0, plan.hostnames_per_certificate - used[one.id]) for one in live)
        new = -(-max(0, needed - free) // plan.hostnames_per_certificate)
    # Certificates that nothing uses are spare unless hostnames are about to be put on them.
    complete = seen.associations is not None and seen.associations.complete and not needed
    spare = [str(one.id) for one in live if complete and not used[one.id] and one.sha256 not in plan.known]
    hint = f" No hostname uses {', '.join(spare)}." if spare else ""
    total = len(live) + new
    count = f"{len(live)} hostname certificates, and {new} more are needed"
    limit = plan.certificates_per_zone
    if total > limit:
        yield Finding(
            "certificate_limit",
            ERROR,
            f"The zone has {count}; {limit} is the limit.",
            "Delete certificates that are not used, put more hostnames on each (up to "
            f"{plan.hostnames_per_certificate}), or raise certificates_per_zone (for onboard: "
            f"client_pki_certificates_per_zone) if Cloudflare raised it for you.{hint}",
        )
    elif total == limit:
        yield Finding(
            "certificate_headroom",
            WARNING,
            f"The zone has {count}; at the limit of {limit} there is no room for the next generation.",
            f"Keep one place free for rotation: delete certificates that are not used.{hint}",
        )
    yield from _crowds(seen, plan.hostnames_per_certificate)


def _unassociated(seen: Survey, plan: Plan) -> int:
    """Hostnames without an association; reckoned from the sample if only that was looked at."""
    known = seen.associations.associations if seen.associations else {}
    count = sum(1 for name in seen.looked_at if name not in known)
    return count * len(plan.hostnames) // max(1, len(seen.looked_at))


def _used(seen: Survey) -> Counter[str | None]:
    """Number of hostnames by id of their certificate."""
    known = seen.associations.associations if seen.associations else {}
    return Counter(one.certificate_id for one in known.values())


def _crowds(seen: Survey, limit: int) -> Iterator[Finding]:
    for certificate_id, count in _used(seen).items():
        if count > limit:
            yield Finding(
                "association_limit",
                ERROR,
                f"The certificate {certificate_id} has {count} hostnames; {limit} is the limit.",
                "Put further hostnames on another certificate, or raise hostnames_per_certificate (for onboard: "
                "client_pki_hostnames_per_certificate) if Cloudflare raised it for you.",
            )


def _associations(seen: Survey, plan: Plan) -> Iterator[Finding]:
    if seen.associations is None:
        return
    if len(seen.looked_at) < len(plan.hostnames):
        yield Finding(
            "associations_sampled",
            INFO,
            f"Cloudflare does not offer the list of associations here: {len(seen.looked_at)} of {len(plan.hostnames)} "
            "were read.",
            "Nothing is to be done; hostname_association reads them all.",
        )
    for hostname in plan.hostnames:
        association = seen.associations.associations.get(hostname)
        if association is not None:
            yield from _association(seen, plan, association)


def _association(seen: Survey, plan: Plan, one: Association) -> Iterator[Finding]:
    name = one.hostname
    if one.enabled is False:
        masked = " It also masks the zone-level certificate, which is on." if seen.zone_level else ""
        yield Finding(
            "association_masks_zone_certificate" if seen.zone_level else "association_suppressed",
            WARNING,
            f"The association of {name} is switched off (enabled: false): nothing is presented.{masked}",
            "Switch it on, or void it (hostname_association with state=absent) to fall back to the zone's certificate.",
            name,
        )
    held = next((each for each in seen.certificates or () if each.id == one.certificate_id), None)
    status = held.status if held else one.certificate_status
    if not is_live(status):
        yield Finding(
            "association_certificate_deleted",
            WARNING,
            f"The certificate {one.certificate_id} of {name} is {status}.",
            f"Run originlock.aop.onboard, or {_ANEW}",
            name,
        )
    elif status not in (None, "active") or one.status not in (None, "active"):
        yield Finding(
            "association_not_active",
            WARNING,
            f"{name}: the association is {one.status or 'unknown'}, its certificate {status or 'unknown'}.",
            "Wait for both to be active before enforcing; write the association anew if they never are.",
            name,
        )
    end = times.parse(held.expires_on if held else one.expires_on)
    if end is None:
        return
    days = (end - plan.now).total_seconds() / 86400
    if days < plan.min_days:
        gone = days < 0
        verb = "expired" if gone else "expires"
        yield Finding(
            "association_certificate_expired" if gone else "association_certificate_expiring",
            WARNING,
            f"The certificate {one.certificate_id} of {name} {verb} on {end.date()}.",
            "Cloudflare goes on presenting an expired certificate and origins refuse it. Run originlock.aop.onboard, "
            f"which renews it from client_pki_renew_before days before its end, or {_ANEW}",
            name,
        )


def _dns(seen: Survey, plan: Plan) -> Iterator[Finding]:
    if not seen.dns_asked or seen.zone_missing is not None:
        return
    if seen.proxied is None:
        yield Finding(
            "dns_unchecked",
            INFO,
            "Whether the hostnames are proxied could not be checked: the DNS records cannot be read.",
            f"Give the token the permission '{operations.DNS_READ}', or check that each record is proxied (orange "
            "cloud).",
        )
        return
    for hostname, state in seen.proxied.items():
        if state is False:
            yield Finding(
                "hostname_not_proxied",
                ERROR,
                f"{hostname} is not proxied (DNS only): visitors reach the origin directly.",
                "Switch its record to proxied before enforcing.",
                hostname,
            )
        elif state is None and not _is_outside(hostname, seen.zone.name if seen.zone else None):
            yield Finding(
                "hostname_without_record",
                WARNING,
                f"The zone has no address record for {hostname}.",
                "Check the spelling, or that it is reached another way (load balancer, tunnel, custom hostname).",
                hostname,
            )


def _is_outside(hostname: str, zone_name: str | None) -> bool:
    return bool(zone_name) and hostname != zone_name and not hostname.endswith(f".{zone_name}")
