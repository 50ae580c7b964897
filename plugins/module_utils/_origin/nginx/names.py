# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server block gets a hostname: nginx's own order of exact names, wildcards and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .web import Server


@dataclass(frozen=True)
class Match:
    """The server block that gets the hostname by a name of its own; nothing if only the default server would.

    ``unreadable``: (server, expression) pairs that might have matched first, but can't be evaluated here.
    """

    server: Server | None
    unreadable: tuple[tuple[Server, str], ...] = ()


class Index:
    """The names of the server blocks of one socket, in the order of loading."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._exact: dict[str, Server] = {}
        self._tails: dict[str, Server] = {}
        self._heads: dict[str, Server] = {}
        self._expressions: list[tuple[Server, str]] = []
        #: By name the blocks that have it after another one; nginx warns of them and ignores it there.
        self.ignored: dict[str, list[Server]] = {}
        for server in servers:
            for name in server.names:
                if name.startswith("~"):
                    self._expressions.append((server, name))
                    continue
                if name.endswith(".*"):
                    self._heads.setdefault(name[:-1], server)
                tail = _leading(name)
                if tail:
                    self._tails.setdefault(tail, server)
                if self._exact.setdefault(_exact(name), server) is not server:
                    self.ignored.setdefault(_exact(name), []).append(server)

    def find(self, hostname: str) -> Match:
        """Apply nginx's algorithm: exact, longest leading wildcard, longest trailing wildcard, first expression."""
        if hostname in self._exact:
            return Match(self._exact[hostname])
        labels = hostname.split(".")
        for count in range(1, len(labels)):
            tail = "." + ".".join(labels[count:])
            if tail in self._tails:
                return Match(self._tails[tail])
        for count in range(len(labels) - 1, 0, -1):
            head = ".".join(labels[:count]) + "."
            if head in self._heads:
                return Match(self._heads[head])
        unreadable = []
        for server, name in self._expressions:
            expression = translate(name[1:])
            if expression is None:
                unreadable.append((server, name))
            elif expression.search(hostname):
                return Match(server, tuple(unreadable))
        return Match(None, tuple(unreadable))


def exact_names(server: Server) -> list[str]:
    """The names of ``server`` that stand for one host each; ``_`` and the like stand for none."""
    return [_exact(name) for name in server.names if name.strip("_-") and name not in open_names(server)]


def open_names(server: Server) -> list[str]:
    """The names of ``server`` that stand for more than one hostname."""
    return [name for name in server.names if name.startswith(("~", "*.", ".")) or name.endswith(".*")]


@lru_cache(maxsize=256)
def translate(expression: str) -> re.Pattern[str] | None:
    """A PCRE as Python understands it, or nothing if it uses what Python has not got or reads in another way."""
    if re.search(r"\(\?[|R&+\d>-]|\(\*|\\[hHvVRXKGQEg]|\[\[:|[*+?}]\+|\\[pP]|\(\?\(", expression):
        return None
    text = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", expression)
    text = re.sub(r"\(\?'(\w+)'", r"(?P<\1>", text)
    text = re.sub(r"\\k[<{'](\w+)[>}']", r"(?P=\1)", text)
    text = text.replace(r"\z", r"\Z")
    try:
        return re.compile(text, re.IGNORECASE | re.ASCII)
    except re.error:
        return None


def _exact(name: str) -> str:
    return name[1:] if name.startswith(".") else name.rstrip(".")


def _leading(name: str) -> str:
    """``.example.com`` for ``*.example.com`` and ``.example.com``."""
    if name.startswith("*."):
        return name[1:]
    return name if name.startswith(".") else ""
