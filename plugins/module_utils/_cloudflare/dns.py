# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hostnames are proxied, as far as the zone's DNS records tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .client import Client
from .errors import ApiError
from .hostnames import normalise
from .operations import LIST_DNS

PER_PAGE = 5000
# Up to so many hostnames are asked for by name; more by reading all records.
SINGLE = 5
_ADDRESSES = ("A", "AAAA", "CNAME")


def proxied(client: Client, zone_id: str, hostnames: Sequence[str]) -> dict[str, bool | None] | None:
    """For each hostname: proxied, not proxied (True, False), or None where the zone has no address record for it.

    Where there is no record of the name itself, the nearest wildcard record above it counts. None altogether where the
    API does not show DNS records (no permission ``DNS Read``).
    """
    try:
        records = list(_records(client, zone_id, hostnames))
    except ApiError as error:
        if error.denied or error.route_missing:
            return None
        raise
    known: dict[str, list[bool]] = {}
    for record in records:
        if record.get("type") in _ADDRESSES and record.get("name"):
            known.setdefault(_name(record), []).append(record.get("proxied") is True)
    return {hostname: _state(hostname, known) for hostname in hostnames}


def _records(client: Client, zone_id: str, hostnames: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    if len(hostnames) > SINGLE:
        return client.pages(LIST_DNS, PER_PAGE, zone_id=zone_id)
    found: list[Mapping[str, Any]] = []
    for hostname in hostnames:
        for name in (hostname, *_wildcards(hostname)):
            records = list(client.pages(LIST_DNS, 100, query={"name": name}, zone_id=zone_id))
            found.extend(records)
            if any(record.get("type") in _ADDRESSES for record in records):
                break
    return found


def _wildcards(hostname: str) -> list[str]:
    """The names of wildcard records that may stand for ``hostname``, the nearest first; none above two labels."""
    labels = hostname.split(".")
    return ["*." + ".".join(labels[i:]) for i in range(1, len(labels) - 1)]


def _name(record: Mapping[str, Any]) -> str:
    try:
        return normalise(str(record["name"]))
    except Exception:
        return str(record["name"]).lower()


def _state(hostname: str, known: Mapping[str, Sequence[bool]]) -> bool | None:
    for name in (hostname, *_wildcards(hostname)):
        if name in known:
            return all(known[name])
    return None
