# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of nginx configuration files, as ``ngx_conf_read_token`` reads it, with the place of every directive.

Texts are latin-1 decoded bytes: one character is one byte, so an offset is good for the file as it is on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import OriginError

_SPACE = " \t\r\n"
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", '"': '"', "'": "'", "\\": "\\"}


class SyntaxProblem(OriginError):
    """A file can't be read as nginx configuration."""

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}", "Run nginx -t: if it accepts the file, report this as our defect.")


@dataclass(frozen=True)
class Token:
    """A word as nginx understands it (``value``) and as it is written (``raw``)."""

    value: str
    raw: str
    start: int
    end: int


@dataclass(frozen=True)
class Directive:
    """One directive. ``block`` holds what is between its braces, or for an ``include`` what it brings in.

    ``start``/``end`` enclose it in its file (semicolon or closing brace included); ``body`` is the offset after ``{``.
    """

    name: str
    args: tuple[str, ...]
    raw: tuple[str, ...]
    file: str
    line: int
    start: int
    end: int
    body: int = -1
    block: tuple[Directive, ...] = field(default=())

    @property
    def is_block(self) -> bool:
        """Whether it has braces."""
        return self.body >= 0

    def text(self) -> str:
        """The directive in one line, without its block."""
        return " ".join((self.name, *self.raw))

    def children(self) -> Iterator[Directive]:
        """The directives inside, with those of included files in the place of their ``include``."""
        yield from flatten(self.block)

    def named(self, *names: str) -> list[Directive]:
        """The direct children with one of these names."""
        return [child for child in self.children() if child.name in names]

    def walk(self) -> Iterator[Directive]:
        """Every directive inside, at any depth."""
        for child in self.children():
            yield child
            yield from child.walk()


