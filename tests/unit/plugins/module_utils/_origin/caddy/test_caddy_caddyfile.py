# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Site blocks and their directives in Caddyfiles as people write them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.caddy import caddyfile
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError


def read(text: str, files: Mapping[str, str] | None = None) -> caddyfile.Caddyfile:
    known = {"/etc/caddy/Caddyfile": text, **(files or {})}

    def load(path: str) -> str:
        if path not in known:
            raise FileNotFoundError(2, "No such file or directory", path)
        return known[path]

    return caddyfile.read("/etc/caddy/Caddyfile", load, {})


def test_sites_options_and_snippets() -> None:
    found = read(
        "{\n\temail a@b\n}\n(s) {\n\tencode gzip\n}\na.example, b.example:8443 {\n\timport s\n\trespond hi\n}\n"
    )
    assert [one.name for one in found.options] == ["email"]
    (site,) = found.sites
    assert site.hostnames == ["a.example", "b.example"]
    assert (site.file, site.line, site.template) == ("/etc/caddy/Caddyfile", 7, False)
    assert [(one.name, one.imported) for one in site.directives] == [
        ("import", False),
        ("encode", True),
        ("respond", False),
    ]


def test_a_file_without_braces_is_one_site() -> None:
    (site,) = read("a.example,\nb.example\ntls x y\nhandle /x {\n\trespond hi\n}\n").sites
    assert site.hostnames == ["a.example", "b.example"]
    assert [one.name for one in site.directives] == ["tls", "handle"]
    assert site.closing is None


def test_a_snippet_with_sites_is_a_template() -> None:
    (site,) = read("(app) {\n\t{args[0]} {\n\t\trespond hi\n\t}\n}\nimport app a.example\n").sites
    assert (site.hostnames, site.template) == (["a.example"], True)


def test_a_site_in_an_imported_file_stands_there() -> None:
    (site,) = read("import sites.conf\n", {"/etc/caddy/sites.conf": "a.example {\n\trespond hi\n}\n"}).sites
    assert (site.file, site.line, site.template) == ("/etc/caddy/sites.conf", 1, False)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://A.example:8443/x", "a.example"),
        (":443", ""),
        ("http://", ""),
        ("*.example.com", "*.example.com"),
        ("[::1]:443", "[::1]"),
    ],
)
def test_hostname_of_an_address(address: str, name: str) -> None:
    assert caddyfile.hostname(address) == name


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(OriginError, match=r"/etc/caddy/gone: No such file"):
        read("import gone\n")


def test_imports_without_an_end() -> None:
    with pytest.raises(OriginError, match="can't be read"):
        read("import Caddyfile\n")
