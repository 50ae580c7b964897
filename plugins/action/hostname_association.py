# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller's side of C(hostname_association): shows the progress of waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.assign import sampled, watched
from ansible_collections.originlock.aop.plugins.plugin_utils._cloudflare_wait import WaitingAction, display


class ActionModule(WaitingAction):
    """Run the module, then wait for the associations to be active."""

    module = "hostname_association"
    noun = "associations"
    rows = "associations"
    key = "hostname"
    asked = "hostnames"

    def to_watch(self, result: Mapping[str, Any], statuses: Mapping[str, str | None]) -> list[str]:
        """All that are not active, or a sample of them where Cloudflare has no list."""
        pending = super().to_watch(result, statuses)
        names = watched(pending, bool(result["list_endpoint"]))
        if len(names) < len(pending):
            display.warning(sampled(len(names), len(pending)))
        return names

    def wanted(self, row: Mapping[str, Any]) -> bool:
        """Voided ones never become active."""
        return bool(row.get("certificate_id"))
