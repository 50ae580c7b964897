# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the sites of a Caddyfile stand: blocks, their addresses, and the directives that matter here.

What a site does is asked from Caddy itself (``caddy adapt``); a Caddyfile is read only to know where to write.
Source: https://caddyserver.com/docs/caddyfile/concepts, https://caddyserver.com/docs/caddyfile/directives/import.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import OriginError
from .lexer import Token, tokens

#: Caddy allows as many imports in imports.
_DEEPEST = 64
_ARGUMENT = re.compile(r"\{args(?:\[(\d+)\]|\.(\d+))\}")


@dataclass(frozen=True)
class Directive:
    """One directive. ``body`` is None without a block; ``imported`` if it comes from an import inside of the site."""

    words: tuple[Token, ...]
    body: tuple[Directive, ...] | None = None
    closing: Token | None = None
    imported: bool = False

    @property
    def name(self) -> str:
        """Its first word."""
        return self.words[0].text

    @property
    def arguments(self) -> list[str]:
        """The words after the first one, without the brace."""
        return [word.text for word in self.words[1:] if not (word is self.words[-1] and word.opens())]

    def walk(self) -> Iterator[Directive]:
        """Itself and everything in its block."""
        yield self
        for child in self.body or ():
            yield from child.walk()


@dataclass(frozen=True)
class Site:
    """A site block. ``addresses`` as written; ``end`` is where its last line of content ends (an offset in ``file``).

    ``closing`` is the closing brace; None for a Caddyfile that is one site without braces. ``template``: the block
    comes from a snippet, so it stands for several sites and can't be edited.
    """

    addresses: tuple[str, ...]
    file: str
    line: int
    directives: tuple[Directive, ...]
    closing: Token | None
    template: bool = False

    @property
    def hostnames(self) -> list[str]:
        """The hostnames of its addresses, in lower case; empty for ``:443``."""
        return list(dict.fromkeys(name for name in map(hostname, self.addresses) if name))

    def named(self, name: str) -> list[Directive]:
        """Its own directives of this name."""
        return [one for one in self.directives if one.name == name]

    def imports(self) -> Iterator[Directive]:
        """The import lines that are written in this block, at any depth."""
        for directive in self.directives:
            yield from (one for one in directive.walk() if one.name == "import" and not one.imported)


@dataclass(frozen=True)
class Caddyfile:
    """All of it. ``files``: the content (latin-1) of every file that was read, by path."""

    main: str
    files: Mapping[str, str]
    sites: tuple[Site, ...]
    options: tuple[Directive, ...]


def hostname(address: str) -> str:
    """The hostname in an address such as ``https://app.example.com:8443/path``; empty if it has none."""
    host = address.rpartition("://")[2].partition("/")[0]
    host = host if host.endswith("]") else re.sub(r":[^:\]]*\Z", "", host)
    return host.lower()


def read(main: str, load: Callable[[str], str], environment: Mapping[str, str]) -> Caddyfile:
    """Read ``main`` and what it imports. ``load`` gives a file's content (latin-1), or raises OSError."""
    return _Reader(main, load, environment).read()


