# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a Caddyfile, each with its place in the file, as Caddy splits them.

Source: https://caddyserver.com/docs/caddyfile/concepts (structure, tokens and quotes, heredocs, environment variables).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import OriginError

_VARIABLE = re.compile(r"\{\$([^}:]+)(?::([^}]*))?\}")
_SPACE = " \t\r\n\v\f"


@dataclass(frozen=True)
class Token:
    """One word. ``start`` and ``end`` are offsets in the text of ``file``; ``row`` is its line there.

    Words with the same ``line`` belong together (an escaped line end doesn't count). ``quoted`` words are never braces.
    """

    text: str
    file: str
    start: int
    end: int
    row: int
    line: int
    quoted: bool = False

    def opens(self) -> bool:
        """Whether it opens a block."""
        return self.text == "{" and not self.quoted

    def closes(self) -> bool:
        """Whether it closes a block."""
        return self.text == "}" and not self.quoted


def tokens(text: str, file: str, environment: Mapping[str, str]) -> list[Token]:
    """The words of ``text`` (latin-1). Errors: a quote or a heredoc has no end."""
    return _Lexer(text, file, environment).run()


def variables(text: str) -> set[str]:
    """The names of the environment variables that are used in ``text``."""
    return {found.group(1) for found in _VARIABLE.finditer(text)}


class _Expanded:
    """A text with its environment variables filled in, which knows where each of its places was before."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        parts: list[str] = []
        self._places: list[int] = [0]
        #: From each of these places on: how far to go back, or (inside of a value) where its variable begins and ends.
        self._shifts: list[int | tuple[int, int]] = [0]
        done = length = 0
        for found in _VARIABLE.finditer(text):
            value = environment.get(found.group(1)) or found.group(2) or ""
            parts += [text[done : found.start()], value]
            length += found.start() - done
            self._places += [length, length + len(value)]
            self._shifts += [found.span(), found.end() - length - len(value)]
            length += len(value)
            done = found.end()
        self.text = "".join([*parts, text[done:]])

    def before(self, start: int, end: int) -> tuple[int, int]:
        """Where what is between two places now was before."""
        first, last = (self._shifts[bisect_right(self._places, place) - 1] for place in (start, end - 1))
        begin = first[0] if isinstance(first, tuple) else start + first
        return begin, last[1] if isinstance(last, tuple) else end + last


class _Lexer:
    def __init__(self, text: str, file: str, environment: Mapping[str, str]) -> None:
        self.expanded = _Expanded(text, environment)
        self.text = self.expanded.text
        self.file = file
        self.place = 0
        self.line = 1
        #: Line ends that were escaped: they count when the line ends.
        self.skipped = 0
        self.found: list[Token] = []
        self.ends = [found.start() for found in re.finditer("\n", text)]

    def run(self) -> list[Token]:
        text = self.text
        while self.place < len(text):
            char = text[self.place]
            if char in _SPACE:
                self._newline(char)
                self.place += 1
            elif text.startswith("\\\n", self.place) or text.startswith("\\\r\n", self.place):
                self.skipped += 1
                self.place = text.index("\n", self.place) + 1
            elif char == "#":
                end = text.find("\n", self.place)
                self.place = len(text) if end < 0 else end
            elif char in '"`':
                self._quoted(char)
            elif not self._heredoc():
                self._plain()
        return self.found

    def _newline(self, char: str) -> None:
        if char == "\n":
            self.line += 1 + self.skipped
            self.skipped = 0

    def _add(self, value: str, start: int, line: int, quoted: bool) -> None:
        begin, end = self.expanded.before(start, self.place)
        self.found.append(Token(value, self.file, begin, end, bisect_right(self.ends, begin) + 1, line, quoted))

    def _quoted(self, mark: str) -> None:
        start, line, value = self.place, self.line, []
        self.place += 1
        while self.place < len(self.text):
            char = self.text[self.place]
            if mark == '"' and char == "\\" and self.text.startswith('"', self.place + 1):
                value.append('"')
                self.place += 2
                continue
            self.place += 1
            if char == mark:
                self._add("".join(value), start, line, True)
                return
            self._newline(char)
            value.append(char)
        raise OriginError(f"{self.file}:{line}: a quote has no end", "Mend the Caddyfile.")

    def _heredoc(self) -> bool:
        found = re.compile(r"<<([A-Za-z0-9_-]+)\r?\n").match(self.text, self.place)
        if found is None:
            return False
        end = self.text.find(found.group(1), found.end())
        if end < 0:
            raise OriginError(f"{self.file}:{self.line}: {found.group(0).strip()} has no end", "Mend the Caddyfile.")
        start, line = self.place, self.line
        self.place = end + len(found.group(1))
        self._add(self.text[found.end() : end], start, line, True)
        self.line += self.text.count("\n", start, self.place)
        return True

    def _plain(self) -> None:
        start, line = self.place, self.line
        while self.place < len(self.text) and self.text[self.place] not in _SPACE:
            if self.text.startswith("\\\n", self.place):
                break
            self.place += 1
        self._add(self.text[start : self.place], start, line, False)
