# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of routes. Literal paths come before those with a parameter in the same place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Callable

from . import associations, certificates, dns, notifications, zones
from .call import Call
from .envelope import Answer

_SSL = ("SSL and Certificates Read", "SSL and Certificates Write")
_SSL_WRITE = ("SSL and Certificates Write",)
_SETTINGS = ("Zone Settings Read", "Zone Settings Write")
_DNS = ("DNS Read", "DNS Write")
_ZONE = ("Zone Read", *_SSL, *_SETTINGS, *_DNS)
_NOTIFY = ("Notifications Read", "Account Settings Read")
_NOTIFY_WRITE = ("Notifications Write", "Account Settings Write")
_ANY: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """``operation`` is the id of the reference (H1 ...); ``permissions``: any one of them; ``public``: no auth."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    permissions: tuple[str, ...]
    handler: Callable[[Call], Answer]
    public: bool = False
    verifying: bool = False


def _table() -> Iterator[Route]:
    def route(
        operation: str, method: str, path: str, permissions: tuple[str, ...], handler: Callable[[Call], Answer],
        public: bool = False, verifying: bool = False,
    ) -> Route:
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        return Route(operation, method, pattern, permissions, handler, public, verifying)

    aop = "/zones/{zone_id}/origin_tls_client_auth"
    for letter, store, base in (("H", "hostname", aop + "/hostnames/certificates"), ("Z", "zone", aop)):
        if letter == "Z":
            # hostnames, settings: same place as a zone certificate's id
            yield route("H5", "PUT", aop + "/hostnames", _SSL_WRITE, associations.put)
            yield route("H7", "GET", aop + "/hostnames", _SSL, associations.list_all)
            yield route("H6", "GET", aop + "/hostnames/{hostname}", _SSL, associations.get)
            yield route("Z5", "GET", aop + "/settings", _SSL, zones.get_aop)
            yield route("Z6", "PUT", aop + "/settings", _SSL_WRITE, zones.put_aop)
        one = base + "/{certificate_id}"
        yield route(letter + "1", "POST", base, _SSL_WRITE, partial(certificates.create, store=store))
        yield route(letter + "2", "GET", base, _SSL, partial(certificates.list_all, store=store))
        yield route(letter + "3", "GET", one, _SSL, partial(certificates.get, store=store))
        yield route(letter + "4", "DELETE", one, _SSL_WRITE, partial(certificates.delete, store=store))
    setting = "/zones/{zone_id}/settings/{setting}"
    yield route("S", "GET", setting, _SETTINGS, zones.get_setting)
    yield route("S", "PATCH", setting, ("Zone Settings Write",), zones.patch_setting)
    yield route("DNS", "GET", "/zones/{zone_id}/dns_records", _DNS, dns.list_records)
    yield route("ZN", "GET", "/zones", _ANY, zones.list_zones)
    yield route("ZN", "GET", "/zones/{zone_id}", _ZONE, zones.get_zone)
    yield route("TK", "GET", "/user/tokens/verify", _ANY, zones.verify_user_token, verifying=True)
    yield route("TK", "GET", "/accounts/{account_id}/tokens/verify", _ANY, zones.verify_account_token, verifying=True)
    yield route("IP", "GET", "/ips", _ANY, zones.ips, public=True)

    alerting = "/accounts/{account_id}/alerting/v3"
    policies, hooks = alerting + "/policies", alerting + "/destinations/webhooks"
    yield route("N1", "GET", policies, _NOTIFY, notifications.list_policies)
    yield route("N1", "POST", policies, _NOTIFY_WRITE, notifications.create_policy)
    yield route("N2", "GET", policies + "/{policy_id}", _NOTIFY, notifications.get_policy)
    yield route("N2", "PUT", policies + "/{policy_id}", _NOTIFY_WRITE, notifications.update_policy)
    yield route("N2", "DELETE", policies + "/{policy_id}", _NOTIFY_WRITE, notifications.delete_policy)
    yield route("N3", "POST", policies + "/{policy_id}/test", _NOTIFY_WRITE, notifications.test_policy)
    yield route("N4", "GET", alerting + "/available_alerts", _NOTIFY, notifications.available_alerts)
    yield route("N5", "GET", hooks, _NOTIFY, notifications.list_webhooks)
    yield route("N5", "POST", hooks, _NOTIFY_WRITE, notifications.create_webhook)
    yield route("N5", "GET", hooks + "/{webhook_id}", _NOTIFY, notifications.get_webhook)
    yield route("N5", "PUT", hooks + "/{webhook_id}", _NOTIFY_WRITE, notifications.update_webhook)
    yield route("N5", "DELETE", hooks + "/{webhook_id}", _NOTIFY_WRITE, notifications.delete_webhook)
    yield route("N6", "GET", alerting + "/destinations/eligible", _NOTIFY, notifications.eligible)


ROUTES = tuple(_table())


def find(method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
    """Route, parameters, and whether the path exists at all (with another method)."""
    owner: re.Pattern[str] | None = None
    for route in ROUTES:
        # The first pattern that fits owns the path: DELETE .../settings is no deletion of a certificate "settings".
        if owner is not None and route.pattern != owner:
            continue
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if route.method == method:
            return route, match.groupdict(), True
        owner = route.pattern
    return None, {}, owner is not None
