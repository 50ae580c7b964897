# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of C(origin_probe) to a report."""

from __future__ import annotations

import math
import shutil
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._common.hostnames import hostname
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import remedies
from ansible_collections.originlock.aop.plugins.module_utils._probe import mint, targets
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    BAD,
    ENFORCE,
    EXPECTATIONS,
    OTHER,
    VALID,
    Hostname,
    Identity,
    Origin,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import Report, prove, reckon
from ansible_collections.originlock.aop.plugins.module_utils._probe.table import render

_OURS = ("certificate", "private_key", "private_key_passphrase")
_CA = ("ca_certificate", "ca_private_key", "ca_private_key_passphrase")
_POSITIVE = ("connect_timeout", "timeout", "time_limit", "rate", "workers")
_QUIET = ("enforced", "misrouted", "closed", "served")
# Names and certificates of other hostnames that are tried at each hostname unless the user names others.
_NEIGHBOURS = 2


def _files(*names: str) -> dict[str, Any]:
    return {
        name: {"type": "str", "no_log": True} if name.endswith("passphrase") else {"type": "path"} for name in names
    }


ORIGIN_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int"},
    "plain_ports": {"type": "list", "elements": "int", "default": [80]},
    "quic_ports": {"type": "list", "elements": "int", "default": []},
    "listeners": {"type": "list", "elements": "str", "default": []},
    "other_listeners": {"type": "list", "elements": "str", "default": []},
}

HOSTNAME_SPEC: dict[str, Any] = dict(
    _files(*_OURS, *_CA),
    name={"type": "str", "required": True},
    expect={"type": "str", "choices": list(EXPECTATIONS)},
    edge_status={"type": "int", "default": 0},
    alike={"type": "str", "default": ""},
)

PROBE_SPEC: dict[str, Any] = dict(
    _files(*_OURS, *_CA),
    origins={"type": "list", "elements": "dict", "required": True, "options": ORIGIN_SPEC},
    hostnames={"type": "list", "elements": "dict", "required": True, "options": HOSTNAME_SPEC},
    expect={"type": "str", "default": ENFORCE, "choices": list(EXPECTATIONS)},
    other_certificates={
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": dict(_files(*_OURS), name={"type": "str", "required": True}),
    },
    certificates={"type": "list", "elements": "str", "choices": list(BAD), "default": list(BAD)},
    foreign_sni={"type": "list", "elements": "str", "default": []},
    edge={"type": "str", "default": ""},
    edge_for_every_origin={"type": "bool", "default": False},
    paths={"type": "list", "elements": "str", "default": ["/"]},
    depth={"type": "str", "default": "full", "choices": ["full", "quick"]},
    rows={"type": "str", "default": "noteworthy", "choices": ["all", "noteworthy", "none"]},
    connect_timeout={"type": "float", "default": 5.0},
    timeout={"type": "float", "default": 10.0},
    time_limit={"type": "float", "default": 300.0},
    rate={"type": "float", "default": 50.0},
    workers={"type": "int", "default": 8},
    retries={"type": "int", "default": 2},
    reckon_only={"type": "bool", "default": False},
)


def work(module: AnsibleModule) -> dict[str, Any]:
    """What C(origin_probe) does. It only reads, so check mode is no different."""
    params = module.params
    _check(params)
    names = [hostname(entry["name"]) for entry in params["hostnames"]]
    settings = _settings(params, names)
    origins = [_origin(entry) for entry in params["origins"]]
    directory = Path(tempfile.mkdtemp(prefix="originlock-probe-", dir=module.tmpdir))
    try:
        forged: dict[str, list[Identity]] = {}
        hostnames = [
            _hostname(name, entry, params, directory / str(number), forged)
            for number, (name, entry) in enumerate(zip(names, params["hostnames"]))
        ]
        hostnames, quick = _with_neighbours(hostnames), params["depth"] == "quick"
        seconds = reckon(origins, hostnames, settings, quick)
        if seconds > settings.time_limit:
            raise _too_long(seconds, len(hostnames), settings)
        if params["reckon_only"]:
            return {"changed": False, "seconds": round(seconds, 1)}
        report = prove(origins, hostnames, settings, quick)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return dict(_result(report, params["rows"]), seconds=round(seconds, 1))


def _too_long(seconds: float, hostnames: int, settings: Settings) -> UserError:
    rate = math.ceil(settings.rate * seconds / settings.time_limit * 1.2)
    limit = math.ceil(seconds * 1.2)
    return UserError(
        f"Probing {hostnames} hostnames takes at least {seconds:.0f} s at {settings.rate:g} connections a second to "
        f"each origin, but time_limit is {settings.time_limit:g} s. Nothing was sent.",
        f"Set rate (aop_probe_rate) to {rate} if the origins bear that, or time_limit (aop_probe_time_limit) to "
        f"{limit} and aop_confirm_seconds to more than that, or depth (aop_probe_depth) to quick.",
        seconds=round(seconds, 1),
    )


