# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found and what is wanted to the files that change. Pure: nothing is read or written here."""

from __future__ import annotations

import difflib
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from ..model import (
    ENFORCE,
    NOTHING,
    OFF,
    RELOAD,
    STAGES,
    Control,
    Edit,
    FileChange,
    Finding,
    Lost,
    Options,
    Plan,
    Proof,
    Protection,
    Site,
    kept,
    stricter,
)
from ..trust import fingerprints, missing
from . import doors, edit, render
from .model import FILE, Discovery, Router
from .render import Group


def make(found: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan. Errors are findings in it."""
    return _Planner(found, wanted, options).plan()


def stages(found: Discovery) -> dict[str, str]:
    """The strictest stage of each hostname that a router has loaded."""
    out: dict[str, str] = {}
    for router in found.tls_routers():
        stage = found.stage(router)
        for name in router.rule.hosts if router.rule else ():
            if stage != OFF and name in found.loaded[router.options].hostnames:
                out[name] = stricter(stage, out.get(name, OFF))
    return out


def sites(found: Discovery, hostnames: Sequence[str]) -> list[Site]:
    """The routers that serve hostnames; with none, those that we protect."""
    return [
        _site(found, router, name, None)
        for name in dict.fromkeys(hostnames or sorted(stages(found)))
        for router in found.naming(name)
    ]


def lost(found: Discovery) -> list[Lost]:
    """The hostnames that our file names and no router protects."""
    now = stages(found)
    return [
        Lost(name, group.stage, (found.own,))
        for group in found.groups.values()
        for name in group.hostnames
        if name not in now and group.stage != OFF
    ]


def _site(found: Discovery, router: Router, name: str, after: Group | None | str) -> Site:
    now = found.loaded.get(router.options)
    before = found.stage(router)
    trusts = fingerprints(now.trust) if now and before != OFF else ()
    group = now if after is None else after if isinstance(after, Group) else None
    stage = before if after is None else group.stage if group else OFF
    file, line = found.place(router)
    return Site(
        name, file, line, tuple(doors.addresses(found, router.entry_points)), before, stage, trusts,
        fingerprints(group.trust) if group and stage != OFF else (),
    )  # fmt: skip


class _Planner:
    def __init__(self, found: Discovery, wanted: Sequence[Protection], options: Options) -> None:
        self.found = found
        self.wanted = wanted
        self.options = options
        self.findings: list[Finding] = []
        self.listed = {entry.name: entry for entry in wanted}
        self.now = stages(found)
        #: What stays of groups with hostnames that aren't listed.
        self.groups = {
            name: group for name, group in found.groups.items() if not self.listed.keys() & set(group.hostnames)
        }
        self.changes: list[FileChange] = []
        #: Groups whose routers aren't all given their options.
        self.apart: set[str] = set()

    def plan(self) -> Plan:
        seen: set[str] = set()
        for entry in self.wanted:
            if entry.name not in seen:
                seen |= self.group(entry)
        self.files()
        own = self.found.files.get(self.found.own)
        after = render.text(self.groups) or None
        # Last: when a change is taken back, nothing names any more what goes with this file.
        self.changes.append(FileChange(self.found.own, own, after))
        self.findings += doors.find(self.found, self.listed, self.groups, self.options)
        for name in sorted(self.apart):
            group = self.groups[name]
            if group.stage == ENFORCE and self.listed.keys() & set(group.hostnames):
                self.finding(
                    "not_attached", group.hostnames[0], self.routers(group)[0],
                    "not all of its routers name the TLS options of ours, so it can't be enforced",
                    "Bring it to log_only, write what that run says, then enforce.",
                )  # fmt: skip
        changed = any(change.changed for change in self.changes)
        return Plan(
            files=tuple(self.changes),
            sites=tuple(
                _site(self.found, router, name, self.group_of(name) or "")
                for name in self.listed
                for router in self.found.naming(name)
            ),
            findings=tuple(dict.fromkeys(self.findings)),
            activation=RELOAD if changed else NOTHING,
            control=self.control(self.groups, True),
            undo=self.control(self.found.groups, False),
            log_path=self.found.log_path,
        )

    def group_of(self, hostname: str) -> Group | None:
        groups = (group for group in self.groups.values() if group.name not in self.apart)
        return next((group for group in groups if hostname in group.hostnames), None)

    def group(self, first: Protection) -> set[str]:
        """Plan for a hostname and all that share routers with it; returns those names."""
        names, routers = self.component(first.name)
        entries = [self.listed[name] for name in sorted(names) if name in self.listed]
        self.findings += [one for entry in entries for one in missing(entry, entry.name in self.now, self.options)]
        if not routers:
            for entry in entries:
                if STAGES.index(entry.stage) > 0:
                    self.findings.append(self.not_served(entry))
            return names
        attached = sorted({router.options for router in routers if router.options in self.found.loaded})
        current = self.found.loaded.get(attached[0]) if attached else None
        result = {
            (kept(entry, self.now.get(entry.name, OFF), self.options), entry.trust_bundle.strip()) for entry in entries
        }
        unlisted = sorted(names - self.listed.keys())
        targets = {stage for stage, _trust in result}
        if unlisted and (targets != {OFF} or current):
            self.finding(
                "shared_names", first.name, routers[0],
                f"the same router serves {', '.join(unlisted)}, too, and would ask for its certificates as well",
                "List those hostnames with the same stage, or give them routers of their own.",
            )  # fmt: skip
        if len(result) > 1:
            self.finding(
                "shared_stage", first.name, routers[0],
                f"{', '.join(sorted(names))} share routers, and shall differ in stage or trust bundle",
                "Ask for the same, or give each hostname routers of its own.",
            )  # fmt: skip
        if len(result) != 1:
            return names
        ((stage, trust),) = result
        name = current.name if current else render.option_name(sorted(names)[0])
        if stage == OFF:
            self.leave(name, current, routers)
            return names
        before = self.before(first.name, routers)
        if before is not None:
            trust = (trust or (current.trust if current else "")).strip() + "\n"
            self.groups[name] = Group(name, tuple(sorted(names)), stage, trust, *before)
        return names

    def component(self, hostname: str) -> tuple[set[str], list[Router]]:
        names, routers = {hostname}, self.found.naming(hostname)
        while True:
            more = {name for router in routers if router.rule for name in router.rule.hosts} - names
            if not more:
                return names, routers
            names |= more
            routers = [router for router in self.found.tls_routers() if router.rule and names & set(router.rule.hosts)]

    def not_served(self, entry: Protection) -> Finding:
        forward = STAGES.index(entry.stage) > STAGES.index(self.now.get(entry.name, OFF))
        return Finding(
            "not_served", "error" if forward else "warning", entry.name,
            "no router with TLS names it in a Host matcher",
            f"Give it a router with Host(`{entry.name}`) and tls, or take the name out of this origin's aop_serves.",
        )  # fmt: skip

    def before(self, hostname: str, routers: Sequence[Router]) -> tuple[str, str] | None:
        """The options that the routers had before ours, with what these settle; None where that's no safe ground."""
        names = {router.options for router in routers if router.options not in self.found.loaded}
        names |= {self.found.loaded[router.options].before for router in routers if router.options in self.found.loaded}
        if len(names) > 1:
            self.finding(
                "other_tls", hostname, routers[0],
                f"its routers have different TLS options ({', '.join(sorted(names))}), which Traefik ignores then",
                "Give all of its routers the same tls.options.",
            )  # fmt: skip
            return None
        (full,) = names
        if full.startswith(render.PREFIX) and full.endswith(f"@{FILE}"):
            self.finding(
                "router_disabled", hostname, routers[0],
                f"its routers name {full}, which isn't there, so Traefik closes the hostname",
                "Bring it to off first, which takes our lines away; remove such lines of your own.",
            )  # fmt: skip
            return None
        short, _at, provider = full.partition("@")
        settings = dict(((self.found.read.config.get("tls") or {}).get("options") or {}).get(short) or {})
        if provider not in ("", FILE) or (not settings and short != "default"):
            self.finding(
                "other_tls", hostname, routers[0],
                f"its TLS options {full} don't come from the file provider, so what they say isn't known",
                "Move these options into a file of the provider's directory.",
            )  # fmt: skip
            return None
        if {key: value for key, value in (settings.pop("clientAuth", None) or {}).items() if value}:
            self.finding(
                "client_verification_taken", hostname, routers[0],
                f"its TLS options {full} verify client certificates for something else already",
                "Remove clientAuth there, or give that purpose a hostname of its own.",
            )  # fmt: skip
            return None
        return full, json.dumps(settings, sort_keys=True)

    def leave(self, name: str, current: Group | None, routers: Sequence[Router]) -> None:
        """Off: nothing of ours stays, unless somebody else's line names it; Traefik would close the site then."""
        others = [router for router in routers if current and router.options.startswith(name) and self.by_hand(router)]
        if not others or current is None:
            return
        self.groups[name] = Group(name, current.hostnames, OFF, "", current.before, current.settings)
        for router in others:
            self.finding(
                "options_line_left", current.hostnames[0], router,
                f"the router {router.name} still names {name}, so an empty {name} stays in {self.found.own}",
                "Remove the name from the router, then run again.", "warning",
            )  # fmt: skip

    def by_hand(self, router: Router) -> bool:
        """Whether ours is named in a line that we haven't written."""
        if router.provider != FILE:
            return True
        path, _line = self.found.place(router)
        text = edit.without(self.found.files.get(path, b"").decode("latin-1"))
        return not edit.additions(path, text, router.short, router.options.partition("@")[0])

    def files(self) -> None:
        """The files of routers, with our lines where they belong."""
        wanted: dict[str, list[tuple[Router, str]]] = {}
        for group in self.groups.values():
            places = [(router, self.attach(router, group)) for router in self.routers(group)]
            if all(path is not None for _router, path in places):
                for router, path in places:
                    wanted.setdefault(path or "", []).append((router, group.name))
            elif group.stage != OFF:
                # With one router that has other options than the others, Traefik would ignore all of them.
                self.apart.add(group.name)
        for path, content in sorted(self.found.files.items()):
            if path == self.found.own:
                continue
            text = content.decode("latin-1")
            plain = edit.without(text)
            pieces = []
            for router, name in wanted.get(path, []):
                pieces += edit.additions(path, plain, router.short, name) or []
            after = plain
            for start, end, new in sorted(pieces, reverse=True):
                after = after[:start] + new + after[end:]
            if self.options.manage_sites and after != text:
                self.changes.append(_edited(path, text, after))

    def routers(self, group: Group) -> list[Router]:
        """The routers that name a hostname of the group."""
        names = set(group.hostnames)
        return [router for router in self.found.tls_routers() if router.rule and names & set(router.rule.hosts)]

    def attach(self, router: Router, group: Group) -> str | None:
        """The file in which our lines give the router its options; empty if somebody else's do, None if none do."""
        full = f"{group.name}@{FILE}"
        done = router.options == full and full in router.middlewares
        path, line = self.found.place(router)
        plain = edit.without(self.found.files.get(path, b"").decode("latin-1"))
        added = edit.additions(path, plain, router.short, group.name) if line else None
        if added is not None and (self.options.manage_sites or (done and added)):
            return path
        if done or group.stage == OFF:
            return ""
        # What they shall name must be there first.
        there = full in self.found.loaded
        severity = "error" if there and (group.stage == ENFORCE or self.now.get(group.hostnames[0])) else "warning"
        if router.provider != FILE:
            label = f"traefik.http.routers.{router.short}"
            self.finding(
                "label_missing", group.hostnames[0], router,
                f"its router {router.name} comes from {router.provider}, which isn't edited here, so it stays as it is",
                f"After this run set tls.options to {full}, and {full} as first middleware; as labels "
                f"{label}.tls.options={full} and {label}.middlewares={full}. Then run again.", severity,
            )  # fmt: skip
        else:
            why = "isn't written in a form that can be edited by lines" if added is None else "isn't edited here"
            self.finding(
                "options_line_missing", group.hostnames[0], router,
                f"the router {router.short} {why}, so it stays as it is",
                f"After this run write {edit.snippet(group.name)}. Then run again.", severity,
            )  # fmt: skip
        return None

    def finding(
        self, code: str, hostname: str, router: Router, message: str, remedy: str, severity: str = "error"
    ) -> None:
        self.findings.append(Finding(code, severity, hostname, message, remedy, *self.found.place(router)))

    def control(self, groups: Mapping[str, Group], after: bool) -> Control:
        """How it's seen that Traefik has these groups; it watches its files."""
        return Control(proofs=tuple(self.proofs(groups, after)), error_log=_error_log(self.found))

    def proofs(self, groups: Mapping[str, Group], after: bool) -> Iterator[Proof]:
        base = {"kind": "api", "address": self.found.api}
        root = (self.found.static.get("api") or {}).get("basePath") or "/"

        def path(rest: str) -> str:
            return posixpath.join(root, "api/http", rest)

        words = [json.dumps(render.header_of(group)) for group in groups.values()]
        lacks = [] if groups else [render.STAGE_HEADER]
        yield {**base, "path": path("middlewares?per_page=100000"), "contains": words, "lacks": lacks}
        for router in self.found.tls_routers():
            hosts = set(router.rule.hosts) if router.rule else set()
            named = (one for one in groups.values() if hosts & set(one.hostnames) and one.name not in self.apart)
            group = next(named, None)
            mine = group is not None and (after or router.options == f"{group.name}@{FILE}")
            touched = mine or router.options.startswith(render.PREFIX)
            if touched and router.provider == FILE:
                name = f'"options":"{group.name}' if group and mine else '"options":"' + render.PREFIX
                yield {
                    **base,
                    "path": path(f"routers/{quote(router.name)}"),
                    "contains": [name] if mine else [],
                    "lacks": [] if mine else [name],
                }
            if mine and group is not None and router.rule and after:
                yield from doors.handshakes(self.found, router, group)


def _error_log(found: Discovery) -> str:
    path = (found.static.get("log") or {}).get("filePath")
    return found.process.at(found.process.inside(path)) if path else ""


def _edited(path: str, before: str, after: str) -> FileChange:
    old, new = (text.encode("latin-1").splitlines(keepends=True) for text in (before, after))
    edits = [
        Edit(tuple(old[i:j]), tuple(new[k:m]))
        for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, False).get_opcodes()
        if kind != "equal"
    ]
    return FileChange(path, b"".join(old), b"".join(new), edits=tuple(dict.fromkeys(edits)))
