# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our marked include lines in the users' files: found, added, and taken away again to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..marks import Piece
from ..model import MARK
from .grammar import Section

_MARKED = re.compile(
    r"^[ \t]*# " + re.escape(MARK) + r": hostname=(?P<hostname>\S+) [^\n]*\n"
    r"(?P<include>[ \t]*IncludeOptional (?P<path>[^\r\n]+?)[ \t]*(?:\r?\n|\Z))",
    re.M,
)


@dataclass(frozen=True)
class Mark:
    """A marked include line with its comment; ``include`` is the offset of the line, ``start`` of the comment."""

    hostname: str
    path: str
    start: int
    include: int
    end: int


@dataclass(frozen=True)
class Insertion:
    """A marked line to add before the closing tag of a virtual host."""

    section: Section
    hostname: str
    path: str


def marks(source: str) -> list[Mark]:
    """Every marked line in ``source``."""
    return [
        Mark(found.group("hostname"), found.group("path"), found.start(), found.start("include"), found.end())
        for found in _MARKED.finditer(source)
    ]


def line_for(path: str) -> str:
    """The include line itself."""
    return f"IncludeOptional {path}"


def pieces(source: str, remove: Iterable[Mark], add: Iterable[Insertion]) -> list[Piece]:
    """What makes ``source`` be without ``remove`` and with ``add``; everything else stays as it is."""
    taken = [(mark.start, mark.end, "") for mark in remove]
    return taken + [(item.section.close, item.section.close, _lines(source, item)) for item in add]


def _lines(source: str, item: Insertion) -> str:
    section = item.section
    newline = "\r\n" if source[section.start : section.body].endswith("\r\n") else "\n"
    closing = source[section.close :]
    outer = closing[: len(closing) - len(closing.lstrip(" \t"))]
    body = re.search(r"^([ \t]+)\S", source[section.body : section.close], re.M)
    indent = body.group(1) if body else outer + "    "
    comment = f"# {MARK}: hostname={item.hostname} (with the next line; the stage off takes both away)"
    return f"{indent}{comment}{newline}{indent}{line_for(item.path)}{newline}"
