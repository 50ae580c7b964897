# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Traefik in a container."""

from __future__ import annotations

from tests.origins.host import Answer, Fault, Host, client_context

__all__ = ("Answer", "TraefikHost", "client_context")

DYNAMIC = "/etc/traefik/dynamic"
API = "http://127.0.0.1:8081/api"


class TraefikHost(Host):
    """Traefik as upstream releases it."""

    server = "traefik"
    etc = "/etc/traefik"
    aop_log = "/var/log/traefik/access.log"
    releases = ("trixie",)
    temporary = "/run"
    #: A run reads and tries the configuration with other processes.
    soon = 20
    stride = 7

    def reset(self, **files: str) -> None:
        """The configuration as it came; then dynamic/<name> for each of ``files``, and a fresh server."""
        self.as_it_came()
        for name, content in files.items():
            self.put(f"{DYNAMIC}/{name.replace('__', '.')}", content)
        self.restart()

    def restart(self) -> None:
        self.sh("systemctl reset-failed traefik; systemctl restart traefik")
        self.wait_until(
            lambda: self.sh(f"curl -s {API}/http/routers", check=False).count("@file") > 0, "Traefik serves"
        )

    def generation(self) -> object:
        return self.sh(f"systemctl show -p MainPID traefik; curl -s {API}/http/routers; curl -s {API}/http/middlewares")

    def faults(self) -> dict[str, Fault]:
        return {
            "a file of theirs is broken": Fault(
                lambda: self.put(f"{DYNAMIC}/theirs.yml", "http: [\n"), ("theirs.yml", "did not find expected node")
            ),
            "their options have our name": Fault(
                lambda: self.put(f"{DYNAMIC}/000.yml", 'tls: {options: {"aop-app.example.com": {}}}\n'),
                ("options already configured, skipping",),
            ),
        }
