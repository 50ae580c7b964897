# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that the roles and playbooks hand data along with."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet, since_gate
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS


def known_server(name: Any) -> str:
    """The name of a server, if we know it."""
    if name not in SERVERS:
        raise AnsibleFilterError(
            f"aop_server is {name!r}, which is none of {', '.join(sorted(SERVERS))}. "
            "Set it for this host in the inventory."
        )
    return str(name)


def for_gate(entries: Any, there: Any) -> list[dict[str, Any]]:
    """See the documentation beside this file."""
    return fleet.for_gate(entries, there, datetime.now(timezone.utc))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {
            "canary_failures": fleet.canary_failures,
            "canary_lines": fleet.canary_lines,
            "canary_requests": fleet.canary_requests,
            "for_gate": for_gate,
            "for_origin": fleet.for_origin,
            "hole_line": fleet.hole_line,
            "known_server": known_server,
            "new_canary_failures": since_gate.new_canary_failures,
            "new_refusals": since_gate.new_refusals,
            "origins": fleet.origins,
            "probe_groups": fleet.probe_groups,
            "refused_edge_requests": fleet.refused_edge_requests,
            "unfinished": fleet.unfinished,
        }
