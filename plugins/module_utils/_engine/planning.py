# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring together what Cloudflare holds and what our CA issued, to plan the leaves of a zone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .._cloudflare.leaf_plan import plan_leaves
from .._cloudflare.limits import CERTIFICATES_PER_ZONE, HOSTNAMES_PER_CERTIFICATE
from .._cloudflare.status import ACTIVE, is_live
from .._common.hostnames import plain
from .._pki.errors import PkiError
from .._pki.facts import common_name, days_left, describe, issued_by, not_before
from .._pki.library import x509
from .._pki.verify import parse_bundle


def plan_zone(
    hostnames: Sequence[str],
    zone: str,
    ca_path: str,
    ca_certificate: str,
    certificates: Sequence[Mapping[str, Any]] | None,
    associations: Sequence[Mapping[str, Any]] | None,
    certificates_per_zone: int = CERTIFICATES_PER_ZONE,
    hostnames_per_certificate: int = HOSTNAMES_PER_CERTIFICATE,
    take_over: bool = False,
) -> dict[str, Any]:
    """Which leaf of ours serves which hostname; see :func:`plan_leaves`. Made before anything else is.

    ``ca_certificate`` is what stands at ``ca_path``, empty where there is nothing yet. ``certificates`` and
    ``associations`` as returned by the C(_info) modules. ``take_over``: hostnames that a certificate of another CA
    serves today are no problem. Returns ``leaves`` (``name``, ``hostnames``, and ``held``: the certificate of that name
    that Cloudflare holds, as it was read, or None), ``problem`` (text or empty) and ``warnings``.

    :raises PkiError: one of them is None, as the preflight returns what it could not read; a limit is below 1; or
        ``ca_certificate`` isn't one.
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
    authorities = parse_bundle(ca_certificate, f"the client CA of {zone} ({ca_path})") if ca_certificate else []
    ours: dict[str, str] = {}
    held: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    others: dict[str, str] = {}
    gone = set()
    #: One for a hostname of ours, of a CA named like ours, which isn't here.
    ours_once = False
    for certificate in certificates:
        identity = str(certificate["id"])
        if not is_live(certificate.get("status")):
            gone.add(identity)
            continue
        leaf = _load(certificate.get("certificate"))
        if leaf is not None and any(issued_by(leaf, authority) for authority in authorities):
            name = ours[identity] = common_name(leaf.subject) or identity
            if name not in held or held[name][0] < not_before(leaf):
                held[name] = (not_before(leaf), certificate)
        else:
            others[identity] = (common_name(leaf.issuer) or "") if leaf is not None else ""
            ours_once |= leaf is not None and others[identity] == zone and common_name(leaf.subject) in hostnames
    placed: dict[str, str] = {}
    foreign: dict[str, str] = {}
    for association in associations:
        identity, hostname = str(association["certificate_id"]), str(association["hostname"])
        deleted = identity in gone or not is_live(association.get("certificate_status"))
        if identity in ours:
            placed[hostname] = ours[identity]
        elif hostname in hostnames and association.get("enabled") is not None and not deleted:
            foreign[hostname] = others.get(identity, "")
    problem = "" if take_over else _other_ca(zone, ca_path, bool(authorities), foreign, ours_once)
    plan = plan_leaves(
        zone,
        hostnames,
        placed,
        len(ours) + len(others) - len(set(ours.values())),
        certificates_per_zone,
        hostnames_per_certificate,
        ours.values(),
    )
    return {
        "leaves": [
            {"name": name, "hostnames": list(names), "held": held[name][1] if name in held else None}
            for name, names in sorted(plan.leaves.items())
        ],
        "problem": problem or plan.problem,
        "warnings": list(plan.warnings),
    }


_RESTORE = (
    "Nothing was made or changed. Restore the PKI directory with that CA, set aop_pki_dir to the directory that has "
    "it, or bring the CA as ca_path and ca_privatekey_path of the zone."
)


def _other_ca(zone: str, ca_path: str, present: bool, foreign: Mapping[str, str], unused: bool) -> str:
    """Why no CA may be made or used here: what Cloudflare holds is of another one.

    ``foreign``: hostnames that a certificate of another CA serves today, with the name of that CA. ``unused``: there is
    one that looks like ours, though perhaps no hostname uses it.
    """
    served = f"{', '.join(sorted(foreign)[:5])}{' and others' if len(foreign) > 5 else ''}"
    if foreign and zone in foreign.values():
        there = f"the CA at {ca_path} has its name, but is another one" if present else f"that CA isn't at {ca_path}"
        return (
            f"The certificates that the edge presents for {served} were issued by a client CA of {zone}, and {there}: "
            f"the PKI directory is lost, older than what Cloudflare holds, or of another project. {_RESTORE}"
        )
    if foreign:
        return (
            f"Certificates that our CA did not issue serve these hostnames of {zone} today: {served}. Their origins "
            f"may trust only those. {_RESTORE} Or set client_pki_take_over to true, once every origin trusts both CAs."
        )
    if not present and unused:
        return (
            f"Cloudflare holds client certificates that a client CA of {zone} issued, and that CA isn't at {ca_path}: "
            f"the PKI directory is lost, or aop_pki_dir is another one. {_RESTORE} To begin anew, delete those "
            "certificates at Cloudflare, or set client_pki_take_over to true."
        )
    return ""


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
    for each zone, ``plan`` (see :func:`leaf_entry`) the leaf that a hostname is about to get. ``certificate`` holds
    every certificate that an origin must accept, the coming one first.
    """
    leaves = {hostname: leaf["certificate"] for leaf in plan for hostname in leaf["hostnames"]}
    found = []
    for zone in zones:
        held = state.get(zone["name"]) or {}
        certificates = {str(entry["id"]): entry for entry in held.get("certificates") or []}
        names = {identity: _leaf_name(entry.get("certificate")) for identity, entry in certificates.items()}
        used = {entry["hostname"]: entry for entry in held.get("associations") or []}
        for hostname in sorted({plain(name) for name in zone["hostnames"]}):
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
                    "leaf": names.get(str(association.get("certificate_id"))),
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


