# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on an origin with HAProxy: everything that a plan needs to know, read once."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .. import marks
from ..model import LOG_ONLY, MARK, OFF, stricter
from ..trust import fingerprints
from .binds import Bind, binds
from .certificates import Entry, entries
from .config import Configuration, Line, Section
from .routing import Router

#: Around the lines of ours in a section.
BEGIN = f"# {MARK} begin. Generated; changes up to the end mark are overwritten."
END = f"# {MARK} end"
UNIT = "originlock-aop-haproxy-log"
ROTATION_FILE = "originlock-aop-haproxy"
_MAP = re.compile(r"\bmap(?:_[a-z_]+)?\(\s*([^,)\s]+)")
#: Older ones can't do what our rules need.
OLDEST = (2, 6)


@dataclass(frozen=True)
class Paths:
    """Where things are. All but these are read from the running HAProxy."""

    service: str = "haproxy"
    directory: str = "/etc/haproxy/aop"
    log_directory: str = "/var/log"
    logrotate_directory: str = "/etc/logrotate.d"
    unit_directory: str = "/etc/systemd/system"


@dataclass(frozen=True)
class Process:
    """The running HAProxy: how it was started, so that it can be asked to check its files in the same way."""

    program: str
    version: tuple[int, ...]
    #: The names after ``-f``, and the files that they stand for.
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    #: Other options that a check needs (``-C``, ``-L``, ``-Ws`` ...).
    options: tuple[str, ...] = ()
    pid_file: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def check(self, arguments: Sequence[str] = ()) -> tuple[str, ...]:
        """The command that checks the configuration."""
        files = [word for name in arguments or self.arguments for word in ("-f", name)]
        return (self.program, *self.options, "-c", *files)


@dataclass(frozen=True)
class Discovery:
    """The configuration without what is ours in it, the certificates of its bind lines, and what is ours.

    ``texts``: its files as they are. ``blocks``: first and last line of each block of ours, by file. ``marked``: file
    and line of the bind lines that have a list of ours.
    ``certificates``: by file and line of a bind line; a text says why they can't be read. ``lists``: the lines of files
    that conditions and maps name. ``own``: content by path; ``strangers``: files of others in places of ours.
    """

    configuration: Configuration
    texts: Mapping[str, str]
    process: Process
    paths: Paths
    blocks: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    marked: frozenset[tuple[str, int]] = frozenset()
    certificates: Mapping[tuple[str, int], Sequence[Entry] | str] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    own: Mapping[str, bytes] = field(default_factory=dict)
    strangers: Sequence[str] = ()
    real: Mapping[str, str] = field(default_factory=dict)
    rotated: Sequence[str] = ()

    @property
    def sections(self) -> list[Section]:
        """The sections that take connections."""
        return self.configuration.of("frontend", "listen")

    @property
    def jail(self) -> str:
        """The directory that HAProxy takes for its root, or nothing."""
        found = self.configuration.in_global("chroot")
        return found[-1].words[1].rstrip("/") if found and len(found[-1].words) > 1 else ""

    @property
    def user(self) -> str:
        """Who HAProxy runs as."""
        for word in ("user", "uid"):
            found = self.configuration.in_global(word)
            if found and len(found[-1].words) > 1:
                return found[-1].words[1]
        return "root"

    @property
    def socket(self) -> str:
        """Where HAProxy sends what is logged, as seen from outside of its jail."""
        return f"{self.jail}/originlock-aop.sock" if self.jail else "/run/originlock-aop-haproxy.sock"

    def log_path(self, wished: str) -> str:
        """Where the verification log is."""
        return wished or posixpath.join(self.paths.log_directory, "haproxy-aop.log")

    def in_directory(self, name: str) -> str:
        """A file of ours."""
        return posixpath.join(self.paths.directory, name)

    def text(self, path: str) -> str:
        """What a file of ours holds; empty if it isn't there."""
        return self.own.get(path, b"").decode("latin-1")

    def block(self, section: Section) -> tuple[int, int]:
        """The numbers of the first and last line of our block in a section; 0, 0 where there's none."""
        file, start = section.head.file, section.head.number
        heads = [one.head.number for one in self.configuration.sections if one.head.file == file]
        end = min((number for number in heads if number > start), default=sys.maxsize)
        return next((block for block in self.blocks.get(file, ()) if start < block[0] < end), (0, 0))

    def router(self, section: Section) -> Router:
        """Follows requests through a section as it is without us."""
        return Router(self.configuration, section, lambda file: self.lists.get(file, ()))

    def entries(self, bind: Bind) -> Sequence[Entry]:
        """The certificates of a bind line without ours; none if they can't be read."""
        found = self.certificates.get((bind.line.file, bind.line.number), ())
        return () if isinstance(found, str) else found

    def trouble(self, bind: Bind) -> str:
        """Why the certificates of a bind line can't be read; empty if they can."""
        found = self.certificates.get((bind.line.file, bind.line.number), "")
        return found if isinstance(found, str) else ""

    def loaded(self, section: Section) -> dict[str, str]:
        """The stage of each hostname that a section protects: our block is in it, and a bind line has our list."""
        if not self.block(section)[0] or not any(self.is_marked(bind) for bind in binds(section)):
            return {}
        found = marks.stages([self.text(self.in_directory(section.name + ".map"))])
        return {name: stage for name, stage in found.items() if stage != OFF}

    def is_marked(self, bind: Bind) -> bool:
        """Whether a bind line names a list of ours."""
        return (bind.line.file, bind.line.number) in self.marked

    def protected(self) -> dict[str, str]:
        """The strictest stage of each hostname that a section has loaded."""
        found: dict[str, str] = {}
        for section in self.sections:
            for name, stage in self.loaded(section).items():
                found[name] = stricter(stage, found.get(name, LOG_ONLY))
        return found

    def bundle(self, name: str) -> str:
        """The trust bundle that is there for a hostname."""
        return self.text(self.in_directory(name + ".pem"))

    def trusts(self, section: Section, name: str) -> tuple[str, ...]:
        """The CAs that a section accepts for a hostname."""
        return fingerprints(self.bundle(name)) if name in self.loaded(section) else ()


