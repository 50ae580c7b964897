# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual hosts that serve a hostname, and whether our snippet is included in them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..model import ENFORCE, LOG_ONLY, OFF, STAGES, Options, Protection, kept
from . import edits, matching
from .discovery import Discovery
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


def includes(discovery: Discovery, section: Section, *paths: str) -> list[Directive]:
    """The include lines in a virtual host that read, or would read, one of ``paths``."""
    found = []
    for node in own(section.children, *INCLUDES):
        pattern = discovery.tree.absolute(node.arguments[-1]) if node.arguments else ""
        if pattern and any(path_matches(path, pattern) for path in paths):
            found.append(node)
    return found


def is_marked(discovery: Discovery, directive: Directive) -> bool:
    """Whether an include line is one of ours."""
    source = discovery.tree.sources.get(directive.file, b"").decode("latin-1")
    return any(mark.include == directive.start for mark in edits.marks(source))


def stage_of(discovery: Discovery, section: Section | None, hostname: str) -> str:
    """The stage that Apache has loaded for ``hostname`` in a virtual host."""
    return OFF if section is None else discovery.stages(section).get(hostname, OFF)


class Stages:
    """The stages as they'll be: the wish laid over what is loaded. ``places``: the TLS sites of each listed hostname.

    ``strictest``: by hostname, listed or not; without those that are protected nowhere.
    """

    def __init__(
        self,
        discovery: Discovery,
        wanted: Sequence[Protection],
        places: Mapping[str, Sequence[Place]],
        options: Options,
    ) -> None:
        self._discovery = discovery
        self._wanted = {entry.name: entry for entry in wanted}
        self._options = options
        before = discovery.protected()
        found = {name: stage for name, stage in before.items() if name not in self._wanted}
        for name, entry in self._wanted.items():
            # Where no site has the name any more, what is loaded for it elsewhere counts: it can't stay so.
            nowhere = kept(entry, before.get(name, OFF), options)
            found[name] = max([self.at(p.section, name) for p in places[name]] or [nowhere], key=STAGES.index)
        self.strictest = {name: stage for name, stage in found.items() if stage != OFF}
        by_name = {name: {self.at(place.section, name) for place in found} for name, found in places.items()}
        for section in discovery.tree.sections("virtualhost"):
            for name, stage in discovery.stages(section).items():
                if name not in self._wanted:
                    by_name.setdefault(name, set()).add(stage)
        #: The hostnames that are enforced in one virtual host and log only in another one.
        self.mixed = {name for name, stages in by_name.items() if {LOG_ONLY, ENFORCE} <= stages}

    def of(self, hostname: str) -> str:
        """The strictest stage of a hostname."""
        return self.strictest.get(hostname, OFF)

    def at(self, section: Section | None, hostname: str) -> str:
        """The stage of a hostname in one virtual host."""
        loaded = stage_of(self._discovery, section, hostname)
        entry = self._wanted.get(hostname)
        return loaded if entry is None else kept(entry, loaded, self._options)
