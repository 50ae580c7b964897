# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as HAProxy reads it: lines of words, sections, what a section takes from its defaults.

HAProxy has no dump of what it has loaded, so its files are read here, with its rules for quotes, variables and the
order of files. It goes on to check every change itself (``haproxy -c``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: Words that begin a section. What comes before the first one belongs to nobody.
SECTIONS = frozenset(
    ("global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "mailers", "userlist", "program")
    + ("http-errors", "ring", "log-forward", "cache", "fcgi-app", "crt-store", "log-profile", "traces", "acme")
)
_CONDITIONS = (".if", ".elif", ".else", ".endif")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Line:
    """One line with words. ``number`` counts from 1. ``conditional``: it stands between ``.if`` and ``.endif``."""

    file: str
    number: int
    words: tuple[str, ...]
    conditional: bool = False


@dataclass
class Section:
    """One section. ``last`` is the number of its last line, empty ones and comments at its end aside."""

    kind: str
    name: str
    head: Line
    lines: list[Line] = field(default_factory=list)
    parent: Section | None = None
    last: int = 0

    def inherited(self) -> Iterator[Line]:
        """The lines of its defaults sections, the farthest first, and its own."""
        if self.parent is not None:
            yield from self.parent.inherited()
        yield from self.lines

    def all(self, *words: str) -> list[Line]:
        """Its own lines and inherited ones that begin with ``words``."""
        return [line for line in self.inherited() if line.words[: len(words)] == words]

    def own(self, *words: str) -> list[Line]:
        """Its own lines that begin with ``words``."""
        return [line for line in self.lines if line.words[: len(words)] == words]

    def value(self, *words: str) -> str:
        """What follows ``words`` in the last line that begins with them; empty if there's none."""
        found = self.all(*words)
        return found[-1].words[len(words)] if found and len(found[-1].words) > len(words) else ""

    def option(self, name: str) -> Line | None:
        """The line that switches an option on, unless a later one switches it off."""
        found = None
        for line in self.inherited():
            if line.words[:2] == ("option", name):
                found = line
            elif line.words[:3] == ("no", "option", name):
                found = None
        return found

    @property
    def http(self) -> bool:
        """Whether it speaks HTTP."""
        return self.value("mode") == "http"


@dataclass(frozen=True)
class Configuration:
    """All sections in their order. ``files``: path to text (latin-1), in the order in which HAProxy reads them."""

    files: Mapping[str, str]
    sections: Sequence[Section]

    def of(self, *kinds: str) -> list[Section]:
        """The sections of these kinds."""
        return [section for section in self.sections if section.kind in kinds]

    def in_global(self, *words: str) -> list[Line]:
        """The lines of global sections that begin with ``words``."""
        return [line for section in self.of("global") for line in section.own(*words)]


def parse(files: Mapping[str, str], environment: Mapping[str, str]) -> Configuration:
    """The configuration in ``files`` (path to text), with the variables of the running HAProxy."""
    variables = dict(environment)
    sections: list[Section] = []
    named: dict[str, Section] = {}
    latest: Section | None = None
    for file, text in files.items():
        depth = 0
        current: Section | None = None
        for number, raw in enumerate(text.split("\n"), 1):
            words = split(raw, variables)
            if not words:
                continue
            line = Line(file, number, tuple(words), depth > 0 or words[0] in _CONDITIONS)
            depth += {".if": 1, ".endif": -1}.get(words[0], 0)
            if words[0] in SECTIONS:
                current = _section(line, named, latest)
                sections.append(current)
                if current.kind == "defaults":
                    latest = current
                    named[current.name] = current
            elif current is not None:
                current.lines.append(line)
                current.last = number
                if current.kind == "global" and words[0] == "setenv" and len(words) > 2:
                    variables[words[1]] = words[2]
                elif current.kind == "global" and words[0] == "presetenv" and len(words) > 2:
                    variables.setdefault(words[1], words[2])
    return Configuration(files, sections)


def _section(line: Line, named: Mapping[str, Section], latest: Section | None) -> Section:
    kind, words = line.words[0], line.words
    name = words[1] if len(words) > 1 and words[1] != "from" else ""
    parent = named.get(words[words.index("from") + 1]) if "from" in words[:-1] else None
    if parent is None and kind in ("frontend", "backend", "listen"):
        parent = latest
    return Section(kind, name, line, parent=parent, last=line.number)


def split(text: str, variables: Mapping[str, str]) -> list[str]:
    """The words of a line. Variables count between double quotes, nothing counts between single ones."""
    words: list[str] = []
    word: list[str] = []
    started = False
    quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if quote == "'":
            if character == "'":
                quote = ""
            else:
                word.append(character)
        elif character == "\\" and position < len(text):
            # Before anything else the backslash stands for itself, as in regular expressions.
            escaped = text[position]
            word.append(_ESCAPES.get(escaped, escaped if escaped in " \\#'\"" else "\\" + escaped))
            position += 1
            started = True
        elif character == '"' or (character == "'" and not quote):
            quote = "" if quote else character
            started = True
        elif character == "$" and quote == '"':
            value, position = _variable(text, position, variables)
            word.append(value)
        elif quote or character not in " \t\r#":
            word.append(character)
            started = True
        else:
            if started:
                words.append("".join(word))
            word, started = [], False
            if character == "#":
                break
    if started:
        words.append("".join(word))
    return words


def _variable(text: str, position: int, variables: Mapping[str, str]) -> tuple[str, int]:
    braced = text[position : position + 1] == "{"
    start = position + braced
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    value = variables.get(text[start:end], "")
    if braced:
        close = text.find("}", end)
        default = text[end + 1 : close] if text[end : end + 1] == "-" else ""
        return value or default, close + 1 if close >= 0 else len(text)
    return value, end
