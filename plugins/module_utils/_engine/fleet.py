# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks hand from the controller to the origins and back."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .._cloudflare import times
from .._evidence.record import SUCCESS
from .._evidence.tally import EDGE
from .._origin.model import ENFORCE
from .._pki.errors import PkiError
from .._pki.facts import describe
from .._pki.verify import parse_bundle
from .zones import plain


def for_origin(
    entries: Sequence[Mapping[str, Any]], stage: str, serves: Sequence[str] | None = None
) -> list[dict[str, str]]:
    """The option ``hostnames`` of C(origin_site): the entries that this origin serves (or all), at a stage."""
    wanted = None if serves is None else {plain(name) for name in serves}
    return [
        {
            "name": entry["name"],
            "stage": stage,
            "trust_bundle": entry["trust_bundle"],
            "certificate": entry["certificate"],
        }
        for entry in entries
        if wanted is None or entry["name"] in wanted
    ]


def unfinished(
    hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str], stage: str, begun: str = ""
) -> list[str]:
    """Those of ``names`` that this run did not bring to a stage (``aop_stage_done``).

    ``begun``: only those that it last began to bring to this stage (``aop_stage_begun``).
    """
    return [
        name
        for name in names
        if hostvars[name].get("aop_stage_done") != stage and begun in ("", hostvars[name].get("aop_stage_begun"))
    ]


