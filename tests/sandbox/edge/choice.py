# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client certificate the edge presents: hostname before zone before the shared one; only what is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..identity import Identity
from ..world import World, Zone
from .switches import Behaviour


@dataclass(frozen=True)
class Choice:
    """``source``: association, suppressed, zone, shared, none, switch (a fault), ssl_mode (no TLS to the origin)."""

    hostname: str
    source: str
    identity: Identity | None
    ssl_mode: str
    behaviour: Behaviour
    cert_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Public facts for the control interface."""
        return {
            "hostname": self.hostname, "source": self.source, "ssl_mode": self.ssl_mode, "cert_id": self.cert_id,
            **(self.identity.describe() if self.identity else {"fingerprint": None}),
        }


def presented(world: World, hostname: str) -> Choice:
    """The choice for a hostname at this moment."""
    now = world.clock.now()
    behaviour = world.edge.of(hostname)
    zone = world.zone_of(hostname)
    mode = zone.settings["ssl"].effective(now) if zone else "full"
    if mode == "origin_pull":  # Strict (SSL-only origin pull): verified, and TLS even for plain visitors
        mode = "strict"

    def choice(source: str, identity: Identity | None, cert_id: str | None = None) -> Choice:
        return Choice(hostname, source, identity, mode, behaviour, cert_id)

    if mode in ("off", "flexible"):
        return choice("ssl_mode", None)
    association = zone.association(hostname) if zone else None
    if behaviour.present == "previous":
        old = association.history[-1] if association is not None and association.history else None
        return choice("switch", old.identity if old else None, old.id if old else None)
    if behaviour.present != "normal":
        return choice("switch", world.identities.get(behaviour.present))  # "none" is nobody's
    effective = association.effective(now, world.config.association_switch) if association is not None else None
    if effective is not None:
        certificate, enabled = effective
        return choice("association" if enabled else "suppressed", certificate.identity if enabled else None,
                      certificate.id)
    return _fallback(world, zone, now, choice) if zone is not None else choice("none", None)


def _fallback(world: World, zone: Zone, now: float, choice: Any) -> Choice:
    if zone.aop.effective(now):
        deployed = [c for c in zone.certificates["zone"].values() if c.deployed(now)]
        if deployed:
            latest = max(deployed, key=lambda c: c.deployed_at or 0.0)
            result: Choice = choice("zone", latest.identity, latest.id)
            return result
    if zone.settings["tls_client_auth"].effective(now) == "on":
        shared: Choice = choice("shared", world.identities.get("shared"))
        return shared
    none: Choice = choice("none", None)
    return none
