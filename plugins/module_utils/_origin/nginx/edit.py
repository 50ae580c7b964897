# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put include lines into files that aren't ours, and take exactly them out again."""

from __future__ import annotations

import re

from ..marks import Piece
from ..model import MARK
from .syntax import Directive

#: A line that had more on it after the brace is broken in two; the second mark tells to join it again.
_JOIN = ", which also broke this line"
_INDENT = re.compile(r"\n([ \t]+)(?=[^\s#}])")
_TAIL = re.compile(rf"[ \t]*# {re.escape(MARK)}({re.escape(_JOIN)}\n)?")


def include_line(path: str) -> str:
    """The directive that loads ``path`` (``….conf``), written so that a missing file is no error.

    The brackets make nginx look for matching files, and nothing but this one name matches.
    """
    return f"include {path[:-1]}[{path[-1]}];"


def insertion(text: str, block: Directive, path: str) -> Piece:
    """Put a marked include line right after the opening brace of ``block`` in its file's ``text``."""
    newline = text.find("\n", block.body)
    rest = text[block.body : newline if newline >= 0 else len(text)]
    indent = _INDENT.search(text, block.body, block.end)
    line = f"\n{indent.group(1) if indent else '    '}{include_line(path)}  # {MARK}"
    if rest.strip() and not rest.strip().startswith("#"):
        line += _JOIN + "\n"
    return (block.body, block.body, line)


def removal(text: str, line: Directive) -> Piece:
    """Take a marked include line out; the reverse of :func:`insertion`."""
    tail = _TAIL.match(text, line.end)
    end = tail.end() if tail else line.end
    start = line.start
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    if start > 0 and text[start - 1] == "\n":
        start -= 1
    else:
        start = line.start  # somebody moved it behind something else
    return (start, end, "")
