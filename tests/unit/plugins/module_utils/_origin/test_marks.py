# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of ours in files of others, and headers of files of ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._origin import marks
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Edit


@pytest.mark.parametrize(
    ("text", "pieces", "after", "edits"),
    [
        ("a\nb\n", [(2, 2, "x\n")], "a\nx\nb\n", [((), ("x\n",))]),
        ("a\nb\n", [(1, 1, "\nx")], "a\nx\nb\n", [((), ("x\n",))]),
        ("a\nx\nb\n", [(1, 3, "")], "a\nb\n", [(("x\n",), ())]),
        (
            "bind :443\nb\n",
            [(9, 9, " ca-file x")],
            "bind :443 ca-file x\nb\n",
            [(("bind :443\n",), ("bind :443 ca-file x\n",))],
        ),
        ("{ b }", [(1, 1, "\nx\n")], "{\nx\n b }", [(("{ b }",), ("{\n", "x\n", " b }"))]),
        ("a", [(1, 1, "\nx"), (1, 1, "\ny")], "a\nx\ny", [(("a",), ("a\n", "x\n", "y"))]),
        ("a\nb\nc\n", [(4, 4, "y\n"), (0, 0, "x\n")], "x\na\nb\ny\nc\n", [((), ("x\n",)), ((), ("y\n",))]),
        ("a\nb\n", [], "a\nb\n", []),
    ],
)
def test_what_is_spliced_is_known_by_its_lines(text: str, pieces: Any, after: str, edits: Any) -> None:
    change = marks.spliced("/f", text, pieces)
    assert (change.before, change.after) == (text.encode(), after.encode())
    said = [Edit(*(tuple(line.encode() for line in lines) for lines in each)) for each in edits]
    assert list(change.edits) == said


@given(
    st.text("ab\n", max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.text("xy\n")), max_size=4),
)
def test_splicing_is_what_it_is_from_the_back(text: str, given_pieces: list[tuple[int, int, str]]) -> None:
    pieces: list[marks.Piece] = []
    for start, length, new in sorted(set(given_pieces)):
        first = min(start, len(text))
        if not pieces or first > pieces[-1][1]:
            pieces.append((first, min(first + length, len(text)), new))
    expected = text
    for first, last, new in reversed(pieces):
        expected = expected[:first] + new + expected[last:]
    change = marks.spliced("/f", text, pieces)
    assert change.after == expected.encode()
    assert bool(change.edits) is change.changed


def test_headers_are_read_as_they_are_written() -> None:
    text = marks.headers({"b.example.com": "enforce", "a.example.com": "log_only"})
    assert text.startswith("# originlock.aop stage=log_only hostname=a.example.com\n")
    text += "# originlock.aop stage=sometimes hostname=c.example.com\n" + marks.header("log_only", "b.example.com")
    assert marks.stages([text]) == {"a.example.com": "log_only", "b.example.com": "enforce"}
    assert marks.is_ours(text.encode())
    assert not marks.is_ours(b"\n" + text.encode())