def _result(report: Report, rows: str) -> dict[str, Any]:
    worth = [row for row in report.rows if row.verdict not in _QUIET and not row.case.baseline]
    shown = {"all": list(report.rows), "noteworthy": worth, "none": []}[rows]
    return {
        "changed": False,
        "as_expected": all(summary.as_expected for summary in report.summaries),
        "summary": [summary.as_dict() for summary in report.summaries],
        "holes": [hole.as_dict() for summary in report.summaries for hole in summary.holes],
        "findings": [finding.as_dict() for summary in report.summaries for finding in summary.findings],
        "rows": [row.as_dict() for row in shown],
        "table": render(report.summaries),
    }


def _check(params: dict[str, Any]) -> None:
    """What the specification can't tell: lists with something in them, and numbers that make sense."""
    for name in ("origins", "hostnames"):
        if not params[name]:
            raise UserError(f"There are no {name} to probe.", f"Give at least one entry in {name}.")
    for name in _POSITIVE:
        if not (math.isfinite(params[name]) and params[name] > 0):
            raise UserError(f"{name} is {params[name]}.", "Give a number above 0.")
    if params["retries"] < 0:
        raise UserError(f"retries is {params['retries']}.", "Give 0 or more.")


def _settings(params: dict[str, Any], names: list[str]) -> Settings:
    edge = params["edge"].strip()
    host, _colon, port = edge.rpartition(":")
    if edge and edge != "dns" and not (host and port.isdigit() and 0 < int(port) < 65536):
        raise UserError(f"'{edge}' is no place of an edge.", "Write edge: dns, or HOST:PORT.")
    foreign = [hostname(name) for name in params["foreign_sni"]] or names[: _NEIGHBOURS + 1]
    return Settings(
        connect_timeout=params["connect_timeout"],
        timeout=params["timeout"],
        time_limit=params["time_limit"],
        rate=params["rate"],
        workers=params["workers"],
        retries=params["retries"],
        paths=tuple(targets.path(text) for text in params["paths"]) or ("/",),
        foreign_sni=tuple(dict.fromkeys(foreign)),
        edge=edge,
        edge_for_every_origin=params["edge_for_every_origin"],
        servers=remedies(),
    )


def _origin(entry: dict[str, Any]) -> Origin:
    made = targets.origin(
        entry["name"],
        entry["addresses"] or [entry["name"]],
        entry["ports"],
        entry["plain_ports"],
        entry["quic_ports"],
        entry["listeners"],
        entry["other_listeners"],
    )
    if not made.listeners:
        raise UserError(f"Origin '{entry['name']}' has no listener to probe.", "Give ports, plain_ports or listeners.")
    return made


def _hostname(
    name: str, entry: dict[str, Any], params: dict[str, Any], directory: Path, forged: dict[str, list[Identity]]
) -> Hostname:
    """``forged`` keeps the forged certificates of each class of hostnames, which are those of its first."""
    # A certificate and its key belong together, so they are taken from one place.
    own = entry if entry["certificate"] else params
    authority = entry if entry["ca_certificate"] else params
    expect = entry["expect"] or params["expect"]
    identities = []
    if own["certificate"] and own["private_key"]:
        identities.append(_identity(VALID, own))
    identities += [_identity(OTHER + other["name"], other) for other in params["other_certificates"]]
    made = forged.get(entry["alike"], []) if entry["alike"] else []
    if params["certificates"] and not made:
        directory.mkdir(mode=0o700)
        ours = mint.Ours(
            ca=_read(authority["ca_certificate"]),
            leaf=_read(own["certificate"]),
            ca_key=_read(authority["ca_private_key"]),
            ca_passphrase=authority["ca_private_key_passphrase"] or "",
        )
        made = mint.mint(name, ours, directory)
        forged[entry["alike"]] = made
    identities += [identity for identity in made if identity.kind in params["certificates"]]
    return Hostname(name, expect, tuple(identities), entry["edge_status"], entry["alike"])


def _with_neighbours(hostnames: list[Hostname]) -> list[Hostname]:
    """Let each hostname be tried with the leaves of others, too, where those are of another CA."""
    if not mint.HAS_CRYPTOGRAPHY:
        return hostnames
    leaves = {entry.name: entry.identity(VALID) for entry in hostnames if entry.identity(VALID).certificate}
    pems = {name: _read(leaf.certificate) for name, leaf in leaves.items()}
    # One leaf of each CA.
    strangers: list[str] = []
    for name, pem in pems.items():
        if not any(mint.same_issuer(pem, pems[other]) for other in strangers):
            strangers.append(name)
    result = []
    for entry in hostnames:
        own = pems.get(entry.name, b"")
        others = [name for name in strangers if own and not mint.same_issuer(own, pems[name])][:_NEIGHBOURS]
        more = [replace(leaves[name], kind=OTHER + name) for name in others]
        result.append(replace(entry, identities=(*entry.identities, *more)))
    return result


def _identity(kind: str, given: dict[str, Any]) -> Identity:
    """A certificate and key of the user, checked by loading them once."""
    certificate, key = given["certificate"] or "", given["private_key"] or ""
    passphrase = given["private_key_passphrase"] or ""
    for path in (certificate, key):
        _read(path or "(none)")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, passphrase)
    except (ssl.SSLError, OSError, ValueError):
        raise UserError(
            f"The certificate '{certificate}' and the key '{key}' can't be used.",
            "Both have to be PEM, the key has to be the certificate's, and its passphrase right.",
        ) from None
    return Identity(kind, certificate, key, passphrase)


def _read(path: str | None) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}.", "Give a file on the controller.") from None
