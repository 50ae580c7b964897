# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the evidence modules to the work: reading logs, sending canaries, judging."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._common.errors import InvalidInput, UserError
from .._common.hostnames import plain
from .._evidence import canary, gate, times
from .._evidence.certificates import Certificates, generations
from .._evidence.exceptions import Exceptions, declared
from .._evidence.gate_types import Limits
from .._evidence.ranges import CLOUDFLARE_RANGES, Ranges
from .._evidence.reader import read
from .._evidence.scan import Question
from .._origin.servers import SERVERS

CERTIFICATE_SPEC: dict[str, Any] = {
    "label": {"type": "str"},
    "sha256": {"type": "str"},
    "sha1": {"type": "str"},
    "serial": {"type": "str"},
    "issuer": {"type": "str"},
    "current": {"type": "bool", "default": True},
    "hostnames": {"type": "list", "elements": "str", "default": []},
}

EXCEPTION_SPEC: dict[str, Any] = {
    "source": {"type": "str", "required": True},
    "hostname": {"type": "str", "required": True},
    "path": {"type": "str", "default": "*"},
    "expires": {"type": "str", "required": True},
    "reason": {"type": "str", "default": ""},
}

EVIDENCE_SPEC: dict[str, Any] = {
    "server": {"type": "str", "choices": sorted(SERVERS)},
    "path": {"type": "path"},
    "hostnames": {"type": "list", "elements": "str", "default": []},
    "since": {"type": "str", "default": ""},
    "cursor": {"type": "dict"},
    "cursor_file": {"type": "path"},
    "edge_ranges": {"type": "list", "elements": "str", "default": []},
    "exceptions": {"type": "list", "elements": "dict", "default": [], "options": EXCEPTION_SPEC},
    "certificates": {"type": "list", "elements": "dict", "default": [], "options": CERTIFICATE_SPEC},
    "nonces": {"type": "list", "elements": "str", "default": []},
    "offenders": {"type": "int", "default": 50},
    "workers": {"type": "int", "default": 0},
}

CANARY_SPEC: dict[str, Any] = {
    "requests": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "hostname": {"type": "str", "required": True},
            "nonces": {"type": "list", "elements": "str", "default": []},
            "count": {"type": "int", "default": 1},
            "connect_to": {"type": "str"},
        },
    },
    "connect_to": {"type": "str"},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 15.0},
    "concurrency": {"type": "int", "default": 8},
}

GATE_SPEC: dict[str, Any] = {
    "evidence": {"type": "dict", "required": True},
    "hostnames": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "origins": {"type": "list", "elements": "str", "default": []},
            "certificate": {
                "type": "dict",
                "options": {"status": {"type": "str", "required": True}, "days_left": {"type": "float"}},
            },
            "association": {
                "type": "dict",
                "options": {"enabled": {"type": "bool", "required": True}, "status": {"type": "str", "default": ""}},
            },
        },
    },
    "canaries": {"type": "list", "elements": "dict", "default": []},
    "exceptions": {"type": "list", "elements": "dict", "default": [], "options": EXCEPTION_SPEC},
    "min_requests": {"type": "int", "default": 1},
    "without_visitors": {"type": "list", "elements": "str", "default": []},
    "min_days": {"type": "float", "default": 14.0},
    "max_unreadable": {"type": "int", "default": 0},
    "require_canary": {"type": "bool", "default": True},
    "direct_callers": {"type": "str", "default": "refuse", "choices": ["refuse", "report"]},
    "override_reason": {"type": "str", "default": ""},
    "fail": {"type": "bool", "default": True},
}


def gather(module: AnsibleModule) -> dict[str, Any]:
    """What ``origin_evidence`` does."""
    return dict(what_the_log_says(module.params, module.check_mode), changed=False)


