# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a plan: our own ones, and the users' with our marked lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .. import marks
from ..model import MARK, OFF, STAGES, FileChange, Finding, Options, Protection
from . import bundle, edits, logs, rendering, sites
from .discovery import Discovery
from .edits import Insertion, Mark
from .filesystem import path_matches
from .sites import Place, Stages


@dataclass
class _Edit:
    remove: list[Mark] = field(default_factory=list)
    add: list[Insertion] = field(default_factory=list)


class Changes:
    """What has to be written so that ``targets`` have their stages; ``stages`` are all of them as they'll be.

    ``redirected``: the virtual hosts without TLS that shall redirect, by hostname.
    """

    def __init__(
        self,
        discovery: Discovery,
        targets: Sequence[Protection],
        found: Mapping[str, Sequence[Place]],
        stages: Stages,
        redirected: Mapping[str, Sequence[Place]],
        options: Options,
    ) -> None:
        self._discovery = discovery
        self._paths = discovery.paths
        self._targets = {entry.name: entry for entry in targets}
        self._found = found
        self._stages = stages
        self._options = options
        self._plain = redirected
        self._log = logs.Log(discovery, stages, options.log_path)
        self._snippets = {name: self._choose(name) for name in self._targets}

    def findings(self) -> list[Finding]:
        """What speaks against writing them."""
        found = list(self._log.findings())
        every = self._every_snippet()
        for hostname, place, path in self._wanted():
            found.extend(self._catches_others(hostname, place, path, every))
            if not self._options.manage_sites and not self._is_included(place, path):
                found.append(self._ask(hostname, place, path))
        return found

    def files(self) -> list[FileChange]:
        """Every file concerned, changed or not."""
        return [*self._own(), *self._log.files(), *self._users()]

    def _wanted(self) -> Iterator[tuple[str, Place, str]]:
        """Each hostname, virtual host and file of ours that shall be included there."""
        for name in sorted(self._targets):
            for place, path in self._snippets[name]:
                yield name, place, path
            for place in self._plain.get(name, ()):
                if place.section is not None and place.written_out:
                    yield name, place, self._paths.plain(name)

    def _choose(self, hostname: str) -> list[tuple[Place, str]]:
        """Which of its two snippets each virtual host of ``hostname`` includes.

        Those with a line for the first one decide what that stands for; whoever is at another stage gets the second.
        """
        first, second = self._paths.snippets(hostname)
        stages = [
            (place, self._stages.at(place.section, hostname))
            for place in self._found[hostname]
            if place.section is not None and place.written_out
        ]
        given = [stage for place, stage in stages if stage != OFF and self._is_included(place, first)]
        standard = max(given or [self._stages.of(hostname)], key=STAGES.index)
        return [
            (place, first if stage == standard and not self._is_owned(place, second) else second)
            for place, stage in stages
            if stage != OFF
        ]

    def _is_owned(self, place: Place, path: str) -> bool:
        """Whether somebody else wrote the line for ``path``, or we may not take it away."""
        lines = sites.includes(self._discovery, place.section, path) if place.section is not None else []
        return any(not self._options.manage_sites or not sites.is_marked(self._discovery, line) for line in lines)

    def _every_snippet(self) -> dict[str, str]:
        """Every snippet as it will be there, with its hostname."""
        kept = {path: name for path, (name, _stage) in self._discovery.snippets.items() if name not in self._targets}
        return {**kept, **{path: name for name, chosen in self._snippets.items() for _place, path in chosen}}

    def _is_included(self, place: Place, path: str) -> bool:
        return place.section is not None and bool(sites.includes(self._discovery, place.section, path))

    def _ask(self, hostname: str, place: Place, path: str) -> Finding:
        line = place.section.close_line if place.section is not None else place.host.line
        return Finding(
            "include_line_missing", "error", hostname,
            f"the line '{edits.line_for(path)}' is missing in its virtual host, and site files aren't to be edited",
            f"Put it before the </VirtualHost> in line {line}, or set manage_sites.", place.host.file, line,
        )  # fmt: skip

    def _catches_others(self, hostname: str, place: Place, path: str, every: Mapping[str, str]) -> Iterator[Finding]:
        """A user's own include line may be a pattern that finds the snippets of other hostnames, too."""
        if place.section is None:
            return
        own_names = {*place.own_names} - {hostname}
        for directive in sites.includes(self._discovery, place.section, path):
            pattern = self._discovery.tree.absolute(directive.arguments[-1])
            if pattern == path:
                continue
            caught = sorted(
                {
                    name
                    for other, name in every.items()
                    if other != path and name not in own_names and path_matches(other, pattern)
                }
            )
            if caught:
                yield Finding(
                    "include_line_unclear", "error", hostname,
                    f"its include line brings the client authentication of {', '.join(caught)} here, too",
                    f"Write {edits.line_for(path)}.", directive.file, directive.line,
                )  # fmt: skip

    def _own(self) -> Iterator[FileChange]:
        for name, entry in sorted(self._targets.items()):
            files = (self._paths.bundle(name), *self._paths.snippets(name), self._paths.plain(name))
            wanted: dict[str, str | None] = dict.fromkeys(files)
            stages = {path: self._stages.at(place.section, name) for place, path in self._snippets[name]}
            if not self._found[name] and self._stages.of(name) != OFF:
                stages = {files[1]: self._stages.of(name)}  # it's served nowhere now; that it was is still known
            if stages:
                wanted[files[0]] = bundle.normalise(entry.trust_bundle)
            for path, stage in stages.items():
                mixed = name in self._stages.mixed
                wanted[path] = rendering.snippet(name, stage, self._paths, self._discovery.dump, mixed)
            if self._plain.get(name):
                wanted[self._paths.plain(name)] = rendering.plain(name, _port(self._found[name]))
            for path, content in wanted.items():
                before = self._discovery.own.get(path)
                after = content.encode() if content is not None else None
                if before is not None or after is not None:
                    yield FileChange(path, before, after)

    def _users(self) -> Iterator[FileChange]:
        """The users' files. A file that is loaded by several names is one file."""
        sources = {os.path.realpath(path): content for path, content in self._discovery.tree.sources.items()}
        sources.update(self._discovery.dormant)
        ours = {
            file: edits.marks(content.decode("latin-1")) if MARK.encode() in content else []
            for file, content in sources.items()
        }
        edits_by_file: dict[str, _Edit] = {}
        keep: set[tuple[str, int]] = set()
        for name, place, path in self._wanted():
            if place.section is None:
                continue
            file = os.path.realpath(place.section.file)
            present = [
                mark
                for mark in ours[file]
                if mark.path == path and place.section.body <= mark.start < place.section.close
            ]
            keep.update((file, mark.start) for mark in present[:1])
            edit = edits_by_file.setdefault(file, _Edit())
            insertion = Insertion(place.section, name, path)
            known = any(item.section.start == place.section.start and item.path == path for item in edit.add)
            if not present and not known and not self._is_included(place, path):
                edit.add.append(insertion)
        for file, found in ours.items():
            for mark in found:
                if mark.hostname in self._targets and (file, mark.start) not in keep:
                    edits_by_file.setdefault(file, _Edit()).remove.append(mark)
        for file, edit in sorted(edits_by_file.items()):
            text = sources[file].decode("latin-1")
            yield marks.spliced(file, text, edits.pieces(text, edit.remove, edit.add))


def _port(places: Sequence[Place]) -> str:
    """The port at which HTTPS of a hostname is best reached from elsewhere."""
    ports = [answer.endpoint.port for place in places for answer in place.answers if not answer.endpoint.local]
    return "443" if not ports or "443" in ports else ports[0]
