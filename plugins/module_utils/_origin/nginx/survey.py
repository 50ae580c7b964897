# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on an origin, and what of it is ours."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..bundles import read_file
from ..globs import glob_expression
from ..marks import stages as stages_of
from ..model import MARK, OFF, stricter
from ..trust import fingerprints
from .dump import Dump, has_glob, single
from .names import Index, Match
from .syntax import Directive, flatten
from .web import Address, Server, Web

_MARKED = re.compile(rf"[ \t]*# {re.escape(MARK)}")
HTTP_FILE = "http.conf"


@dataclass(frozen=True)
class Build:
    """What ``nginx -V`` says that matters here."""

    version: tuple[int, ...] = (0,)
    prefix: str = "/etc/nginx"
    http_log_path: str = "logs/access.log"
    error_log_path: str = "logs/error.log"
    pid_path: str = "logs/nginx.pid"
    realip: bool = True


@dataclass(frozen=True)
class Paths:
    """Where things are on this distribution."""

    binary: str = "nginx"
    config: str = ""
    service: str = "nginx"
    log_directory: str = "/var/log/nginx"
    logrotate_directory: str = "/etc/logrotate.d"


@dataclass(frozen=True)
class Discovery:
    """Everything that a plan is made from.

    ``own``: our files on disk by path (include directory, http-level file, log rotation), loaded or not.
    ``strangers``: paths where our files would be, taken by files without our mark.
    ``real``: for each loaded file the path behind its symlinks. ``rotated``: patterns of other log rotation files.
    ``package``: the version of the distribution's package, where it matters.
    """

    dump: Dump
    web: Web
    build: Build = field(default_factory=Build)
    paths: Paths = field(default_factory=Paths)
    own: Mapping[str, bytes] = field(default_factory=dict)
    strangers: Sequence[str] = ()
    real: Mapping[str, str] = field(default_factory=dict)
    rotated: Sequence[str] = ()
    package: str = ""

    @cached_property
    def directory(self) -> str:
        """Our directory; only files of ours are in it."""
        return posixpath.join(self.dump.prefix, "aop")

    @property
    def pid_file(self) -> str:
        """The path of the master's pid file."""
        named = [one.args[0] for one in self.dump.top("pid") if one.args] or [self.build.pid_path]
        return posixpath.join(self.build.prefix, named[0])

    def in_directory(self, name: str) -> str:
        """The path of a file in our directory."""
        return posixpath.join(self.directory, name)

    def is_ours(self, file: str) -> bool:
        """Whether a loaded file was made by us."""
        return file in self.own or (
            file.startswith(self.directory + "/") and "/" not in file[len(self.directory) + 1 :]
        )

    def site(self, block: Directive) -> Iterator[Directive]:
        """The direct children of ``block`` that are the site's own."""
        return (child for child in block.children() if not self.is_ours(child.file))

    def site_named(self, block: Directive, *names: str) -> list[Directive]:
        """The site's own direct children with one of these names."""
        return [child for child in self.site(block) if child.name in names]

    def site_walk(self, block: Directive) -> Iterator[Directive]:
        """Every directive inside ``block`` that is the site's own."""
        return (child for child in block.walk() if not self.is_ours(child.file))

    def effective(self, server: Server, name: str) -> list[Directive]:
        """The site's own directives of this name that hold for ``server``: its own, else those of ``http``."""
        return self.site_named(server.directive, name) or self.of_http(name)

    def of_http(self, name: str) -> list[Directive]:
        """The site's own directives of this name directly in ``http``."""
        return self._of_http.get(name, [])

    @cached_property
    def _of_http(self) -> dict[str, list[Directive]]:
        by_name: dict[str, list[Directive]] = {}
        for child in self.site(self.web.http):
            by_name.setdefault(child.name, []).append(child)
        return by_name

    def formats_after(self, server: Server) -> list[Directive]:
        """The site's own ``log_format`` directives directly in ``http`` that come after the block."""
        return [one for position, one in self._formats if position > self._positions[id(server.directive)]]

    @cached_property
    def _positions(self) -> dict[int, int]:
        return {id(child): position for position, child in enumerate(self.web.http.children())}

    @cached_property
    def _formats(self) -> list[tuple[int, Directive]]:
        return [(self._positions[id(one)], one) for one in self.of_http("log_format")]

    def match(self, hostname: str, address: Address) -> Match:
        """The server block of ``address`` that has a name for ``hostname``."""
        return self.index(address).find(hostname)

    def index(self, address: Address) -> Index:
        """The names on ``address``."""
        if address not in self._indexes:
            self._indexes[address] = Index(self.web.on(address))
        return self._indexes[address]

    @cached_property
    def _indexes(self) -> dict[Address, Index]:
        return {}

    def lines(self, server: Server) -> list[Line]:
        """The include lines in ``server`` that point into our directory."""
        if server.number not in self._known_lines:
            self._known_lines[server.number] = list(self._lines(server.directive.block))
        return self._known_lines[server.number]

    @cached_property
    def _known_lines(self) -> dict[int, list[Line]]:
        return {}

    def http_lines(self) -> list[Line]:
        """The include lines directly in ``http`` that bring in our http-level file from our directory."""
        return [line for line in self._lines(self.web.http.block) if line.brings(self.in_directory(HTTP_FILE))]

    def _lines(self, block: Sequence[Directive]) -> Iterator[Line]:
        for child in block:
            if child.name != "include" or child.is_block or not child.args:
                continue
            pattern = posixpath.normpath(posixpath.join(self.dump.prefix, child.args[0]))
            if posixpath.dirname(pattern) == self.directory:
                text = self.dump.files[child.file]
                yield Line(child, pattern, bool(_MARKED.match(text, child.end)))
            else:
                yield from self._lines(child.block)

    def loaded(self, server: Server) -> dict[str, str]:
        """The stage of each hostname that ``server`` protects now, from the headers of what it includes.

        Without TLS there is nothing to protect.
        """
        if server.number not in self._loaded:
            lines = self.lines(server) if self.web.tls_addresses(server) else ()
            files = {child.file for line in lines for child in flatten(line.directive.block)}
            self._loaded[server.number] = stages_of(self.dump.files.get(file, "") for file in files)
        return self._loaded[server.number]

    @cached_property
    def _loaded(self) -> dict[int, dict[str, str]]:
        return {}

    def protected(self) -> dict[str, str]:
        """The strictest stage of each hostname on this origin."""
        return self._protected

    @cached_property
    def _protected(self) -> dict[str, str]:
        stages: dict[str, str] = {}
        for server in self.web.servers:
            for name, stage in self.loaded(server).items():
                stages[name] = stricter(stage, stages.get(name, OFF))
        return stages

    @cached_property
    def left(self) -> dict[str, str]:
        """The strictest stage of each hostname that files of ours name, whether a server block loads them or not."""
        return stages_of(content.decode("latin-1") for content in self.own.values())

    def redirects(self, server: Server, hostname: str) -> bool:
        """Whether a file of ours redirects plain HTTP of the hostname in this block."""
        files = {child.file for line in self.lines(server) for child in flatten(line.directive.block)}
        return any(f"plain_http=redirect hostname={hostname}\n" in self.dump.files[name] for name in sorted(files))

    def bundle(self, server: Server) -> tuple[dict[str, str], dict[str, str]]:
        """Our trust bundle that ``server`` has loaded, as :func:`.bundles.read_file` returns it."""
        for one in server.directive.named("ssl_client_certificate"):
            if self.is_ours(one.file) and one.args:
                return read_file(self.own.get(posixpath.join(self.dump.prefix, one.args[0]), b"").decode("latin-1"))
        return {}, {}

    def trusts(self, server: Server, hostname: str) -> tuple[str, ...]:
        """The fingerprints of the CAs that ``server`` trusts for ``hostname`` now."""
        return fingerprints(self.bundle(server)[0].get(hostname, "")) if hostname in self.loaded(server) else ()


@dataclass(frozen=True)
class Line:
    """An include line that points into our directory. ``marked``: we wrote it, so we take it away again."""

    directive: Directive
    pattern: str
    marked: bool

    def brings(self, path: str) -> bool:
        """Whether it would load ``path``."""
        one = single(self.pattern)
        if not one and has_glob(self.pattern):
            return bool(glob_expression(self.pattern).match(path))
        return (one or self.pattern) == path

    def stem(self, hostnames: Sequence[str]) -> str:
        """The name (without ``.conf``) of the one file that it stands for; empty if that's open."""
        base = posixpath.basename(self.pattern)
        plain = base[: -len(".con[f]")] + ".conf" if base.endswith(".con[f]") else base
        if not has_glob(plain):
            return plain[: -len(".conf")] if plain.endswith(".conf") else ""
        folder = posixpath.dirname(self.pattern)
        fitting = [name for name in hostnames if self.brings(f"{folder}/{name}.conf")]
        return fitting[0] if len(fitting) == 1 and not self.brings(f"{folder}/other.invalid.conf") else ""
