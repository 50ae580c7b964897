# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of C(aop_plan): read all zones and the PKI directory, plan, and make what is missing if asked to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._cloudflare import findings as cf
from .._cloudflare.associations import get_associations
from .._cloudflare.client import Client
from .._cloudflare.errors import CloudflareError
from .._cloudflare.limits import CERTIFICATES_PER_ZONE, HOSTNAMES_PER_CERTIFICATE
from .._cloudflare.operations import LIST_IPS
from .._cloudflare.survey import survey
from .._common.errors import InvalidInput, UserError
from .._pki.errors import PkiError
from . import files, pki
from . import zones as words
from .cloudflare_preflight import stop
from .fleet import generations
from .pki_authority import CLIENT_CA_SPEC, client_ca
from .pki_leaf import CLIENT_CERTIFICATE_SPEC, client_certificate
from .planning import leaf_entry, needs_files, plan_zone, protections, wanted_at_cloudflare

PLAN_SPEC: dict[str, Any] = {
    "zones": {"type": "raw", "required": True},
    "state": {"type": "str", "default": "read", "choices": ["read", "trusted", "present"]},
    "ask_cloudflare": {"type": "bool", "default": True},
    "edge_ranges": {"type": "bool", "default": True},
    "dns_check": {"type": "str", "default": "unassociated", "choices": ["all", "unassociated", "none"]},
    "fail_on": {"type": "str", "default": "error", "choices": ["none", "error", "warning"]},
    "min_days": {"type": "int", "default": 14},
    "pki_dir": {"type": "path", "required": True},
    "passphrase": {"type": "str", "no_log": True},
    "key_type": {"type": "str", "default": "RSA", "choices": ["RSA", "ECDSA"]},
    "key_size": {"type": "int", "default": 4096, "no_log": False},
    "curve": {"type": "str", "default": "P-256", "choices": ["P-256", "P-384"]},
    "ca_valid_days": {"type": "int", "default": 1826},
    "valid_days": {"type": "int", "default": 730},
    "renew_before": {"type": "float", "default": 30},
    "take_over": {"type": "bool", "default": False},
    "certificates_per_zone": {"type": "int", "default": CERTIFICATES_PER_ZONE},
    "hostnames_per_certificate": {"type": "int", "default": HOSTNAMES_PER_CERTIFICATE},
}

State = dict[str, dict[str, Any]]


def plan(module: AnsibleModule, client: Client | None) -> dict[str, Any]:
    """Result of C(aop_plan). Without ``client`` Cloudflare isn't asked."""
    params = module.params
    problems = words.problems(params["zones"])
    for name in ("certificates_per_zone", "hostnames_per_certificate"):
        if params[name] < 1:
            problems.append(f"client_pki_{name} must be 1 or more. Leave it out for Cloudflare's usual limit.")
    if problems:
        raise InvalidInput("Nothing was changed. " + " ".join(problems))
    zones = words.normalised(params["zones"])
    found: list[cf.Finding] = []
    state: State = {}
    ranges: list[str] = []
    if client is not None:
        state = {zone["name"]: _read(client, zone, params, found) for zone in zones}
        found.sort(key=lambda one: cf.SEVERITIES.index(one.severity))
        told = [one.public() for one in found if one.severity != cf.INFO]
        stop({"findings": told}, found, params["fail_on"])
        _all_read(zones, state, found)
        if params["edge_ranges"]:
            ranges = _edge_ranges(client, found)
    result: dict[str, Any] = {"changed": False, "made": [], "advice": []}
    bundles = {zone["name"]: _authority(zone, params) for zone in zones}
    leaves: list[dict[str, Any]] = []
    if params["state"] == "present":
        leaves = _make(module, zones, state, bundles, result)
    result["advice"] += [
        f"{one.severity} {one.code}: {one.message} {one.remedy}" for one in found if one.severity != cf.INFO
    ]
    entries = protections(zones, state, bundles, leaves)
    result.update(
        findings=[one.public() for one in found],
        protections=entries,
        generations=generations(entries, state),
        edge_ranges=ranges,
        certificates=[{key: leaf[key] for key in ("zone", "leaf", "hostnames", "sha256", "path")} for leaf in leaves],
        cloudflare=[
            {
                "zone": zone["name"],
                "zone_id": state[zone["name"]]["id"],
                "listed": state[zone["name"]]["listed"],
                **wanted_at_cloudflare(leaves, zone["name"], state[zone["name"]]),
            }
            for zone in zones
            if zone["name"] in state
        ],
    )
    return result


