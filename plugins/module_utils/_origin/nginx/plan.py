# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found and what is wanted to the files that change. Pure: nothing is read or written here."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from .. import logrotate, marks
from ..bundles import bundle_file, certificates
from ..globs import glob_expression
from ..model import (
    ENFORCE,
    NOTHING,
    OFF,
    RELOAD,
    REPLACE,
    FileChange,
    Finding,
    Lost,
    Options,
    Plan,
    Protection,
    Site,
)
from ..rules.reach import challenges, to_redirect, ways_around
from ..trust import fingerprints
from . import edit, reach, render
from .doors import conflicts, enforcement_doors, finding, refuses_unknown, shadowed, shared
from .dump import has_glob, single
from .issuers import Issuers
from .survey import HTTP_FILE, Discovery, Line
from .syntax import Directive
from .targets import Targets, resolve, serving
from .web import Server

CONF_D_FILE = "00-originlock-aop.conf"
ROTATION_FILE = "originlock-aop-nginx"
_REOPEN = '[ ! -f {0} ] || kill -USR1 "$(cat {0})"'


def make(found: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan. Errors are findings in it."""
    return _Planner(found, wanted, options).plan()


def sites(found: Discovery, hostnames: Sequence[str]) -> list[Site]:
    """The blocks that serve hostnames or protect them, as it is; with no hostnames those that we protect."""
    out = []
    by_name = _protecting(found)
    for name in dict.fromkeys(hostnames or sorted(found.protected())):
        for _number, server in sorted({**by_name.get(name, {}), **serving(found, name, sure=True)}.items()):
            stage, trusts = found.loaded(server).get(name, OFF), found.trusts(server, name)
            out.append(_site(found, server, name, stage, stage, trusts, trusts))
    return out


def lost(found: Discovery) -> list[Lost]:
    """The hostnames that files of ours name, though no block that serves them protects them."""
    named = {path: marks.stages([content.decode("latin-1")]) for path, content in sorted(found.own.items())}
    return [
        Lost(name, stage, tuple(path for path, stages in named.items() if name in stages))
        for name, stage in sorted(found.left.items())
        if not any(name in found.loaded(server) for server in serving(found, name, sure=False).values())
    ]


class _Planner:
    def __init__(self, found: Discovery, wanted: Sequence[Protection], options: Options) -> None:
        self.found = found
        self.wanted = wanted
        self.options = options
        self.targets: Targets = resolve(found, wanted, options)
        self.issuers = Issuers(found, self.targets)
        self.findings: list[Finding] = list(self.targets.findings)
        self.edits: dict[str, list[marks.Piece]] = {}
        self.files: dict[str, str] = {}
        #: Hostnames that demand less in one block than in another, with their stage there; each of such blocks.
        self.variants: list[dict[str, str]] = []
        self.listed = {wish.name for wish in wanted}
        self.reach()
        #: File names that include lines which stand there already stand for.
        self.given = {line.stem([]) for server in found.web.servers for line in found.lines(server)}

    def reach(self) -> None:
        """Ways around the blocks of the listed hostnames, and what is redirected so that there are none."""
        served = {name for place in self.targets.places.values() for name in place.stages}
        for name in sorted(self.listed & served):
            doors = reach.doors(self.found, name, self.targets)
            self.findings += challenges(name, doors)
            self.findings += shadowed(self.found, name)
            if self.targets.stages[name] == ENFORCE:
                self.findings += ways_around(name, doors, self.options)
                for door in to_redirect(doors, self.options):
                    self.targets.redirects.setdefault(door.site, set()).add(name)

    def plan(self) -> Plan:
        stems = self.choose_files()
        for number, stem in stems.items():
            self.render_block(self.found.web.servers[number], stem)
        for server in self.found.web.servers:
            if server.number not in stems:
                self.remove_lines(server)
        self.only_one_each(stems)
        self.http_level(bool(stems) or not self.listed.isdisjoint(self.targets.lost))
        self.rotation(bool(self.targets.places))
        self.judge()
        changes = self.changes()
        return Plan(
            files=tuple(changes),
            sites=tuple(_sites(self.found, self.targets, [wish.name for wish in self.wanted])),
            findings=tuple(dict.fromkeys(self.findings)),
            activation=self.activation(changes),
            own_directories=(self.found.directory,),
            log_path=render.log_path(self.found, self.options.log_path),
        )

    def choose_files(self) -> dict[int, str]:
        """The name of the file of each block that gets one; writes or asks for the include line."""
        stems: dict[int, str] = {}
        taken: dict[str, int] = {}
        wanted: dict[int, list[str]] = {number: sorted(place.stages) for number, place in self.targets.places.items()}
        for number, names in self.targets.redirects.items():
            wanted.setdefault(number, sorted(names))
        # Lines that stand there already come first: their names are given.
        for number in sorted(wanted, key=lambda one: (not self.found.lines(self.found.web.servers[one]), one)):
            server = self.found.web.servers[number]
            lines = self.found.lines(server)
            kept = next((line for line in lines if not line.marked), lines[0] if lines else None)
            if kept is None:
                stem = self.new_stem(server, wanted[number], taken)
                self.add_line(server.directive, stem, wanted[number][0])
            else:
                stem = kept.stem(wanted[number])
                for line in lines:
                    if line.marked and line is not kept:
                        self.cut(line.directive)
                if not stem:
                    self.findings.append(self.unclear(kept, wanted[number][0]))
                    continue
            stems[number] = stem
            taken.setdefault(stem, number)
        return stems

    def only_one_each(self, stems: Mapping[int, str]) -> None:
        """Refuse include lines that would bring in the file of another block, too."""
        confs = [path for path in self.files if path.endswith(".conf")]
        for server in self.found.web.servers:
            own = self.found.in_directory(stems.get(server.number, "") + ".conf")
            for line in self.found.lines(server):
                if single(line.pattern) == own:
                    continue
                if any(line.brings(path) for path in confs if path != own) and self.listed:
                    self.findings.append(self.unclear(line, sorted(self.listed)[0]))

    def unclear(self, line: Line, hostname: str) -> Finding:
        return finding(
            "include_line_unclear",
            hostname,
            f"{line.directive.text()} doesn't stand for one file of this server block alone",
            f"Write {self.line_for(hostname)} instead.",
            line.directive,
        )

    def new_stem(self, server: Server, names: Sequence[str], taken: Mapping[str, int]) -> str:
        first = next((name for name in server.names if name in names), names[0])
        stem, count = first, 1
        while stem in taken or stem in self.given or stem + ".conf" == HTTP_FILE:
            count += 1
            stem = f"{first}-{count}"
        return stem

    def line_for(self, stem: str) -> str:
        return edit.include_line(self.found.in_directory(stem + ".conf"))

    def add_line(self, block: Directive, stem: str, hostname: str) -> None:
        if self.options.manage_sites:
            text = self.found.dump.files[block.file]
            line = edit.insertion(text, block, self.found.in_directory(stem + ".conf"))
            self.edits.setdefault(block.file, []).append(line)
            return
        self.findings.append(
            finding(
                "include_line_missing",
                hostname,
                f"site files aren't edited here, and this {block.name} block lacks its include line",
                f"Put this right after its opening brace: {self.line_for(stem)}",
                block,
            )
        )

    def cut(self, line: Directive) -> None:
        if self.options.manage_sites:
            text = self.found.dump.files[line.file]
            self.edits.setdefault(line.file, []).append(edit.removal(text, line))

    def remove_lines(self, server: Server) -> None:
        for line in self.found.lines(server):
            if line.marked:
                self.cut(line.directive)

    def render_block(self, server: Server, stem: str) -> None:
        place = self.targets.places.get(server.number)
        redirected = self.targets.redirects.get(server.number, set())
        if place is None:
            self.put(stem + ".conf", render.plain_file(redirected, self.redirect_to(redirected)), server)
            return
        log_path = render.log_path(self.found, self.options.log_path)
        whole = self.targets.whole(self.found, place)
        redirect = self.redirect_to(redirected) if redirected else ""
        weaker = self.targets.weaker(place)
        if weaker and weaker not in self.variants:
            self.variants.append(weaker)
        variant = f"_{self.variants.index(weaker) + 2}" if weaker else ""
        text = render.tls_file(self.found, server, place.stages, whole, stem, log_path, redirect, variant)
        self.put(stem + ".conf", text, server)
        bundles = {name: self.targets.bundles.get(name, "") for name in place.stages}
        self.put(stem + ".pem", bundle_file(bundles, self.targets.subjects), server)

    def put(self, name: str, text: str, server: Server) -> None:
        path = self.found.in_directory(name)
        if self.files.setdefault(path, text) != text:
            self.findings.append(
                finding(
                    "include_line_shared",
                    sorted(self.listed)[0] if self.listed else "",
                    f"this block includes {path}, as another one does, but they need different files",
                    f"Give each block an include line of its own, {self.line_for(f'{name[:-5]}-2')}.",
                    server.directive,
                )
            )

    def redirect_to(self, names: set[str]) -> str:
        ports = {
            address.port
            for place in self.targets.places.values()
            if set(place.stages) & names
            for address in self.found.web.tls_addresses(place.server)
            if not address.is_local  # behind something else, whose port isn't known
        }
        suffix = "" if 443 in ports or not ports else f":{min(ports)}"
        return f"https://$host{suffix}$request_uri"

    def http_level(self, needed: bool) -> None:
        """Keep the http-level file where it is loaded before the first block that uses it."""
        lines = self.found.http_lines()
        home, line_needed = self.http_home() if needed else ("", False)
        own_line = home == self.found.in_directory(HTTP_FILE)
        if needed:
            places = self.targets.places.values()
            per_name = any(p.strictest == ENFORCE and not self.targets.whole(self.found, p) for p in places)
            stages = {name: self.targets.stages[name] for place in places for name in place.stages}
            realip, redirects = self.found.build.realip, bool(self.targets.redirects)
            text = render.http_file(stages, self.issuers.trusted(), realip, per_name, redirects, self.variants)
            self.files[home] = text + marks.headers(self.targets.lost)
        if line_needed:
            self.add_line(
                self.found.web.http, HTTP_FILE[: -len(".conf")], sorted(self.listed or self.targets.stages)[0]
            )
        if not own_line:
            for line in lines:
                if line.marked:
                    self.cut(line.directive)

    def http_home(self) -> tuple[str, bool]:
        """The path of the http-level file, and whether an include line must be added for it."""
        from_directory = self.found.in_directory(HTTP_FILE)
        lines = self.found.http_lines()
        if any(not line.marked for line in lines):
            return from_directory, False
        users = set(self.targets.places) | set(self.targets.redirects)
        for child in self.found.web.http.block:
            if child.name != "include" or child.is_block or not child.args:
                continue
            pattern = posixpath.normpath(posixpath.join(self.found.dump.prefix, child.args[0]))
            path = posixpath.join(posixpath.dirname(pattern), CONF_D_FILE)
            if posixpath.basename(pattern) != "*.conf" or not has_glob(pattern) or has_glob(posixpath.dirname(pattern)):
                continue
            if glob_expression(pattern).match(path) and self.is_first(child, path, users):
                return path, False
        return from_directory, not lines

    def is_first(self, include: Directive, path: str, users: set[int]) -> bool:
        """Whether ``path``, brought in by ``include``, is loaded before every block in ``users``."""
        servers = {id(self.found.web.servers[number].directive) for number in users}

        def before(block: Sequence[Directive]) -> tuple[bool, bool]:
            for child in block:
                if child is include:
                    inside = any(
                        id(one) in servers
                        for entry in child.block
                        if entry.file < path
                        for one in ([entry] if entry.is_block else [*entry.children()])
                    )
                    return inside, True
                if child.name == "include" and not child.is_block:
                    hit, done = before(child.block)
                    if hit or done:
                        return hit, done
                elif id(child) in servers:
                    return True, True
            return False, False

        return not before(self.found.web.http.block)[0]

    def rotation(self, needed: bool) -> None:
        path = posixpath.join(self.found.paths.logrotate_directory, ROTATION_FILE)
        log_path = render.log_path(self.found, self.options.log_path)
        if needed and not logrotate.covers(self.found.rotated, log_path):
            self.files[path] = logrotate.rule(log_path, _REOPEN.format(self.found.pid_file))

    def judge(self) -> None:
        """What speaks against it, for the hostnames that are listed."""
        for place in self.targets.places.values():
            whole = self.targets.whole(self.found, place)
            server = place.server
            enforced = place.strictest == ENFORCE
            for name in sorted(set(place.stages) & self.listed):
                self.findings += conflicts(self.found, server, name)
                if place.stages[name] == ENFORCE:
                    self.findings += enforcement_doors(self.found, server, name)
                self.findings += self.issuers.findings(server, name, place.stages[name])
                if whole:
                    self.findings += refuses_unknown(self.found, server, name)
                elif enforced:
                    self.findings.append(shared(self.found, server, name))
                if self.found.build.version < (1, 11, 8):
                    self.findings.append(
                        finding("old_nginx", name, "this nginx can't write JSON logs", "Upgrade to 1.11.8 or newer.")
                    )

    def changes(self) -> list[FileChange]:
        changes = []
        done = set()
        for name, edits in self.edits.items():
            real = self.found.real.get(name, name)
            if real in done:
                continue
            done.add(real)
            changes.append(marks.spliced(name, self.found.dump.files[name], edits))
        for path in sorted(set(self.files) & set(self.found.strangers)):
            self.findings.append(
                finding(
                    "file_in_the_way",
                    sorted(self.listed)[0] if self.listed else "",
                    f"{path} is there and wasn't made by us",
                    "Move it away; this directory is ours.",
                )
            )
        for path in sorted(set(self.files) | set(self.found.own)):
            wished = self.files.get(path)
            after_bytes = wished.encode("latin-1") if wished is not None else None
            changes.append(FileChange(path, self.found.own.get(path), after_bytes))
        return changes

    def activation(self, changes: Sequence[FileChange]) -> str:
        effective = [one for one in changes if one.changed and posixpath.basename(one.path) != ROTATION_FILE]
        if not effective:
            return NOTHING
        caches = any(
            directive.name == "ssl_session_cache" and any(argument.startswith("shared:") for argument in directive.args)
            for directive in self.found.web.http.walk()
        )
        return REPLACE if caches and (self.tightens() or _shrinks(effective)) else RELOAD

    def tightens(self) -> bool:
        """Whether a block begins to enforce a hostname: TLS sessions of before would be resumed as they were."""
        return any(
            stage == ENFORCE and self.found.loaded(place.server).get(name) != ENFORCE
            for place in self.targets.places.values()
            for name, stage in place.stages.items()
        )


def _shrinks(changes: Sequence[FileChange]) -> bool:
    """Whether a trust bundle that stays in use loses a CA."""
    for change in changes:
        if change.path.endswith(".pem") and change.before is not None and change.after is not None:
            before, after = (set(certificates(content.decode("latin-1"))) for content in (change.before, change.after))
            if before - after:
                return True
    return False


def _protecting(found: Discovery) -> dict[str, dict[int, Server]]:
    """The blocks that have loaded a file of ours for each hostname."""
    by_name: dict[str, dict[int, Server]] = {}
    for server in found.web.servers:
        for name in found.loaded(server):
            by_name.setdefault(name, {})[server.number] = server
    return by_name


def _sites(found: Discovery, targets: Targets, hostnames: Sequence[str]) -> Iterator[Site]:
    """One entry per hostname and block that protects it, or will."""
    by_name = _protecting(found)
    for place in targets.places.values():
        for name in place.stages:
            by_name.setdefault(name, {})[place.server.number] = place.server
    for name in dict.fromkeys(hostnames):
        trusts = fingerprints(targets.bundles.get(name, ""))
        for number, server in sorted(by_name.get(name, {}).items()):
            place_after = targets.places.get(number)
            after = place_after.stages.get(name, OFF) if place_after is not None else OFF
            before = found.loaded(server).get(name, OFF)
            yield _site(found, server, name, before, after, found.trusts(server, name), trusts if after != OFF else ())


def _site(found: Discovery, server: Server, name: str, before: str, after: str, *trusts: tuple[str, ...]) -> Site:
    listeners = tuple(str(address) for address in found.web.tls_addresses(server))
    return Site(name, server.file, server.line, listeners, before, after, *trusts)
