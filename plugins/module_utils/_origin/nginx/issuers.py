# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose certificates count for a hostname, by the name of the issuer.

A server block trusts a bundle, but nginx 1.22 and 1.26 take over a TLS 1.3 session that was made without SNI, with
the verdict of the default server about a certificate of another CA; SNI and Host are both right then. The name of the
issuer stays in the session, and it also tells the CAs of several hostnames in one block apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ..bundles import certificates
from ..model import ENFORCE, Finding
from .doors import finding
from .survey import Discovery
from .targets import Targets
from .web import Server

_UNKNOWN = "the names of its CAs aren't known, or can't be compared as text"
_REMEDY = (
    "Let the default server of each of its addresses have ssl_reject_handshake on and nothing else, "
    "or use a CA with a plain name that no other CA has."
)


class Issuers:
    """The names of issuers for the hostnames of one plan."""

    def __init__(self, found: Discovery, targets: Targets) -> None:
        self.found = found
        self.targets = targets

    def trusted(self) -> dict[str, list[str]]:
        """The names that the issuer of a certificate may have, by enforced hostname; empty where they aren't known."""
        return {
            name: sorted(set(self._subjects(name)))
            for place in self.targets.places.values()
            for name, stage in place.stages.items()
            if stage == ENFORCE
        }

    def findings(self, server: Server, hostname: str, stage: str) -> Iterator[Finding]:
        """What stays open on ``server`` where the name of the issuer doesn't decide."""
        reason = self._reason(hostname)
        if not reason:
            return
        defaults = {address: self.found.web.default(address) for address in self.found.web.tls_addresses(server)}
        for address, default in defaults.items():
            if default.number != server.number and self._asks_others(default, hostname):
                tail = "its TLS sessions would be good for this hostname"
                yield finding(
                    "issuer_not_pinned",
                    hostname,
                    f"{reason}, and the default server of {address} asks for certificates of another CA: {tail}",
                    _REMEDY if stage == ENFORCE else f"Before you enforce: {_REMEDY}",
                    default.directive,
                    # CAs of one name that are both wished for are generations of one CA: told, but in nobody's way.
                    "error" if stage == ENFORCE and reason == _UNKNOWN else "warning",
                )
                return
        if stage != ENFORCE:
            return
        if self._asks_others(server, hostname):
            yield finding(
                "issuer_not_pinned",
                hostname,
                f"{reason}, so certificates of the CAs of other hostnames in this server block are good for it, too",
                "Give the hostname a server block of its own, or use a CA with a plain name that no other CA has.",
                server.directive,
                "warning",
            )
        elif not all(self._rejects(default) for default in defaults.values()):
            yield finding(
                "issuer_not_pinned",
                hostname,
                f"{reason}: nobody gets in now, but would if a default server asked for certificates of another CA",
                _REMEDY,
                server.directive,
                "warning",
            )

    def _subjects(self, hostname: str) -> list[str]:
        """The names of the CAs of a hostname; nothing if one of them isn't known."""
        names = [self.targets.subjects.get(one, "") for one in self._certificates(hostname)]
        return names if all(names) else []

    def _reason(self, hostname: str) -> str:
        """Why the name of the issuer doesn't decide; empty if it does."""
        names = self._subjects(hostname)
        if not names:
            return _UNKNOWN
        own = self._certificates(hostname)
        for name in names:
            for certificate, other in self._bearers.get(name.lower(), {}).items():
                if certificate not in own:
                    return f"{name} is the name of another CA, too, which {other} trusts"
        return ""

    @cached_property
    def _bearers(self) -> dict[str, dict[str, str]]:
        """Name (nginx doesn't mind its case) to the certificates that have it, each with a hostname that trusts it."""
        bearers: dict[str, dict[str, str]] = {}
        for hostname in self.targets.stages:
            for certificate in self._certificates(hostname):
                name = self.targets.subjects.get(certificate, "").lower()
                bearers.setdefault(name, {}).setdefault(certificate, hostname)
        return bearers

    def _certificates(self, hostname: str) -> tuple[str, ...]:
        return certificates(self.targets.bundles.get(hostname, ""))

    def _rejects(self, server: Server) -> bool:
        return any(one.args[:1] == ("on",) for one in self.found.effective(server, "ssl_reject_handshake"))

    def _asks_others(self, server: Server, hostname: str) -> bool:
        """Whether a block asks for certificates of CAs that aren't the hostname's."""
        if self._rejects(server):
            return False
        if server.number in self.targets.places:
            return not self._bundle_of(server.number) <= set(self._certificates(hostname))
        return any(one.args[:1] != ("off",) for one in self.found.effective(server, "ssl_verify_client"))

    def _bundle_of(self, number: int) -> frozenset[str]:
        if number not in self._bundles:
            names = self.targets.places[number].stages
            self._bundles[number] = frozenset(one for name in names for one in self._certificates(name))
        return self._bundles[number]

    @cached_property
    def _bundles(self) -> dict[int, frozenset[str]]:
        return {}
