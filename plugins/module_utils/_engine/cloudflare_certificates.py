# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State of client certificates at Cloudflare, for modules. The store (hostname or zone level) is a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import certificates as domain
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.associations import list_associations
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import Client
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.limits import CERTIFICATES_PER_ZONE
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.operations import HOSTNAME_STORE, Store
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.pem import Leaf, read_leaf
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.waiting import pauses, wait_active
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.zones import Zone, resolve
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput, UserError
from ansible_collections.originlock.aop.plugins.module_utils._engine import private_keys

_ENTRY: dict[str, Any] = {
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
    "private_key": {"type": "str", "no_log": True},
    "private_key_path": {"type": "path", "no_log": False},
    "certificate_id": {"type": "str"},
}
EXCLUSIVE = [("certificate", "certificate_path"), ("private_key", "private_key_path")]

CERTIFICATE_SPEC: dict[str, Any] = dict(
    _ENTRY,
    certificates={"type": "list", "elements": "dict", "options": dict(_ENTRY), "mutually_exclusive": EXCLUSIVE},
    state={"type": "str", "default": "present", "choices": ["present", "absent"]},
)

INFO_SPEC: dict[str, Any] = {"certificate_ids": {"type": "list", "elements": "str"}}

_Wanted = tuple[Optional[Leaf], Optional[str]]


