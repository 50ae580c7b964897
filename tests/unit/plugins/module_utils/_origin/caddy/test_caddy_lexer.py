# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a Caddyfile, and where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._origin.caddy import lexer
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError


def words(text: str, **environment: str) -> list[str]:
    return [one.text for one in lexer.tokens(text, "/f", environment)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b\n\tc", ["a", "b", "c"]),
        ("a # b\nc#d", ["a", "c#d"]),
        ('respond "a } {" 200', ["respond", "a } {", "200"]),
        (r'respond "a \"b\" \n"', ["respond", r'a "b" \n']),
        ('respond `a "b"`', ["respond", 'a "b"']),
        ("respond <<HTML\n  } {\n  HTML 200\n}", ["respond", "  } {\n  ", "200", "}"]),
        ("a \\\n b\nc", ["a", "b", "c"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("{$HOST:x.example} {$OTHER}", ["x.example"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_variables_are_filled_in_before_words_are_split() -> None:
    text = "{$NAMES} {\n}"
    found = lexer.tokens(text, "/f", {"NAMES": "a.example, b.example"})
    assert [one.text for one in found] == ["a.example,", "b.example", "{", "}"]
    assert [text[one.start : one.end] for one in found[:3]] == ["{$NAMES}", "{$NAMES}", "{"]
    assert lexer.variables(text) == {"NAMES"}


def test_an_escaped_line_end_is_none() -> None:
    first, second, third = lexer.tokens("tls \\\n  a\nb", "/f", {})
    assert (first.line == second.line, second.line == third.line) == (True, False)
    assert (first.row, second.row, third.row) == (1, 2, 3)


@pytest.mark.parametrize("text", ['a "b', "a <<X\nb"])
def test_what_has_no_end(text: str) -> None:
    with pytest.raises(OriginError, match="/f:1: .* no end"):
        words(text)


@given(st.text(alphabet='ab {}"`#\\\n\t<$:', max_size=60))
def test_every_word_stands_where_it_says(text: str) -> None:
    try:
        found = lexer.tokens(text, "/f", {})
    except OriginError:
        return
    ends = [0]
    for one in found:
        assert ends[-1] <= one.start < one.end <= len(text)
        ends.append(one.end)
        if not one.quoted and "$" not in text:
            assert text[one.start : one.end] == one.text