def _read(
    client: Client, zone: Mapping[str, Any], params: Mapping[str, Any], found: list[cf.Finding]
) -> dict[str, Any]:
    hostnames = zone["hostnames"]
    seen = survey(client, zone["name"], hostnames, params["dns_check"])
    wanted = cf.Plan(
        hostnames=hostnames,
        purposes=["upload", "associate"],
        new_certificates=None,
        known=(),
        min_days=params["min_days"],
        now=pki.utc_now(),
        certificates_per_zone=params["certificates_per_zone"],
        hostnames_per_certificate=params["hostnames_per_certificate"],
    )
    found.extend(cf.judge(seen, wanted))
    reading = seen.associations
    listed = reading is not None and reading.complete
    if seen.zone is not None and seen.certificates and reading is not None and not listed:
        reading = get_associations(client, seen.zone.id, hostnames)
    certificates, associations = seen.certificates, reading.associations if reading is not None else None
    return {
        "id": seen.zone.id if seen.zone else None,
        "listed": listed,
        "certificates": None if certificates is None else [one.public() for one in certificates],
        "associations": None if associations is None else [one.public() for _name, one in sorted(associations.items())],
    }


def _all_read(zones: Sequence[Mapping[str, Any]], state: State, found: Sequence[cf.Finding]) -> None:
    for zone in zones:
        held = state[zone["name"]]
        if None in (held["id"], held["certificates"], held["associations"]):
            errors = [one for one in found if one.severity == cf.ERROR]
            raise CloudflareError(
                f"The certificates or associations of {zone['name']} could not be read at Cloudflare: "
                + " ".join(one.message for one in errors),
                " ".join(dict.fromkeys(one.remedy for one in errors)),
            )


def _edge_ranges(client: Client, found: list[cf.Finding]) -> list[str]:
    """Where the edge comes from; empty if that can't be read, which is told."""
    try:
        item = client.call(LIST_IPS).item()
    except UserError as error:
        remedy = "Set aop_edge_ranges to Cloudflare's published ranges, or run again."
        found.append(cf.Finding("edge_ranges_unknown", cf.WARNING, str(error), remedy))
        return []
    return [*(item.get("ipv4_cidrs") or []), *(item.get("ipv6_cidrs") or [])]


