# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control interface may change about the edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509

from ..identity import Identity
from ..world import Record, World
from .switches import Behaviour


def set_dns(world: World, records: Mapping[str, Any]) -> None:
    """Add, replace or (null) remove records. ValueError if one does not fit; then none is changed."""
    parsed: dict[str, Record | None] = {}
    for name, data in records.items():
        hostname = name.lower().rstrip(".")
        parsed[hostname] = None if data is None else _record(hostname, data)
    for hostname, record in parsed.items():
        if record is None:
            world.dns.pop(hostname, None)
        else:
            world.dns[hostname] = record


def dns_as_dict(world: World) -> dict[str, Any]:
    """All records in the shape that ``set_dns`` takes."""
    return {
        r.hostname: {
            "addresses": [_join(host, port) for host, port in r.addresses],
            "proxied": r.proxied, "http_port": r.http_port, "https_port": r.https_port,
        }
        for r in world.dns.values()
    }


def set_edge(world: World, changes: Mapping[str, Any]) -> None:
    """Change the global behaviour and that of single hostnames (null: as the global one again)."""
    changes = dict(changes)
    hostnames = changes.pop("hostnames", {})
    default = world.edge.default.changed(changes, world.identities)
    own = dict(world.edge.hostnames)
    for name, wish in hostnames.items():
        if wish is None:
            own.pop(name.lower(), None)
        else:
            Behaviour().changed(wish, world.identities)
            own[name.lower()] = {**own.get(name.lower(), {}), **wish}
    world.edge.default, world.edge.hostnames = default, own


def set_identity(world: World, name: str, data: Mapping[str, str]) -> dict[str, str]:
    """Keep a client certificate under a name for ``present``. ValueError if it cannot be read."""
    if name in ("normal", "none", "previous"):
        raise ValueError(f"{name!r} has a meaning of its own")
    certificate = x509.load_pem_x509_certificate(data["certificate"].encode())
    identity = Identity.of(certificate, data["private_key"].encode())
    world.identities[name] = identity
    return identity.describe()


def _record(hostname: str, data: Mapping[str, Any]) -> Record:
    extra = set(data) - {"addresses", "proxied", "http_port", "https_port"}
    if extra:
        raise ValueError(f"{hostname}: unknown member {sorted(extra)[0]!r}")
    addresses = data.get("addresses")
    if not isinstance(addresses, list) or not addresses:
        raise ValueError(f"{hostname}: addresses must be a list that is not empty")
    return Record(
        hostname, [_split(str(a)) for a in addresses], bool(data.get("proxied", True)),
        int(data.get("http_port", 80)), int(data.get("https_port", 443)),
    )


def _split(address: str) -> tuple[str, int | None]:
    """``1.2.3.4``, ``1.2.3.4:8443``, ``::1``, ``[::1]:8443``."""
    if address.startswith("["):
        host, _sign, port = address[1:].partition("]")
        return host, int(port[1:]) if port.startswith(":") else None
    if address.count(":") == 1:
        host, _sign, port = address.partition(":")
        return host, int(port)
    return address, None


def _join(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host and port is not None else host
    return shown if port is None else f"{shown}:{port}"
