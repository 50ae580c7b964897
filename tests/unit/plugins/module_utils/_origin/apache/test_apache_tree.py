# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import discovery, grammar
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache.filesystem import (
    Files,
    path_matches,
    reaches,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError, ValidationFailed
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed


def names(apache):
    return [node.text for node in apache.discover().tree.nodes if isinstance(node, grammar.Directive)]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("<IfModule mod_ssl.c>", True),
        ("<IfModule ssl_module>", True),
        ("<IfModule !mod_ssl.c>", False),
        ("<IfModule mod_nothing.c>", False),
        ("<IfModule !mod_nothing.c>", True),
        ("<IfModule event.c>", True),
        ("<IfDefine LIVE>", True),
        ("<IfDefine !LIVE>", False),
        ("<IfDefine DUMP_VHOSTS>", False),
        ("<IfVersion >= 2.4>", True),
        ("<IfVersion < 2.4.64>", False),
        ("<IfVersion 2.4.71>", True),
        ("<IfVersion ~ ^2>", True),
        ("<IfFile apache2.conf>", True),
        ("<IfFile not-there>", False),
        ("<IfDirective Foo>", True),
    ],
)
def test_conditions(apache, condition, holds):
    name = condition[1:].split()[0].rstrip(">")
    apache.defines["LIVE"] = "1"
    apache.write("conf-enabled/a.conf", f"{condition}\nMarker here\n</{name}>\n")
    assert ("Marker here" in names(apache)) is holds


def test_an_include_stays_before_what_it_brought_and_variables_are_known(apache):
    apache.defines["WHERE"] = "extra"
    apache.write("conf-enabled/a.conf", 'Include "${WHERE}/one.conf"\nAfter x\n')
    apache.write("extra/one.conf", "Inner x\n")
    found = names(apache)
    position = found.index('Include "${WHERE}/one.conf"')
    assert found[position : position + 3] == ['Include "${WHERE}/one.conf"', "Inner x", "After x"]


def test_variables_of_the_start_script(apache):
    apache.write("envvars", "export PLACE=extra$NOTHING\n")
    apache.write("conf-enabled/a.conf", "Include ${PLACE}/one.conf\n")
    apache.write("extra/one.conf", "Inner ${OTHER} ${other} ${UNKNOWN}\n")

    def run(argv, environment):
        if argv[0] == "sh":
            return Completed(0, "PLACE=extra\0OTHER=a=b\0")
        told = apache.run(argv, environment)
        if "DUMP_VHOSTS" in argv:
            line = f"  (*) {apache.root}/apache2.conf\n"
            return Completed(0, told.output.replace(line, line + f"    (1) {apache.root}/extra/one.conf\n"))
        return told

    (inner,) = discovery.discover(apache.paths, run).tree.directives("inner")
    assert inner.arguments == ("a=b", "${other}", "${UNKNOWN}")


def arguments(apache):
    """The arguments of each directive Marker, in reading order."""
    return [node.arguments for node in apache.discover().tree.directives("marker")]


def test_a_variable_has_the_value_of_the_place_where_it_is_read(apache):
    apache.write("conf-enabled/a.conf", "Marker ${SITE}\nDefine SITE alpha\nMarker ${SITE}\n")
    apache.write(
        "conf-enabled/b.conf",
        "<VirtualHost *:443>\nDefine SITE inner\n</VirtualHost>\nMarker ${SITE}\nDefine site beta\n"
        "Marker ${SITE} ${Site}\nUnDefine SITE\nMarker ${SITE}\n",
    )
    assert arguments(apache) == [("${SITE}",), ("alpha",), ("inner",), ("beta", "beta"), ("${SITE}",)]


def test_the_values_of_macros_and_conditions(apache):
    apache.write(
        "conf-enabled/a.conf",
        "<Macro M $x>\nMarker ${SITE} $x\nDefine SITE after-$x\n</Macro>\nDefine SITE one\nUse M a\nUse M ${SITE}\n"
        "<IfDefine SITE>\nMarker yes\nUnDefine SITE\n</IfDefine>\n"
        "<IfDefine SITE>\nMarker no\n</IfDefine>\n<IfDefine !SITE>\nDefine SITE again\n</IfDefine>\nMarker ${SITE}\n",
    )
    assert arguments(apache) == [("one", "a"), ("after-a", "after-a"), ("yes",), ("again",)]