def with_sites(server: str, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """The same for C(origin_site_info), whose option C(log) holds the ``options`` of C(origin_evidence).

    :raises InvalidInput: they aren't options of it.
    """
    checked = ArgumentSpecValidator(EVIDENCE_SPEC).validate({**options, "server": server})
    if checked.error_messages:
        raise InvalidInput(f"log: {'; '.join(checked.error_messages)}", "See the options of origin_evidence.")
    return what_the_log_says(checked.validated_parameters, check_mode)


def what_the_log_says(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read a verification log; ``params`` as in :data:`EVIDENCE_SPEC`."""
    path = params["path"] or _default_path(params["server"])
    certificates = Certificates(generations(params["certificates"]))
    since = times.moment(params["since"], time.time())
    question = Question(
        edge=Ranges(params["edge_ranges"] or CLOUDFLARE_RANGES),
        certificates=certificates,
        exceptions=Exceptions(declared(params["exceptions"]), datetime.now(timezone.utc).date()),
        servers=SERVERS,
        adapt=SERVERS[params["server"]].adapt if params["server"] else None,
        hostnames=frozenset(plain(name) for name in params["hostnames"]),
        nonces=frozenset(params["nonces"]),
        since=since,
    )
    cursor = params["cursor"] or _load_cursor(params["cursor_file"])
    reading = read(path, question, cursor, params["workers"] or min(2, _processors()))
    if params["cursor_file"] and reading.cursor and not check_mode:
        _save_cursor(params["cursor_file"], reading.cursor)
    return dict(
        reading.tally.as_dict(certificates.current, params["offenders"]),
        path=path,
        found=reading.found,
        files=reading.files,
        not_read=reading.not_read,
        bytes_read=reading.bytes_read,
        since=times.iso(since),
        cursor=reading.cursor,
        cursor_lost=reading.lost,
        missing_nonces=sorted(question.nonces - set(reading.tally.nonces)),
    )


def _processors() -> int:
    """Those that this process may use: a container or a unit may have been given fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _default_path(server: str | None) -> str:
    candidates = SERVERS[server or ""].logs
    return next((path for path in candidates if _may_exist(path)), candidates[0])


def _may_exist(path: str) -> bool:
    """False only where it's certain that there is no such file."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _load_cursor(path: str | None) -> dict[str, Any] | None:
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"The position in {path} can't be read: {error}.", "Remove the file to read anew.") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds no position of this module.", "Choose another cursor_file, or remove it.")
    return found


def _save_cursor(path: str, cursor: dict[str, Any]) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".originlock-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(cursor, stream)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"The position can't be kept in {path}: {error}.", "Create its directory first.") from error


def send_canaries(module: AnsibleModule) -> dict[str, Any]:
    """What ``edge_canary`` does."""
    params = module.params
    canary.check_timeout(params["timeout"])
    canaries = canary.plan(params["requests"], params["connect_to"] or "")
    settings = canary.context(params["ca_path"] or "", params["validate_certs"])
    nonces = [entry.nonce for entry in canaries]
    if module.check_mode:
        return {"changed": False, "sent": False, "requests": [], "nonces": [], "failed_requests": 0}
    answers = canary.send(canaries, settings, params["timeout"], params["concurrency"])
    return {
        "changed": False,
        "sent": bool(answers),
        "requests": [answer.as_dict() for answer in answers],
        "nonces": nonces,
        "failed_requests": sum(1 for answer in answers if answer.error),
    }


def judge(module: AnsibleModule) -> dict[str, Any]:
    """What ``evidence_gate`` does."""
    params = module.params
    limits = Limits(
        min_requests=params["min_requests"],
        min_days=params["min_days"],
        max_unreadable=params["max_unreadable"],
        canary=params["require_canary"],
        refuse_direct=params["direct_callers"] == "refuse",
        override_reason=params["override_reason"],
        without_visitors=frozenset(map(plain, params["without_visitors"])),
    )
    evidence = {origin: found if isinstance(found, dict) else None for origin, found in params["evidence"].items()}
    verdicts, proposals = gate.judge(
        evidence,
        params["hostnames"],
        params["canaries"],
        declared(params["exceptions"]),
        limits,
        datetime.now(timezone.utc).date(),
    )
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    overridden = [verdict for verdict in verdicts if verdict.overridden]
    result: dict[str, Any] = {
        "changed": False,
        "allowed": not refused,
        "verdicts": [verdict.as_dict() for verdict in verdicts],
        "proposed_exceptions": proposals,
        "table": gate.table(verdicts),
        "overridden": len(overridden),
        "override_reason": params["override_reason"] if overridden else "",
    }
    for verdict in overridden:
        module.warn(f"Override ({params['override_reason']}): {verdict.message()}")
    if overridden:
        module.log(f"evidence_gate: {len(overridden)} refusals overridden, reason: {params['override_reason']}")
    if refused and params["fail"]:
        lines = [verdict.message() for verdict in refused[:10]]
        more = f" (and {len(refused) - 10} more)" if len(refused) > 10 else ""
        raise UserError(f"The gate refuses {len(refused)} of {len(verdicts)}{more}: " + " | ".join(lines), "", **result)
    result["msg"] = f"{len(verdicts) - len(refused)} of {len(verdicts)} may be enforced."
    return result
