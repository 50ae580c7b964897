# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones: by name or id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import InvalidInput
from .client import Client
from .errors import ApiError, ZoneNotFound
from .hostnames import normalise
from .operations import GET_ZONE, LIST_ZONES, ZONE_READ

_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class Zone:
    """A zone. Only ``id`` is sure: it alone is known when the user gave an id and nothing was looked up."""

    id: str
    name: str | None = None
    account_id: str | None = None
    status: str | None = None
    paused: bool | None = None

    def public(self) -> dict[str, Any]:
        """``id``, ``name``, ``account_id`` as modules return them."""
        return {"id": self.id, "name": self.name, "account_id": self.account_id}


def resolve(client: Client, zone: str) -> Zone:
    """The zone of this name or id. An id (32 hex digits) is taken as it is and costs no request.

    :raises ZoneNotFound: no such zone, or the credentials cannot see it: the API does not tell these apart.
    """
    wanted = zone.strip().lower()
    if _ID.match(wanted):
        return Zone(wanted)
    return lookup(client, zone)


def lookup(client: Client, zone: str) -> Zone:
    """Like :func:`resolve`, but always asks the API, so that every field is known."""
    wanted = zone.strip().lower()
    if not wanted:
        raise InvalidInput("zone is empty.", "Give the zone's name or id.")
    if _ID.match(wanted):
        try:
            return _zone(client.call(GET_ZONE, subject=f"zone {wanted}", zone_id=wanted).item())
        except ApiError as error:
            if error.denied or not error.route_missing:
                raise
        raise _unknown(zone)
    name = normalise(wanted)
    found = client.call(LIST_ZONES, query={"name": name, "per_page": 50}, subject=f"zone {name}").items()
    zones = [_zone(item) for item in found if normalise(str(item.get("name", ""))) == name and item.get("id")]
    if not zones:
        raise _unknown(zone)
    if len(zones) > 1:
        raise ZoneNotFound(
            f"The credentials see {len(zones)} zones called {name}.",
            f"Give the id of one of them as zone: {', '.join(one.id for one in zones)}.",
        )
    return zones[0]


def _unknown(zone: str) -> ZoneNotFound:
    return ZoneNotFound(
        f"The zone {zone} was not found with these credentials.",
        "Check the spelling (the zone's name, not a hostname in it), and that the token includes this zone with the "
        f"permission '{ZONE_READ}'; or give the zone's id.",
        missing_permission=ZONE_READ,
    )


def _zone(item: Mapping[str, Any]) -> Zone:
    account = item.get("account")
    return Zone(
        id=str(item.get("id", "")),
        name=item.get("name"),
        account_id=account.get("id") if isinstance(account, dict) else None,
        status=item.get("status"),
        paused=item.get("paused"),
    )