class _Reader:
    def __init__(self, main: str, load: Callable[[str], str], environment: Mapping[str, str]) -> None:
        self.main = main
        self.load = load
        self.environment = environment
        self.files: dict[str, str] = {}
        self.snippets: dict[str, list[Token]] = {}
        self.sites: list[Site] = []
        self.options: list[Directive] = []

    def read(self) -> Caddyfile:
        self._blocks(self._tokens(self.main), False, 0)
        return Caddyfile(self.main, self.files, tuple(self.sites), tuple(self.options))

    def _tokens(self, path: str) -> list[Token]:
        if path not in self.files:
            try:
                self.files[path] = self.load(path)
            except OSError as error:
                raise OriginError(f"{path}: {error.strerror or error}", "Mend the Caddyfile.") from error
        return tokens(self.files[path], path, self.environment)

    def _blocks(self, words: Sequence[Token], template: bool, depth: int) -> None:
        """Site blocks, snippets, global options and imports at the top of a file."""
        place = 0
        while place < len(words):
            word = words[place]
            if word.text == "import" and not word.quoted:
                line = _line(words, place)
                place += len(line)
                for part, is_template in self._import(line, depth):
                    self._blocks(part, template or is_template, depth + 1)
                continue
            keys = words[place : place + _addresses(words[place:])]
            if not keys[-1].opens():
                # A Caddyfile that is one site needs no braces.
                self._site(keys, words[place + len(keys) :], None, template, depth)
                return
            opening = place + len(keys) - 1
            keys = keys[:-1]
            end = _closing(words, opening)
            inner = words[opening + 1 : end]
            closing = words[end] if end < len(words) else None
            name = keys[0].text if keys else ""
            if not keys:
                self.options += self._directives(inner, False, depth)
            elif len(keys) == 1 and name.startswith("(") and name.endswith(")"):
                self.snippets[name[1:-1]] = list(inner)
            elif not name.startswith("&("):
                self._site(keys, inner, closing, template, depth)
            place = end + 1

    def _site(
        self, keys: Sequence[Token], inner: Sequence[Token], closing: Token | None, template: bool, depth: int
    ) -> None:
        names = [part for key in keys for part in key.text.split(",") if part]
        directives = tuple(self._directives(inner, False, depth))
        self.sites.append(Site(tuple(names), keys[0].file, keys[0].row, directives, closing, template))

    def _directives(self, words: Sequence[Token], imported: bool, depth: int) -> Iterator[Directive]:
        place = 0
        while place < len(words):
            line = _line(words, place)
            place += len(line)
            body: tuple[Directive, ...] | None = None
            closing = None
            if line[-1].opens():
                end = _closing(words, place - 1)
                body = tuple(self._directives(words[place:end], imported, depth))
                closing = words[end] if end < len(words) else None
                place = end + 1
            yield Directive(tuple(line), body, closing, imported)
            if line[0].text == "import" and not line[0].quoted:
                for part, _template in self._import(line, depth):
                    yield from self._directives(part, True, depth + 1)

    def _import(self, line: Sequence[Token], depth: int) -> Iterator[tuple[list[Token], bool]]:
        """What an import line brings, and whether it is a snippet."""
        if depth > _DEEPEST or len(line) < 2:
            raise OriginError(f"{line[0].file}: {' '.join(word.text for word in line)}: can't be read", "Mend it.")
        name = line[1].text
        arguments = [word.text for word in line[2:] if not word.opens()]
        if name in self.snippets:
            yield [_filled(word, arguments) for word in self.snippets[name]], True
            return
        pattern = os.path.join(os.path.dirname(line[0].file), name)
        for path in files_of(pattern):
            yield [_filled(word, arguments) for word in self._tokens(path)], False


def files_of(pattern: str) -> list[str]:
    """The files that an import pattern (a path, perhaps with one star) brings, in their order."""
    if not re.search(r"[*?\[]", pattern):
        return [pattern]
    found = sorted(path for path in glob.glob(pattern) if os.path.isfile(path))
    return [path for path in found if not os.path.basename(path).startswith(".")]


def _filled(word: Token, arguments: Sequence[str]) -> Token:
    def value(found: re.Match[str]) -> str:
        number = int(found.group(1) or found.group(2))
        return arguments[number] if number < len(arguments) else found.group()

    text = _ARGUMENT.sub(value, word.text)
    return word if text == word.text else replace(word, text=text)


def _line(words: Sequence[Token], start: int) -> list[Token]:
    """The words of the line that begins at ``start``."""
    end = start + 1
    while end < len(words) and (words[end].file, words[end].line) == (words[start].file, words[start].line):
        end += 1
    return list(words[start:end])


def _closing(words: Sequence[Token], opening: int) -> int:
    """Where the block that opens at ``opening`` ends; the number of words if it has no end."""
    depth = 0
    for place in range(opening, len(words)):
        depth += words[place].opens() - words[place].closes()
        if depth <= 0:
            return place
    return len(words)


def _addresses(words: Sequence[Token]) -> int:
    """How many words are addresses: the first line, and the next ones while a comma stands before them."""
    end = len(_line(words, 0))
    while end < len(words) and words[end - 1].text.endswith(","):
        end += len(_line(words, end))
    return end