def test_a_value_may_be_several_words(apache):
    apache.write("conf-enabled/a.conf", "Define WORDS 'a b'\nMarker ${WORDS} \"${WORDS}\"\n")
    assert arguments(apache) == [("a", "b", "a b")]


def test_what_is_defined_on_the_command_line_is_defined_before_all_files(apache):
    apache.defines.update(LIVE="", OLD="")
    apache.write(
        "conf-enabled/a.conf",
        "<IfDefine LIVE>\nMarker ${LIVE}\nDefine LATER x\n</IfDefine>\n<IfDefine !LIVE>\nMarker dead\n</IfDefine>\n"
        "<IfDefine !OLD>\nMarker new\n</IfDefine>\n<IfDefine live>\nMarker case\n</IfDefine>\n",
    )
    assert arguments(apache) == [("${LIVE}",)]


def test_macros_are_used_where_they_are_used(apache):
    apache.write(
        "conf-enabled/a.conf", "<Macro Both $name $nameLong>\nFirst $name\nSecond $nameLong\n</Macro>\nUse Both a b\n"
    )
    tree = apache.discover().tree
    made = [
        (node.text, node.line)
        for node in tree.nodes
        if isinstance(node, grammar.Directive) and node.file.endswith("a.conf")
    ]
    assert made == [("Use Both a b", 5), ("First a", 5), ("Second b", 5)]


def test_a_file_that_apache_loads_and_we_do_not_find_is_an_error(apache):
    original = apache.dump

    def dump():
        return original().replace("ServerRoot:", "    (9) /etc/elsewhere.conf\nServerRoot:")

    apache.dump = dump
    with pytest.raises(OriginError, match="Apache loads /etc/elsewhere.conf, but it isn't told how"):
        apache.discover()


def test_a_file_that_apache_does_not_load_is_left_out(apache):
    path = apache.write("conf-enabled/a.conf", "Marker here\n")
    apache.not_loaded.add(path)
    assert "Marker here" not in names(apache)


def test_a_broken_configuration_shows_apaches_words(apache):
    def run(argv, _environment):
        return apache.run(argv, {}) if argv[1:] == ("-v",) else Completed(1, "Syntax error on line 3: Foo")

    with pytest.raises(ValidationFailed, match="broken before we came.*Syntax error on line 3: Foo"):
        discovery.discover(apache.paths, run)


def test_an_old_apache_is_refused(apache):
    apache.version = "2.4.18"
    with pytest.raises(OriginError, match="Apache 2.4.18 is too old") as caught:
        apache.discover()
    assert "2.4.19" in caught.value.remedy


def test_files_resolve_as_apache_does(tmp_path):
    for name in ("d/b.conf", "d/a.conf", "d/.hidden.conf", "d/sub/z.conf", "e/x.conf"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    root = str(tmp_path)

    def found(pattern, overlay=None):
        files = Files({os.path.join(root, key): value for key, value in (overlay or {}).items()})
        return [os.path.relpath(path, root) for path in files.resolve(os.path.join(root, pattern))]

    assert found("d/*.conf") == ["d/a.conf", "d/b.conf"]
    assert found("d") == ["d/.hidden.conf", "d/a.conf", "d/b.conf", "d/sub/z.conf"]
    assert found("*/*.conf") == ["d/a.conf", "d/b.conf", "e/x.conf"]
    assert found("d/none.conf") == []
    assert found("d/[a]*") == ["d/a.conf"]
    assert found("d/*.conf", {"d/a.conf": None, "d/c.conf": b"x"}) == ["d/b.conf", "d/c.conf"]
    assert found("new/*", {"new/x": b"1"}) == ["new/x"]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("/a/app.example.com.conf", True),
        ("/a/app.example.com*.conf", True),
        ("/a/*.conf", True),
        ("/a", True),
        ("/*/app*", True),
        ("/a/app.example.com", False),
        ("/b/*.conf", False),
        ("/a/x/*.conf", False),
    ],
)
def test_whether_an_include_would_read_a_path(pattern, matches):
    assert path_matches("/a/app.example.com.conf", pattern) is matches


@pytest.mark.parametrize(
    ("pattern", "could"),
    [("/etc/aop/*.conf", True), ("/etc", True), ("/e*/a*/x", True), ("/etc/s/*.conf", False), ("/etc/aop2/x", False)],
)
def test_whether_an_include_could_reach_into_a_directory(pattern, could):
    assert reaches(pattern, "/etc/aop") is could
