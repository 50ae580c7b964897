# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import grammar
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ('"a b" c', ("a b", "c")),
        ("'a \"b\"' c", ('a "b"', "c")),
        (r'"say \"no\" \\ \n" x', (r'say "no" \ \n', "x")),
        ("", ()),
        ('"open', ("open",)),
        ('""', ("",)),
    ],
)
def test_words(text, expected):
    assert grammar.words(text) == expected


def test_lines_continue_and_comments_continue_too():
    source = "# no \\\nServerName hidden\nServerAlias a \\\r\n  b \\\n c\nFoo\n"
    nodes = grammar.parse(source, "f")
    assert [(node.name, node.line, node.end_line) for node in nodes] == [("ServerAlias", 3, 5), ("Foo", 6, 6)]
    assert nodes[0].arguments == ("a", "b", "c")
    assert source[nodes[0].start : nodes[0].end] == "ServerAlias a \\\r\n  b \\\n c\n"


def test_a_section_knows_where_its_body_and_its_closing_line_are():
    source = "<VirtualHost \\\n  *:443 [::1]:443>\n\tServerName a\n\t<IfModule mod_ssl.c>\n\tX\n\t</IfModule>\n"
    source += "  </virtualHOST>"
    (section,) = grammar.parse(source, "f")
    assert section.arguments == ("*:443", "[::1]:443")
    assert (section.line, section.end_line, section.close_line) == (1, 2, 7)
    assert source[section.close :] == "  </virtualHOST>"
    assert source[section.body :].startswith("\tServerName")
    assert [node.name for node in grammar.walk(section.children)] == ["ServerName", "IfModule", "X"]


def test_a_condition_may_hold_the_closing_character():
    (section,) = grammar.parse('<If "%{REQUEST_URI} =~ m#^/a># && 1 > 0">\nX\n</If>\n', "f")
    assert section.argument == '"%{REQUEST_URI} =~ m#^/a># && 1 > 0"'


def test_perl_is_not_read():
    nodes = grammar.parse("<Perl>\n<VirtualHost *>\n</Perl>\nA b\n", "f")
    assert [(node.name, node.line) for node in nodes] == [("Perl", 1), ("A", 4)]


@pytest.mark.parametrize(
    ("source", "line"), [("<A>\nX\n", 1), ("X\n</A>\n", 2), ("<A>\n</B>\n", 2), ("<Perl>\nX\n", 1)]
)
def test_sections_that_do_not_match_are_told_with_their_line(source, line):
    with pytest.raises(OriginError, match=f"at some.conf:{line} isn't closed"):
        grammar.parse(source, "some.conf")


def test_empty_file():
    assert grammar.parse("", "f") == ()
    assert grammar.parse("\n\n# x", "f") == ()
