# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found and what is wanted to the files that change. Pure: nothing is read or written here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from .. import logrotate, marks, trust
from ..bundles import bundle_file, certificates, read_file, subjects_of
from ..hostnames import bad_hostname, is_hostname
from ..model import (
    ENFORCE,
    NOTHING,
    OFF,
    RELOAD,
    STAGES,
    FileChange,
    Finding,
    Lost,
    Options,
    Plan,
    Protection,
    Site,
    kept,
)
from ..rules.notices import unprotected_names
from ..rules.reach import Door, to_redirect, ways_around
from ..trust import fingerprints
from . import doors, render
from .binds import Bind, binds
from .config import Section
from .doors import finding
from .sites import Served, known_names, served
from .survey import OLDEST, ROTATION_FILE, UNIT, Discovery, addition

_REOPEN = f"systemctl try-restart {UNIT}.service"
#: Our rules come before the first of these, and after all others.
_RULES = ("http-request", "redirect", "use_backend", "use-server")
_CRT = re.compile(r"(?<=\s)(?:default-crt|crt-list|crt)\s")


def make(found: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan. Errors are findings in it."""
    return _Planner(found, wanted, options).plan()


def sites(found: Discovery, hostnames: Sequence[str]) -> list[Site]:
    """The sections that serve hostnames or protect them, as it is; with no hostnames those that we protect."""
    out = []
    for name in dict.fromkeys(hostnames or sorted(found.protected())):
        for section in _sections(found, name):
            stage, trusts = found.loaded(section).get(name, OFF), found.trusts(section, name)
            out.append(_site(section, name, stage, stage, trusts, trusts))
    return out


def lost(found: Discovery) -> list[Lost]:
    """The hostnames that files of ours name, though no section protects them."""
    named = {path: marks.stages([content.decode("latin-1")]) for path, content in sorted(found.own.items())}
    known: dict[str, str] = marks.stages(content.decode("latin-1") for content in found.own.values())
    return [
        Lost(name, stage, tuple(path for path, stages in named.items() if name in stages))
        for name, stage in sorted(known.items())
        if name not in found.protected()
    ]


def _sections(found: Discovery, name: str) -> list[Section]:
    serving = [site.section for site in served(found, name)]
    return [section for section in found.sections if section in serving or name in found.loaded(section)]


def _site(section: Section, name: str, before: str, after: str, *trusts: tuple[str, ...]) -> Site:
    listeners = [str(address) for bind in binds(section) if bind.tls for address in bind.addresses]
    return Site(name, section.head.file, section.head.number, tuple(listeners), before, after, *trusts)


class _Planner:
    def __init__(self, found: Discovery, wanted: Sequence[Protection], options: Options) -> None:
        self.found = found
        self.wanted = [entry for entry in wanted if is_hostname(entry.name)]
        self.options = options
        self.findings = [bad_hostname(entry.name) for entry in wanted if not is_hostname(entry.name)]
        #: By the number of a section: the stage of each hostname, and its sites.
        self.stages: dict[int, dict[str, str]] = {}
        self.served: dict[int, dict[str, Served]] = {}
        self.redirects: dict[int, set[str]] = {}
        #: The names beside which a section refuses everybody.
        self.known: dict[int, list[str]] = {}
        self.bundles: dict[str, str] = {}
        self.subjects: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.sites: list[Site] = []

    def plan(self) -> Plan:
        for name in sorted(set(self.found.protected()) - {entry.name for entry in self.wanted}):
            self.keep(name)
        for entry in self.wanted:
            self.take(entry)
        edits = [change for file in self.found.configuration.files for change in self.edited(file)]
        if self.stages:
            self.shared_files()
        changes = [*edits, *self.own_changes()]
        self.findings += unprotected_names(self.beside())
        changed = any(change.changed for change in changes)
        return Plan(
            files=tuple(changes),
            sites=tuple(self.sites),
            findings=tuple(dict.fromkeys(self.findings)),
            activation=RELOAD if changed else NOTHING,
            own_directories=(self.found.paths.directory,),
            log_path=self.found.log_path(self.options.log_path),
        )

    def beside(self) -> dict[str, list[tuple[str, str, int]]]:
        """The names of certificates that a section with protected hostnames shows, too, by listener."""
        found: dict[str, list[tuple[str, str, int]]] = {}
        for number, stages in self.stages.items():
            for bind in (one for one in binds(self.found.sections[number]) if one.tls):
                names = dict.fromkeys(name for entry in self.found.entries(bind) for name in entry.names)
                others = [name for name in names if is_hostname(name.replace("*.", "", 1)) and name not in stages]
                for address in bind.addresses:
                    found[str(address)] = [(name, bind.line.file, bind.line.number) for name in others]
        return found

    def keep(self, name: str) -> None:
        """A hostname that isn't listed stays as it is."""
        self.bundles[name], subjects = self.found.bundle(name), read_file(self.found.bundle(name))[1]
        self.subjects.update(subjects)
        serving = [site for site in served(self.found, name) if name in self.found.loaded(site.section)]
        for site in serving:
            self.put(site, name, self.found.loaded(site.section)[name])
        if any(self.found.loaded(site.section)[name] == ENFORCE for site in serving):
            self.close(doors.reach(self.found, serving, name))
        for number, section in enumerate(self.found.sections):
            listed = self.found.text(self.found.in_directory(section.name + ".redirect"))
            if f"plain_http=redirect hostname={name}\n" in listed:
                self.redirects.setdefault(number, set()).add(name)

    def put(self, site: Served, name: str, stage: str) -> None:
        number = self.found.sections.index(site.section)
        self.stages.setdefault(number, {})[name] = stage
        self.served.setdefault(number, {})[name] = site

    def take(self, entry: Protection) -> None:
        name, found = entry.name, self.found
        protected = name in found.protected()
        self.findings += trust.missing(entry, protected, self.options)
        serving = served(found, name)
        loaded = {number: found.loaded(section).get(name, OFF) for number, section in enumerate(found.sections)}
        after: dict[int, str] = {}
        for site in serving:
            number = found.sections.index(site.section)
            after[number] = kept(entry, loaded[number], self.options)
            if after[number] != OFF:
                self.put(site, name, after[number])
        strictest = max(after.values(), key=STAGES.index, default=OFF)
        bundle = entry.trust_bundle if certificates(entry.trust_bundle) else found.bundle(name)
        self.subjects.update(read_file(found.bundle(name))[1])
        if certificates(entry.trust_bundle):
            self.subjects.update(subjects_of(entry.trust_bundle, entry.issuers))
        self.bundles[name] = bundle
        for number, section in enumerate(found.sections):
            if number in after or loaded[number] != OFF:
                stage = after.get(number, OFF)
                trusts = fingerprints(bundle) if stage != OFF else ()
                self.sites.append(_site(section, name, loaded[number], stage, found.trusts(section, name), trusts))
        if not serving and entry.stage != OFF:
            forward = entry.stage == ENFORCE or not protected
            self.findings.append(doors.unserved(found, name, "error" if forward else "warning"))
        elif strictest != OFF:
            self.findings += self.judged(entry, serving, strictest)

    def judged(self, entry: Protection, serving: Sequence[Served], stage: str) -> Iterator[Finding]:
        """What speaks against it, and which plain HTTP is redirected."""
        name = entry.name
        for site in serving:
            yield from doors.conflicts(self.found, site, name)
        if self.found.process.version < OLDEST:
            version = ".".join(str(part) for part in self.found.process.version)
            yield finding("old_haproxy", name, f"this is HAProxy {version}", "Upgrade to 2.6 or newer.")
        if stage == ENFORCE:
            yield from doors.doors(self.found, serving, name)
            ways = doors.reach(self.found, serving, name)
            yield from ways_around(name, ways, self.options)
            for door in to_redirect(ways, self.options):
                self.redirects.setdefault(door.site, set()).add(name)
            for door in self.close(ways):
                yield finding(
                    "default_site", name, f"requests for names that its certificates don't have reach it at "
                    f"{' and '.join(door.listeners)}, and are refused, too",
                    "If there are such visitors (a health check by address), give them a frontend of their own.",
                    self.found.sections[door.site].head, "warning",
                )  # fmt: skip
            if self.bundles[name] and not self.issuers(name):
                yield finding(
                    "issuer_not_pinned", name, "the names of its CAs aren't known, or can't be compared as text, and "
                    "HAProxy takes over TLS sessions that were verified for another hostname",
                    "Use a CA with a plain name.",
                )  # fmt: skip

    def close(self, ways: Sequence[Door]) -> list[Door]:
        """Sections that get names which nobody named refuse all but those of their certificates."""
        closed = [door for door in ways if door.closed and door.shares]
        for door in closed:
            self.known[door.site] = known_names(self.found, self.found.sections[door.site])
        return closed

    def issuers(self, name: str) -> list[str]:
        names = [self.subjects.get(one, "") for one in certificates(self.bundles.get(name, ""))]
        return names if all(names) else []

    def edited(self, file: str) -> Iterator[FileChange]:
        """What changes in a file of HAProxy's configuration: lines of ours go, and come where they are needed."""
        found, text = self.found, self.found.texts[file]
        starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
        pieces: list[marks.Piece] = []
        for number, section in enumerate(found.sections):
            if section.head.file == file:
                pieces += self.block(number, section, text, starts)
                for order, bind in enumerate(one for one in binds(section) if one.tls):
                    pieces += self.bind(number, order, bind, text, starts)
        change = marks.spliced(file, text, pieces)
        if not change.changed or self.options.manage_sites:
            yield change
            return
        for edit in change.edits:
            lines = b"".join(edit.new or edit.old).decode("latin-1")
            self.findings.append(
                finding(
                    "include_line_missing", "", f"{file} isn't edited here, and has to be changed",
                    f"{'Write' if edit.new else 'Remove'}: {lines.rstrip()}",
                )
            )  # fmt: skip

    def block(self, number: int, section: Section, text: str, starts: Sequence[int]) -> Iterator[marks.Piece]:
        """The change of the block of ours in a section, whose lists are noted."""
        stages, redirects = self.stages.get(number, {}), self.redirects.get(number, set())
        found, name = self.found, section.name
        first, last = found.block(section)
        if stages:
            self.files[found.in_directory(name + ".map")] = render.stage_map(stages)
            self.files[found.in_directory(name + ".enforce")] = render.enforced(stages)
        if redirects:
            self.files[found.in_directory(name + ".redirect")] = render.redirected(redirects)
        known = self.known.get(number, []) if stages else []
        if known:
            self.files[found.in_directory(name + ".names")] = render.names({*known, *stages})
        new = ""
        if stages or redirects:
            head = text[starts[section.lines[0].number - 1] :] if section.lines else "    "
            indent = head[: len(head) - len(head.lstrip(" \t"))]
            new = render.block(
                found, name, indent, bool(stages), bool(redirects), bool(known), doors.needs_format(section)
            )
        rules = [line.number for line in section.lines if line.words[0] in _RULES or line.conditional]
        start, end = (
            (starts[first - 1], starts[last]) if first else (starts[min(rules, default=section.last + 1) - 1],) * 2
        )
        if text[start:end] != new:
            yield (start, end, new)

    def bind(self, number: int, order: int, bind: Bind, text: str, starts: Sequence[int]) -> Iterator[marks.Piece]:
        """The change of one bind line, whose list is noted."""
        found = self.found
        start, end = starts[bind.line.number - 1], starts[bind.line.number]
        raw = text[start:end]
        old = addition(found.paths.directory).search(raw)
        shown = {}
        for name, site in self.served.get(number, {}).items():
            for one, entries in site.shown:
                if one.line is bind.line and entries:
                    shown[name] = entries
        if not shown:
            if old is not None:
                yield (start + old.start(), start + old.end(), "")
            return
        file = f"{bind.section.name}{f'-{order + 1}' if order else ''}.list"
        stages = {name: self.stages[number][name] for name in shown}
        default = found.entries(bind)[0]
        explicit = any(kind == "default-crt" for kind, _value in bind.sources)
        self.files[found.in_directory(file)] = render.crt_list(found, stages, None if explicit else default, shown)
        new = render.addition(found, file)
        if old is not None:
            if old.group() != new:
                yield (start + old.start(), start + old.end(), new)
            return
        place = _CRT.search(raw)
        if place is None:
            self.findings.append(
                finding(
                    "certificate_unreadable", sorted(shown)[0], "its certificates aren't named on the bind line itself",
                    "Write crt with the certificate's file there.", bind.line,
                )
            )  # fmt: skip
            return
        yield (start + place.start(), start + place.start(), new)

    def shared_files(self) -> None:
        found = self.found
        names = sorted({name for stages in self.stages.values() for name in stages})
        for name in names:
            known = {one: self.subjects[one] for one in certificates(self.bundles[name]) if one in self.subjects}
            self.files[found.in_directory(name + ".pem")] = bundle_file({name: self.bundles[name]}, known)
        issuers = {name: self.issuers(name) for name in names}
        self.files[found.in_directory(render.ISSUERS_FILE)] = render.issuers(issuers)
        self.files[found.in_directory(render.REASONS_FILE)] = render.reasons()
        self.files[found.in_directory(render.PATTERN_FILE)] = render.pattern()
        log_path = found.log_path(self.options.log_path)
        self.files.update(render.units(found, log_path))
        if not logrotate.covers(found.rotated, log_path):
            path = posixpath.join(found.paths.logrotate_directory, ROTATION_FILE)
            self.files[path] = logrotate.rule(log_path, _REOPEN)

    def own_changes(self) -> Iterator[FileChange]:
        for path in sorted(set(self.files) & set(self.found.strangers)):
            self.findings.append(
                finding("file_in_the_way", "", f"{path} is there and wasn't made by us", "Move it away.")
            )
        for path in sorted(set(self.files) | set(self.found.own)):
            wished = self.files.get(path)
            after = wished.encode("latin-1") if wished is not None else None
            yield FileChange(path, self.found.own.get(path), after)
