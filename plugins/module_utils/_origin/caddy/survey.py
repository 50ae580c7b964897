# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy as found: its process, its Caddyfile, what it makes of that, and what of it is ours."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .. import marks, trust
from ..model import MARK, OFF, STAGES, stricter
from .adapted import Config, Server, covers
from .caddyfile import Caddyfile, Directive, Site, files_of, hostname

#: Files of ours for one site block: what its block imports, what its tls block imports, and whom it trusts.
SITE_FILE, TLS_FILE, BUNDLE_FILE = "site", "tls", "ca.pem"
MARKED = re.compile(r"[ \t]*# " + re.escape(MARK) + r"[ \t]*(?=\r?\n|\Z)")


@dataclass(frozen=True)
class Paths:
    """Where things are. Empty ``config``: what the running process was started with."""

    binary: str = "/usr/bin/caddy"
    service: str = "caddy"
    config: str = ""
    log_directory: str = "/var/log/caddy"


@dataclass(frozen=True)
class Process:
    """The running Caddy. ``environment`` holds the variables that its Caddyfile uses, and where it keeps its data."""

    user: str
    directory: str
    binary: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """An import line that points into our directory. ``marked``: we wrote it, so we take it away again."""

    directive: Directive
    stem: str
    kind: str
    marked: bool


@dataclass(frozen=True, eq=False)
class Discovery:
    """All of it. ``own``: our files by path, loaded or not."""

    caddyfile: Caddyfile
    config: Config
    process: Process
    paths: Paths
    version: tuple[int, ...]
    ports: Mapping[str, str]
    own: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        """Our directory; each site block has one in it."""
        return posixpath.join(posixpath.dirname(self.caddyfile.main), "aop")

    def path(self, stem: str, name: str) -> str:
        """The path of one of our files."""
        return posixpath.join(self.directory, stem, name)

    def lines(self, site: Site) -> list[Line]:
        """The import lines of a site block that point into our directory."""
        found = []
        for directive in site.imports():
            if not directive.arguments:
                continue
            folder, base = posixpath.split(directive.arguments[0])
            parent, stem = posixpath.split(posixpath.join(posixpath.dirname(site.file), folder))
            kind = next((one for one in (SITE_FILE, TLS_FILE) if base.startswith(one)), "")
            if posixpath.normpath(parent) == self.directory and kind:
                text = self.caddyfile.files[directive.words[0].file]
                found.append(Line(directive, stem, kind, bool(MARKED.match(text, directive.words[-1].end))))
        return found

    def port(self, address: str) -> str:
        """The port of a site's address."""
        explicit = re.search(r":(\d+)\Z", address.partition("://")[2].partition("/")[0] or address.partition("/")[0])
        if explicit:
            return explicit.group(1)
        return self.ports["http" if address.startswith("http://") else "https"]

    def servers(self, site: Site, name: str) -> list[Server]:
        """The TLS servers that a site block serves a hostname on."""
        ports = {self.port(one) for one in site.addresses if covers(hostname(one) or "*", name)}
        return [one for one in self.config.tls() if ports & set(one.ports) and one.site_of(name)]

    def sites(self, name: str) -> list[Site]:
        """The site blocks that serve a hostname over TLS: those with its own name, else those with a wildcard."""
        served = [site for site in self.caddyfile.sites if self.servers(site, name)]
        exact = [site for site in served if name in site.hostnames]
        taken = {(server.name) for site in exact for server in self.servers(site, name)}
        wild = [
            site
            for site in served
            if name not in site.hostnames and any(server.name not in taken for server in self.servers(site, name))
        ]
        return exact + wild

    def loaded(self, site: Site) -> dict[str, str]:
        """The stage of each hostname that a site block protects now: what our files say, as far as Caddy does it."""
        brought = {path for line in self.lines(site) for path in files_of(self._pattern(site, line))}
        texts = [self.caddyfile.files[path] for path in sorted(brought) if path in self.caddyfile.files]
        found = {}
        for name, stage in marks.stages(texts).items():
            real = [server.stage(name) for server in self.servers(site, name)] or [OFF]
            found[name] = min([stage, *real], key=STAGES.index)
        return {name: stage for name, stage in found.items() if stage != OFF}

    def _pattern(self, site: Site, line: Line) -> str:
        return posixpath.join(posixpath.dirname(site.file), line.directive.arguments[0])

    @cached_property
    def protected(self) -> dict[str, str]:
        """The strictest stage of each hostname on this origin."""
        found: dict[str, str] = {}
        for site in self.caddyfile.sites:
            for name, stage in self.loaded(site).items():
                found[name] = stricter(stage, found.get(name, OFF))
        return found

    @cached_property
    def left(self) -> dict[str, str]:
        """The strictest stage of each hostname that files of ours name, whether a site block loads them or not."""
        return marks.stages(content.decode("latin-1") for content in self.own.values())

    def bundle(self, stem: str) -> str:
        """One of our trust bundles that is on the origin; empty if it isn't there."""
        return self.own.get(self.path(stem, BUNDLE_FILE), b"").decode("latin-1")

    def trusts(self, site: Site) -> tuple[str, ...]:
        """The fingerprints of the CAs that a site block trusts now."""
        stems = {line.stem for line in self.lines(site)}
        return trust.fingerprints("".join(self.bundle(stem) for stem in sorted(stems)))


def own_files(directory: str) -> dict[str, bytes]:
    """Our files below ``directory``, by path."""
    found = {}
    for folder, _folders, names in os.walk(directory):
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, "rb") as stream:
                content = stream.read()
            if marks.is_ours(content):
                found[path] = content
    return found
