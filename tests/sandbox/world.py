# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the sandbox knows, in memory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .codes import Codes
from .config import Config
from .edge.switches import EdgeSwitches
from .faults import Faults
from .identity import Identity
from .journal import Journal
from .model import Association, Certificate, Deferred

DEFAULT_ZONE = "example.com"
DEFAULT_ZONE_ID = "023f6e5a8c1d4b7e9a60d2c4f8b1e375"
DEFAULT_ACCOUNT_ID = "a17c03d9e5b24f6880c1d7e2b94f3a6c"
DEFAULT_TOKEN = "sandbox-token"
DEFAULT_EMAIL = "sandbox@example.com"
DEFAULT_KEY = "0123456789abcdef0123456789abcdef01234"  # 37 hex digits: the shape of a legacy key

ALL_PERMISSIONS = (
    "SSL and Certificates Write",
    "Zone Read",
    "Zone Settings Write",
    "DNS Write",
    "Notifications Write",
    "Account Settings Write",
)


@dataclass
class Token:
    """An API token. ``user`` owns the rate limit; ``account_owned`` ones (``cfat_``) verify at the account's path."""

    id: str
    value: str = field(repr=False)
    permissions: frozenset[str] = frozenset(ALL_PERMISSIONS)
    zones: frozenset[str] | None = None  # ids; None = every zone
    user: str = DEFAULT_EMAIL
    account_owned: bool = False
    status: str = "active"
    not_before: str | None = None
    expires_on: str | None = None
    fresh_failures: int = 0

    def may(self, *permissions: str) -> bool:
        """Whether any of the permissions is granted; Write includes Read."""
        return any(
            name in self.permissions or (name.endswith(" Read") and name[:-4] + "Write" in self.permissions)
            for name in permissions
        )


@dataclass
class Zone:
    """A zone with its two certificate stores, associations and settings."""

    id: str
    name: str
    account_id: str
    account_name: str = "Sandbox"
    status: str = "active"
    paused: bool = False
    plan: str = "free"
    certificates: dict[str, dict[str, Certificate]] = field(default_factory=lambda: {"hostname": {}, "zone": {}})
    associations: dict[str, Association] = field(default_factory=dict)
    aop: Deferred[bool] = field(default_factory=lambda: Deferred(False))
    settings: dict[str, Deferred[str]] = field(
        default_factory=lambda: {
            "tls_client_auth": Deferred("off"),
            "ssl": Deferred("full"),
            "ssl_automatic_mode": Deferred("custom"),
        }
    )
    zone_certificate_changed: float = float("-inf")

    def association(self, hostname: str) -> Association | None:
        """The association of a hostname, or (if the API accepts wildcards) of the wildcard above it."""
        return self.associations.get(hostname) or self.associations.get("*." + hostname.partition(".")[2])

    def certificate(self, certificate_id: str) -> Certificate | None:
        """A certificate of either store."""
        return self.certificates["hostname"].get(certificate_id) or self.certificates["zone"].get(certificate_id)


@dataclass
class Record:
    """A DNS record: where the edge pulls from. Addresses are (host, port or None)."""

    hostname: str
    addresses: list[tuple[str, int | None]]
    proxied: bool = True
    http_port: int = 80
    https_port: int = 443


@dataclass
class Account:
    """What belongs to an account: notification policies and webhooks, by id."""

    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)


class World:
    """The whole state. ``reset`` brings the defaults back; identities of the edge's own CAs stay."""

    def __init__(
        self, clock: Clock, builtin: dict[str, Identity] | None = None, edge_source: str | None = None
    ) -> None:
        self.clock = clock
        self.builtin = builtin or {}
        self.edge_source = edge_source
        self.journal = Journal()
        self.edge_journal = Journal(limit=200_000)
        self.generation = 0
        self.reset()

    def reset(self) -> None:
        """Back to one zone, one token, default switches, empty journals."""
        self.config = Config()
        self.codes = Codes()
        self.faults = Faults()
        self.edge = EdgeSwitches()
        self.identities: dict[str, Identity] = dict(self.builtin)
        self.origin_ca = ""
        self.zones: dict[str, Zone] = {}
        self.tokens: dict[str, Token] = {}
        self.keys: dict[str, str] = {DEFAULT_EMAIL: DEFAULT_KEY}
        self.accounts: dict[str, Account] = {DEFAULT_ACCOUNT_ID: Account()}
        self.dns: dict[str, Record] = {}
        self.usage: dict[str, Any] = {}
        self.journal.clear()
        self.edge_journal.clear()
        self.generation += 1
        self.add_zone(Zone(DEFAULT_ZONE_ID, DEFAULT_ZONE, DEFAULT_ACCOUNT_ID))
        self.add_token(Token("d3fau1t0" + "0" * 24, DEFAULT_TOKEN))

    def add_zone(self, zone: Zone) -> None:
        """Add a zone. Raises ValueError if its id or name is taken."""
        if zone.id in self.zones or any(other.name == zone.name for other in self.zones.values()):
            raise ValueError(f"zone {zone.name} is there already")
        self.zones[zone.id] = zone
        self.accounts.setdefault(zone.account_id, Account())

    def add_token(self, token: Token) -> None:
        """Add or replace a token (by its value)."""
        self.tokens[token.value] = token

    def zone_of(self, hostname: str) -> Zone | None:
        """The zone that answers for a hostname: an association first (custom hostnames), then the longest suffix."""
        now = self.clock.now()
        for zone in self.zones.values():
            association = zone.association(hostname)
            if association is not None and not association.gone(now):
                return zone
        fitting = [z for z in self.zones.values() if hostname == z.name or hostname.endswith("." + z.name)]
        return max(fitting, key=lambda zone: len(zone.name), default=None)

    def record(self, hostname: str) -> Record | None:
        """The DNS record of a hostname, or of the wildcard above it."""
        return self.dns.get(hostname) or self.dns.get("*." + hostname.partition(".")[2])


def new_id(style: str = "hex") -> str:
    """A fresh id: 32 hex digits, or a UUID."""
    digits = secrets.token_hex(16)
    if style == "uuid":
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))
    return digits
