# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS records as the API lists them. They are made through the control interface, never here."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any, Callable

from .call import Call
from .envelope import Answer, ApiError, page_info
from .world import Record, Zone

_TESTS: dict[str, Callable[[str, str], bool]] = {
    "": lambda name, value: name == value,
    ".exact": lambda name, value: name == value,
    ".contains": lambda name, value: value in name,
    ".startswith": str.startswith,
    ".endswith": str.endswith,
}
_STAMP = "2026-01-05T09:00:00.000000Z"


def list_records(call: Call) -> Answer:
    """GET /zones/{id}/dns_records: filtered by name, type, proxied; all of the filters must hold."""
    page = call.number("page", 1, 1, 1_000_000)
    per_page = call.number("per_page", 100, 1, 5_000_000)
    kind = call.query.get("type", "").upper()
    proxied = call.query.get("proxied", "")
    if proxied not in ("", "true", "false"):
        raise ApiError("bad_parameter", name="proxied")
    names = [(test, call.query["name" + tail].lower()) for tail, test in _TESTS.items() if "name" + tail in call.query]
    found = [
        entry
        for entry in _records(call)
        if all(test(entry["name"], value) for test, value in names)
        and kind in ("", entry["type"])
        and proxied in ("", str(entry["proxied"]).lower())
    ]
    part = found[(page - 1) * per_page : page * per_page]
    return Answer(part, result_info=page_info(page, per_page, len(part), len(found)))


def _records(call: Call) -> Iterator[dict[str, Any]]:
    """Every record of the zone, one for each address, by name."""
    for record in sorted(call.world.dns.values(), key=lambda item: item.hostname):
        if _zone_by_name(call, record.hostname) is call.zone:
            for address in dict.fromkeys(host for host, _port in record.addresses):
                yield _object(record, address)


def _zone_by_name(call: Call, hostname: str) -> Zone | None:
    """Records belong to the zone with the longest fitting name, whatever is associated where."""
    fitting = [z for z in call.world.zones.values() if hostname == z.name or hostname.endswith("." + z.name)]
    return max(fitting, key=lambda zone: len(zone.name), default=None)


def _object(record: Record, address: str) -> dict[str, Any]:
    try:
        kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    except ValueError:
        kind = "CNAME"
    return {
        "id": uuid.uuid5(uuid.NAMESPACE_DNS, f"{record.hostname} {kind} {address}").hex,
        "name": record.hostname, "type": kind, "content": address,
        "proxiable": True, "proxied": record.proxied, "ttl": 1 if record.proxied else 300,
        "settings": {}, "meta": {}, "comment": None, "tags": [],
        "created_on": _STAMP, "modified_on": _STAMP,
    }
