# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of routers: which hosts they name, and whether a hostname's requests can match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Optional

#: Whether all requests of a hostname match, none, or some of them (None).
Verdict = Optional[bool]
#: What a node of a rule says about a hostname.
_Node = Callable[[str], Verdict]

_TOKEN = re.compile(r"""\s*(&&|\|\||[!(),]|[A-Za-z]+|`[^`]*`|"(?:[^"\\]|\\.)*")""")


@dataclass(frozen=True)
class Rule:
    """A rule. ``hosts``: the names in its Host matchers that it serves, in lower case, wildcards among them.

    ``expressions``: whether it has a HostRegexp, whose hosts Traefik gives no TLS options.
    """

    hosts: tuple[str, ...]
    expressions: bool
    _match: _Node

    def match(self, hostname: str) -> Verdict:
        """Whether requests of ``hostname`` match: all, none, or some (None)."""
        return self._match(hostname)


def parse(text: str) -> Rule | None:
    """The rule, or None if it's not one that we understand."""
    try:
        return _Parser(text).rule()
    except (ValueError, IndexError):
        return None


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.hosts: list[str] = []
        self.expressions = False
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ValueError(text)
            self.tokens.append(found.group(1))
            place = found.end()

    def rule(self) -> Rule:
        node = self.either()
        if self.tokens:
            raise ValueError(self.tokens)
        # A host that is excluded (!Host) isn't served.
        hosts = tuple(host for host in dict.fromkeys(self.hosts) if node(host) is not False)
        return Rule(hosts, self.expressions, node)

    def either(self) -> _Node:
        nodes = [self.both()]
        while self.tokens[:1] == ["||"]:
            self.tokens.pop(0)
            nodes.append(self.both())
        return lambda name: _any([node(name) for node in nodes])

    def both(self) -> _Node:
        nodes = [self.one()]
        while self.tokens[:1] == ["&&"]:
            self.tokens.pop(0)
            nodes.append(self.one())
        return lambda name: _negated(_any([_negated(node(name)) for node in nodes]))

    def one(self) -> _Node:
        token = self.tokens.pop(0)
        if token == "!":
            inner = self.one()
            return lambda name: _negated(inner(name))
        if token == "(":
            inner = self.either()
            self.take(")")
            return inner
        return self.matcher(token)

    def matcher(self, name: str) -> _Node:
        self.take("(")
        values: list[str] = []
        while self.tokens[0] != ")":
            token = self.tokens.pop(0)
            if token[0] in '`"':
                values.append(token[1:-1])
            elif token != ",":
                raise ValueError(token)
        self.take(")")
        kind = name.lower()
        if kind == "host":
            hosts = [value.lower() for value in values]
            self.hosts += hosts
            return lambda hostname: any(_same(host, hostname) for host in hosts)
        if kind == "hostregexp":
            self.expressions = True
            return lambda hostname: _any([_expression(value, hostname) for value in values])
        # Every path begins with a slash.
        everything = kind == "pathprefix" and "/" in values
        return lambda hostname: True if everything else None

    def take(self, token: str) -> None:
        if self.tokens.pop(0) != token:
            raise ValueError(token)


def _same(host: str, hostname: str) -> bool:
    if host.startswith("*."):
        first, _dot, rest = hostname.partition(".")
        return bool(first) and rest == host[2:]
    return host.rstrip(".") == hostname


def _expression(value: str, hostname: str) -> Verdict:
    if "{" in value and ":" in value:
        return None  # the syntax of version 2
    try:
        return re.search(value, hostname, re.IGNORECASE) is not None
    except re.error:
        return None


def _any(verdicts: list[Verdict]) -> Verdict:
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _negated(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict
