# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One spelling for each hostname."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.hostnames import normalise, normalise_all
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("APP.Example.COM.", "app.example.com"),
        (" a.b ", "a.b"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("*.Example.com", "*.example.com"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("_x.a-b.example", "_x.a-b.example"),
    ],
)
def test_normalise(given, wanted):
    assert normalise(given) == wanted


@pytest.mark.parametrize(
    "given",
    [
        "",
        ".",
        "a..b",
        "-a.b",
        "a_.b-",
        "a b.c",
        "https://a.b",
        "a/b",
        "x" * 64 + ".a",
        "a." * 128 + "a",
        "\u2024.a",
        "*",
        "a.*.b",
    ],
)
def test_refused(given):
    with pytest.raises(InvalidInput, match="not a hostname"):
        normalise(given)


def test_each_once():
    assert normalise_all(["B.a", "a.a", "b.a."]) == ["b.a", "a.a"]