def origins(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the plays left on each origin: ``serves``, ``sites``, ``lost``, ``last_bad``, ``evidence``.

    ``sites`` and ``lost`` come from ``common_sites``, the evidence from there or from ``aop_evidence``.
    """
    found = {}
    for name in names:
        facts = hostvars[name]
        serves = facts.get("aop_serves")
        read = facts.get("common_sites") or {}
        evidence = facts.get("aop_evidence") or read.get("evidence") or {}
        found[name] = {
            "serves": None if serves is None else [plain(one) for one in serves],
            "sites": read.get("sites"),
            "lost": read.get("lost"),
            "last_bad": last_bad(evidence),
            "evidence": evidence if "counts" in evidence else None,
        }
    return found


def last_bad(evidence: Mapping[str, Any]) -> dict[str, str]:
    """For each hostname the last request from the edge that wasn't a trusted success, in words."""
    latest: dict[str, Mapping[str, Any]] = {}
    for entry in evidence.get("counts") or []:
        bad = entry["source"] == EDGE and not (entry["verification"] == SUCCESS and entry["current"])
        if bad and entry["last"] >= latest.get(entry["hostname"], entry)["last"]:
            latest[entry["hostname"]] = entry
    return {
        hostname: f"{datetime.fromtimestamp(entry['last'], timezone.utc):%Y-%m-%d %H:%M:%SZ} {entry['verification']}"
        for hostname, entry in latest.items()
    }


def generations(entries: Sequence[Mapping[str, Any]], state: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The option ``certificates`` of C(origin_evidence): all that Cloudflare holds.

    One is current for the hostnames that it's associated with, or shall be.
    """
    users: dict[str, set[str]] = {}
    for entry in entries:
        users.setdefault(str(entry.get("sha256")), set()).add(entry["name"])
    known: dict[str, dict[str, Any]] = {}
    for held in state.values():
        for certificate in held.get("certificates") or []:
            facts = _facts(certificate.get("certificate"))
            if facts is not None:
                known[facts["fingerprint_sha256"]] = {
                    "label": facts["fingerprint_sha256"][:12],
                    "sha256": facts["fingerprint_sha256"],
                    "sha1": facts["fingerprint_sha1"],
                    "serial": facts["serial"],
                    "issuer": facts["issuer"],
                    "current": facts["fingerprint_sha256"] in users,
                    "hostnames": sorted(users.get(facts["fingerprint_sha256"], ())),
                }
    return list(known.values())


def for_gate(
    entries: Sequence[Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """The option ``hostnames`` of C(evidence_gate). ``there`` as made by :func:`origins`; ``now`` is aware."""
    found = []
    for entry in entries:
        serving = [
            name for name, one in sorted(there.items()) if one["serves"] is None or entry["name"] in one["serves"]
        ]
        if serving:
            found.append(
                {
                    "name": entry["name"],
                    "origins": serving,
                    # Without an association there's no certificate to speak of, and one refusal says so.
                    "certificate": {
                        "status": str(entry.get("certificate_status") or "missing"),
                        "days_left": days_left(entry.get("expires_on"), now) or 0.0,
                    }
                    if entry.get("association_enabled") or entry.get("certificate_status")
                    else None,
                    "association": {
                        "enabled": bool(entry.get("association_enabled")),
                        "status": str(entry.get("association_status") or "missing"),
                    },
                }
            )
    return found


def canary_requests(entries: Sequence[Mapping[str, Any]], origins: int, count: Any = None) -> list[dict[str, Any]]:
    """The option ``requests`` of C(edge_canary): ``count`` for each hostname, or so many that all ``origins`` get some.

    The edge spreads requests over the origins. With the natural logarithm of a hundred times the pairs of hostname and
    origin for each origin, one run of a hundred misses one of them by chance; all hostnames together get no more than
    20,000 requests, unless that is fewer than four for each origin.
    """
    names = list(dict.fromkeys(entry["name"] for entry in entries))
    if count not in (None, ""):
        number = int(count)
    elif int(origins) < 2:
        number = 4
    else:
        enough = math.ceil(origins * math.log(100 * origins * max(1, len(names))))
        number = max(4 * origins, min(enough, 20000 // max(1, len(names))))
    return [{"hostname": name, "count": number} for name in names]


def canary_lines(entries: Sequence[Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each hostname: which origins the canaries reached, with what, and which they didn't."""
    lines = []
    for gate in for_gate(entries, there, datetime.now(timezone.utc)):
        name = gate["name"]
        reached: list[str] = []
        missed: list[str] = []
        for origin in gate["origins"]:
            nonces = ((there[origin].get("evidence") or {}).get("nonces") or {}).values()
            seen = sorted({nonce["verification"] for nonce in nonces if nonce["hostname"] == name})
            (reached if seen else missed).append(f"{origin} ({', '.join(seen)})" if seen else origin)
        lines.append(
            f"{name}: canaries reached {', '.join(reached) or 'no origin'}"
            + (f"; not {', '.join(missed)}" if missed else "")
        )
    return lines


def canary_failures(requests: Sequence[Mapping[str, Any]], lost: bool = False) -> list[str]:
    """What did not come through the edge: one line for each reason, with the hostnames concerned.

    ``requests`` as C(edge_canary) returns them. ``lost``: only hostnames of which no canary came through.
    """
    sent = Counter(one["hostname"] for one in requests)
    failed = Counter((one["error"], one["hostname"]) for one in requests if one["error"])
    total = Counter(one["hostname"] for one in requests if one["error"])
    reasons: dict[str, list[str]] = {}
    for (error, hostname), count in sorted(failed.items()):
        if not lost or total[hostname] == sent[hostname]:
            reasons.setdefault(error, []).append(f"{hostname} ({count} of {sent[hostname]})")
    return [
        f"{error}: {', '.join(names[:5])}" + (f" and {len(names) - 5} more hostnames" if len(names) > 5 else "")
        for error, names in reasons.items()
    ]


def probe_groups(
    entries: Sequence[Mapping[str, Any]],
    hostvars: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    directory: str,
) -> list[dict[str, Any]]:
    """Probes of C(origin_probe): origins that serve the same hostnames together, each with those ``hostnames``.

    Addresses are ``aop_addresses`` of a host, or those of its connection. Our leaf, and the CA whose name is forged,
    are taken where they are at hand below ``directory``. Hostnames of one zone that all origins serve in the same
    places and to the same CAs are ``alike``.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for name in names:
        facts = hostvars[name]
        served = tuple(one["name"] for one in for_origin(entries, ENFORCE, facts.get("aop_serves")))
        groups.setdefault(served, []).append(_probe_origin(name, facts))
    zones = {entry["name"]: entry["zone"] for entry in entries}
    wishes = {entry["name"]: _probe_hostname(entry, directory) for entry in entries}
    return [
        {
            "origins": members,
            "hostnames": [dict(wishes[name], alike=_alike(zones[name], name, hostvars, members)) for name in served],
        }
        for served, members in groups.items()
        if served
    ]


def _alike(
    zone: str, name: str, hostvars: Mapping[str, Mapping[str, Any]], members: Sequence[Mapping[str, Any]]
) -> str:
    """What the origins say of where and how they serve a hostname, as a short digest; empty if one says nothing."""
    found = []
    for member in members:
        sites = _served(hostvars[member["name"]]).get("sites") or []
        keys = ("file", "line", "listeners", "stage_after", "trusts_after")
        found.append([[site.get(key) for key in keys] for site in sites if site["hostname"] == name])
    return hashlib.sha256(json.dumps([zone, found]).encode()).hexdigest()[:16] if all(found) else ""


def _served(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """``sites`` and ``listeners`` of an origin: after a change what it returned, before it what was read."""
    return facts.get("common_result") or facts.get("common_sites") or {}


def _probe_origin(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    outcome = _served(facts)
    listeners = {one for site in outcome.get("sites") or [] for one in site["listeners"]}
    addresses = facts.get("aop_addresses") or [facts.get("ansible_host") or name]
    return {
        "name": name,
        "addresses": list(addresses),
        "listeners": sorted(listeners),
        "other_listeners": list(outcome.get("listeners") or []),
    }


def _probe_hostname(entry: Mapping[str, Any], directory: str) -> dict[str, str]:
    wish = {"name": entry["name"]}
    path = os.path.join(directory, entry["zone"], "leaves", str(entry.get("leaf")))
    if os.access(path + ".key", os.R_OK) and os.access(path + ".crt", os.R_OK):
        wish.update(certificate=path + ".crt", private_key=path + ".key")
    ca = os.path.join(directory, entry["zone"], "ca.crt")
    if os.access(ca, os.R_OK):
        wish["ca_certificate"] = ca
    return wish


def hole_line(finding: Mapping[str, Any]) -> str:
    """A hole or finding of C(origin_probe) in one line."""
    return (
        f"[{finding['code']}] {finding['hostname']} on {finding['origin']}, {finding['listener']}: "
        f"{finding['variant']}: {finding['evidence']}. {finding['remedy']}"
    )


def refused_edge_requests(evidence: Mapping[str, Any]) -> int:
    """Requests from the edge in the evidence that enforcement refused, as far as the server logs them."""
    return sum(int(entry["refused"]) for entry in evidence.get("counts") or [] if entry["source"] == EDGE)


def days_left(expires_on: str | None, now: datetime) -> float | None:
    """Days until an RFC 3339 time, or None where there is none; ``now`` is aware."""
    moment = times.parse(expires_on)
    return None if moment is None else round((moment - now).total_seconds() / 86400, 2)


def _facts(pem: str | None) -> dict[str, Any] | None:
    try:
        return describe(parse_bundle(pem, "a certificate at Cloudflare")[0]).as_dict() if pem else None
    except PkiError:
        return None
