# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""N1-N6: notification policies and webhooks of an account."""

from __future__ import annotations

import uuid
from typing import Any

from .call import Call
from .clock import rfc3339
from .envelope import Answer, ApiError
from .world import Account

AOP_ALERTS = ("hostname_aop_custom_certificate_expiration_type", "zone_aop_custom_certificate_expiration_type")
_MECHANISMS = ("email", "webhooks", "pagerduty")


def _account(call: Call) -> Account:
    account = call.world.accounts.get(call.params["account_id"])
    if account is None:
        raise ApiError("no_route", path=f"/accounts/{call.params['account_id']}/alerting/v3")
    return account


def list_policies(call: Call) -> Answer:
    """GET policies."""
    return Answer(call.empty(list(_account(call).policies.values())))


def create_policy(call: Call) -> Answer:
    """POST a policy; the answer is its id only."""
    stamp = rfc3339(call.now)
    policy: dict[str, Any] = {"id": uuid.uuid4().hex, **_policy(call), "created": stamp, "modified": stamp}
    _account(call).policies[policy["id"]] = policy
    return Answer({"id": policy["id"]})


def get_policy(call: Call) -> Answer:
    """GET one policy."""
    return Answer(_find_policy(call))


def update_policy(call: Call) -> Answer:
    """PUT a policy."""
    old = _find_policy(call)
    merged = {**{k: v for k, v in old.items() if k not in ("id", "created", "modified")}, **call.json_object()}
    call.body = merged
    old.update(_policy(call), modified=rfc3339(call.now))
    return Answer({"id": old["id"]})


def delete_policy(call: Call) -> Answer:
    """DELETE a policy; an envelope without result."""
    del _account(call).policies[_find_policy(call)["id"]]
    return Answer()


def test_policy(call: Call) -> Answer:
    """POST .../test: remembered, so that /control/notifications can show it."""
    policy = _find_policy(call)
    _account(call).sent.append({"policy_id": policy["id"], "at": rfc3339(call.now), "mechanisms": policy["mechanisms"]})
    return Answer({"id": policy["id"]})


def available_alerts(call: Call) -> Answer:
    """GET the catalogue of alerts."""
    _account(call)
    alerts = [
        {"type": kind, "display_name": f"{scope}-level Authenticated Origin Pulls Certificate Expiration Alert",
         "description": "Sent 30 and 14 days before the certificate expires.", "filter_options": []}
        for kind, scope in zip(AOP_ALERTS, ("Hostname", "Zone"))
    ]
    other = {"type": "universal_ssl_event_type", "display_name": "Universal SSL Alert",
             "description": "Sent on events of universal certificates.", "filter_options": []}
    return Answer({"SSL/TLS": [*alerts, other]} if call.config.notifications_entitled else {"SSL/TLS": [other]})


def eligible(call: Call) -> Answer:
    """GET the mechanisms that the plan allows."""
    _account(call)
    config = call.config
    webhooks = config.webhooks_entitled
    return Answer({
        "email": [{"eligible": True, "ready": True, "type": "email"}],
        "webhooks": [{"eligible": webhooks, "ready": webhooks, "type": config.eligible_webhook}],
        "pagerduty": [{"eligible": config.pagerduty_entitled, "ready": False, "type": "pagerduty"}],
    })


def list_webhooks(call: Call) -> Answer:
    """GET webhooks."""
    return Answer(call.empty(list(_account(call).webhooks.values())))


def create_webhook(call: Call) -> Answer:
    """POST a webhook: 201 and its id. The secret is not kept at all."""
    name, url = _webhook(call)
    if not call.config.webhooks_entitled:
        raise ApiError("not_entitled")
    hook: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "name": name,
        "type": _webhook_type(url),
        "url": url,
        "created_at": rfc3339(call.now),
        "last_success": None,
        "last_failure": None,
    }
    _account(call).webhooks[hook["id"]] = hook
    return Answer({"id": hook["id"]}, status=201)


def get_webhook(call: Call) -> Answer:
    """GET one webhook."""
    return Answer(_find_webhook(call))


def update_webhook(call: Call) -> Answer:
    """PUT a webhook."""
    hook = _find_webhook(call)
    name, url = _webhook(call)
    hook.update(name=name, url=url, type=_webhook_type(url))
    return Answer({"id": hook["id"]})


def delete_webhook(call: Call) -> Answer:
    """DELETE a webhook."""
    del _account(call).webhooks[_find_webhook(call)["id"]]
    return Answer()


def _find_policy(call: Call) -> dict[str, Any]:
    policy = _account(call).policies.get(call.params["policy_id"])
    if policy is None:
        raise ApiError("policy_missing")
    return policy


def _find_webhook(call: Call) -> dict[str, Any]:
    hook = _account(call).webhooks.get(call.params["webhook_id"])
    if hook is None:
        raise ApiError("webhook_missing")
    return hook


def _policy(call: Call) -> dict[str, Any]:
    body = call.json_object()
    for name, kind in (("name", str), ("alert_type", str), ("enabled", bool), ("mechanisms", dict)):
        if not isinstance(body.get(name), kind):
            raise ApiError("bad_policy", why=f"{name} is required")
    mechanisms = body["mechanisms"]
    if set(mechanisms) - set(_MECHANISMS) or not any(mechanisms.values()):
        raise ApiError("bad_policy", why="mechanisms must name email, webhooks or pagerduty")
    if body["alert_type"] in AOP_ALERTS and not call.config.notifications_entitled:
        raise ApiError("not_entitled")
    if mechanisms.get("pagerduty") and not call.config.pagerduty_entitled:
        raise ApiError("not_entitled")
    for hook in mechanisms.get("webhooks") or []:
        if not isinstance(hook, dict) or hook.get("id") not in _account(call).webhooks:
            raise ApiError("bad_policy", why="there is no such webhook")
    return {
        "name": body["name"], "description": body.get("description", ""), "enabled": body["enabled"],
        "alert_type": body["alert_type"], "alert_interval": body.get("alert_interval", ""),
        "mechanisms": mechanisms, "filters": body.get("filters") or {},
    }


def _webhook(call: Call) -> tuple[str, str]:
    body = call.json_object()
    name, url = body.get("name"), body.get("url")
    if not isinstance(name, str) or not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ApiError("bad_policy", why="a webhook needs a name and a url")
    return name, url


def _webhook_type(url: str) -> str:
    host = url.split("/")[2]
    known = {"slack.com": "slack", "discord.com": "discord", "datadoghq.com": "datadog", "opsgenie.com": "opsgenie",
             "googleapis.com": "gchat", "feishu.cn": "feishu", "splunkcloud.com": "splunk"}
    return next((kind for suffix, kind in known.items() if host.endswith(suffix)), "generic")
