# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about a zone that decides whether AOP can work, read with as few requests as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, TypeVar

from . import settings
from .assign import spread
from .associations import Reading, get_associations, list_associations
from .certificates import Certificate, get_certificate, list_certificates
from .client import Client
from .dns import proxied
from .errors import ApiError, ZoneNotFound
from .operations import GET_ZONE_AOP, HOSTNAME_STORE
from .status import DELETED
from .zones import Zone, lookup

# Without the list endpoint at most so many associations are read: the work itself needs the rate budget.
SAMPLE = 100
_T = TypeVar("_T")


@dataclass
class Survey:
    """What was found. None = could not be read; then ``denied`` says which permission was missing for what.

    ``certificates`` holds also those that only associations tell of, ``status`` deleted where there is none any more.
    ``looked_at`` are the hostnames whose associations were read: all, or a sample. ``proxied`` maps hostnames to True,
    False or None (no record). ``unreadable`` says what failed for another reason, and whether work can do without it.
    """

    zone: Zone | None = None
    zone_missing: ZoneNotFound | None = None
    settings: dict[str, settings.Setting] = field(default_factory=dict)
    certificates: list[Certificate] | None = None
    associations: Reading | None = None
    looked_at: Sequence[str] = ()
    zone_level: bool | None = None
    proxied: Mapping[str, bool | None] | None = None
    dns_asked: Sequence[str] = ()
    denied: list[tuple[str, ApiError]] = field(default_factory=list)
    unreadable: list[tuple[str, ApiError, bool]] = field(default_factory=list)

    def attempt(self, what: str, work: Callable[[], _T], optional: bool = False) -> _T | None:
        """The result of ``work``, None if Cloudflare refused; each missing permission is noted once."""
        try:
            return work()
        except ApiError as error:
            if not error.denied:
                self.unreadable.append((what, error, optional))
            elif not any(known.operation.permission == error.operation.permission for _what, known in self.denied):
                self.denied.append((what, error))
            return None

    def lacks(self, permission: str) -> bool:
        """True if this permission was found missing."""
        return any(error.operation.permission == permission for _what, error in self.denied)


def survey(client: Client, zone: str, hostnames: Sequence[str], dns: str) -> Survey:
    """Read it all. ``dns``: C(all), C(unassociated) or C(none), the hostnames whose DNS records are looked at."""
    seen = Survey()
    try:
        seen.zone = seen.attempt("the zone", lambda: lookup(client, zone))
    except ZoneNotFound as error:
        seen.zone_missing = error
        return seen
    zone_id = seen.zone.id if seen.zone else zone.strip().lower()
    if seen.zone is None and len(zone_id) != 32:
        return seen
    _setting(client, seen, zone_id, settings.SSL)
    seen.certificates = seen.attempt(
        "the hostname certificates", lambda: list_certificates(client, HOSTNAME_STORE, zone_id)
    )
    seen.looked_at = hostnames
    if seen.certificates is not None:
        seen.associations = seen.attempt("the associations", lambda: _read(client, seen, zone_id, hostnames))
        _read_unlisted(client, seen, zone_id)
    known = seen.associations.associations if seen.associations else {}
    if any(known[name].enabled is False for name in hostnames if name in known):
        seen.zone_level = seen.attempt(
            "zone-level AOP",
            lambda: client.call(GET_ZONE_AOP, zone_id=zone_id).item().get("enabled") is True,
            optional=True,
        )
    asked = {"all": list(hostnames), "none": []}.get(dns, [name for name in seen.looked_at if name not in known])
    seen.dns_asked = asked
    # Where all are associated these two tell nothing that would stop anybody, and cost two requests.
    if asked or dns != "unassociated" or not hostnames:
        _setting(client, seen, zone_id, settings.SSL_AUTOMATIC_MODE)
        _setting(client, seen, zone_id, settings.TLS_CLIENT_AUTH)
    if asked:
        seen.proxied = seen.attempt("the DNS records", lambda: proxied(client, zone_id, asked), optional=True)
    return seen


def _read(client: Client, seen: Survey, zone_id: str, hostnames: Sequence[str]) -> Reading:
    listed = list_associations(client, zone_id)
    if listed is not None:
        return listed
    if not seen.certificates:
        return Reading({}, {}, complete=False)
    seen.looked_at = spread(hostnames, SAMPLE)
    return get_associations(client, zone_id, seen.looked_at)


def _read_unlisted(client: Client, seen: Survey, zone_id: str) -> None:
    """Read the certificates that associations hold and the list lacks: it lags, or they are deleted."""
    if seen.certificates is None or seen.associations is None:
        return
    held = {one.certificate_id for one in seen.associations.associations.values() if one.certificate_id}
    for certificate_id in sorted(held - {one.id for one in seen.certificates}):
        found = seen.attempt(f"the certificate {certificate_id}", partial(_one, client, zone_id, certificate_id))
        if found is not None:
            seen.certificates.append(found)


def _one(client: Client, zone_id: str, certificate_id: str) -> Certificate:
    found = get_certificate(client, HOSTNAME_STORE, zone_id, certificate_id)
    return replace(found, id=certificate_id) if found else Certificate(certificate_id, None, None, DELETED, None)


def _setting(client: Client, seen: Survey, zone_id: str, name: str) -> None:
    if any("/settings/" in error.operation.path for _what, error in seen.denied):
        return
    found = seen.attempt(
        f"the setting {name}",
        lambda: settings.read_setting(client, zone_id, name),
        optional=name != settings.SSL,
    )
    if found is not None:
        seen.settings[name] = found
