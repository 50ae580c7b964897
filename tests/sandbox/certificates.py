# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""H1-H4 and Z1-Z4: the two certificate stores of a zone."""

from __future__ import annotations

from typing import Any

from . import model
from .call import Call
from .envelope import Answer, ApiError
from .model import Association, Certificate, Phases
from .pem import check_upload, issuer_text, not_after, signature_text
from .world import new_id


def create(call: Call, store: str) -> Answer:
    """POST: check, then schedule its deployment. A deleted certificate that comes again gets its id back."""
    _zone_conflict(call, store)
    identity, pem = check_upload(call.json_object(), call.config, call.now)
    known = _same(call, store, identity.sha256)
    if known is not None and known.status(call.now) != model.DELETED:
        raise ApiError("exists")
    own = call.zone.certificates[store]
    live = sum(1 for c in own.values() if c.status(call.now) != model.DELETED)
    if store == "hostname" and live >= call.config.certificate_quota:
        raise ApiError("quota", limit=call.config.certificate_quota)
    revived = known if known is not None and known.store == store and call.config.revive_deleted else None
    phases, deployed_at = _deployment(call)
    leaf = identity.certificate
    certificate = Certificate(
        id=revived.id if revived else new_id(call.config.id_style),
        store=store,
        identity=identity,
        pem=pem,
        expires_on=not_after(leaf),
        issuer=issuer_text(leaf, call.config.issuer_order),
        serial_number=str(leaf.serial_number),
        signature=signature_text(leaf, call.config.signature_style),
        uploaded_on=call.now,
        phases=phases,
        visible_at=call.now + call.config.list_lag_seconds,
        deployed_at=deployed_at,
    )
    own[certificate.id] = certificate
    return Answer(_shown(call, certificate))


def list_all(call: Call, store: str) -> Answer:
    """GET: what is not deleted and has become visible."""
    shown = [
        _shown(call, c)
        for c in call.zone.certificates[store].values()
        if c.visible_at <= call.now and c.status(call.now) != model.DELETED
    ]
    info = None
    if call.config.list_result_info:
        info = {"page": 1, "per_page": max(50, len(shown)), "count": len(shown), "total_count": len(shown)}
    return Answer(call.empty(shown), result_info=info)


def get(call: Call, store: str) -> Answer:
    """GET by id; deleted ones stay readable."""
    return Answer(_shown(call, _find(call, store)))


def delete(call: Call, store: str) -> Answer:
    """DELETE: refused while in use, while being deployed and while being deleted."""
    _zone_conflict(call, store)
    certificate = _find(call, store)
    status = certificate.status(call.now)
    if status == model.DELETED:
        raise ApiError("already_deleted" if store == "zone" else "bad_certificate_id")
    if status == model.PENDING_DELETION:
        raise ApiError("pending_deletion")
    if status in (model.INITIALIZING, model.PENDING):
        raise ApiError("pending_deployment")
    if store == "hostname" and in_use(call, certificate):
        raise ApiError("in_use")
    schedule_deletion(call, certificate)
    return Answer(_shown(call, certificate))


def schedule_deletion(call: Call, certificate: Certificate) -> None:
    """Start the deletion, whatever uses the certificate."""
    phases = certificate.phases.then(call.now, model.PENDING_DELETION)
    end = call.now + call.config.certificate_delete_seconds
    if call.config.delete_outcome != "stuck":
        timed_out = call.config.delete_outcome == "deletion_timed_out"
        phases.then(end, model.DELETION_TIMED_OUT if timed_out else model.DELETED)


def in_use(call: Call, certificate: Certificate) -> bool:
    """Whether an association holds it: its own one, or one that is still moving away from it."""
    return any(_holds(call, association, certificate) for association in call.zone.associations.values())


def _holds(call: Call, association: Association, certificate: Certificate) -> bool:
    config = call.config
    if association.gone(call.now) or (association.enabled is None and config.void_frees_certificate):
        return False
    if association.certificate is certificate:
        return not (association.enabled is False and config.disabled_frees_certificate)
    moving = config.moving_holds_old and association.status(call.now) != model.ACTIVE
    return moving and association.prior is not None and association.prior[0] is certificate


def _find(call: Call, store: str) -> Certificate:
    certificate = call.zone.certificates[store].get(call.params["certificate_id"])
    if certificate is None:
        raise ApiError(f"{store}_certificate_missing")
    return certificate


def _same(call: Call, store: str, sha256: str) -> Certificate | None:
    stores = ("hostname", "zone") if call.config.dedup_across_stores else (store,)
    found = [c for s in stores for c in call.zone.certificates[s].values() if c.identity.sha256 == sha256]
    # A live copy decides; a tombstone matters only if there is none.
    return next((c for c in found if c.status(call.now) != model.DELETED), found[0] if found else None)


def _deployment(call: Call) -> tuple[Phases, float | None]:
    config = call.config
    phases = Phases(call.now, config.certificate_initial)
    end = call.now + config.certificate_deploy_seconds
    if config.certificate_initial == model.ACTIVE:
        return phases, call.now
    if config.certificate_initial == model.INITIALIZING:
        phases.then(call.now + config.certificate_deploy_seconds / 4, model.PENDING)
    if config.certificate_outcome == "stuck":
        return phases, None
    phases.then(end, config.certificate_outcome)
    return phases, end if config.certificate_outcome == model.ACTIVE else None


def _zone_conflict(call: Call, store: str) -> None:
    if store != "zone":
        return
    if call.now - call.zone.zone_certificate_changed < call.config.zone_conflict_seconds:
        raise ApiError("conflict")
    call.zone.zone_certificate_changed = call.now


def _shown(call: Call, certificate: Certificate) -> dict[str, Any]:
    result = certificate.as_result(call.now)
    if certificate.store == "zone" and call.config.zone_enabled_field:
        result["enabled"] = call.zone.aop.value
    return result
