# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Caddy in a container."""

from __future__ import annotations

import json
from typing import Any

from tests.origins.host import Answer, Host, client_context

__all__ = ("Answer", "CaddyHost", "client_context")


class CaddyHost(Host):
    """Caddy as upstream's package sets it up."""

    server = "caddy"
    etc = "/etc/caddy"
    aop_log = "/var/log/caddy/aop.log"
    releases = ("trixie",)

    def reset(self, caddyfile: str = "", **files: str) -> None:
        """The configuration as it came, or ``caddyfile``; then sites/<name> for each of ``files``; a fresh server."""
        self.as_it_came()
        if caddyfile:
            self.put("/etc/caddy/Caddyfile", caddyfile)
        for name, content in files.items():
            self.put(f"/etc/caddy/sites/{name}", content)
        self.restart()

    def restart(self) -> None:
        self.sh("systemctl reset-failed caddy; systemctl restart caddy")

    def generation(self) -> object:
        """Its process stays; each configuration that it loads starts its API anew."""
        return self.sh("journalctl -u caddy -o cat | grep -c 'admin endpoint started' || true").strip()

    def log(self, path: str = "") -> list[dict[str, str]]:
        """Its verification log, as the reader takes it."""
        # Not above: conftest.py comes before pytest-ansible has set up how collections are found.
        from ansible_collections.originlock.aop.plugins.module_utils._origin.caddy import adapt

        lines = adapt(self.sh(f"cat {path or self.aop_log} 2>/dev/null || true").encode()).splitlines()
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return found
