# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring together what Cloudflare holds and what our CA issued, to plan the leaves of a zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._cloudflare.leaf_plan import plan_leaves
from .._cloudflare.limits import CERTIFICATES_PER_ZONE, HOSTNAMES_PER_CERTIFICATE
from .._cloudflare.status import ACTIVE, is_live
from .._pki.errors import PkiError
from .._pki.facts import common_name, describe, issued_by
from .._pki.library import x509
from .._pki.verify import parse_bundle

# In check mode nothing is uploaded, so the id isn't known.
_LATER = "known-after-upload"


def plan_zone(
    hostnames: Sequence[str],
    zone: str,
    ca_certificate: str,
    certificates: Sequence[Mapping[str, Any]] | None,
    associations: Sequence[Mapping[str, Any]] | None,
    certificates_per_zone: int = CERTIFICATES_PER_ZONE,
    hostnames_per_certificate: int = HOSTNAMES_PER_CERTIFICATE,
) -> dict[str, Any]:
    """Which leaf of ours serves which hostname; see :func:`plan_leaves`.

    ``certificates`` and ``associations`` as returned by the C(_info) modules. Returns ``leaves`` (name, hostnames),
    ``foreign`` (hostnames that a certificate of somebody else serves today), ``problem`` (text or empty), ``warnings``.

    :raises PkiError: one of them is None, as the preflight returns what it could not read; or a limit is below 1.
    """
    if certificates_per_zone < 1 or hostnames_per_certificate < 1:
        raise PkiError(
            f"certificates_per_zone and hostnames_per_certificate of {zone} must be 1 or more.",
            "Leave them out for Cloudflare's usual limits.",
        )
    if certificates is None or associations is None:
        what = "certificates" if certificates is None else "associations"
        raise PkiError(
            f"The {what} of {zone} could not be read at Cloudflare, so nobody knows which hostnames have one of ours.",
            "See the findings of aop_preflight, and run again.",
        )
    authorities = parse_bundle(ca_certificate, f"the client CA of {zone}") if ca_certificate else []
    ours: dict[str, str] = {}
    live = 0
    gone = set()
    for certificate in certificates:
        if not is_live(certificate.get("status")):
            gone.add(str(certificate["id"]))
            continue
        live += 1
        leaf = _load(certificate.get("certificate"))
        if leaf is not None and any(issued_by(leaf, authority) for authority in authorities):
            ours[str(certificate["id"])] = common_name(leaf.subject) or str(certificate["id"])
    placed, foreign = {}, []
    for association in associations:
        name = ours.get(str(association["certificate_id"]))
        deleted = str(association["certificate_id"]) in gone or not is_live(association.get("certificate_status"))
        if name is not None:
            placed[association["hostname"]] = name
        elif association["hostname"] in hostnames and association.get("enabled") is not None and not deleted:
            foreign.append({"hostname": association["hostname"], "certificate_id": association["certificate_id"]})
    plan = plan_leaves(
        zone,
        hostnames,
        placed,
        live - len(set(ours.values())),
        certificates_per_zone,
        hostnames_per_certificate,
        ours.values(),
    )
    return {
        "leaves": [{"name": name, "hostnames": list(names)} for name, names in sorted(plan.leaves.items())],
        "foreign": foreign,
        "problem": plan.problem,
        "warnings": list(plan.warnings),
    }


def _leaf_name(pem: str | None) -> str | None:
    leaf = _load(pem)
    return common_name(leaf.subject) if leaf is not None else None


def _load(pem: str | None) -> x509.Certificate | None:
    try:
        return parse_bundle(pem, "a certificate at Cloudflare")[0] if pem else None
    except PkiError:
        return None


