# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of C(origin_site) and C(origin_site_info) to the work on the origin."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._common.hostnames import plain
from .._origin import apply as engine
from .._origin.command import run
from .._origin.model import ENFORCE, LOG_ONLY, STAGES, Driver, Options, Protection
from .._origin.rules.ahead import refused
from .._origin.servers import SERVERS, load
from .distribution import paths_here
from .evidence import with_sites
from .handed import unpack

SERVER_SPEC: dict[str, Any] = {
    "server": {"type": "str", "required": True, "choices": sorted(SERVERS)},
    "paths": {"type": "dict", "default": {}},
}

HOSTNAME_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "stage": {"type": "str", "required": True, "choices": list(STAGES)},
    "trust_bundle": {"type": "str", "default": ""},
    "certificate": {"type": "str", "default": ""},
}

SITE_SPEC: dict[str, Any] = dict(
    SERVER_SPEC,
    hostnames={"type": "list", "elements": "dict", "default": [], "options": HOSTNAME_SPEC},
    state={"type": "str", "default": "present", "choices": ["present", "confirmed", "reverted"]},
    transaction={"type": "str", "default": ""},
    never_relax={"type": "bool", "default": False},
    relax_only={"type": "bool", "default": False},
    manage_sites={"type": "bool", "default": True},
    plain_http={"type": "str", "default": "refuse", "choices": ["redirect", "refuse"]},
    log_path={"type": "path"},
    confirm_within={"type": "int", "default": 0},
    change={"type": "dict"},
    _handed={"type": "dict", "default": {}, "no_log": False},
)

SITE_INFO_SPEC: dict[str, Any] = dict(
    SERVER_SPEC,
    hostnames={"type": "list", "elements": "str", "default": []},
    manage_sites=SITE_SPEC["manage_sites"],
    plain_http=SITE_SPEC["plain_http"],
    log_path=SITE_SPEC["log_path"],
    log={"type": "dict"},
)


def work(module: AnsibleModule) -> dict[str, Any]:
    """What ``origin_site`` does."""
    params = module.params
    if params["state"] == "confirmed":
        changed = engine.confirm(params["transaction"], run, module.check_mode)
        return {"changed": changed, "outcome": "confirmed"}
    if params["state"] == "reverted":
        reverted = engine.revert(_load, params["server"], params["transaction"], run, module.check_mode)
        _warn(module, reverted.left)
        return {
            "changed": reverted.outcome == "reverted",
            "outcome": reverted.outcome,
            "left": [dict(entry) for entry in reverted.left],
            "recovered": list(reverted.transactions),
        }
    wanted = unpack(params["hostnames"], params["_handed"])
    options = _options(params, never_relax=params["never_relax"], relax_only=params["relax_only"])
    # Only what becomes stricter can lock anybody out, so only that needs to be confirmed.
    confirm_within = params["confirm_within"] if any(entry.stage == ENFORCE for entry in wanted) else 0
    outcome = engine.apply(
        _driver(params), wanted, options, run, module.check_mode, confirm_within, paths=paths_here(params["paths"])
    )
    _warn(module, outcome.left)
    return dict(outcome.as_dict(module._diff), now=time.time())


def read(module: AnsibleModule) -> dict[str, Any]:
    """What ``origin_site_info`` does."""
    driver = _driver(module.params)
    found = driver.discover()
    names = [plain(name) for name in module.params["hostnames"]]
    sites = driver.inspect(found, names)
    next_up = dict.fromkeys(site.hostname for site in sites if site.stage_after == LOG_ONLY)
    wanted = [Protection(name, ENFORCE) for name in next_up]
    findings = refused(partial(driver.plan, found), wanted, _options(module.params)) if wanted else ()
    log = module.params["log"]
    told = {} if log is None else {"evidence": with_sites(module.params["server"], log, module.check_mode)}
    return {
        **told,
        "changed": False,
        "sites": [site.as_dict() for site in sites],
        "findings": [finding.as_dict() for finding in findings],
        "lost": [one.as_dict() for one in driver.lost(found) if not names or one.hostname in names],
        "pending": engine.pending(module.params["server"], run),
    }


def _options(params: dict[str, Any], **more: bool) -> Options:
    log_path = params["log_path"] or ""
    return Options(manage_sites=params["manage_sites"], plain_http=params["plain_http"], log_path=log_path, **more)


def _driver(params: dict[str, Any]) -> Driver[Any]:
    return _load(params["server"], paths_here(params["paths"]))


def _load(server: str, paths: Mapping[str, str]) -> Driver[Any]:
    return load(server, paths, run)


def _warn(module: AnsibleModule, left: Sequence[Mapping[str, str]]) -> None:
    for entry in left:
        module.warn(engine.sentence(entry))