def leaf_entry(zone: str, leaf: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """One client certificate of the plan, from the result of C(client_certificate), or ``{}`` if nothing was made.

    Where check mode would renew a certificate, the one that is there stands for it. A leaf without a file here, or with
    an older one, is what Cloudflare holds: it has no ``path``, and isn't uploaded.
    """
    held = (leaf.get("held") or {}).get("certificate") or ""
    path, pem = made.get("path", ""), made.get("certificate") or ""
    if not pem and path:
        with open(path, encoding="ascii") as stream:
            pem = stream.read()
    known = _load(held)
    if known is not None and (not pem or not_before(known) > not_before(parse_bundle(pem, path)[0])):
        pem, path = held, ""
    return {
        "zone": zone,
        "leaf": leaf["name"],
        "hostnames": leaf["hostnames"],
        "certificate": pem,
        "path": path,
        "privatekey_path": made["privatekey_path"] if path else "",
        "sha256": describe(parse_bundle(pem, path)[0]).sha256,
    }


def needs_files(leaf: Mapping[str, Any], path: str, renew_before: float, now: datetime) -> bool:
    """Whether a leaf of the plan must be issued, or kept, here: not if Cloudflare holds one that isn't due.

    ``path``: its certificate here. ``renew_before``: days before its end from which on it is renewed.
    """
    held = _load((leaf.get("held") or {}).get("certificate"))
    return os.path.exists(path) or held is None or days_left(held, now) < renew_before


def wanted_at_cloudflare(
    plan: Sequence[Mapping[str, Any]], zone: str, state: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """What to do at Cloudflare for one zone: ``uploads`` that aren't active yet, ``associations`` that differ.

    ``state`` is what was read for the zone. ``uploads`` are leaves of the plan. An association names its certificate by
    ``sha256``, and by ``certificate_id`` where Cloudflare holds it; ``before`` is what is there, as it was read.
    """
    leaves = [leaf for leaf in plan if leaf["zone"] == zone]
    held = {entry.get("sha256"): entry for entry in state.get("certificates") or [] if is_live(entry.get("status"))}
    uploads = [leaf for leaf in leaves if leaf["path"] and held.get(leaf["sha256"], {}).get("status") != ACTIVE]
    used = {entry["hostname"]: entry for entry in state.get("associations") or []}
    associations = []
    for leaf in leaves:
        identity = held.get(leaf["sha256"], {}).get("id")
        for hostname in leaf["hostnames"]:
            there = used.get(hostname)
            done = there is not None and there.get("status") == ACTIVE and there.get("enabled") is True
            if not (done and there is not None and identity is not None and there.get("certificate_id") == identity):
                associations.append(
                    {"hostname": hostname, "sha256": leaf["sha256"], "certificate_id": identity, "before": there}
                )
    return {
        "uploads": [
            {key: leaf[key] for key in ("leaf", "certificate", "sha256", "path", "privatekey_path")} for leaf in uploads
        ],
        "associations": associations,
    }
