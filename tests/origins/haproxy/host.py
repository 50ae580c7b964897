# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy in a container."""

from __future__ import annotations

import socket
from typing import Any

from tests.origins.host import Answer, Fault, Host, client_context

__all__ = ("Answer", "HAProxyHost", "client_context")


_UNITS = "/etc/systemd/system"


class HAProxyHost(Host):
    """Debian's HAProxy, started by its unit."""

    server = "haproxy"
    etc = "/etc/haproxy"
    aop_log = "/var/log/haproxy-aop.log"
    releases = ("trixie",)

    def complete(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The names of its CAs as from the controller, unless it has them."""
        if "issuers" in entry:
            return entry
        # Not above: conftest.py comes before pytest-ansible has set up how collections are found.
        from ansible_collections.originlock.aop.plugins.module_utils._engine.trust import issuers

        return dict(entry, issuers=issuers(entry.get("trust_bundle", "")))

    def reset(self, configuration: str = "") -> None:
        """The configuration as it came, or another one, and a fresh server."""
        self.as_it_came()
        self.sh(
            f"systemctl stop 'originlock-aop-haproxy-log.*'; cd {_UNITS} && rm -rf originlock-* && "
            "find haproxy.service.d -type f ! -name container.conf -delete"
        )
        if configuration:
            self.put("/etc/haproxy/haproxy.cfg", configuration)
        self.restart()

    def restart(self) -> None:
        self.sh("systemctl daemon-reload; systemctl reset-failed haproxy; systemctl restart haproxy")

    def generation(self) -> object:
        return sorted(self.sh("pidof haproxy").split())

    def faults(self) -> dict[str, Fault]:
        # A list of certificates knows no quotes.
        spaces = f"cd {self.etc}/certs && mv example.com.pem 'our site.pem'"
        fails = f"[Service]\nExecReload=\nExecReload=/bin/sh -c '! ls {self.etc}/aop && kill -USR2 $$MAINPID'\n"

        def arrange() -> None:
            self.put(f"{_UNITS}/haproxy.service.d/fails.conf", fails)
            self.restart()

        return {
            "check": Fault(lambda: self.sh(spaces), ("HAProxy refuses the configuration", f"{self.etc}/certs/our")),
            "reload": Fault(arrange, ("HAProxy keeps its old configuration", "systemctl status haproxy"), live=True),
        }

    def request_peer(self) -> str:
        """Our own address, as the container sees it."""
        with socket.create_connection((self.address, 443), timeout=10) as stream:
            return str(stream.getsockname()[0])

    def log(self, path: str = "") -> list[dict[str, str]]:
        """Its records. A program of its own writes them, a moment after the answer."""
        self.sh("sleep 0.2")
        return super().log(path)
