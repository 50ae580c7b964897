# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virtual host answers: by address first, then by name, else the first one of that address.

Source: server/vhost.c of httpd 2.4 (``ap_update_vhost_given_ip``, ``update_server_from_aliases``) and
modules/ssl/ssl_engine_kernel.c (``ssl_find_vhost``), which asks the same lists with the SNI.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from . import tree
from .discovery import Discovery
from .dumps import Group, VirtualHost
from .grammar import Directive, Section

PROXY_PROTOCOL = "remoteipproxyprotocol"
_ANY = ("*", "0.0.0.0", "[::]", "::")


@dataclass(frozen=True)
class Endpoint:
    """An address and port where Apache listens, with the virtual hosts for it; without any, the main server answers.

    ``listening``: whether a Listen directive covers it, so that it can be reached.
    """

    address: str
    port: str
    group: Group | None

    @property
    def label(self) -> str:
        """Address and port as Apache writes them."""
        return f"{self.address}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether only this machine itself reaches it."""
        return self.address.startswith(("127.", "[::1]", "localhost"))


@dataclass(frozen=True)
class Answer:
    """Who answers for a hostname at an endpoint. ``named``: by its name, not as the default. ``tls``: over TLS."""

    endpoint: Endpoint
    host: VirtualHost | None
    section: Section | None
    named: bool
    tls: bool


@dataclass(frozen=True)
class Names:
    """The names of a virtual host in lower case; ``wildcards`` hold ``*`` or ``?``."""

    exact: tuple[str, ...]
    wildcards: tuple[str, ...]

    def match(self, hostname: str) -> bool:
        """Whether Apache takes this virtual host for ``hostname``."""
        return hostname in self.exact or any(fnmatch.fnmatchcase(hostname, wild) for wild in self.wildcards)

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, wildcards last."""
        return self.exact + self.wildcards


def names_of(host: VirtualHost, section: Section | None) -> Names:
    """The names of a virtual host: those that Apache tells, and from its section what the dump leaves out."""
    exact, wildcards = [host.name, *host.aliases], list(host.wildcards)
    if section is not None:
        for argument in section.arguments:
            literal = argument.rpartition(":")[0] or argument
            if not literal.startswith("[") and any(letter.isalpha() for letter in literal.replace("_default_", "")):
                exact.append(literal.lower())
        for alias in tree.own(section.children, "serveralias") if host.alone else ():
            for name in alias.arguments:
                (wildcards if "*" in name or "?" in name else exact).append(name.lower())
    return Names(tuple(dict.fromkeys(exact)), tuple(dict.fromkeys(wildcards)))


def endpoints(discovery: Discovery) -> list[Endpoint]:
    """Every address and port that can be reached, most specific first."""
    if "endpoints" not in discovery.remembered:
        discovery.remembered["endpoints"] = _endpoints(discovery)
    found: list[Endpoint] = discovery.remembered["endpoints"]
    return found


def claimants(discovery: Discovery, group: Group, hostname: str) -> list[int]:
    """The positions in ``group`` of the virtual hosts that have the name, the first of which answers."""
    index: dict[str, _Index] = discovery.remembered.setdefault("index", {})
    if group.label not in index:
        index[group.label] = _Index(discovery, group)
    return index[group.label].find(hostname)


class _Index:
    """The names of a group's virtual hosts, so that a thousand hostnames don't each ask a thousand virtual hosts."""

    def __init__(self, discovery: Discovery, group: Group) -> None:
        self._exact: dict[str, list[int]] = {}
        self._wildcards: list[tuple[str, int]] = []
        for position, host in enumerate(group.hosts):
            names = names_of(host, discovery.section(host))
            for name in names.exact:
                self._exact.setdefault(name, []).append(position)
            self._wildcards.extend((wild, position) for wild in names.wildcards)

    def find(self, hostname: str) -> list[int]:
        """The positions, each once, in order."""
        found = set(self._exact.get(hostname, ()))
        found.update(position for wild, position in self._wildcards if fnmatch.fnmatchcase(hostname, wild))
        return sorted(found)


def _endpoints(discovery: Discovery) -> list[Endpoint]:
    groups = discovery.dump.groups
    found: dict[str, Endpoint] = {}
    for address, port in listeners(discovery):
        if address in _ANY:
            for group in groups:
                if not group.wildcard and group.port in (port, "*"):
                    found.setdefault(f"{group.address}:{port}", Endpoint(group.address, port, group))
        name = "*" if address in _ANY else address
        found.setdefault(f"{name}:{port}", Endpoint(name, port, _lookup(groups, address, port)))
    return list(found.values())


def listeners(discovery: Discovery) -> list[tuple[str, str]]:
    """Address and port of every Listen directive; ``*`` for any address."""
    found = []
    for directive in discovery.tree.directives("listen"):
        text = directive.arguments[0] if directive.arguments else ""
        address, _colon, port = text.rpartition(":")
        address = address or "*"
        found.append(("*" if address in _ANY else address, port))
    return list(dict.fromkeys(found))


def answers(discovery: Discovery, hostname: str) -> list[Answer]:
    """Who answers for ``hostname``, at every endpoint."""
    return [_answer(discovery, endpoint, hostname) for endpoint in endpoints(discovery)]


def speaks_tls(discovery: Discovery, group: Group | None) -> bool:
    """Whether TLS is spoken at an address: the default virtual host decides, before any name is known."""
    if group is None:
        return engine(discovery, None) == "on"
    return engine(discovery, discovery.section(group.hosts[0])) == "on"


def engine(discovery: Discovery, section: Section | None) -> str:
    """The value of SSLEngine in lower case for a virtual host or, without one, for the main server."""
    found = tree.own(section.children, "sslengine") if section is not None else []
    found = found or discovery.tree.directives("sslengine")
    return found[-1].arguments[0].lower() if found and found[-1].arguments else "off"


def behind_proxy(discovery: Discovery, endpoint: Endpoint) -> bool:
    """Whether connections begin with a PROXY header (mod_remoteip), which tells the real peer.

    Source: ``remoteip_enable_proxy_protocol`` and ``remoteip_hook_pre_connection`` in mod_remoteip.c: the directive is
    for the addresses of its virtual host, at server level for all; the last one for an address counts, and off wins.
    """
    if "proxied" not in discovery.remembered:
        found: dict[tuple[str, str], Directive] = {}
        for directive in discovery.tree.directives(PROXY_PROTOCOL):
            found["*", "*"] = directive
        for group in discovery.dump.groups:
            for section in map(discovery.section, group.hosts):
                for directive in tree.own(section.children if section else (), PROXY_PROTOCOL):
                    found[group.address, group.port] = directive
        discovery.remembered["proxied"] = found
    told = [
        tree.is_on(directive)
        for (address, port), directive in discovery.remembered["proxied"].items()
        if address in ("*", endpoint.address) and port in ("*", endpoint.port)
    ]
    return bool(told) and all(told)


def _lookup(groups: tuple[Group, ...], address: str, port: str) -> Group | None:
    if address not in _ANY:
        for group in groups:
            if group.address == address and group.port in (port, "*"):
                return group
    for group in groups:
        if group.wildcard and group.port in (port, "*"):
            return group
    return None


def _answer(discovery: Discovery, endpoint: Endpoint, hostname: str) -> Answer:
    group = endpoint.group
    tls = speaks_tls(discovery, group)
    if group is None:
        return Answer(endpoint, None, None, False, tls)
    positions = claimants(discovery, group, hostname)
    host = group.hosts[positions[0] if positions else 0]
    return Answer(endpoint, host, discovery.section(host), bool(positions), tls)
