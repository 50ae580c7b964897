# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router's rule says about a hostname."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.traefik.rules import parse


@pytest.mark.parametrize(
    ("text", "verdict", "hosts"),
    [
        ("Host(`app.example.com`)", True, ["app.example.com"]),
        ("Host(`APP.example.com`) && PathPrefix(`/x`)", None, ["app.example.com"]),
        ("Host(`a.test`) || Host(`app.example.com`)", True, ["a.test", "app.example.com"]),
        ("Host(`a.test`, `app.example.com`)", True, ["a.test", "app.example.com"]),
        ("Host(`a.test`)", False, ["a.test"]),
        ("Host(`*.example.com`)", True, ["*.example.com"]),
        ("Host(`*.com`)", False, ["*.com"]),
        ("!Host(`app.example.com`) && PathPrefix(`/`)", False, []),
        ("!(Host(`a.test`) || Path(`/x`))", None, []),
        ("PathPrefix(`/`)", True, []),
        ('Method("GET") && Header(`X`, "a\\"b")', None, []),
        ("HostRegexp(`^.+$`)", True, []),
        (r"HostRegexp(`^.+\.example\.com$`)", True, []),
        ("HostRegexp(`^x`)", False, []),
        ("HostRegexp(`{any:.+}`)", None, []),
        ("HostRegexp(`(`)", None, []),
        ("ClientIP(`10.0.0.0/8`) || Host(`app.example.com`)", True, ["app.example.com"]),
    ],
)
def test_rules(text: str, verdict: bool | None, hosts: list[str]) -> None:
    rule = parse(text)
    assert rule is not None
    assert rule.match("app.example.com") is verdict
    assert list(rule.hosts) == hosts


@pytest.mark.parametrize("text", ["", "Host(`a`", "Host(a)", "Host(`a`) Path(`/`)", "Host(`a`) &", "&& Host(`a`)"])
def test_what_is_no_rule(text: str) -> None:
    assert parse(text) is None
