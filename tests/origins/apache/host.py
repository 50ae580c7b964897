# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Apache in a container."""

from __future__ import annotations

from tests.origins.host import Answer, Fault, Host, client_context

__all__ = ("Answer", "ApacheHost", "client_context")


GARBAGE = "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n"


GARBAGE = "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n"


class ApacheHost(Host):
    """Debian's Apache."""

    server = "apache"
    etc = "/etc/apache2"
    aop_log = "/var/log/apache2/aop.log"
    target = "/index.html"
    patience = 0.25
    releases = ("bookworm",)

    def reset(self) -> None:
        """Back to the configuration and the empty logs of the beginning, with a fresh server."""
        self.as_it_came()
        self.sh("rm -f /var/log/apache2/*; systemctl reset-failed apache2; systemctl restart apache2")

    def reload(self) -> None:
        """As the user would do it."""
        self.sh("apachectl -t && systemctl reload apache2 && sleep 0.5")

    def generation(self) -> object:
        """Each start and each graceful reload is noted; idle children come and go by themselves."""
        return self.sh("pgrep -o -x apache2; grep -c 'resuming normal operations' /var/log/apache2/error.log").split()

    def faults(self) -> dict[str, Fault]:
        snippet, garbage = f"{self.etc}/aop/app.example.com.conf", f"{self.etc}/garbage.pem"
        return {
            # Where it isn't allowed, it is read, too.
            "check": self._with(
                f"<Directory /nowhere>\nIncludeOptional {snippet}\n</Directory>\n",
                "Apache refuses the configuration; nothing was changed",
                f"of {snippet}:",
                "per-directory CA",
            ),
            # The copy that is checked isn't at its place.
            "live check": self._with(f"<IfFile {snippet}>\nFoo bar\n</IfFile>\n", "Invalid command 'Foo'"),
            "reload": self._with(
                f"<IfFile {snippet}>\nSSLCACertificateFile {garbage}\n</IfFile>\n",
                "Apache ended when it read the new configuration, although it had called it correct",
                "AH02312: Fatal error initialising mod_ssl",
                live=True,
            ),
        }

    def _with(self, content: str, *words: str, live: bool = False) -> Fault:
        def arrange() -> None:
            self.put(f"{self.etc}/garbage.pem", GARBAGE)
            self.put(f"{self.etc}/conf-enabled/a.conf", content)
            self.reload()

        return Fault(arrange, words, live)

    def parent(self) -> int:
        return int(self.sh("cat /run/apache2/apache2.pid"))
