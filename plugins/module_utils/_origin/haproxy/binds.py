# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``bind`` lines say: where HAProxy listens, with which certificates, and what it asks of clients there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .config import Line, Section

#: Options of a bind line or of a line in a crt-list that are about client certificates.
CLIENT_OPTIONS = ("verify", "ca-file", "crl-file", "ca-verify-file", "ca-ignore-err", "crt-ignore-err", "no-ca-names")
_CRT_OPTIONS = ("crt", "crt-list", "default-crt")
_LOCAL = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class Address:
    """One socket. ``host`` as written (``*`` where there's none); ``port`` 0 for what isn't an internet socket."""

    host: str
    port: int
    quic: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return self.host.strip("[]").startswith(_LOCAL)

    @property
    def inner(self) -> bool:
        """A socket file and the like: another section or program of this machine hands connections over."""
        return not self.port

    def __str__(self) -> str:
        if self.inner:
            return self.host
        return f"{self.host}:{self.port}" + (" quic" if self.quic else "")


@dataclass(frozen=True)
class Bind:
    """A bind line of ``section``."""

    section: Section
    line: Line
    addresses: tuple[Address, ...]
    options: tuple[str, ...]

    @property
    def tls(self) -> bool:
        """Whether TLS ends here."""
        return "ssl" in self.options

    @property
    def sources(self) -> list[tuple[str, str]]:
        """Where its certificates come from: ``crt`` or ``crt-list`` and the name, in their order."""
        pairs = zip(self.options, self.options[1:])
        return [(word, value) for word, value in pairs if word in _CRT_OPTIONS and value not in _CRT_OPTIONS]

    def has(self, *words: str) -> bool:
        """Whether one of these options is there."""
        return any(word in self.options for word in words)


def binds(section: Section) -> list[Bind]:
    """The bind lines of a section. HAProxy doesn't take them from defaults."""
    return [
        Bind(section, line, _addresses(line.words[1]), line.words[2:])
        for line in section.own("bind")
        if len(line.words) > 1
    ]


def _addresses(text: str) -> tuple[Address, ...]:
    return tuple(address for part in text.split(",") if part for address in _address(part))


def _address(text: str) -> Sequence[Address]:
    kind, at, rest = text.partition("@")
    if not at or "/" in kind:
        kind, rest = "", text
    if kind in ("unix", "abns", "abnsz", "fd", "sockpair") or rest.startswith("/"):
        return (Address(text, 0),)
    host, _colon, ports = rest.rpartition(":")
    first, _dash, last = ports.partition("-")
    if not first.isdigit():
        return (Address(text, 0),)
    default = "[::]" if kind.endswith("6") else "*"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    shown = default if host in ("", "*", "0.0.0.0") else host
    numbers = range(int(first), int(last if last.isdigit() else first) + 1)
    return [Address(shown, number, kind.startswith("quic")) for number in numbers]
