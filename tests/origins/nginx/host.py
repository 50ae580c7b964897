# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx in a container."""

from __future__ import annotations

from typing import Any

from tests.origins.host import Answer, Host, client_context

__all__ = ("Answer", "NginxHost", "client_context")


class NginxHost(Host):
    """Debian's nginx."""

    server = "nginx"
    etc = "/etc/nginx"
    aop_log = "/var/log/nginx/aop.log"
    releases = ("trixie",)

    def complete(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The names of its CAs as from the controller, unless it has them."""
        if "issuers" in entry:
            return entry
        # Not above: conftest.py comes before pytest-ansible has set up how collections are found.
        from ansible_collections.originlock.aop.plugins.module_utils._engine.trust import issuers

        return dict(entry, issuers=issuers(entry.get("trust_bundle", "")))

    def reset(self, **files: str) -> None:
        """The configuration as it came; then sites-enabled/<name> for each of ``files``, and a fresh server."""
        self.as_it_came()
        for name, content in files.items():
            self.put(f"/etc/nginx/sites-enabled/{name}", content)
        self.restart()

    def restart(self) -> None:
        self.sh("nginx -t && systemctl reset-failed nginx; systemctl restart nginx")

    def generation(self) -> object:
        return self.sh("pgrep -f '^nginx: '").split()

    def master(self) -> int:
        return int(self.sh("cat /run/nginx.pid"))
