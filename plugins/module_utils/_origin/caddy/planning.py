# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found and what is wanted to the files that change. Pure: nothing is read or written here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from .. import marks, trust
from ..bundles import certificates
from ..hostnames import bad_hostname, is_hostname
from ..model import (
    ENFORCE,
    MARK,
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
    kept,
)
from ..model import Site as Result
from ..rules import ahead, reach
from . import rendering
from .adapted import Server, is_closed, sources
from .caddyfile import Directive, Site, hostname
from .lexer import Token
from .survey import BUNDLE_FILE, MARKED, SITE_FILE, TLS_FILE, Discovery, Line

LOG_FILE = "aop.log"
#: How a way without TLS is closed. There is no redirect of ours on this server.
_TO_HTTPS = "Let the site redirect to HTTPS, or take the address with http:// away"
#: What opens a block of ours behind a tls directive that had none.
OPENED = f" {{ # {MARK}"


@dataclass
class Block:
    """A site block with the protected hostnames that it serves over TLS, each with its stage."""

    site: Site
    stages: dict[str, str] = field(default_factory=dict)
    stem: str = ""

    @property
    def stage(self) -> str:
        """The strictest stage of its hostnames."""
        return max(self.stages.values(), key=STAGES.index)


def plan(found: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan. Errors are findings in it."""
    return ahead.planned(lambda wishes, chosen: _Planner(found, wishes, chosen).plan(), wanted, options)


def inspect(found: Discovery, hostnames: Sequence[str]) -> list[Result]:
    """Where hostnames are served and their stage, nothing changed; with no hostnames those that we protect."""
    names = list(hostnames) or sorted(found.protected)
    return [_result(found, site, name) for name in names for site in found.sites(name)]


def lost(found: Discovery) -> list[Lost]:
    """Hostnames that files of ours name, though no site block that loads them does it."""
    entries = []
    for name, stage in sorted(found.left.items()):
        if name not in found.protected:
            files = [path for path, text in found.own.items() if name in marks.stages([text.decode("latin-1")])]
            entries.append(Lost(name, stage, tuple(sorted(files))))
    return entries


def log_path(found: Discovery, options: Options) -> str:
    """Where the verification log is."""
    return options.log_path or posixpath.join(found.paths.log_directory, LOG_FILE)


class _Planner:
    def __init__(self, found: Discovery, wanted: Sequence[Protection], options: Options) -> None:
        self.found = found
        self.wanted = {entry.name: entry for entry in wanted}
        self.options = options
        self.findings: list[Finding] = []
        self.pieces: dict[str, list[marks.Piece]] = {}
        self.files: dict[str, str] = {}
        self.blocks: dict[int, Block] = {}

    def plan(self) -> Plan:
        if any(entry.stage != OFF for entry in self.wanted.values()):
            self.findings += _server_findings(self.found)
        for entry in self.wanted.values():
            self.locate(entry)
        self.keep_others()
        self.name_files()
        for number, site in enumerate(self.found.caddyfile.sites):
            block = self.blocks.get(number)
            if block is not None:
                self.findings += self.judge(block)
                self.protect(block)
            else:
                self.release(site)
        changes = self.changes()
        changed = any(change.changed for change in changes)
        failed = any(finding.severity == "error" for finding in self.findings)
        return Plan(
            files=() if failed else tuple(changes),
            sites=tuple(self.results()),
            findings=tuple(dict.fromkeys(self.findings)),
            activation=RELOAD if changed else NOTHING,
            own_directories=tuple(self.directories()),
            log_path=log_path(self.found, self.options),
        )

    def locate(self, entry: Protection) -> None:
        if not is_hostname(entry.name):
            self.findings.append(bad_hostname(entry.name))
            return
        sites = self.found.sites(entry.name)
        if entry.stage == OFF:
            return
        if not sites:
            self.findings.append(self.unserved(entry))
        self.findings += trust.missing(entry, entry.name in self.found.protected, self.options)
        if entry.trust_bundle.strip() and not trust.fingerprints(entry.trust_bundle):
            self.findings.append(
                Finding(
                    "bad_trust_bundle", "error", entry.name, "there is no certificate in its trust bundle",
                    "Give the PEM of the client CA that signs this hostname's client certificates.",
                )
            )  # fmt: skip
        for site in sites:
            number = self.found.caddyfile.sites.index(site)
            stage = kept(entry, self.found.loaded(site).get(entry.name, OFF), self.options)
            if stage == OFF:
                continue
            self.blocks.setdefault(number, Block(site)).stages[entry.name] = stage
            if entry.name not in site.hostnames:
                self.findings.append(
                    _finding(
                        "wildcard_site", "error", entry.name, site,
                        f"only the site {', '.join(site.addresses)} serves it, and what is asked there is asked of all "
                        "its names",
                        f"Give it a site block of its own: {entry.name} {{ ... }}.",
                    )
                )  # fmt: skip

    def unserved(self, entry: Protection) -> Finding:
        before = self.found.left.get(entry.name, OFF)
        forward = entry.stage == ENFORCE or STAGES.index(entry.stage) > STAGES.index(before)
        return Finding(
            "not_served", "error" if forward else "warning", entry.name,
            "no site block of the Caddyfile has it as an address that is served over TLS",
            "Add it to the addresses of the site that serves it, or leave it out of aop_serves of this host.",
            self.found.caddyfile.main,
        )  # fmt: skip

    def keep_others(self) -> None:
        """Hostnames that aren't listed stay as they are."""
        for number, site in enumerate(self.found.caddyfile.sites):
            for name, stage in self.found.loaded(site).items():
                if name not in self.wanted:
                    self.blocks.setdefault(number, Block(site)).stages[name] = stage

    def name_files(self) -> None:
        taken: set[str] = set()
        # Those that have their line already keep its name.
        for block in sorted(self.blocks.values(), key=lambda one: not self.found.lines(one.site)):
            lines = self.found.lines(block.site)
            first = next((name for name in block.site.hostnames if name in block.stages), min(block.stages))
            block.stem, count = (lines[0].stem if lines else first), 1
            while block.stem in taken:
                count += 1
                block.stem = f"{first}-{count}"
            taken.add(block.stem)

    # What speaks against it

    def judge(self, block: Block) -> Iterator[Finding]:
        names = [name for name in block.stages if name in self.wanted]
        if not names:
            return
        site, first = block.site, names[0]
        if site.template:
            yield _finding(
                "site_not_found", "error", first, site,
                "its site block is written in a snippet, which may stand for other sites, too",
                "Write the site block out.",
            )  # fmt: skip
        if len(set(block.stages.values())) > 1:
            wishes = " and ".join(f"{name} at {stage}" for name, stage in sorted(block.stages.items()))
            yield _finding(
                "shared_stage", "error", first, site,
                f"Caddy asks all names of a site block for the same, and wanted is {wishes}",
                "Bring them to one stage together, or give each a site block of its own.",
            )  # fmt: skip
        bundles = {trust.fingerprints(self.wanted[name].trust_bundle) for name in names}
        if len(bundles - {()}) > 1:
            yield _finding(
                "shared_trust", "error", first, site,
                f"Caddy trusts the same CAs for all names of a site block, and {', '.join(names)} have different ones",
                "Give each a site block of its own.",
            )  # fmt: skip
        others = [one for one in site.addresses if hostname(one) not in block.stages and self.is_tls(site, one)]
        if others and block.stage == ENFORCE:
            yield _finding(
                "shared_names", "error", first, site,
                f"its site block also serves {', '.join(others)}, where a certificate would be needed as well",
                "List them in aop_zones, or give them a site block of their own.",
            )  # fmt: skip
        yield from self.judge_tls(block, first)
        for name in names:
            doors = list(_doors(self.found, name))
            if block.stages[name] == ENFORCE:
                yield from reach.ways_around(name, doors, self.options)
                yield from self.judge_names(name)

    def is_tls(self, site: Site, address: str) -> bool:
        return any(self.found.port(address) in server.ports for server in self.found.config.tls())

    def judge_tls(self, block: Block, name: str) -> Iterator[Finding]:
        site, directives = block.site, block.site.named("tls")
        ours = {line.directive for line in self.found.lines(site)}
        written = [one for one in directives if not one.imported]
        foreign = [one for one in directives if one.imported and not self.is_own(one)]
        if foreign or len(written) > 1:
            one = (foreign or written)[-1]
            yield _finding(
                "tls_not_in_site", "error", name, site,
                "its tls directive comes from an import" if foreign else "it has several tls directives",
                "Write one tls directive into the site block itself.", one.words[0],
            )  # fmt: skip
        for directive in written:
            for child in directive.walk():
                if child.name == "client_auth" and not (child.imported and self.is_own(child)) and child not in ours:
                    yield _finding(
                        "client_verification_taken", "error", name, site,
                        "the site asks for client certificates already, and only one client_auth counts",
                        "Take that client_auth away.", child.words[0],
                    )  # fmt: skip

    def is_own(self, directive: Directive) -> bool:
        return directive.words[0].file.startswith(self.found.directory + "/")

    def judge_names(self, name: str) -> Iterator[Finding]:
        if any(not server.strict_sni for server in self.found.config.serving(name)):
            yield Finding(
                "sni_policy_insecure", "error", name,
                "strict_sni_host insecure_off lets a request for it in by the TLS session of another name",
                "Take strict_sni_host out of the global options.", self.found.caddyfile.main,
            )  # fmt: skip

    # What changes

    def protect(self, block: Block) -> None:
        site, stem = block.site, block.stem
        bundle = self.found.path(stem, BUNDLE_FILE)
        tls = next((one for one in site.named("tls") if not one.imported), None)
        log = log_path(self.found, self.options)
        stages, stage = block.stages, block.stage
        site_text = rendering.site_file(stages, stage, bundle, log, tls is not None)
        self.files[self.found.path(stem, SITE_FILE)] = site_text
        self.files[bundle] = rendering.bundle_file(self.bundle(block))
        if tls is not None:
            self.files[self.found.path(stem, TLS_FILE)] = rendering.tls_file(stages, stage, bundle)
        lines = self.found.lines(site)
        self.line(block, SITE_FILE, [one for one in lines if one.kind == SITE_FILE], None)
        if tls is not None:
            self.line(block, TLS_FILE, [one for one in lines if one.kind == TLS_FILE], tls)

    def line(self, block: Block, kind: str, lines: Sequence[Line], tls: Directive | None) -> None:
        kept = next((one for one in lines if one.stem == block.stem), None)
        for one in lines:
            if one is not kept and one.marked:
                self.cut(block.site, one)
        if kept is not None:
            return
        text = f"import {rendering.quote(self.found.path(block.stem, kind) + '*')}"
        if not self.options.manage_sites:
            self.findings.append(
                _finding(
                    "include_line_missing", "error", min(block.stages), block.site,
                    "site files aren't edited here, and its include line is missing",
                    f"Put this at the end of the {'tls' if tls else 'site'} block: {text}",
                    tls.words[0] if tls else None,
                )
            )  # fmt: skip
        elif tls is None:
            self.append(block.site, text)
        elif tls.closing is not None:
            self.insert(tls.closing, text)
        else:
            self.wrap(tls, text)

    def text(self, word: Token) -> str:
        return self.found.caddyfile.files[word.file]

    def insert(self, closing: Token, line: str) -> None:
        """A line before the one with the closing brace."""
        text = self.text(closing)
        start = text.rfind("\n", 0, closing.start) + 1
        indent = text[start : closing.start]
        self.add(closing.file, start, start, f"{indent}\t{line} # {MARK}\n")

    def append(self, site: Site, line: str) -> None:
        """A line at the end of a site block, or of the file where the site has no braces."""
        if site.closing is not None:
            self.insert(site.closing, line)
            return
        text = self.found.caddyfile.files[site.file]
        ended = text.endswith("\n")
        marked = f"{line} # {MARK}"
        self.add(site.file, len(text), len(text), f"{marked}\n" if ended else f"\n{marked}")

    def wrap(self, tls: Directive, line: str) -> None:
        """Give a tls directive without a block one."""
        last = tls.words[-1]
        text = self.text(last)
        end = text.find("\n", last.end)
        end = len(text) if end < 0 else end
        start = text.rfind("\n", 0, tls.words[0].start) + 1
        indent = text[start : tls.words[0].start]
        self.add(last.file, last.end, last.end, OPENED)
        self.add(last.file, end, end, f"\n{indent}\t{line} # {MARK}\n{indent}}} # {MARK}")

    def add(self, file: str, start: int, end: int, text: str) -> None:
        self.pieces.setdefault(file, []).append((start, end, text))

    def release(self, site: Site) -> None:
        if any(name not in self.wanted for name in self.found.loaded(site)):
            return
        for line in self.found.lines(site):
            if line.marked:
                self.cut(site, line)

    def cut(self, site: Site, line: Line) -> None:
        """Take a line of ours away, and the block of a tls directive that we made for it."""
        first, last = line.directive.words[0], line.directive.words[-1]
        text = self.text(first)
        tls = next((one for one in site.named("tls") if line.directive in (one.body or ())), None)
        if tls is not None and tls.closing is not None:
            brace = tls.words[-1]
            opened, closed = text.startswith(OPENED, brace.start - 1), MARKED.match(text, tls.closing.end)
            own = [one for one in tls.body or () if not one.imported]
            if opened and closed and own == [line.directive]:
                self.add(first.file, brace.start - 1, brace.start - 1 + len(OPENED), "")
                before = text.rfind("\n", 0, first.start)
                self.add(first.file, before, closed.end(), "")
                return
        start = text.rfind("\n", 0, first.start) + 1
        end = text.find("\n", last.end) + 1
        self.add(first.file, start if end else start - 1, end or len(text), "")

    def bundle(self, block: Block) -> str:
        """Whom the block trusts: what was given for its hostnames, or else what the origin has."""
        given = [self.wanted[name].trust_bundle for name in sorted(block.stages) if name in self.wanted]
        known = [one for one in given if "BEGIN CERTIFICATE" in one]
        if len(known) < len(block.stages):
            known.append(self.found.bundle(block.stem))
        return "".join(f"{one}\n" for one in dict.fromkeys(certificates("\n".join(known))))

    def changes(self) -> list[FileChange]:
        found = []
        # What was protected and isn't listed stays known, though a site block doesn't load it any more.
        away = [one for one in lost(self.found) if one.hostname not in self.wanted]
        others = {posixpath.dirname(path) for one in away for path in one.files}
        for path in sorted({*self.files, *self.found.own}):
            before, after = self.found.own.get(path), self.files.get(path)
            if after is None and posixpath.dirname(path) in others:
                continue
            found.append(FileChange(path, before, None if after is None else after.encode("latin-1")))
        for path, pieces in sorted(self.pieces.items()):
            found.append(marks.spliced(path, self.found.caddyfile.files[path], pieces))
        return found

    def directories(self) -> list[str]:
        folders = {posixpath.dirname(path) for path in [*self.files, *self.found.own]}
        return [*sorted(folders - {self.found.directory}), self.found.directory]

    def results(self) -> Iterator[Result]:
        for name in self.wanted:
            for site in self.found.sites(name):
                block = self.blocks.get(self.found.caddyfile.sites.index(site))
                after = block.stages.get(name, OFF) if block else OFF
                trusts = trust.fingerprints(self.bundle(block)) if block and after != OFF else ()
                yield replace(_result(self.found, site, name), stage_after=after, trusts=trusts)


def _result(found: Discovery, site: Site, name: str) -> Result:
    listeners = [_label(one) for server in found.servers(site, name) for one in server.listen]
    before = found.loaded(site).get(name, OFF)
    trusts = found.trusts(site) if before != OFF else ()
    return Result(name, site.file, site.line, tuple(dict.fromkeys(listeners)), before, before, trusts, trusts)


def _doors(found: Discovery, name: str) -> Iterator[reach.Door]:
    """Every way to a hostname's content that the servers have beside its TLS sites."""
    own: set[tuple[str, str]] = set()
    for server in found.config.serving(name):
        route = server.route_of(name)
        own |= sources(route) if route is not None else set()
    for server in found.config.servers:
        listeners = tuple(_label(one) for one in server.listen if not is_local(one))
        named, route = bool(server.site_of(name)), server.route_of(name)
        if not listeners or route is None or (server.tls and named):
            continue
        place = next(
            ((site.file, site.line) for site in found.caddyfile.sites if _stands_for(found, site, server, name)),
            (found.caddyfile.main, 0),
        )
        same = sorted(own & sources(route))
        yield reach.Door(
            listeners, server.tls, place, named,
            closed=is_closed(route),
            shares=" ".join(("backend" if same[0][0] == "proxy" else "directory", same[0][1])) if same else "",
            stuck=f"{_TO_HTTPS}.",
            remedy="Let that site serve something else, or refuse (abort)." if server.tls else _TO_HTTPS,
        )  # fmt: skip


def _stands_for(found: Discovery, site: Site, server: Server, name: str) -> bool:
    """Whether a site block is the one that ``server`` has for ``name``, or for unknown names."""
    known = server.site_of(name)
    return any(
        found.port(address) in server.ports and (hostname(address) or "*") in (known or "*", "*")
        for address in site.addresses
    )


def _label(listen: str) -> str:
    return f"*{listen}" if listen.startswith(":") else listen


def is_local(listen: str) -> bool:
    """Whether only this machine reaches a listener."""
    return re.match(r"127\.|\[::1\]|localhost|unix", listen) is not None


def _server_findings(found: Discovery) -> Iterator[Finding]:
    if not found.config.admin:
        yield Finding(
            "no_reload", "error", "", "the admin API is off, so Caddy can't be reloaded without an interruption",
            "Give it an address, for example 'admin unix//run/caddy/admin.sock', and restart Caddy.",
            found.caddyfile.main,
        )  # fmt: skip


def _finding(
    code: str, severity: str, name: str, site: Site, message: str, remedy: str, word: Token | None = None
) -> Finding:
    if word is None:
        return Finding(code, severity, name, message, remedy, site.file, site.line)
    return Finding(code, severity, name, message, remedy, word.file, word.row)
