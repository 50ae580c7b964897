# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files of ours, and lines of ours in others' files, are known again. The same for every server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .model import MARK, OFF, STAGES, Edit, FileChange, stricter

#: Offsets in a text, and what comes in place of what is between them.
Piece = tuple[int, int, str]

#: A colon after the mark would make it a comment above a line of ours in somebody else's file.
_FIRST = re.compile(rb"# " + re.escape(MARK.encode()) + rb"(?!:)")
_HEADER = re.compile(rf"^# {re.escape(MARK)} stage=(?P<stage>\w+) hostname=(?P<hostname>\S+)[ \t\r]*$", re.MULTILINE)


def header(stage: str, hostname: str) -> str:
    """The line by which a generated file says what it stands for. It may have several, one for each hostname."""
    return f"# {MARK} stage={stage} hostname={hostname}\n"


def headers(stages: Mapping[str, str]) -> str:
    """The lines for several hostnames, in their order."""
    return "".join(header(stage, name) for name, stage in sorted(stages.items()))


def stages(texts: Iterable[str]) -> dict[str, str]:
    """The strictest stage of each hostname that the headers of generated files name."""
    matches = (match for text in texts for match in _HEADER.finditer(text))
    return strictest((match["hostname"], match["stage"]) for match in matches if match["stage"] in STAGES)


def strictest(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The stage that demands most, of each hostname."""
    found: dict[str, str] = {}
    for name, stage in pairs:
        found[name] = stricter(stage, found.get(name, OFF))
    return found


def is_ours(content: bytes) -> bool:
    """Whether a file begins with our mark."""
    return bool(_FIRST.match(content))


def spliced(path: str, text: str, pieces: Iterable[Piece]) -> FileChange:
    """The change of a file that isn't ours: ``text`` (latin-1) with each piece's text in place of what it covers.

    Pieces at one place keep their order. What a revert needs to find our lines again is worked out here.
    """
    after: list[str] = []
    edits: list[Edit] = []
    done = 0
    # Of the lines under work: where they begin and end in the text, and where in what is after it.
    first = last = begun = 0
    for piece in [*sorted(dict.fromkeys(pieces), key=lambda one: one[:2]), None]:
        if piece is None or (last <= piece[0] and text[last - 1 : last] in ("", "\n")):
            after.append(text[done:last])
            edits += _edit(text[first:last], "".join(after[begun:]))
            done = last
            if piece is None:
                break
            first = text.rfind("\n", 0, piece[0]) + 1
            after.append(text[done:first])
            done, begun = first, len(after)
        start, end, new = piece
        after += [text[done:start], new]
        done = end
        last = max(last, text.find("\n", end) + 1 or len(text))
    content = "".join([*after, text[done:]])
    return FileChange(path, text.encode("latin-1"), content.encode("latin-1"), edits=tuple(dict.fromkeys(edits)))


def _edit(old: str, new: str) -> list[Edit]:
    """What differs between whole lines; nothing if they are the same."""
    before, after = (text.encode("latin-1").splitlines(keepends=True) for text in (old, new))
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return [Edit(tuple(before), tuple(after))] if before or after else []
