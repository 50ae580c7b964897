# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State of associations at Cloudflare, for modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import assign
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.associations import (
    Reading,
    get_associations,
    list_associations,
)
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.certificates import list_certificates
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import Client
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import CloudflareError
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.hostnames import normalise, normalise_all
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.operations import HOSTNAME_STORE
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.waiting import pauses, wait_active
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.zones import Zone, resolve
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput, UserError

_ENTRY: dict[str, Any] = {
    "hostname": {"type": "str", "required": True},
    "certificate_id": {"type": "str"},
    "enabled": {"type": "bool"},
}

ASSOCIATION_SPEC: dict[str, Any] = {
    "hostnames": {"type": "list", "elements": "str"},
    "certificate_id": {"type": "str"},
    "enabled": {"type": "bool"},
    "associations": {"type": "list", "elements": "dict", "options": _ENTRY},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
    "purge": {"type": "bool", "default": False},
}

INFO_SPEC: dict[str, Any] = {"hostnames": {"type": "list", "elements": "str"}}


def manage_associations(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(hostname_association)."""
    wishes = _wishes(module.params)
    zone = resolve(client, module.params["zone"])
    reading = _read(client, zone, [wish.hostname for wish in wishes], module.params["purge"])
    return bring(module, client, zone, wishes, reading, module.params["purge"])


def bring(
    module: AnsibleModule,
    client: Client,
    zone: Zone,
    wishes: Sequence[assign.Wish],
    reading: Reading,
    purge: bool,
    pause: Callable[[int], float] = pauses(),
) -> dict[str, Any]:
    """Write what differs from ``reading``, and wait."""
    changes = assign.plan(wishes, reading, purge, predict=module.check_mode)
    diff = _diff(changes)
    if not module.check_mode:
        changes = assign.apply(client, zone.id, changes)
    for one in changes:
        if one.note == "inert":
            module.warn(
                f"{one.hostname}: its certificate was deleted outside, so Cloudflare refuses to void the association "
                "(code 1415). It presents nothing."
            )
    failed = assign.failures(changes)
    shown = [one.public() for one in changes]
    result: dict[str, Any] = {
        "changed": any(one["changed"] for one in shown),
        "zone": zone.public(),
        "associations": shown,
        "list_endpoint": reading.complete,
        "progress": [],
        "diff": diff,
    }
    if failed:
        error = assign.describe_failures(failed, len(changes))
        error.facts.update(result)
        raise error
    if module.params["wait"] and not module.check_mode:
        _wait(module, client, zone, result, pause)
    return result


def read_associations(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(hostname_association_info)."""
    zone = resolve(client, module.params["zone"])
    hostnames = module.params["hostnames"]
    reading = list_associations(client, zone.id)
    listed = reading is not None
    if reading is None:
        if hostnames is None:
            raise _no_list("All associations of a zone cannot be read")
        reading = get_associations(client, zone.id, normalise_all(hostnames))
    names = sorted(reading.associations) if hostnames is None else normalise_all(hostnames)
    found = [reading.associations[name] for name in names if name in reading.associations]
    return {
        "changed": False,
        "zone": zone.public(),
        "associations": [one.public() for one in found],
        "list_endpoint": listed,
        "not_associated": [name for name in names if name not in reading.associations],
    }


def _no_list(what: str) -> CloudflareError:
    return CloudflareError(
        f"{what}: Cloudflare does not offer the list of associations here.", "Name the hostnames and leave purge off."
    )


def _wishes(params: Mapping[str, Any]) -> list[assign.Wish]:
    absent = params["state"] == "absent"
    if absent and params["purge"]:
        raise InvalidInput("purge makes no sense with state=absent.", "Use purge with state=present.")
    wishes = [
        assign.Wish(name, params["certificate_id"], params["enabled"], absent)
        for name in normalise_all(params["hostnames"] or [])
    ]
    for entry in params["associations"] or []:
        enabled = params["enabled"] if entry["enabled"] is None else entry["enabled"]
        held = entry["certificate_id"] or params["certificate_id"]
        wishes.append(assign.Wish(normalise(entry["hostname"]), held, enabled, absent))
    return wishes


def _read(client: Client, zone: Zone, hostnames: Sequence[str], purge: bool) -> Reading:
    reading = assign.read(client, zone.id, hostnames, lambda: bool(list_certificates(client, HOSTNAME_STORE, zone.id)))
    if purge and not reading.complete:
        raise _no_list("Other associations cannot be purged")
    return reading


def _wait(
    module: AnsibleModule, client: Client, zone: Zone, result: dict[str, Any], pause: Callable[[int], float]
) -> None:
    wanted: dict[str, str | None] = {
        one["hostname"]: one["status"] for one in result["associations"] if one["certificate_id"]
    }
    pending = [name for name, status in wanted.items() if status != "active"]
    look, names = assign.looker(client, zone.id, pending, result["list_endpoint"])
    if len(names) < len(pending):
        module.warn(assign.sampled(len(names), len(pending)))
    seen: dict[str, str | None] = {name: wanted[name] for name in names}

    def remember() -> Mapping[str, str | None]:
        seen.update(look())
        return seen

    try:
        result["progress"] = wait_active(
            remember,
            seen,
            "associations",
            module.params["wait_timeout"],
            sleep=client.sleep,
            clock=client.clock,
            pause=pause,
        )
    except UserError as error:
        error.facts.update({name: value for name, value in result.items() if name != "progress"})
        raise
    for one in result["associations"]:
        one["status"] = seen.get(one["hostname"], one["status"])


def _diff(changes: Sequence[assign.Change]) -> dict[str, Any]:
    changed = [one for one in changes if one.write]
    return {
        "before": {"associations": {one.hostname: assign.core(one.before) for one in changed}},
        "after": {"associations": {one.hostname: assign.core(one.after) for one in changed}},
    }
