# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""H5-H7: which certificate a hostname has."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from . import model
from .call import Call
from .envelope import Answer, ApiError, page_info
from .model import Association, Certificate, Phases

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_LISTABLE = (model.ACTIVE, model.PENDING, model.PENDING_DELETION, model.DELETED, model.TIMED_OUT,
             model.DELETION_TIMED_OUT)
_ROUTE_ERRORS = {"404": "not_found", "405": "method", "7000": "no_route", "7003": "no_route", "403": "permission"}


@dataclass
class _Item:
    hostname: str
    certificate: Certificate
    enabled: bool | None


def put(call: Call) -> Answer:
    """PUT: upsert by hostname; hostnames that are not named stay as they are."""
    config = call.json_object().get("config")
    if not isinstance(config, list):
        raise ApiError("missing_field", field="config")
    if not config and call.config.empty_config == "refuse":
        raise ApiError("empty_config")
    seen: set[str] = set()
    used = _use(call)
    items: list[_Item] = []
    failure: ApiError | None = None
    for entry in config:
        try:
            item = _check(call, entry, seen)
            _count(call, item, used)
        except ApiError as error:
            if call.config.put_atomic:
                raise
            failure = error
            break
        items.append(item)
    for item in items:
        _apply(call, item)
    if failure is not None:
        raise failure
    if call.config.put_answer == "zone":
        return Answer([a.as_result(call.now) for a in call.zone.associations.values() if not a.gone(call.now)])
    submitted = dict.fromkeys(item.hostname for item in items)
    return Answer([call.zone.associations[name].as_result(call.now) for name in submitted])


def get(call: Call) -> Answer:
    """GET of one hostname; 1553 when there never was one, or a void has settled."""
    association = call.zone.associations.get(normalise(call, call.params["hostname"]))
    if association is None or association.gone(call.now):
        raise ApiError("no_association")
    return Answer(association.as_result(call.now))


def list_all(call: Call) -> Answer:
    """GET of all: paginated, and without ``status`` only the active ones."""
    if call.config.list_route != "on":
        path = f"/zones/{call.zone.id}/origin_tls_client_auth/hostnames"
        raise ApiError(_ROUTE_ERRORS[call.config.list_route], path=path)
    page = call.number("page", 1, 1, 1_000_000)
    per_page = call.number("per_page", 50, 1, 1000)
    wanted = set(call.query.get("status", model.ACTIVE).split(","))
    if wanted == {"all"}:
        wanted = set(model.STATUSES) if call.config.list_deleted else set(model.STATUSES) - {model.DELETED}
    elif wanted - set(_LISTABLE):
        raise ApiError("bad_parameter", name="status")
    found = [a for a in call.zone.associations.values() if a.status(call.now) in wanted]
    part = found[(page - 1) * per_page : page * per_page]
    show = Association.as_result if call.config.list_object == "full" else Association.short
    return Answer(
        call.empty([show(a, call.now) for a in part]), result_info=page_info(page, per_page, len(part), len(found))
    )


def normalise(call: Call, hostname: str) -> str:
    """A hostname as it is kept."""
    if call.config.hostname_case == "exact":
        return hostname
    if not hostname.isascii():
        try:
            hostname = hostname.encode("idna").decode()
        except UnicodeError as error:
            raise ApiError("bad_hostname", hostname=hostname) from error
    return hostname.lower()


def change(call: Call, hostname: str, certificate: Certificate, enabled: bool | None) -> Association:
    """Make one change as a PUT would (also used for drift made by third parties)."""
    _apply(call, _Item(hostname, certificate, enabled))
    return call.zone.associations[hostname]


def _check(call: Call, entry: Any, seen: set[str]) -> _Item:
    if not isinstance(entry, dict) or not isinstance(entry.get("hostname"), str) or not entry["hostname"]:
        raise ApiError("missing_hostname")
    hostname = _check_hostname(call, entry["hostname"])
    if hostname in seen and call.config.duplicate_hostname == "refuse":
        raise ApiError("duplicate_hostname", hostname=hostname)
    seen.add(hostname)
    certificate_id = entry.get("cert_id")
    if not certificate_id:
        raise ApiError("missing_certificate_id")
    certificate = call.zone.certificates["hostname"].get(str(certificate_id))
    if certificate is None or certificate.status(call.now) in (model.DELETED, model.PENDING_DELETION):
        raise ApiError("bad_certificate_id")
    if "enabled" not in entry and call.config.missing_enabled == "refuse":
        raise ApiError("missing_enabled")
    enabled = entry.get("enabled")
    if enabled not in (True, False, None) or isinstance(enabled, int) != isinstance(enabled, bool):
        raise ApiError("missing_enabled")
    return _Item(hostname, certificate, enabled)


def _check_hostname(call: Call, text: str) -> str:
    hostname = normalise(call, text)
    labels = hostname.split(".")
    if labels[0] == "*" and call.config.wildcard == "accept":
        labels = labels[1:]
    if len(hostname) > 255 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ApiError("bad_hostname", hostname=text)
    zone = call.zone.name
    if call.config.foreign_hostname == "refuse" and hostname != zone and not hostname.endswith("." + zone):
        raise ApiError("foreign_hostname", hostname=text)
    if call.config.require_dns:
        record = call.world.record(hostname)
        if record is None or not record.proxied:
            raise ApiError("bad_hostname", hostname=text)
    return hostname


def _use(call: Call) -> Counter[str]:
    return Counter(a.certificate.id for a in call.zone.associations.values() if not a.gone(call.now))


def _count(call: Call, item: _Item, used: Counter[str]) -> None:
    """Keep the number of hostnames per certificate as it will be after the PUT."""
    before = call.zone.associations.get(item.hostname)
    if before is not None and not before.gone(call.now):
        used[before.certificate.id] -= 1
    used[item.certificate.id] += 1
    if item.enabled is not None and used[item.certificate.id] > call.config.association_quota:
        raise ApiError("association_quota", limit=call.config.association_quota)


def _apply(call: Call, item: _Item) -> None:
    config, now = call.config, call.now
    before = call.zone.associations.get(item.hostname)
    if before is not None and before.gone(now):
        before = None
    unchanged = before is not None and (before.certificate, before.enabled) == (item.certificate, item.enabled)
    if unchanged and not config.reput_redeploys and before is not None and before.status(now) == model.ACTIVE:
        return
    prior = before.effective(now, config.association_switch) if before is not None else None
    history = list(before.history) if before is not None else []
    if prior is not None and prior[0] is not item.certificate:
        history.append(prior[0])
    if item.enabled is None:
        phases = Phases(now, model.PENDING_DELETION).then(now + config.void_seconds, model.DELETED)
    else:
        phases = Phases(now, model.PENDING)
        if config.association_outcome != "stuck":
            phases.then(now + config.association_deploy_seconds, config.association_outcome)
    created = before.created_at if before is not None else now
    call.zone.associations[item.hostname] = Association(
        item.hostname, item.certificate, item.enabled, created, now, phases, prior, history
    )
