# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of C(aop_apply): carry out at Cloudflare what C(aop_plan) planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._cloudflare.assign import Wish
from .._cloudflare.associations import Association, Reading
from .._cloudflare.certificates import list_certificates
from .._cloudflare.client import Client
from .._cloudflare.operations import HOSTNAME_STORE
from .._cloudflare.pem import read_leaf
from .._cloudflare.waiting import RARELY
from .._cloudflare.zones import Zone
from .._common.errors import UserError
from .cloudflare import WAITING
from .cloudflare_associations import bring
from .cloudflare_certificates import content, present

APPLY_SPEC: dict[str, Any] = {"plan": {"type": "list", "elements": "dict", "required": True}, **WAITING}


def apply(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(aop_apply)."""
    result: dict[str, Any] = {"changed": False, "zones": [], "diff": {"before": {}, "after": {}}}
    for zone in module.params["plan"]:
        try:
            done = _zone(module, client, zone, result)
        except UserError as error:
            error.facts["changed"] = result["changed"] or bool(error.facts.get("changed"))
            raise
        result["zones"].append(done)
    return result


def _zone(module: AnsibleModule, client: Client, wanted: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    zone = Zone(wanted["zone_id"], wanted["zone"])
    ids: dict[str, str] = {}
    done: dict[str, Any] = {"zone": zone.name, "uploaded": [], "associated": [], "progress": []}
    uploads = wanted["uploads"]
    if uploads and module.check_mode:
        result["changed"] |= any(not _held(wanted, one["sha256"]) for one in uploads)
        done["uploaded"] = [one["sha256"] for one in uploads]
    elif uploads:
        paths = [{"certificate_path": one["path"], "private_key_path": one["privatekey_path"]} for one in uploads]
        leaves = [
            read_leaf(content(one, "certificate") or "", content(one, "private_key"), one["certificate_path"])
            for one in paths
        ]
        sent = present(
            module, client, HOSTNAME_STORE, zone, leaves, list_certificates(client, HOSTNAME_STORE, zone.id), RARELY
        )
        ids = {one["sha256"]: one["id"] for one in sent["certificates"]}
        _merge(result, done, sent)
        done["uploaded"] = [one["sha256"] for one in sent["certificates"] if one["action"] == "created"]
    if wanted["associations"]:
        wishes = [
            Wish(one["hostname"], ids.get(one["sha256"]) or one["certificate_id"], True)
            for one in wanted["associations"]
        ]
        before = {one["hostname"]: Association(**one["before"]) for one in wanted["associations"] if one["before"]}
        sent = bring(module, client, zone, wishes, Reading(before, {}, complete=wanted["listed"]), False, RARELY)
        _merge(result, done, sent)
        done["associated"] = [one["hostname"] for one in sent["associations"] if one["changed"]]
    return done


def _held(wanted: Mapping[str, Any], sha256: str) -> bool:
    return any(one["sha256"] == sha256 and one["certificate_id"] for one in wanted["associations"])


def _merge(result: dict[str, Any], done: dict[str, Any], sent: Mapping[str, Any]) -> None:
    result["changed"] |= sent["changed"]
    done["progress"].extend(sent["progress"])
    for side in ("before", "after"):
        result["diff"][side].setdefault(done["zone"], {}).update(sent["diff"][side])
