# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that the roles and playbooks hand data along with."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.module_utils._engine.planning import (
    add_leaves,
    for_origin,
    protections,
    wanted_at_cloudflare,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS


def known_server(name: Any) -> str:
    """The name of a server, if we know it."""
    if name not in SERVERS:
        raise AnsibleFilterError(
            f"aop_server is {name!r}, which is none of {', '.join(sorted(SERVERS))}. "
            "Set it for this host in the inventory."
        )
    return str(name)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {
            "add_leaves": add_leaves,
            "for_origin": for_origin,
            "known_server": known_server,
            "protections": protections,
            "wanted_at_cloudflare": wanted_at_cloudflare,
        }
