# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters C(status_rows) and C(status_table)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Callable

from ansible_collections.originlock.aop.plugins.module_utils._engine import status


def status_rows(protections: Any, origins: Any, warn_days: Any = 30) -> list[dict[str, Any]]:
    """See the documentation beside this file."""
    return status.rows(protections, origins, datetime.now(timezone.utc), float(warn_days))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {"status_rows": status_rows, "status_table": status.table}
