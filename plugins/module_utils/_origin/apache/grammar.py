# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache's configuration grammar: lines, continuations, quotes and sections, each with its place in the file.

Text is decoded as Latin-1, so that an offset in it is an offset in the file, whatever the file's encoding.
Source: server/config.c and server/util.c (``ap_cfg_getline``, ``ap_getword_conf``) of httpd 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from ..errors import OriginError

#: Sections whose content isn't Apache configuration.
_OPAQUE = ("perl", "lua")
_CONTINUED = re.compile(r"\\\r?\n")


@dataclass(frozen=True)
class Directive:
    """A directive: lines count from 1 and ``end_line`` is its last one; ``start`` and ``end`` are offsets."""

    name: str
    arguments: tuple[str, ...]
    text: str
    file: str
    line: int
    end_line: int
    start: int
    end: int

    @property
    def key(self) -> str:
        """The name as Apache compares it."""
        return self.name.lower()


@dataclass(frozen=True)
class Section:
    """A section with its content. ``close`` is the offset where the line of its closing tag starts."""

    name: str
    argument: str
    file: str
    line: int
    end_line: int
    start: int
    body: int
    close: int
    close_line: int
    children: tuple[Node, ...] = field(default=())
    #: The source between the opening and the closing line.
    source: str = ""

    @property
    def key(self) -> str:
        """The name as Apache compares it."""
        return self.name.lower()

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words of the opening tag."""
        return words(self.argument)


Node = Union[Directive, Section]


@dataclass(frozen=True)
class _Line:
    text: str
    line: int
    end_line: int
    start: int
    end: int


def words(text: str) -> tuple[str, ...]:
    """Split arguments as Apache does: blanks separate, quotes group, a backslash saves the quote or itself."""
    result = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        word, position = _word(text, position)
        result.append(word)
    return tuple(result)


def directive(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of a directive's line."""
    name, rest = _partition(text)
    return name, words(rest)


def parse(source: str, file: str) -> tuple[Node, ...]:
    """Parse ``source``. Raise :class:`OriginError` with the line when sections don't match."""
    lines = list(_lines(source))
    nodes, position = _content(source, file, lines, 0, None)
    if position != len(lines):
        raise _mismatch(file, lines[position].line)
    return nodes


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Every node, each section before its content."""
    for node in nodes:
        yield node
        if isinstance(node, Section):
            yield from walk(node.children)


def _word(text: str, position: int) -> tuple[str, int]:
    quote = text[position]
    if quote not in "\"'":
        end = position
        while end < len(text) and not text[end].isspace():
            end += 1
        return text[position:end], end
    out = []
    position += 1
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and position + 1 < len(text) and text[position + 1] in (quote, "\\"):
            position += 1
        out.append(text[position])
        position += 1
    return "".join(out), position + 1


def _lines(source: str) -> Iterator[_Line]:
    """Logical lines that aren't empty and no comment (a comment is continued by a backslash, too)."""
    number, start = 1, 0
    while start < len(source):
        first, end = number, start
        while True:
            newline = source.find("\n", end)
            end = len(source) if newline < 0 else newline + 1
            number += 1
            if newline < 0 or not source[start:newline].rstrip("\r").endswith("\\"):
                break
        text = _CONTINUED.sub("", source[start:end]).strip()
        if text and not text.startswith("#"):
            yield _Line(text, first, number - 1, start, end)
        start = end


def _content(
    source: str, file: str, lines: list[_Line], position: int, inside: str | None
) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    while position < len(lines):
        line = lines[position]
        if line.text.startswith("</"):
            if inside is None or line.text[2:].rstrip(">").strip().lower() != inside:
                raise _mismatch(file, line.line)
            return tuple(nodes), position
        if not line.text.startswith("<"):
            name, arguments = directive(line.text)
            nodes.append(
                Directive(name, arguments, line.text, file, line.line, line.end_line, line.start, line.end)
            )
            position += 1
            continue
        name, rest = _partition(line.text[1:])
        if not rest and name.endswith(">"):
            name = name[:-1]
        argument = rest.strip()
        argument = argument[:-1].strip() if argument.endswith(">") else argument
        children: tuple[Node, ...] = ()
        if name.lower() in _OPAQUE:
            position = _skip(lines, position + 1, name.lower())
        else:
            children, position = _content(source, file, lines, position + 1, name.lower())
        if position >= len(lines):
            raise _mismatch(file, line.line)
        close = lines[position]
        nodes.append(
            Section(
                name, argument, file, line.line, line.end_line, line.start, line.end,
                close.start, close.line, children, source[line.end : close.start],
            )
        )  # fmt: skip
        position += 1
    if inside is not None:
        return tuple(nodes), len(lines)
    return tuple(nodes), position


def _skip(lines: list[_Line], position: int, name: str) -> int:
    while position < len(lines) and lines[position].text.lower() != f"</{name}>":
        position += 1
    return position


def _partition(text: str) -> tuple[str, str]:
    parts = text.split(None, 1)
    return parts[0] if parts else "", parts[1] if len(parts) > 1 else ""


def _mismatch(file: str, line: int) -> OriginError:
    return OriginError(f"A section at {file}:{line} isn't closed, or closes another", "Let the server check it.")
