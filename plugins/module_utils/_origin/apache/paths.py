# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are on this distribution. The role gives what differs from Debian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import OriginError


@dataclass(frozen=True)
class Paths:
    """``control`` is the program that knows how to call Apache; ``own_directory`` holds our files and nothing else."""

    control: str = "apachectl"
    service: str = "apache2"
    own_directory: str = "/etc/apache2/aop"
    log_configuration: str = "/etc/apache2/conf-enabled/originlock-aop.conf"
    log_directory: str = "/var/log/apache2"
    logrotate_directory: str = "/etc/logrotate.d"
    envvars: str = "/etc/apache2/envvars"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Paths:
        """Debian's paths with those of ``given`` instead. Errors: a key that doesn't exist."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise OriginError(
                f"Unknown paths for Apache: {', '.join(unknown)}", f"Known are: {', '.join(sorted(known))}."
            )
        return cls(**{name: value for name, value in given.items() if value})

    @property
    def rotation(self) -> str:
        """Our rule for logrotate."""
        return f"{self.logrotate_directory}/originlock-aop-apache"

    def snippets(self, hostname: str) -> tuple[str, str]:
        """What the virtual hosts of ``hostname`` include; the second one is for those at another stage than others.

        It's in a folder of its own, as :meth:`plain` is, so that no glob for snippets finds it.
        """
        return f"{self.own_directory}/{hostname}.conf", f"{self.own_directory}/other/{hostname}.conf"

    @property
    def folders(self) -> tuple[str, ...]:
        """The directories of our files, the inner ones first."""
        return f"{self.own_directory}/other", f"{self.own_directory}/plain", self.own_directory

    def bundle(self, hostname: str) -> str:
        """The client CAs of ``hostname``."""
        return f"{self.own_directory}/{hostname}.pem"

    def plain(self, hostname: str) -> str:
        """What virtual hosts without TLS include."""
        return f"{self.own_directory}/plain/{hostname}.conf"
