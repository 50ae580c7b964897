# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Traefik in a container."""

from __future__ import annotations

from tests.origins.host import Answer, Host, client_context

__all__ = ("Answer", "TraefikHost", "client_context")

DYNAMIC = "/etc/traefik/dynamic"


class TraefikHost(Host):
    """Traefik as upstream releases it."""

    server = "traefik"
    etc = "/etc/traefik"
    aop_log = "/var/log/traefik/access.log"

    def reset(self, **files: str) -> None:
        """The configuration as it came; then dynamic/<name> for each of ``files``, and a fresh server."""
        self.as_it_came()
        for name, content in files.items():
            self.put(f"{DYNAMIC}/{name.replace('__', '.')}", content)
        self.restart()

    def restart(self) -> None:
        self.sh("systemctl reset-failed traefik; systemctl restart traefik")
        self.wait_until(lambda: self.request("app.example.com", "app.example.com").status > 0, "Traefik serves")
