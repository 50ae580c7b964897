# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Associations (hostname to client certificate): reading them, with and without the list endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import times
from .client import CONCURRENCY, Client
from .errors import ApiError
from .hostnames import normalise
from .operations import GET_ASSOCIATION, LIST_ASSOCIATIONS
from .status import DELETED, is_going

PER_PAGE = 1000
NOT_CONFIGURED = 1553


@dataclass(frozen=True)
class Association:
    """One hostname's association.

    ``enabled`` is False where the client certificate is suppressed. A void association does not exist (see
    :attr:`void`), even while the API still shows it with ``enabled: null``.
    """

    hostname: str
    certificate_id: str | None
    enabled: bool | None
    status: str | None = None
    certificate_status: str | None = None
    expires_on: str | None = None

    @property
    def void(self) -> bool:
        """True if it was taken away, perhaps not everywhere yet."""
        return self.enabled is None or is_going(self.status)

    def public(self) -> dict[str, Any]:
        """All fields as modules return them."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Reading:
    """What is associated. ``complete`` says whether it is the whole zone or only the hostnames asked for.

    ``settling`` are hostnames whose association is void but still known to Cloudflare, with the certificate's id.
    """

    associations: Mapping[str, Association]
    settling: Mapping[str, Association]
    complete: bool

    def users(self, certificate_id: str) -> list[str]:
        """Hostnames whose association holds this certificate."""
        return sorted(one.hostname for one in self.associations.values() if one.certificate_id == certificate_id)


def parse_association(item: Mapping[str, Any]) -> Association:
    """From the API's object; the hostname is normalised, every other member may be missing."""
    enabled = item.get("enabled")
    name = str(item.get("hostname") or "")
    return Association(
        hostname=_tolerant(name),
        certificate_id=item.get("cert_id"),
        enabled=enabled if isinstance(enabled, bool) else None,
        status=item.get("status"),
        certificate_status=item.get("cert_status"),
        expires_on=times.show(item.get("expires_on")),
    )


def _tolerant(name: str) -> str:
    try:
        return normalise(name)
    except Exception:
        return name.lower()


def list_associations(client: Client, zone_id: str) -> Reading | None:
    """All of the zone by the list endpoint; None where the API does not have it, or not for these credentials.

    A refusal is no reason to give up: the endpoint is new, and reading hostnames singly tells whether the permission is
    really missing.
    """
    try:
        items = list(client.pages(LIST_ASSOCIATIONS, PER_PAGE, query={"status": "all"}, zone_id=zone_id))
    except ApiError as error:
        if error.route_missing or error.status == 403:
            return None
        raise
    return sort_out([parse_association(item) for item in items], complete=True)


def get_association(client: Client, zone_id: str, hostname: str) -> Association | None:
    """One hostname's association, None if it was never configured or is gone."""
    try:
        answer = client.call(GET_ASSOCIATION, subject=hostname, zone_id=zone_id, hostname=hostname)
    except ApiError as error:
        if error.has(NOT_CONFIGURED) or (error.status == 404 and not error.has(7000, 7003)):
            return None
        raise
    item = answer.item()
    return parse_association(dict(item, hostname=hostname)) if item else None


def get_associations(client: Client, zone_id: str, hostnames: Sequence[str]) -> Reading:
    """The associations of these hostnames by one request each, several at a time over the same session and budget."""
    with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
        pending = [pool.submit(get_association, client, zone_id, hostname) for hostname in hostnames]
        try:
            found = [future.result() for future in pending]
        except BaseException:
            for future in pending:
                future.cancel()
            raise
    return sort_out([one for one in found if one is not None], complete=False)


def sort_out(found: Iterable[Association], complete: bool) -> Reading:
    """Keep what exists apart from what is void; of several entries for one hostname the existing one counts."""
    live: dict[str, Association] = {}
    settling: dict[str, Association] = {}
    for one in found:
        if not one.void:
            live[one.hostname] = one
        elif one.status != DELETED:
            settling[one.hostname] = one
    return Reading(live, {name: one for name, one in settling.items() if name not in live}, complete)
