# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters C(leaf_plan) and C(needs_files)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Callable

from ansible_collections.originlock.aop.plugins.module_utils._common.hostnames import plain
from ansible_collections.originlock.aop.plugins.module_utils._engine import planning
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError


def leaf_plan(hostnames: Any, **options: Any) -> dict[str, Any]:
    """See the documentation beside this file."""
    try:
        return planning.plan_zone(sorted({plain(name) for name in hostnames}), **options)
    except PkiError as error:
        # A sentence for the user, like all that speaks against a plan.
        return {"leaves": [], "problem": f"{error} {error.remedy}", "warnings": []}


def needs_files(leaf: Any, directory: Any, renew_before: Any) -> bool:
    """See the documentation beside this file."""
    path = f"{directory}/{leaf['name']}.crt"
    return planning.needs_files(leaf, path, float(renew_before), datetime.now(timezone.utc))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {"leaf_plan": leaf_plan, "needs_files": needs_files}
