# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State of zone settings at Cloudflare, for modules."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import Client
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import CloudflareError
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.settings import (
    TLS_CLIENT_AUTH,
    read_setting,
    write_setting,
)
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.zones import resolve

SETTING_SPEC: dict[str, Any] = {"value": {"type": "str", "required": True, "choices": ["on", "off"]}}


def manage_tls_client_auth(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(zone_tls_client_auth)."""
    zone = resolve(client, module.params["zone"])
    wanted = module.params["value"]
    now = read_setting(client, zone.id, TLS_CLIENT_AUTH)
    before = now.value
    changed = before != wanted
    if changed and now.editable is False:
        raise CloudflareError(
            f"The setting {TLS_CLIENT_AUTH} of the zone is {before} and cannot be changed.",
            "The plan or the account's administrator forbids it.",
        )
    shown = dict(now.public(), value=wanted)
    if changed and not module.check_mode:
        after = write_setting(client, zone.id, TLS_CLIENT_AUTH, wanted)
        shown = after.public()
        if after.value != wanted:
            raise CloudflareError(
                f"Cloudflare answered {after.value} for {TLS_CLIENT_AUTH}, but {wanted} was asked for.",
                "Run again; somebody else may be changing it.",
            )
    return {
        "changed": changed,
        "setting": shown,
        "value": shown["value"],
        "zone": zone.public(),
        "diff": {"before": {TLS_CLIENT_AUTH: before}, "after": {TLS_CLIENT_AUTH: wanted}},
    }


def read_tls_client_auth(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(zone_tls_client_auth_info)."""
    zone = resolve(client, module.params["zone"])
    now = read_setting(client, zone.id, TLS_CLIENT_AUTH)
    return {"changed": False, "setting": now.public(), "value": now.value, "zone": zone.public()}
