# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From ``nginx -T`` to the tree of what is loaded: files, includes resolved as nginx resolves them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Callable

from ..errors import OriginError
from ..globs import glob_expression
from .syntax import Directive, flatten, parse

_MARKER = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
_SINGLE = re.compile(r"^([^*?\[\\]+)\[(\w)\]\Z")
_DEPTH = 20


@dataclass(frozen=True)
class Dump:
    """What nginx loads: file names in the order of loading, their content (latin-1), the first one is the main file."""

    files: Mapping[str, str]
    tree: tuple[Directive, ...]

    @property
    def main(self) -> str:
        """The main configuration file."""
        return next(iter(self.files))

    @property
    def prefix(self) -> str:
        """The directory that relative names in directives start from."""
        return posixpath.dirname(self.main)

    def top(self, name: str) -> list[Directive]:
        """The directives of this name in the main context."""
        return [directive for directive in flatten(self.tree) if directive.name == name]


def split(output: str, read: Callable[[str], bytes]) -> dict[str, str]:
    """The files named in the output of ``nginx -T`` (stderr may precede it) with their content from ``read``.

    The content is taken from disk because the output of a command has passed through a character set; it's compared
    with the output, which also tells a marker from a line of a file that looks like one.
    """
    files: dict[str, str] = {}
    position = 0
    while True:
        found = _MARKER.search(output, position)
        if found is None:
            break
        name = found.group(1)
        content = read(name)
        shown = content.decode("utf-8", "replace")
        start = found.end() + 1
        if not output.startswith(shown, start):
            raise OriginError(f"{name} changed while nginx was asked what it loads", "Run again.")
        files[name] = content.decode("latin-1")
        position = start + len(shown)
    if not files:
        raise OriginError("nginx -T named no configuration file", "nginx 1.9.2 or newer is needed.")
    return files


def resolve(files: Mapping[str, str]) -> Dump:
    """Parse ``files`` (name to content, the main file first) and put included files in their places."""
    prefix = posixpath.dirname(next(iter(files)))
    parsed: dict[str, tuple[Directive, ...]] = {}

    def content_of(name: str) -> tuple[Directive, ...]:
        if name not in parsed:
            parsed[name] = parse(files[name], name)
        return parsed[name]

    def expand(directives: Sequence[Directive], depth: int) -> tuple[Directive, ...]:
        if depth > _DEPTH:
            raise OriginError(f"{directives[0].file}: files include each other in a circle", "Mend the includes.")
        out = []
        for directive in directives:
            if directive.name == "include" and directive.args and not directive.is_block:
                brought: list[Directive] = []
                for name in included(directive.args[0], prefix, files):
                    brought.extend(expand(content_of(name), depth + 1))
                out.append(replace(directive, block=tuple(brought)))
            elif directive.block:
                out.append(replace(directive, block=expand(directive.block, depth)))
            else:
                out.append(directive)
        return tuple(out)

    main = next(iter(files))
    return Dump(dict(files), expand(content_of(main), 0))


def included(pattern: str, prefix: str, names: Mapping[str, str]) -> list[str]:
    """The names that ``include pattern`` brings in, in nginx's order (glob(3) sorts by byte)."""
    absolute = pattern if pattern.startswith("/") else posixpath.join(prefix, pattern)
    if not has_glob(absolute):
        return [absolute] if absolute in names else []
    one = single(absolute)
    if one:
        return [one] if one in names else []
    expression = glob_expression(absolute)
    return sorted(name for name in names if expression.match(name))


def has_glob(pattern: str) -> bool:
    """Whether nginx hands the name to glob(3)."""
    return any(character in pattern for character in "*?[")


def single(pattern: str) -> str:
    """The one name that a pattern like ``x.con[f]`` stands for; empty for other patterns."""
    found = _SINGLE.match(pattern)
    return found.group(1) + found.group(2) if found else ""
