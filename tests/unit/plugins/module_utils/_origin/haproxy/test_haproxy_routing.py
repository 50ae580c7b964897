# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request goes, as far as that can be known."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.routing import ANSWER, ANYWHERE, Request
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.haproxy.configurations import (
    found,
    site,
)

APP = Request("app.example.com", "app.example.com", True)
NOBODY = Request("unknown.invalid", "", True)
TO_APP = "use_backend app if"
OTHERS = "\n    default_backend other"


def goes(rules: str, request: Request, lists: dict[str, list[str]] | None = None) -> set[str]:
    discovery = found(site(rules=rules), lists=lists)
    return discovery.router(discovery.sections[0]).destinations(request)


@pytest.mark.parametrize(
    ("condition", "app", "nobody"),
    [
        ("{ hdr(host) -i App.example.com }", {"app"}, {"other"}),
        ("{ req.hdr(Host),lower,field(1,:) -m str app.example.com api.example.com }", {"app"}, {"other"}),
        ("{ hdr_beg(host) -i app. }", {"app"}, {"other"}),
        ("{ hdr_end(host) .invalid }", {"other"}, {"app"}),
        ("{ hdr_dom(host) -i example.com }", {"app"}, {"other"}),
        ("{ hdr_reg(host) -i ^(app|api)\\.example\\.com$ }", {"app"}, {"other"}),
        ("{ hdr(host) -f /hosts.lst }", {"app"}, {"other"}),
        ("{ ssl_fc_sni -i app.example.com }", {"app"}, {"other"}),
        ("{ ssl_fc_sni -m found }", {"app"}, {"other"}),
        ("!{ hdr(host) app.example.com }", {"other"}, {"app"}),
        ("{ ssl_fc } { hdr(host) app.example.com } or { hdr(host) www.example.org }", {"app"}, {"other"}),
        ("{ path_beg /api }", {"app", "other"}, {"app", "other"}),
        ("{ path_beg /api } { hdr(host) app.example.com }", {"app", "other"}, {"other"}),
        ("{ src 10.0.0.0/8 } || TRUE", {"app"}, {"app"}),
        ("FALSE", {"other"}, {"other"}),
        ("{ lua.is_app }", {"app", "other"}, {"app", "other"}),
    ],
)
def test_conditions(condition: str, app: set[str], nobody: set[str]) -> None:
    lists = {"/hosts.lst": ["api.example.com", "app.example.com"]}
    for rules in (f"{TO_APP} {condition}{OTHERS}", f"{TO_APP} {condition}{OTHERS}".replace("if !", "unless ")):
        assert (goes(rules, APP, lists), goes(rules, NOBODY, lists)) == (app, nobody)


def test_named_conditions_are_alternatives() -> None:
    rules = f"acl app hdr(host) app.example.com\n    acl app hdr(host) api.example.com\n    {TO_APP} app{OTHERS}"
    assert (goes(rules, APP), goes(rules, NOBODY)) == ({"app"}, {"other"})


@pytest.mark.parametrize(
    ("rule", "app", "nobody"),
    [
        ("http-request deny unless { hdr(host) app.example.com }", {"app"}, set()),
        ("http-request redirect location / if { hdr(host) app.example.com }", set(), {"other"}),
        ("http-request return status 200 if { hdr(host) app.example.com }", {ANSWER}, {"other"}),
        ("http-request return status 404 if { hdr(host) app.example.com }", set(), {"other"}),
        ("http-request return status 200 if { path / }", {ANSWER, "app"}, {ANSWER, "other"}),
        ("http-request deny if { path / }", {"app"}, {"other"}),
        ("http-request allow if TRUE\n    http-request deny", {"app"}, {"other"}),
        ("http-request set-header Host app.example.com", {"app"}, {"app"}),
        ("http-request set-var(txn.h) hdr(host),lower\n    http-request deny if { var(txn.h) app.example.com }",
         set(), {"other"}),
        ("redirect scheme https if { ssl_fc }", set(), set()),
    ],
)  # fmt: skip
def test_rules_before_backends(rule: str, app: set[str], nobody: set[str]) -> None:
    rules = f"{rule}\n    {TO_APP} {{ hdr(host) app.example.com }}{OTHERS}"
    assert (goes(rules, APP), goes(rules, NOBODY)) == (app, nobody)


def test_maps() -> None:
    lists = {"/hosts.map": ["app.example.com app", "www.example.org\tother"]}
    rules = "use_backend %[req.hdr(host),lower,map_str(/hosts.map,other)]"
    assert (goes(rules, APP, lists), goes(rules, NOBODY, lists)) == ({"app"}, {"other"})
    # A name that is no backend's is passed over.
    assert goes("use_backend %[req.hdr(host)]" + OTHERS, APP) == {"other"}
    assert goes("use_backend %[path]" + OTHERS, APP) == {ANYWHERE, "other"}