def flatten(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    """``directives`` with each resolved ``include`` replaced by what it brings in."""
    for directive in directives:
        if directive.name == "include" and not directive.is_block:
            yield from flatten(directive.block)
        else:
            yield directive


def parse(text: str, file: str) -> tuple[Directive, ...]:
    """Parse one file. Errors: :class:`SyntaxProblem` with file and line."""
    reader = _Reader(text, file)
    directives = reader.directives()
    return tuple(directives)


def quote(value: str) -> str:
    """``value`` as one quoted word; ``$`` keeps its meaning."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def location_parts(location: Directive) -> tuple[str, str]:
    """Modifier (empty, ``=``, ``~``, ``~*``, ``^~`` or ``@``) and pattern; the two may be written as one word."""
    if len(location.args) == 2:
        return location.args[0], location.args[1]
    word = location.args[0] if location.args else ""
    for modifier in ("~*", "^~", "=", "~", "@"):
        if word.startswith(modifier):
            return modifier, word[len(modifier) :]
    return "", word


def unquote(body: str) -> str:
    """What nginx makes of the text of a word, quotes already taken off."""
    if "\\" not in body:
        return body
    out = []
    position = 0
    while position < len(body):
        character = body[position]
        following = body[position + 1 : position + 2]
        if character == "\\" and following in _ESCAPES and following:
            out.append(_ESCAPES[following])
            position += 2
        else:
            out.append(character)
            position += 1
    return "".join(out)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.position = 3 if text.startswith("\xef\xbb\xbf") else 0  # a byte order mark
        self.line = 1
        self.counted = 0

    def problem(self, what: str) -> SyntaxProblem:
        return SyntaxProblem(self.file, self.line_at(self.position), what)

    def line_at(self, offset: int) -> int:
        if offset >= self.counted:
            self.line += self.text.count("\n", self.counted, offset)
            self.counted = offset
            return self.line
        return 1 + self.text.count("\n", 0, offset)

    def directives(self) -> list[Directive]:
        stack: list[tuple[list[Directive], list[Token], int]] = []
        current: list[Directive] = []
        while True:
            words, ending = self.words()
            if ending == ";":
                current.append(self.simple(words))
            elif ending == "{":
                body = self.position
                if words[0].value.endswith("_by_lua_block"):
                    self.skip_lua()
                    current.append(self.simple(words, body))
                    continue
                stack.append((current, words, body))
                current = []
            elif ending == "}":
                if not stack:
                    raise self.problem('unexpected "}"')
                children = current
                current, words, body = stack.pop()
                current.append(self.simple(words, body, tuple(children)))
            else:
                if stack:
                    raise self.problem('unexpected end of file, expecting "}"')
                return current

    def simple(self, words: list[Token], body: int = -1, block: tuple[Directive, ...] = ()) -> Directive:
        first = words[0]
        return Directive(
            name=first.value,
            args=tuple(word.value for word in words[1:]),
            raw=tuple(word.raw for word in words[1:]),
            file=self.file,
            line=self.line_at(first.start),
            start=first.start,
            end=self.position,
            body=body,
            block=block,
        )

    def words(self) -> tuple[list[Token], str]:
        """The words up to the next ``;``, ``{``, ``}`` or the end (an empty string)."""
        words: list[Token] = []
        text = self.text
        while True:
            self.skip_space()
            if self.position >= len(text):
                if words:
                    raise self.problem('unexpected end of file, expecting ";" or "}"')
                return words, ""
            character = text[self.position]
            if character in ";{":
                if not words:
                    raise self.problem(f'unexpected "{character}"')
                self.position += 1
                return words, character
            if character == "}":
                if words:
                    raise self.problem('unexpected "}"')
                self.position += 1
                return words, character
            words.append(self.quoted(character) if character in "\"'" else self.bare())

    def skip_space(self) -> None:
        text = self.text
        while self.position < len(text):
            if text[self.position] in _SPACE:
                self.position += 1
            elif text[self.position] == "#":
                newline = text.find("\n", self.position)
                self.position = len(text) if newline < 0 else newline + 1
            else:
                return

    def quoted(self, mark: str) -> Token:
        start = self.position
        position = start + 1
        while position < len(self.text) and self.text[position] != mark:
            position += 2 if self.text[position] == "\\" else 1
        if position >= len(self.text):
            raise self.problem("a quoted word doesn't end")
        self.position = position + 1
        following = self.text[self.position : self.position + 1]
        # nginx lets ")" follow directly (for "if" conditions): it then begins the next word.
        if following and following not in _SPACE + ";{)":
            raise self.problem(f'unexpected "{following}" after a quoted word')
        raw = self.text[start : self.position]
        return Token(unquote(raw[1:-1]), raw, start, self.position)

    def bare(self) -> Token:
        start = position = self.position
        text = self.text
        variable = False
        while position < len(text):
            character = text[position]
            if character == "{" and variable:
                variable = False
                position += 1
                continue
            variable = character == "$"
            if character == "\\":
                position += 2
                continue
            if character in _SPACE or character in ";{":
                break
            position += 1
        self.position = min(position, len(text))
        raw = text[start : self.position]
        return Token(unquote(raw), raw, start, self.position)

    def skip_lua(self) -> None:
        """Step over Lua code up to the brace that ends its block; strings and comments may hold braces."""
        text = self.text
        depth = 1
        while self.position < len(text):
            rest = self.position
            character = text[rest]
            if text.startswith("--", rest):
                self.position += 2
                if not self.skip_long_bracket():
                    newline = text.find("\n", self.position)
                    self.position = len(text) if newline < 0 else newline
                continue
            if character == "[" and self.skip_long_bracket():
                continue
            if character in "\"'":
                position = rest + 1
                while position < len(text) and text[position] not in (character, "\n"):
                    position += 2 if text[position] == "\\" else 1
                self.position = position + 1
                continue
            depth += (character == "{") - (character == "}")
            self.position += 1
            if depth == 0:
                return
        raise self.problem("a block of Lua code doesn't end")

    def skip_long_bracket(self) -> bool:
        text = self.text
        position = self.position
        if text[position : position + 1] != "[":
            return False
        level = position + 1
        while text[level : level + 1] == "=":
            level += 1
        if text[level : level + 1] != "[":
            return False
        closing = "]" + "=" * (level - position - 1) + "]"
        end = text.find(closing, level)
        self.position = len(text) if end < 0 else end + len(closing)
        return True