def manage_hostname_certificates(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(hostname_certificate)."""
    wanted = [
        _wanted(entry, "certificate" if count is None else f"certificate {count} of the list")
        for count, entry in _entries(module.params)
    ]
    zone = resolve(client, module.params["zone"])
    known = domain.list_certificates(client, HOSTNAME_STORE, zone.id)
    if module.params["state"] == "absent":
        return _absent(module, client, HOSTNAME_STORE, zone, wanted, known)
    leaves = [_leaf(leaf) for leaf, _given in wanted]
    return present(module, client, HOSTNAME_STORE, zone, leaves, known)


def read_hostname_certificates(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(hostname_certificate_info): all, or those with the ids asked for, also deleted ones."""
    zone = resolve(client, module.params["zone"])
    found = domain.list_certificates(client, HOSTNAME_STORE, zone.id)
    ids = module.params["certificate_ids"]
    if ids is not None:
        listed = {one.id: one for one in found}
        by_id = (listed.get(one) or domain.get_certificate(client, HOSTNAME_STORE, zone.id, one) for one in ids)
        found = [one for one in by_id if one is not None]
    return {"changed": False, "certificates": [one.public() for one in found], "zone": zone.public()}


def _entries(params: Mapping[str, Any]) -> list[tuple[int | None, Mapping[str, Any]]]:
    listed = params["certificates"]
    single = {name: params[name] for name in _ENTRY}
    if listed is None:
        return [(None, single)]
    if any(value is not None for value in single.values()):
        raise InvalidInput("certificates was given together with a single certificate.", "Give one of the two.")
    return list(enumerate(listed, 1))


def _wanted(entry: Mapping[str, Any], label: str) -> _Wanted:
    private_keys.refuse(entry["certificate"], label)
    text = content(entry, "certificate")
    if text is None:
        if not entry["certificate_id"]:
            raise InvalidInput(f"The {label} is missing.", "Give certificate or certificate_path.")
        return None, entry["certificate_id"]
    return read_leaf(text, content(entry, "private_key"), label), entry["certificate_id"]


def content(entry: Mapping[str, Any], name: str) -> str | None:
    """The PEM of ``name``, given as such or as C(<name>_path). Raises InvalidInput."""
    path = entry[name + "_path"]
    if path is None:
        found: str | None = entry[name]
        return found
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read(1 << 20)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidInput(f"Cannot read {path}: {reason}.", f"Check {name}_path.") from None


def _leaf(leaf: Leaf | None) -> Leaf:
    if leaf is None:
        raise InvalidInput("Only an id was given.", "To upload give certificate and private_key.")
    return leaf


def present(
    module: AnsibleModule,
    client: Client,
    store: Store,
    zone: Zone,
    leaves: Sequence[Leaf],
    known: Sequence[domain.Certificate],
    pause: Callable[[int], float] = pauses(),
) -> dict[str, Any]:
    """Upload what is missing, and wait. ``known``: a fresh list of the zone's certificates."""
    before = [domain.match(leaf, known) for leaf in leaves]
    for leaf, there in zip(leaves, before):
        if leaf.key is None and not (there and there.live):
            raise InvalidInput(
                f"The certificate with SHA-256 {leaf.sha256} is not at Cloudflare, and its private key was not given.",
                "Give private_key or private_key_path.",
            )
    new = {leaf.sha256 for leaf, there in zip(leaves, before) if not (there and there.live)}
    count = len(new) + sum(1 for one in known if one.live)
    if new and count > CERTIFICATES_PER_ZONE:
        module.warn(
            f"The zone would have {count} {store.noun}s; Cloudflare allows {CERTIFICATES_PER_ZONE} unless it raised "
            "that for you."
        )
    result: dict[str, Any] = {"changed": bool(new), "zone": zone.public(), "progress": []}
    result["diff"] = _diff([one for one in before if one and one.live], leaves)
    if module.check_mode:
        done = [_predict(leaf, there) for leaf, there in zip(leaves, before)]
    else:
        done = _upload_all(client, store, zone, leaves, known, module.params["wait_timeout"])
        result["changed"] = any(one.changed for one in done)
    shown = [dict(one.certificate.public(), action=one.how) for one in done]
    result["certificates"] = shown
    if module.params["wait"] and not module.check_mode:
        _wait(client, store, zone, done, module.params["wait_timeout"], result, pause)
    return result


def _predict(leaf: Leaf, there: domain.Certificate | None) -> domain.Uploaded:
    if there and there.live:
        return domain.Uploaded(there, "unchanged", False)
    return domain.Uploaded(domain.predicted(leaf), "created", True)


def _upload_all(
    client: Client,
    store: Store,
    zone: Zone,
    leaves: Sequence[Leaf],
    known: Sequence[domain.Certificate],
    timeout: float,
) -> list[domain.Uploaded]:
    done: list[domain.Uploaded] = []
    for leaf in leaves:
        try:
            seen = list(known) + [one.certificate for one in done if one.how != "unchanged"]
            done.append(domain.upload(client, store, zone.id, leaf, seen, timeout))
        except UserError as error:
            error.facts.update(
                changed=any(one.changed for one in done),
                certificates=[dict(one.certificate.public(), action=one.how) for one in done],
            )
            raise
    return done


def _wait(
    client: Client,
    store: Store,
    zone: Zone,
    done: Sequence[domain.Uploaded],
    timeout: float,
    result: dict[str, Any],
    pause: Callable[[int], float],
) -> None:
    statuses: dict[str, str | None] = {str(one.certificate.id): one.certificate.status for one in done}

    def look() -> dict[str, str | None]:
        listed = {one.id: one for one in domain.list_certificates(client, store, zone.id)}
        for name, status in statuses.items():
            seen = listed.get(name)
            if seen is None and status != "active":
                # The list lags; asked by id the certificate is there.
                seen = domain.get_certificate(client, store, zone.id, name)
            statuses[name] = seen.status if seen else status
        return statuses

    try:
        result["progress"] = wait_active(
            look, statuses, "certificates", timeout, sleep=client.sleep, clock=client.clock, pause=pause
        )
    except UserError as error:
        error.facts.update({name: result[name] for name in ("changed", "diff", "zone", "certificates")})
        raise
    for shown in result["certificates"]:
        shown["status"] = statuses[str(shown["id"])]


def _absent(
    module: AnsibleModule,
    client: Client,
    store: Store,
    zone: Zone,
    wanted: Sequence[_Wanted],
    known: Sequence[domain.Certificate],
) -> dict[str, Any]:
    def users(certificate_id: str) -> Sequence[str]:
        reading = list_associations(client, zone.id)
        return reading.users(certificate_id) if reading else ()

    found: dict[str, domain.Certificate] = {}
    for leaf, given in wanted:
        matches = [one for one in known if one.id == given] if given else []
        if given and not matches:
            by_id = domain.get_certificate(client, store, zone.id, given)
            matches = [by_id] if by_id else []
        if leaf and not given:
            matches = [one for one in [domain.match(leaf, known)] if one]
        found.update({str(one.id): one for one in matches if one.live})
    result: dict[str, Any] = {
        "changed": bool(found),
        "zone": zone.public(),
        "progress": [],
        "diff": _diff(list(found.values()), []),
        "certificates": [dict(one.public(), action="deleted", status="pending_deletion") for one in found.values()],
    }
    deleted = 0
    for certificate_id in found if not module.check_mode else ():
        try:
            domain.delete(client, store, zone.id, certificate_id, module.params["wait_timeout"], users)
            deleted += 1
        except UserError as error:
            error.facts.update(changed=deleted > 0)
            raise
    return result


def _diff(before: Sequence[domain.Certificate], after: Sequence[Leaf]) -> dict[str, Any]:
    def side(items: Sequence[Any]) -> dict[str, Any]:
        rows = {str(one.sha256): {"serial_number": one.serial_number, "expires_on": one.expires_on} for one in items}
        return {"certificates": rows}

    return {"before": side(before), "after": side(after)}
