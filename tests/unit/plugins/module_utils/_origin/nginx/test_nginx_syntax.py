# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser reads what nginx reads, and knows where everything is."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.syntax import (
    Directive,
    SyntaxProblem,
    parse,
    quote,
    unquote,
)


def one(text: str) -> Directive:
    (directive,) = parse(text, "f")
    return directive


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("a b c;", ("b", "c")),
        ("a\tb\r\n c ;", ("b", "c")),
        ("a \"b c\" 'd e';", ("b c", "d e")),
        (r'a "b \" \\ \t";', ('b " \\ \t',)),
        (r"a ~^\d+\.x$;", (r"~^\d+\.x$",)),
        ("a b#c;", ("b#c",)),
        ('a "# not a comment";', ("# not a comment",)),
        ("a b # comment; {\n c;", ("b", "c")),
        ("a ${x}y;", ("${x}y",)),
        ("a 'it isn\"t';", ('it isn"t',)),
        ("a b}c;", ("b}c",)),
        ('a x"y z";', ('x"y', 'z"')),
        (r"a b\ c\;d;", (r"b\ c\;d",)),
        ('if ($a = "b") { }', ("($a", "=", "b", ")")),
        ("\ufeffa b;".encode().decode("latin-1"), ("b",)),
    ],
)
def test_words(text: str, args: tuple[str, ...]) -> None:
    assert one(text).args == args


def test_places() -> None:
    text = "http {\n  # {\n  server { listen 80; }\n\n  map $a $b {\n default '}'; }\n}\n"
    http = one(text)
    server, mapping = http.block
    assert (http.line, server.line, mapping.line) == (1, 3, 5)
    assert text[server.start : server.end] == "server { listen 80; }"
    assert text[server.body - 1] == "{"
    assert text[server.body : server.block[0].start] == " "
    assert mapping.block[0].args == ("}",)


@pytest.mark.parametrize(
    "code",
    [
        "ngx.say('}')",
        'ngx.say("{ \\" }")',
        "-- a comment with } and '\nlocal t = { a = { } }",
        "--[[ long } comment\n }} ]] x()",
        "local s = [==[ } ]] } ]==]",
        "if x then return '\\'}' end",
    ],
)
def test_lua_blocks_are_stepped_over(code: str) -> None:
    location, after = parse(f"location / {{ content_by_lua_block {{\n{code}\n}} }}\nafter;", "f")
    assert [child.name for child in location.block] == ["content_by_lua_block"]
    assert after.name == "after"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b", 'f:1: unexpected end of file, expecting ";" or "}"'),
        ("a {\n b;\n", 'f:3: unexpected end of file, expecting "}"'),
        ("a;\n}", 'f:2: unexpected "}"'),
        ("a\n;b }", 'f:2: unexpected "}"'),
        (";", 'f:1: unexpected ";"'),
        ('a "b', "f:1: a quoted word doesn't end"),
        ('a "b"c;', 'f:1: unexpected "c" after a quoted word'),
        ("x_by_lua_block { {", "f:1: a block of Lua code doesn't end"),
    ],
)
def test_what_is_no_configuration(text: str, problem: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse(text, "f")
    assert str(caught.value) == problem


names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
texts = st.text(alphabet=st.characters(min_codepoint=9, max_codepoint=255, exclude_characters="\x0b\x0c"), max_size=12)
spaces = st.sampled_from([" ", "\n", "\t \r\n", " # a 'comment\" { ; }\n "])


@st.composite
def trees(draw: Any, depth: int = 3) -> tuple[str, Any]:
    """A text and what it must be read as."""
    written, meant = "", []
    for _number in range(draw(st.integers(0, 3))):
        name = draw(names)
        args = draw(st.lists(texts, max_size=3))
        line = draw(spaces) + name + "".join(draw(spaces) + quote(argument) for argument in args)
        if depth and draw(st.booleans()):
            inner_text, inner = draw(trees(depth=depth - 1))
            written += line + draw(spaces) + "{" + inner_text + draw(spaces) + "}"
            meant.append((name, tuple(args), inner))
        else:
            written += line + ";"
            meant.append((name, tuple(args), None))
    return written, meant


def shape(directives: tuple[Directive, ...]) -> Any:
    return [(each.name, each.args, shape(each.block) if each.is_block else None) for each in directives]


@given(trees())
def test_round_trip(tree: tuple[str, Any]) -> None:
    text, meant = tree
    parsed = parse(text, "f")
    assert shape(parsed) == meant
    check_offsets(text, parsed)


def check_offsets(text: str, directives: tuple[Directive, ...]) -> None:
    for each in directives:
        piece = text[each.start : each.end]
        assert piece.startswith(each.name) or set(piece) & set("\\\"'")  # escaped or quoted
        assert piece.endswith("}" if each.is_block else ";")
        assert each.line == 1 + text.count("\n", 0, each.start)
        assert shape(parse(piece, "f")) == shape((each,))
        check_offsets(text, each.block)


@given(st.text(alphabet="ab {}; \n\"'#\\$", max_size=40))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SyntaxProblem):
        check_offsets(text, parse(text, "f"))


@given(texts)
def test_quoting(text: str) -> None:
    assert unquote(quote(text)[1:-1]) == text
