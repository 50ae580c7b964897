# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our file in the provider's directory: JSON, which is YAML too, after the headers.

Names stay the same for the whole life of a hostname, because Traefik answers 421 on connections that were made under
another name of TLS options. What changes with the stage is their content.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import marks
from ..model import ENFORCE, LOG_ONLY, MARK, OFF

FILE_NAME = "00-originlock-aop.yml"
#: Begins the names of ours: TLS options and middlewares.
PREFIX = "aop-"
PEM = "aop-certificate"
#: What the access log has to keep: the certificate as Traefik passes it, and our word on the request.
CERTIFICATE_HEADER = "X-Forwarded-Tls-Client-Cert"
STAGE_HEADER = "Originlock-Aop"
#: RequestClientCert verifies nothing, and names the CAs as enforce will.
_KINDS = {LOG_ONLY: "RequestClientCert", ENFORCE: "RequireAndVerifyClientCert"}
_NOTE = re.compile(rf"^# {re.escape(MARK)} options=(\S+) (\{{.*\}})$", re.MULTILINE)


@dataclass(frozen=True)
class Group:
    """Hostnames that share routers, and so TLS options. ``before``: the options that their routers had before."""

    name: str
    hostnames: tuple[str, ...]
    stage: str
    trust: str
    before: str
    settings: str


def option_name(hostname: str) -> str:
    """The name of the TLS options, and of the middleware, for a hostname."""
    return PREFIX + hostname


def mark_name(option: str) -> str:
    """The name of the middleware that marks the requests."""
    return f"{option}-mark"


def text(groups: Mapping[str, Group]) -> bytes:
    """The file for all groups; nothing if there are none."""
    if not groups:
        return b""
    options: dict[str, Any] = {}
    middlewares: dict[str, Any] = {PEM: {"passTLSClientCert": {"pem": True}}}
    stages: dict[str, str] = {}
    notes: list[str] = []
    for name, group in sorted(groups.items()):
        stages.update(dict.fromkeys(group.hostnames, group.stage))
        note = {key: value for key, value in asdict(group).items() if key not in ("name", "trust")}
        notes.append(f"# {MARK} options={name} {json.dumps(note, sort_keys=True)}\n")
        options[name] = json.loads(group.settings)
        if group.stage != OFF:
            options[name]["clientAuth"] = {"clientAuthType": _KINDS[group.stage], "caFiles": [group.trust]}
        empty = {CERTIFICATE_HEADER: "", f"{CERTIFICATE_HEADER}-Info": "", STAGE_HEADER: header_of(group)}
        middlewares[mark_name(name)] = {"headers": {"customRequestHeaders": empty}}
        # What a client has sent under these names goes first.
        middlewares[name] = {"chain": {"middlewares": [mark_name(name), PEM]}}
    content = {"http": {"middlewares": middlewares}, "tls": {"options": options}}
    warning = "# Generated; changes are overwritten. It's JSON, which is YAML.\n"
    return (marks.headers(stages) + "".join(notes) + warning + json.dumps(content, indent=2) + "\n").encode()


def parse(content: bytes) -> dict[str, Group]:
    """The reverse of :func:`text`; what somebody else has made of it isn't known."""
    found: dict[str, Group] = {}
    if not marks.is_ours(content):
        return found
    try:
        lines = content.decode("utf-8")
        data = json.loads("".join(line for line in lines.splitlines(keepends=True) if not line.startswith("#")))
        for name, note in _NOTE.findall(lines):
            values = json.loads(note)
            trust = "".join(data["tls"]["options"][name].get("clientAuth", {}).get("caFiles", []))
            hostnames = tuple(values["hostnames"])
            found[name] = Group(name, hostnames, values["stage"], trust, values["before"], values["settings"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found


def header_of(group: Group) -> str:
    """What a request's header, and the API, say of a group: its stage, and a digest of all that it's made of."""
    digest = hashlib.sha256(json.dumps(asdict(group), sort_keys=True).encode()).hexdigest()
    return f"{group.stage} {digest[:12]}"


def header_in(middleware: Mapping[str, Any]) -> str:
    """The same in what the API answers about a middleware; empty if it has none."""
    headers = (middleware.get("headers") or {}).get("customRequestHeaders") or {}
    return str(headers.get(STAGE_HEADER, ""))