def _paths(zone: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[str, str, str]:
    """Directory of the zone, certificate and key of its CA."""
    home = os.path.join(params["pki_dir"], zone["name"])
    own = [os.path.expanduser(zone.get(key) or "") for key in ("ca_path", "ca_privatekey_path")]
    return home, own[0] or os.path.join(home, "ca.crt"), own[1] or os.path.join(home, "ca.key")


def _authority(zone: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """The certificate of the zone's CA; empty where there is none."""
    path = _paths(zone, params)[1]
    if params["state"] == "read" and not params["ask_cloudflare"]:
        return ""
    text = files.read_text(path, "The CA certificate")
    if text is None and params["state"] == "trusted":
        raise PkiError(
            f"The certificate of the client CA of {zone['name']} isn't at {path}.",
            "Run originlock.aop.onboard first, restore the PKI directory, or set aop_pki_dir to the directory that "
            "onboard used. The certificate is enough here, the key isn't needed. Nothing was changed; rollback needs "
            "neither.",
        )
    return text or ""


def _make(
    module: AnsibleModule,
    zones: Sequence[Mapping[str, Any]],
    state: State,
    bundles: dict[str, str],
    result: dict[str, Any],
) -> list[dict[str, Any]]:
    """All zones are planned before anything is made. Returns the leaves; ``bundles`` get the new CAs."""
    params = module.params
    plans = []
    for zone in zones:
        held = state.get(zone["name"]) or {"certificates": [], "associations": []}
        planned = plan_zone(
            zone["hostnames"],
            zone["name"],
            _paths(zone, params)[1],
            bundles[zone["name"]],
            held["certificates"],
            held["associations"],
            params["certificates_per_zone"],
            params["hostnames_per_certificate"],
            params["take_over"],
        )
        if planned["problem"]:
            raise PkiError(planned["problem"])
        result["advice"].extend(f"warning {one}" for one in planned["warnings"])
        plans.append(planned["leaves"])
    if not params["passphrase"]:
        raise PkiError(
            f"aop_ca_passphrase is empty. It protects the key of the client CA of {zones[0]['name']}.",
            "Set it in a vault file (ansible-vault create group_vars/all/vault.yml).",
        )
    maker = _Maker(module, result)
    return [leaf for zone, leaves in zip(zones, plans) for leaf in maker.zone(zone, leaves, bundles)]


class _Maker:
    """Makes CAs and leaves. In check mode what is missing is made in a directory that goes with the module."""

    def __init__(self, module: AnsibleModule, result: dict[str, Any]) -> None:
        self._module = module
        self._result = result
        params = module.params
        kind = {"RSA": "key_size", "ECDSA": "curve"}[params["key_type"]]
        self._key = {"key_type": params["key_type"], kind: params[kind]}

    def zone(
        self, zone: Mapping[str, Any], leaves: Sequence[Mapping[str, Any]], bundles: dict[str, str]
    ) -> list[dict[str, Any]]:
        """The CA and the leaves of one zone."""
        params, check = self._module.params, bool(self._module.check_mode)
        home, path, key_path = _paths(zone, params)
        scratch = os.path.join(self._module.tmpdir, zone["name"]) if check else ""
        for directory in (params["pki_dir"], home, os.path.join(home, "leaves")):
            self._directory(directory)
        rehearsed = check and not os.path.isfile(path)
        if check:
            os.makedirs(os.path.join(scratch, "leaves"), mode=0o700, exist_ok=True)
        if rehearsed:
            path, key_path = os.path.join(scratch, "ca.crt"), os.path.join(scratch, "ca.key")
        authority = self._run(
            client_ca,
            CLIENT_CA_SPEC,
            check and not rehearsed,
            f"client CA of {zone['name']}",
            zone=zone["name"],
            path=path,
            privatekey_path=key_path,
            passphrase=params["passphrase"],
            valid_days=params["ca_valid_days"],
            renew_before=min(params["valid_days"] + 30, params["ca_valid_days"] - 1),
        )
        bundles[zone["name"]] = authority["certificate"] or bundles[zone["name"]]
        done = []
        for leaf in leaves:
            stem = os.path.join(home, "leaves", leaf["name"])
            made: dict[str, Any] = {}
            # A leaf of ours that Cloudflare holds needs no file here until it's due.
            if needs_files(leaf, f"{stem}.crt", params["renew_before"], pki.utc_now()):
                apart = check and (rehearsed or not os.path.isfile(f"{stem}.crt"))
                stem = os.path.join(scratch, "leaves", leaf["name"]) if apart else stem
                made = self._run(
                    client_certificate,
                    CLIENT_CERTIFICATE_SPEC,
                    check and not apart,
                    f"client certificate {leaf['name']} ({len(leaf['hostnames'])} hostnames)",
                    common_name=leaf["name"],
                    path=f"{stem}.crt",
                    privatekey_path=f"{stem}.key",
                    ca_path=path,
                    ca_privatekey_path=key_path,
                    ca_passphrase=params["passphrase"],
                    valid_days=params["valid_days"],
                    renew_before=params["renew_before"],
                    on_ca_expiry="clamp",
                )
            done.append(leaf_entry(zone["name"], leaf, made))
        return done

    def _run(self, work: Any, spec: Mapping[str, Any], check: bool, what: str, **given: Any) -> dict[str, Any]:
        options = {name: one.get("default") for name, one in spec.items()}
        result: dict[str, Any] = work(_Part(self._module, {**options, "mode": None, **self._key, **given}, check))
        if result["changed"]:
            self._result["changed"] = True
            self._result["made"].append({"what": what, "reasons": result["reasons"]})
        return result

    def _directory(self, path: str) -> None:
        there = os.path.isdir(path)
        if there and not os.stat(path).st_mode & 0o077:
            return
        self._result["changed"] = True
        if self._module.check_mode:
            return
        try:
            if there:
                os.chmod(path, 0o700)
            else:
                os.makedirs(path, mode=0o700)
        except OSError as error:
            raise PkiError(
                f"The directory {path} can't be made, or kept to its owner: {error.strerror}.",
                "Set aop_pki_dir to a directory that you may write.",
            ) from None


class _Part:
    """A module for one of the things that it makes: other options, everything else its own."""

    def __init__(self, module: AnsibleModule, params: dict[str, Any], check_mode: bool) -> None:
        self._module = module
        self.params = params
        self.check_mode = check_mode

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