def protections(
    zones: Sequence[Mapping[str, Any]],
    state: Mapping[str, Mapping[str, Any]],
    trust_bundles: Mapping[str, str],
    plan: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """One entry for each hostname of ``zones``: whom origins shall trust, what the edge presents now or soon.

    ``state`` is what the role cloudflare read (zone → id, certificates, associations), ``trust_bundles`` holds the PEM
    for each zone, ``plan`` (see :func:`add_leaves`) the leaf that a hostname is about to get. ``certificate`` holds
    every certificate that an origin must accept, the coming one first.
    """
    leaves = {hostname: leaf["certificate"] for leaf in plan for hostname in leaf["hostnames"]}
    found = []
    for zone in zones:
        held = state.get(zone["name"]) or {}
        certificates = {str(entry["id"]): entry for entry in held.get("certificates") or []}
        used = {entry["hostname"]: entry for entry in held.get("associations") or []}
        for hostname in sorted({str(name).rstrip(".").lower() for name in zone["hostnames"]}):
            association = used.get(hostname) or {}
            certificate = certificates.get(str(association.get("certificate_id"))) or {}
            coming = leaves.get(hostname, "")
            presented = [pem for pem in (coming, certificate.get("certificate") or "") if pem]
            found.append(
                {
                    "name": hostname,
                    "zone": zone["name"],
                    "zone_id": held.get("id"),
                    "trust_bundle": trust_bundles.get(zone["name"], ""),
                    "certificate": "".join(dict.fromkeys(pem.strip() + "\n" for pem in presented)),
                    "leaf": _leaf_name(certificate.get("certificate")),
                    "certificate_id": association.get("certificate_id"),
                    "certificate_status": certificate.get("status"),
                    "sha256": certificate.get("sha256"),
                    "serial_number": certificate.get("serial_number"),
                    "expires_on": certificate.get("expires_on"),
                    "association_enabled": association.get("enabled"),
                    "association_status": association.get("status"),
                }
            )
    return found


def add_leaves(
    plan: Sequence[Mapping[str, Any]], zone: str, results: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """``plan`` and the leaves of one more zone, from the results of a loop over C(client_certificate).

    Where check mode would renew a certificate, the one that is there stands for it.
    """
    added = [dict(entry) for entry in plan]
    for result in results:
        leaf = result["client_pki__leaf"]
        pem = result.get("certificate")
        if not pem:
            with open(result["path"], encoding="ascii") as stream:
                pem = stream.read()
        facts = describe(parse_bundle(pem, result["path"])[0])
        added.append(
            {
                "zone": zone,
                "leaf": leaf["name"],
                "hostnames": leaf["hostnames"],
                "certificate": pem,
                "path": result["path"],
                "privatekey_path": result["privatekey_path"],
                "sha256": facts.sha256,
            }
        )
    return added


def wanted_at_cloudflare(
    plan: Sequence[Mapping[str, Any]], zone: str, state: Mapping[str, Any], uploaded: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What to do at Cloudflare for one zone: ``uploads`` that aren't active yet, ``associations`` that differ.

    ``state`` is what was read for the zone; ``uploaded`` are the certificates that an upload returned, in the order of
    ``uploads``.
    """
    leaves = [leaf for leaf in plan if leaf["zone"] == zone]
    held = {entry.get("sha256"): entry for entry in state.get("certificates") or [] if is_live(entry.get("status"))}
    uploads = [leaf for leaf in leaves if held.get(leaf["sha256"], {}).get("status") != ACTIVE]
    ids = {sha256: entry["id"] for sha256, entry in held.items()}
    ids.update({entry["sha256"]: entry["id"] for entry in uploaded})
    used = {entry["hostname"]: entry for entry in state.get("associations") or []}
    associations = []
    for leaf in leaves:
        for hostname in leaf["hostnames"]:
            there = used.get(hostname) or {}
            wanted = {"hostname": hostname, "certificate_id": ids.get(leaf["sha256"]) or _LATER, "enabled": True}
            done = there.get("status") == ACTIVE and all(there.get(key) == wanted[key] for key in wanted)
            if not done:
                associations.append(wanted)
    return {
        "uploads": [
            {"certificate_path": leaf["path"], "private_key_path": leaf["privatekey_path"]} for leaf in uploads
        ],
        "associations": associations,
    }
