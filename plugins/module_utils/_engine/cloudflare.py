# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all Cloudflare modules share: argument specs as values that merge, and the client made from parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import client as http
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import pem
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.budget import Budget, budget_file
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run

Spec = dict[str, Any]

API: Spec = {
    "api_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["CLOUDFLARE_API_TOKEN"])},
    "api_email": {"type": "str", "fallback": (env_fallback, ["CLOUDFLARE_EMAIL"])},
    "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["CLOUDFLARE_API_KEY"])},
    "api_url": {
        "type": "str",
        "default": http.DEFAULT_URL,
        "fallback": (env_fallback, ["CLOUDFLARE_BASE_URL"]),
    },
    "timeout": {"type": "int", "default": 30},
    "retries": {"type": "int", "default": 4},
    "rate_budget": {"type": "int", "default": 1200},
    "rate_budget_wait": {"type": "int", "default": 600},
}

CONNECTION: Spec = {**API, "zone": {"type": "str", "required": True}}

WAITING: Spec = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}

Work = Callable[[AnsibleModule, http.Client], dict[str, Any]]


def merge(*specs: Mapping[str, Any]) -> Spec:
    """One argument spec out of several; later ones win."""
    merged: Spec = {}
    for spec in specs:
        merged.update(spec)
    return merged


def client_from(module: AnsibleModule) -> http.Client:
    """The client that the connection parameters describe. Fails the module where a library is missing."""
    for present, library in ((http.HAS_REQUESTS, "requests"), (pem.HAS_CRYPTOGRAPHY, "cryptography")):
        if not present:
            module.fail_json(msg=missing_required_lib(library))
    params = module.params
    credentials = http.Credentials(params["api_token"], params["api_email"], params["api_key"])
    url = http.checked_url(params["api_url"])
    limit = max(0, params["rate_budget"])
    path = budget_file(f"{url}\0{credentials.identity()}") if limit else None
    budget = Budget(path, limit, max_wait=params["rate_budget_wait"], notify=module.warn)
    return http.Client(
        credentials, url, timeout=max(1, params["timeout"]), retries=max(0, params["retries"]), budget=budget
    )


def run_with_client(module: AnsibleModule, work: Work) -> None:
    """Call ``work`` with a client; adds ``api_calls`` to the result, also to that of a failure."""

    def whole(module: AnsibleModule) -> dict[str, Any]:
        client = client_from(module)
        try:
            result = work(module, client)
        except UserError as error:
            error.facts["api_calls"] = client.calls
            raise
        result["api_calls"] = client.calls
        return result

    run(module, whole)
