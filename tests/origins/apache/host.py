# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Apache in a container."""

from __future__ import annotations

from tests.origins.host import Answer, Host, client_context

__all__ = ("Answer", "ApacheHost", "client_context")


class ApacheHost(Host):
    """Debian's Apache."""

    server = "apache"
    etc = "/etc/apache2"
    aop_log = "/var/log/apache2/aop.log"
    target = "/index.html"
    patience = 0.25

    def reset(self) -> None:
        """Back to the configuration and the empty logs of the beginning, with a fresh server."""
        self.as_it_came()
        self.sh("rm -f /var/log/apache2/*; systemctl reset-failed apache2; systemctl restart apache2")

    def reload(self) -> None:
        """As the user would do it."""
        self.sh("apachectl -t && systemctl reload apache2 && sleep 0.5")

    def parent(self) -> int:
        return int(self.sh("cat /run/apache2/apache2.pid"))
