# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches: one for each fact about the real service that is unknown, optional or varies.

``GET /control/config?describe=1`` lists them with their meaning; docs/sandbox.md holds the same table.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _switch(default: Any, doc: str, *choices: str, unknown: bool = False) -> Any:
    """``unknown``: nothing is known about the real service here, so the default is a guess."""
    meta = {"doc": doc, "choices": choices, "unknown": unknown}
    # pylint: disable=invalid-field-call
    # That rule knows fields made in the body of the dataclass only; these are, by way of this function.
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=meta)
    return field(default=default, metadata=meta)


@dataclass
class Config:
    """Every switch with its default. Seconds are simulated seconds (see Clock) unless the text says real."""

    # Envelope and transport
    latency: float = _switch(0.0, "real seconds added to every API answer")
    error_result: str = _switch("absent", "`result` in error answers", "absent", "null")
    empty_list: str = _switch("null", "`result` of an empty list", "null", "array")
    list_result_info: bool = _switch(True, "certificate lists carry `result_info`", unknown=True)
    id_style: str = _switch("hex", "shape of certificate ids: 32 hex digits or a UUID", "hex", "uuid", unknown=True)
    signature_style: str = _switch(
        "SHA256WithRSA", "how `signature` spells an algorithm", "SHA256WithRSA", "SHA256-RSA", unknown=True
    )
    issuer_order: str = _switch(
        "rfc4514", "`issuer`: the names in reverse order of the certificate, or the common name first", "rfc4514",
        "cn_first", unknown=True,
    )
    # Rate limits
    rate_limit: int = _switch(1200, "requests per window and user; 0 = no limit")
    rate_window: float = _switch(300.0, "length of that window")
    rate_block: float = _switch(300.0, "how long every call is refused after it was passed")
    ip_rate_limit: int = _switch(200, "requests per second and client address; 0 = no limit")
    ratelimit_headers: bool = _switch(True, "send `Ratelimit` and `Ratelimit-Policy`")
    # Tokens
    fresh_token_failures: int = _switch(0, "the first N calls of a token created from now on fail with 403/10001")
    # Certificates
    certificate_initial: str = _switch(
        "pending_deployment", "status in the answer to an upload", "initializing", "pending_deployment", "active"
    )
    certificate_deploy_seconds: float = _switch(2.0, "upload -> `active`", unknown=True)
    certificate_outcome: str = _switch(
        "active", "how a deployment ends", "active", "deployment_timed_out", "stuck", unknown=True
    )
    certificate_delete_seconds: float = _switch(2.0, "DELETE -> `deleted`", unknown=True)
    delete_outcome: str = _switch(
        "deleted", "how a deletion ends", "deleted", "deletion_timed_out", "stuck", unknown=True
    )
    certificate_quota: int = _switch(10, "hostname certificates per zone")
    list_lag_seconds: float = _switch(0.0, "a fresh certificate is missing from lists for so long", unknown=True)
    revive_deleted: bool = _switch(True, "the same PEM uploaded after `deleted` gets its old id back")
    dedup_across_stores: bool = _switch(
        False, "1406 also when the other store (hostname/zone) has the certificate", unknown=True
    )
    refuse_expired: bool = _switch(True, "refuse expired certificates", unknown=True)
    refuse_not_yet_valid: bool = _switch(False, "refuse certificates that are not valid yet", unknown=True)
    refuse_weak: bool = _switch(True, "refuse RSA below 2048 bits and MD5/SHA-1 signatures", unknown=True)
    refuse_encrypted_key: bool = _switch(
        True, "an encrypted key gets its own error (else: unreadable key)", unknown=True
    )
    chain: str = _switch(
        "refuse", "several certificates in one upload: refuse, or keep the first", "refuse", "first", unknown=True
    )
    accept_ed25519: bool = _switch(False, "accept Ed25519 keys", unknown=True)
    accept_mldsa: bool = _switch(False, "accept ML-DSA keys (the edge cannot present them before OpenSSL 3.5)")
    zone_conflict_seconds: float = _switch(
        0.0, "409 when a zone certificate is changed so soon after another", unknown=True
    )
    zone_enabled_field: bool = _switch(False, "zone certificate objects carry `enabled`", unknown=True)
    # Associations
    association_deploy_seconds: float = _switch(2.0, "PUT -> `active`", unknown=True)
    association_outcome: str = _switch(
        "active", "how a deployment ends", "active", "deployment_timed_out", "stuck", unknown=True
    )
    void_seconds: float = _switch(2.0, "void (`enabled: null`) -> 404", unknown=True)
    association_quota: int = _switch(100, "hostnames per certificate")
    put_answer: str = _switch(
        "submitted", "what the answer to a PUT lists: the submitted hostnames or the whole zone", "submitted", "zone",
        unknown=True,
    )
    put_atomic: bool = _switch(True, "one bad item refuses the whole PUT (else: those before it stay)", unknown=True)
    reput_redeploys: bool = _switch(
        True, "a PUT that changes nothing makes the association `pending_deployment` again", unknown=True
    )
    disabled_frees_certificate: bool = _switch(
        False, "`enabled: false` is enough for DELETE of the certificate", unknown=True
    )
    void_frees_certificate: bool = _switch(
        False, "a void (`enabled: null`) is enough for DELETE at once (else: when it has settled)", unknown=True
    )
    moving_holds_old: bool = _switch(
        True, "the old certificate is in use (1433) until the new association is active", unknown=True
    )
    duplicate_hostname: str = _switch(
        "refuse", "two items for one hostname in a PUT", "refuse", "last", unknown=True
    )
    missing_enabled: str = _switch("refuse", "item without `enabled`", "refuse", "void", unknown=True)
    empty_config: str = _switch("refuse", "PUT with an empty list", "refuse", "accept", unknown=True)
    foreign_hostname: str = _switch(
        "accept", "hostname outside the zone (custom hostnames need this)", "accept", "refuse", unknown=True
    )
    require_dns: bool = _switch(False, "refuse hostnames that have no proxied DNS record", unknown=True)
    wildcard: str = _switch("refuse", "wildcard hostnames", "refuse", "accept", unknown=True)
    hostname_case: str = _switch(
        "lower", "hostnames: made lower-case and IDNA, or kept as sent", "lower", "exact", unknown=True
    )
    list_route: str = _switch(
        "on", "GET of all associations: there, or the error of a missing route", "on", "404", "405", "7000", "7003",
        "403", unknown=True,
    )
    list_object: str = _switch(
        "short", "objects in that list: six fields, or the full association", "short", "full", unknown=True
    )
    list_deleted: bool = _switch(True, "`status=all` also lists voided associations as `deleted`", unknown=True)
    association_switch: str = _switch(
        "old", "what the edge presents while a re-association is being deployed", "old", "new", "none", unknown=True
    )
    # Zone things and notifications
    setting_seconds: float = _switch(1.0, "zone settings -> effective at the edge", unknown=True)
    ips: dict[str, list[str]] = _switch({"ipv4": [], "ipv6": []}, "ranges in `GET /ips`; empty: the edge's source")
    notifications_entitled: bool = _switch(True, "else: 17200 for every AOP alert policy")
    webhooks_entitled: bool = _switch(True, "the plan allows webhooks")
    eligible_webhook: str = _switch(
        "webhook", "`type` of webhooks in `destinations/eligible`", "webhook", "webhooks", unknown=True
    )
    pagerduty_entitled: bool = _switch(False, "the plan allows PagerDuty")
    # Edge
    tls13_abort_status: int = _switch(520, "visitor's status when the origin aborts after a TLS 1.3 handshake",
                                      unknown=True)
    failover: bool = _switch(False, "try the next origin when one cannot be reached", unknown=True)
    connect_timeout: float = _switch(15.0, "real seconds until 522")
    response_timeout: float = _switch(100.0, "real seconds until 524")
    pool_idle_seconds: float = _switch(60.0, "real seconds an idle origin connection is kept")

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change switches. ValueError names the one that does not exist or does not fit; then none changes."""
        known = {item.name: item for item in fields(self)}
        checked = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no switch named {name!r}; GET /control/config?describe=1 lists them")
            checked[name] = _fit(name, value, getattr(self, name), known[name].metadata["choices"])
        for name, value in checked.items():
            setattr(self, name, value)

    def with_changes(self, changes: Mapping[str, Any]) -> Config:
        """A changed copy (used for one request only by the ``config`` fault)."""
        other = copy.deepcopy(self)
        other.update(changes)
        return other

    def as_dict(self) -> dict[str, Any]:
        """All switches and their values."""
        return dataclasses.asdict(self)


def _fit(name: str, value: Any, old: Any, choices: tuple[str, ...]) -> Any:
    if choices:
        # YAML and shells turn 404 into a number; the choice is still the same.
        if str(value) not in choices:
            raise ValueError(f"{name}: {value!r} is none of {', '.join(choices)}")
        return str(value)
    if isinstance(old, bool):
        fits = isinstance(value, bool)
    elif isinstance(old, (int, float)):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        value = type(old)(value) if fits else value
    else:
        fits = isinstance(value, type(old))
    if not fits:
        raise ValueError(f"{name}: {value!r} is not a {type(old).__name__}")
    return value


def describe() -> list[dict[str, Any]]:
    """One entry per switch: name, default, choices, whether the default is a guess, meaning."""
    defaults = Config().as_dict()
    return [
        {
            "name": item.name,
            "default": defaults[item.name],
            "choices": list(item.metadata["choices"]),
            "unknown": item.metadata["unknown"],
            "doc": item.metadata["doc"],
        }
        for item in fields(Config)
    ]
