# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller's side of C(origin_site): nothing unverified reaches an origin."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.originlock.aop.plugins.module_utils._engine import batch
from ansible_collections.originlock.aop.plugins.module_utils._engine.handed import pack
from ansible_collections.originlock.aop.plugins.module_utils._engine.trust import (
    clock_findings,
    issuers,
    untrusted,
    verify,
)
from ansible_collections.originlock.aop.plugins.module_utils._engine.trust import (
    warnings as warnings_of,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import LIBRARY_PROBLEM, LIBRARY_REQUIREMENT


class ActionModule(ActionBase):
    """Verify trust bundles and certificates here, then run the module there."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self._task.args
        if args.get("state") == "reverted" and isinstance(args.get("change"), dict):
            return self._take_back(result, dict(args), task_vars)
        wanted = args.get("hostnames") or []
        warnings: list[str] = []
        # Wrong types and unknown servers are the module's to refuse: it has the specification.
        verifiable = (
            args.get("server") in SERVERS
            and isinstance(wanted, list)
            and all(isinstance(entry, dict) and "name" in entry and "stage" in entry for entry in wanted)
        )
        if verifiable and wanted:
            if LIBRARY_PROBLEM is not None:
                result.update(failed=True, msg=f"Install {LIBRARY_REQUIREMENT} for the Python that runs Ansible here.")
                return result
            try:
                problems = verify(args["server"], wanted, datetime.now(timezone.utc))
                warnings = warnings_of(args["server"], problems)
                reasons = {name: untrusted(found) for name, found in problems.items()}
                args = dict(args, **pack(wanted, issuers, reasons))
            except PkiError as error:
                result.update(failed=True, changed=False, msg=f"{error} {error.remedy}")
                return result
        before = time.time()
        result.update(self._there(args, task_vars))
        result.setdefault("findings", []).extend(clock_findings(before, result.get("now"), time.time()))
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", [])]
        return result

    def _take_back(self, result: dict[str, Any], args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        change = args.pop("change")
        asked = batch.to_ask(change)
        answer = None if asked is None else self._there(dict(args, transaction=asked), task_vars)
        left = {key: (answer or {}).get(key, []) for key in ("left", "warnings")}
        result.update(left, changed=bool((answer or {}).get("changed")), **batch.end(change, answer))
        return result

    def _there(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        there: dict[str, Any] = self._execute_module(
            module_name="originlock.aop.origin_site", module_args=args, task_vars=task_vars
        )
        return there
