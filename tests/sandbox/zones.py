# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones, their settings, tokens and the edge's address ranges."""

from __future__ import annotations

from typing import Any, Callable

from .call import Call
from .clock import rfc3339
from .envelope import Answer, ApiError, page_info
from .world import Token, Zone

_SETTINGS = {
    "tls_client_auth": ("on", "off"),
    "ssl": ("off", "flexible", "full", "strict", "origin_pull"),
    "ssl_automatic_mode": ("auto", "custom"),
}
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "equal": lambda name, value: name == value,
    "not_equal": lambda name, value: name != value,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": lambda name, value: value in name,
}
_ORDERS: dict[str, Callable[[Zone], str]] = {
    "name": lambda z: z.name,
    "status": lambda z: z.status,
    "account.id": lambda z: z.account_id,
    "account.name": lambda z: z.account_name,
    "plan.id": lambda z: z.plan,
}


def list_zones(call: Call) -> Answer:
    """GET /zones: zones the token can see; no match is an empty list."""
    page = call.number("page", 1, 1, 1_000_000)
    per_page = call.number("per_page", 20, 5, 50)
    order, direction = call.query.get("order", ""), call.query.get("direction", "asc")
    if (order and order not in _ORDERS) or direction not in ("asc", "desc"):
        raise ApiError("bad_parameter", name="order")
    tests = _filters(call)
    combine = any if call.query.get("match") == "any" else all
    found = [z for z in _visible(call) if not tests or combine(test(z) for test in tests)]
    if order:
        found.sort(key=_ORDERS[order])
    if direction == "desc":
        found.reverse()
    part = found[(page - 1) * per_page : page * per_page]
    # This list is never null: an empty array also for zones that the token cannot see.
    return Answer([zone_object(z) for z in part], result_info=page_info(page, per_page, len(part), len(found)))


def get_zone(call: Call) -> Answer:
    """GET /zones/{id}."""
    return Answer(zone_object(call.zone))


def zone_object(zone: Zone) -> dict[str, Any]:
    """A zone as the API shows it."""
    stamp = "2026-01-05T09:00:00.000000Z"
    return {
        "id": zone.id, "name": zone.name, "status": zone.status, "paused": zone.paused, "type": "full",
        "development_mode": 0, "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
        "original_name_servers": [], "original_registrar": None, "original_dnshost": None,
        "created_on": stamp, "modified_on": stamp, "activated_on": stamp,
        "meta": {"step": 2, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
        "owner": {"id": None, "type": "user", "email": None},
        "account": {"id": zone.account_id, "name": zone.account_name},
        "permissions": [],
        "plan": {"id": zone.plan, "name": zone.plan.title(), "legacy_id": zone.plan, "price": 0, "currency": "USD",
                 "is_subscribed": True, "can_subscribe": False, "externally_managed": False},
    }


def _visible(call: Call) -> list[Zone]:
    seen = call.token.zones if call.token else None
    return [z for z in call.world.zones.values() if seen is None or z.id in seen]


def _filters(call: Call) -> list[Callable[[Zone], bool]]:
    tests: list[Callable[[Zone], bool]] = []
    query = call.query
    if "name" in query:
        operator, colon, value = query["name"].partition(":")
        compare = _OPERATORS["equal"]
        if colon:
            if operator not in _OPERATORS:
                raise ApiError("bad_parameter", name="name")
            compare = _OPERATORS[operator]
        else:
            value = operator
        tests.append(lambda z: compare(z.name, value.lower()))
    if "status" in query:
        tests.append(lambda z: z.status == query["status"])
    if "account.id" in query:
        tests.append(lambda z: z.account_id == query["account.id"])
    if "account.name" in query:
        tests.append(lambda z: z.account_name == query["account.name"])
    return tests


def get_aop(call: Call) -> Answer:
    """Z5: zone-level AOP."""
    return Answer({"enabled": call.zone.aop.value})


def put_aop(call: Call) -> Answer:
    """Z6."""
    enabled = call.json_object().get("enabled")
    if not isinstance(enabled, bool):
        raise ApiError("missing_field", field="enabled")
    call.zone.aop.set(enabled, call.now, call.config.setting_seconds)
    return get_aop(call)


def get_setting(call: Call) -> Answer:
    """S1-S3."""
    name = call.params["setting"]
    setting = call.zone.settings.get(name)
    if setting is None:
        raise ApiError("unknown_setting")
    modified = rfc3339(setting.modified) if setting.modified is not None else None
    return Answer({"id": name, "value": setting.value, "editable": True, "modified_on": modified})


def patch_setting(call: Call) -> Answer:
    """PATCH of a setting."""
    name = call.params["setting"]
    if name not in _SETTINGS:
        raise ApiError("unknown_setting")
    body = call.json_object()
    if "value" not in body:
        raise ApiError("missing_items")
    if body["value"] not in _SETTINGS[name]:
        raise ApiError("bad_value", name=name)
    call.zone.settings[name].set(body["value"], call.now, call.config.setting_seconds)
    return get_setting(call)


def verify_user_token(call: Call) -> Answer:
    """GET /user/tokens/verify; account-owned tokens are unknown there."""
    if call.token is None or call.token.account_owned or not call.token.value:
        raise ApiError("invalid_token")
    return _verified(call.token)


def verify_account_token(call: Call) -> Answer:
    """GET /accounts/{id}/tokens/verify."""
    if call.token is None or not call.token.account_owned:
        raise ApiError("invalid_token")
    return _verified(call.token)


def _verified(token: Token) -> Answer:
    result = {"id": token.id, "status": token.status}
    for name in ("not_before", "expires_on"):
        value = getattr(token, name)
        if value:
            result[name] = value
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    return Answer(result, messages=(message,) if token.status == "active" else ())


def ips(call: Call) -> Answer:
    """GET /ips: the switch ``ips``, else the edge's own source address."""
    source = call.world.edge_source or "127.0.0.1"
    own = {"ipv4": [], "ipv6": [source + "/128"]} if ":" in source else {"ipv4": [source + "/32"], "ipv6": []}
    ranges = call.config.ips if any(call.config.ips.values()) else own
    result: dict[str, Any] = {
        "etag": "5a4d626f78",
        "ipv4_cidrs": list(ranges.get("ipv4", [])),
        "ipv6_cidrs": list(ranges.get("ipv6", [])),
    }
    if call.query.get("networks") == "jdcloud":
        result["jdcloud_cidrs"] = []
    return Answer(result)
