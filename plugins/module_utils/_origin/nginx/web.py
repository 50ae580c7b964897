# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server blocks and the addresses they listen on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .dump import Dump
from .syntax import Directive

_PORT = re.compile(r"^\d+$")
_LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$")


@dataclass(frozen=True)
class Address:
    """A listening socket: what nginx tells server blocks apart by before it looks at names."""

    host: str
    port: int
    quic: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host.startswith("unix:") or bool(_LOOPBACK.match(self.host))

    def __str__(self) -> str:
        shown = self.host if self.host.startswith("unix:") else f"{self.host}:{self.port}"
        return shown + (" quic" if self.quic else "")


@dataclass(frozen=True)
class Listen:
    """One ``listen`` of a server block."""

    address: Address
    ssl: bool
    default: bool


@dataclass(frozen=True)
class Server:
    """A server block. ``names`` are as written, in lower case; ``number`` is its place in the order of loading."""

    number: int
    directive: Directive
    names: tuple[str, ...]
    listens: tuple[Listen, ...]

    @property
    def file(self) -> str:
        """The file of its opening brace."""
        return self.directive.file

    @property
    def line(self) -> int:
        """The line of its first word."""
        return self.directive.line


@dataclass(frozen=True)
class Web:
    """The ``http`` block with its server blocks, and which of them share a listening socket."""

    http: Directive
    servers: tuple[Server, ...]
    tls: frozenset[Address]

    def on(self, address: Address) -> list[Server]:
        """The server blocks of ``address``, in the order of loading."""
        return self._by_address.get(address, [])

    @cached_property
    def _by_address(self) -> dict[Address, list[Server]]:
        found: dict[Address, list[Server]] = {}
        for server in self.servers:
            for address in dict.fromkeys(one.address for one in server.listens):
                found.setdefault(address, []).append(server)
        return found

    def addresses(self, tls: bool) -> list[Address]:
        """The sockets with TLS (QUIC among them), or those without."""
        return self._addresses[tls]

    @cached_property
    def _addresses(self) -> dict[bool, list[Address]]:
        return {tls: [one for one in self._by_address if (one in self.tls) == tls] for tls in (True, False)}

    def default(self, address: Address) -> Server:
        """The server block that nginx takes for names it doesn't know on ``address``."""
        return self._defaults[address]

    @cached_property
    def _defaults(self) -> dict[Address, Server]:
        chosen = {one.address: server for server in self.servers[::-1] for one in server.listens if one.default}
        return {address: chosen.get(address, servers[0]) for address, servers in self._by_address.items()}

    def tls_addresses(self, server: Server) -> list[Address]:
        """The TLS sockets of ``server``."""
        return [one.address for one in server.listens if one.address in self.tls]

    def plain_addresses(self, server: Server) -> list[Address]:
        """The sockets of ``server`` without TLS that others can reach."""
        return [one.address for one in server.listens if one.address not in self.tls and not one.address.is_local]

    def listeners(self) -> list[str]:
        """The sockets that others can reach, with what they speak: ``*:443 ssl``, ``*:80 plain``, ``*:443 quic``."""
        found = {one.address for server in self.servers for one in server.listens if not one.address.is_local}
        speaks = {address: "" if address.quic else " ssl" if address in self.tls else " plain" for address in found}
        return sorted(f"{address}{words}" for address, words in speaks.items())


def web_of(dump: Dump) -> Web | None:
    """The ``http`` block of ``dump``, or nothing if there's none."""
    blocks = dump.top("http")
    if not blocks:
        return None
    http = blocks[0]
    servers = tuple(_server(number, block) for number, block in enumerate(http.named("server")) if block.is_block)
    # "ssl" belongs to the socket: nginx applies it to every server block that shares it.
    tls = frozenset(one.address for server in servers for one in server.listens if one.ssl)
    return Web(http, servers, tls)


def _server(number: int, block: Directive) -> Server:
    names = [argument.lower() for directive in block.named("server_name") for argument in directive.args]
    # Regular expressions keep their case: \S isn't \s.
    written = [argument for directive in block.named("server_name") for argument in directive.args]
    kept = tuple(old if old.startswith("~") else low for old, low in zip(written, names))
    old_style = any(directive.args[:1] == ("on",) for directive in block.named("ssl"))
    listens = [_listen(directive.args, old_style) for directive in block.named("listen")]
    return Server(number, block, kept, tuple(listens or [Listen(Address("*", 80), old_style, False)]))


def _listen(args: Sequence[str], old_style: bool) -> Listen:
    host, port = _split(args[0])
    flags = set(args[1:])
    quic = "quic" in flags or "http3" in flags
    return Listen(
        Address(host, port, quic),
        ssl=old_style or quic or "ssl" in flags,
        default=bool(flags & {"default_server", "default"}),
    )


def _split(text: str) -> tuple[str, int]:
    if text.startswith("unix:"):
        return text, 0
    if _PORT.match(text):
        return "*", int(text)
    host, colon, port = text.rpartition(":")
    if colon and _PORT.match(port) and (host.startswith("[") == host.endswith("]")) and host:
        return _normal(host), int(port)
    return _normal(text), 80


def _normal(host: str) -> str:
    return "*" if host in ("*", "0.0.0.0") else host.lower()
