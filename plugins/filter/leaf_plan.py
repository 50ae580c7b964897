# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter C(leaf_plan)."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.module_utils._engine.planning import plan_zone
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError


def leaf_plan(hostnames: Any, **options: Any) -> dict[str, Any]:
    """See the documentation beside this file."""
    try:
        return plan_zone(sorted({str(name).rstrip(".").lower() for name in hostnames}), **options)
    except PkiError as error:
        raise AnsibleFilterError(f"leaf_plan: {error} {error.remedy}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {"leaf_plan": leaf_plan}