def addition(directory: str) -> re.Pattern[str]:
    """Finds what we have added to a bind line. ``directory`` is ours."""
    return re.compile(rf"crt-list {re.escape(directory)}/\S+ ca-ignore-err all crt-ignore-err all ")


def without_ours(text: str, directory: str) -> tuple[str, list[tuple[int, int]], list[int]]:
    """A file of the configuration without what is ours, each line at its number; our blocks, and our bind lines."""
    blocks: list[tuple[int, int]] = []
    marked: list[int] = []
    added = addition(directory)
    lines = text.split("\n")
    first = 0
    for number, line in enumerate(lines, 1):
        if line.strip() == BEGIN:
            first = number
        elif line.strip() == END and first:
            blocks.append((first, number))
            lines[first - 1 : number] = [""] * (number - first + 1)
            first = 0
        elif added.search(line):
            marked.append(number)
            lines[number - 1] = added.sub("", line)
    return "\n".join(lines), blocks, marked


def read_certificates(configuration: Configuration) -> dict[tuple[str, int], Sequence[Entry] | str]:
    """The certificates of all bind lines with TLS; a text where they can't be read."""
    base = configuration.in_global("crt-base")
    found: dict[tuple[str, int], Sequence[Entry] | str] = {}
    for section in configuration.of("frontend", "listen"):
        for bind in binds(section):
            if bind.tls:
                try:
                    found[(bind.line.file, bind.line.number)] = entries(bind, base[-1].words[1] if base else "")
                except (OSError, ValueError) as error:
                    found[(bind.line.file, bind.line.number)] = str(error)
    return found


def read_lists(configuration: Configuration) -> dict[str, Sequence[str]]:
    """The lines of the files that conditions and maps name, comments and empty ones aside."""
    found: dict[str, Sequence[str]] = {}
    for section in configuration.of("frontend", "listen"):
        for line in section.inherited():
            for path in _named(line):
                if path not in found and os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                        texts = [text.strip() for text in stream]
                    found[path] = [text for text in texts if text and not text.startswith("#")]
    return found


def _named(line: Line) -> list[str]:
    names = [value for word, value in zip(line.words, line.words[1:]) if word == "-f"]
    return names + [name for word in line.words for name in _MAP.findall(word)]
