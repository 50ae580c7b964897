# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual hosts that serve a hostname, and whether our snippet is included in them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..model import OFF
from . import edits, matching
from .discovery import Discovery, read_header
from .dumps import VirtualHost
from .filesystem import path_matches
from .grammar import Directive, Section
from .matching import Answer, Names
from .tree import INCLUDES, own


@dataclass(frozen=True)
class Place:
    """A virtual host that serves a hostname. ``answers`` are the endpoints where it does.

    ``written_out``: its lines make no other virtual host, so that a line can be put there for its hostnames.
    """

    hostname: str
    host: VirtualHost
    section: Section | None
    answers: tuple[Answer, ...]
    written_out: bool = True

    @property
    def names(self) -> Names:
        """All the names it serves."""
        return matching.names_of(self.host, self.section)

    @property
    def own_names(self) -> list[str]:
        """The names that it gives itself; without a ServerName, Apache makes one up that nobody means."""
        made_up = self.section is not None and not own(self.section.children, "servername")
        return [name for name in self.names.all if not (made_up and name == self.host.name != self.hostname)]

    @property
    def listeners(self) -> tuple[str, ...]:
        """Where it can be reached."""
        return tuple(answer.endpoint.label for answer in self.answers)

    @property
    def is_default(self) -> bool:
        """Whether it answers for names that no virtual host has, too."""
        return any(a.endpoint.group is not None and a.endpoint.group.hosts[0] == a.host for a in self.answers)


def places(discovery: Discovery, hostname: str, tls: bool) -> list[Place]:
    """The virtual hosts that serve ``hostname`` by its name, over TLS or without."""
    found: dict[tuple[str, int, str], list[Answer]] = {}
    for answer in matching.answers(discovery, hostname):
        if answer.host is not None and answer.named and answer.tls is tls:
            found.setdefault((*answer.host.place, answer.host.name), []).append(answer)
    result = []
    for group in found.values():
        host = group[0].host
        if host is not None:
            written_out = not host.macro and not _makes_others(discovery, group[0].section)
            result.append(Place(hostname, host, group[0].section, tuple(group), written_out))
    return result


def _makes_others(discovery: Discovery, section: Section | None) -> bool:
    """Whether the same lines are read again with other variables (Define) and make another virtual host then."""
    if "variants" not in discovery.remembered:
        variants: dict[tuple[str, int], set[tuple[tuple[str, ...], ...]]] = {}
        for each in discovery.tree.sections("virtualhost"):
            names = tuple(item.arguments for item in own(each.children, "servername", "serveralias"))
            variants.setdefault(_lines(each), set()).add((each.arguments, *names))
        discovery.remembered["variants"] = variants
    return section is not None and len(discovery.remembered["variants"][_lines(section)]) > 1


def _lines(section: Section) -> tuple[str, int]:
    return os.path.realpath(section.file), section.line


def behind_proxy(discovery: Discovery, hostname: str) -> bool:
    """Whether every connection to ``hostname`` over TLS begins with a PROXY header."""
    answers = [answer for place in places(discovery, hostname, tls=True) for answer in place.answers]
    return bool(answers) and all(matching.behind_proxy(discovery, answer.endpoint) for answer in answers)


def includes(discovery: Discovery, section: Section, path: str) -> list[Directive]:
    """The include lines in a virtual host that read, or would read, ``path``."""
    return [
        node
        for node in own(section.children, *INCLUDES)
        if node.arguments and path_matches(path, discovery.tree.absolute(node.arguments[-1]))
    ]


def is_marked(discovery: Discovery, directive: Directive) -> bool:
    """Whether an include line is one of ours."""
    source = discovery.tree.sources.get(directive.file, b"").decode("latin-1")
    return any(mark.include == directive.start for mark in edits.marks(source))


def stage_of(discovery: Discovery, section: Section | None, hostname: str) -> str:
    """The stage that Apache has loaded for ``hostname`` in a virtual host."""
    path = discovery.paths.snippet(hostname)
    if section is None or not discovery.loaded(path) or not includes(discovery, section, path):
        return OFF
    return read_header(discovery.own.get(path, b"")).get("stage", OFF)
