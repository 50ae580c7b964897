# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Caddy makes of its Caddyfile."""

from __future__ import annotations

import json

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.caddy import adapted
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError

REQUIRE = {"mode": "require_and_verify", "ca": {"provider": "file", "pem_files": ["/x.pem"]}}


def route(*hosts: str) -> dict[str, object]:
    return {"match": [{"host": list(hosts)}], "handle": [{"handler": "static_response"}]} if hosts else {"handle": []}


def config(**servers: dict[str, object]) -> adapted.Config:
    text = json.dumps({"apps": {"http": {"servers": servers}}})
    return adapted.parse('{"level":"warn","msg":"not formatted"}\n' + text)


def test_the_first_policy_that_matches_decides() -> None:
    policies = [
        {"match": {"sni": ["*.example.com"]}},
        {"match": {"sni": ["app.example.com"]}, "client_authentication": REQUIRE},
    ]
    found = config(srv0={"listen": [":443"], "routes": [route("app.example.com")], "tls_connection_policies": policies})
    assert found.servers[0].stage("app.example.com") == "off"
    found = config(
        srv0={"listen": [":443"], "routes": [route("app.example.com")], "tls_connection_policies": policies[::-1]}
    )
    assert found.servers[0].stage("app.example.com") == "enforce"
    assert found.servers[0].stage("api.example.com") == "off"


@pytest.mark.parametrize(
    ("mode", "stage"),
    [("request", "log_only"), ("require", "off"), ("verify_if_given", "off"), ("require_and_verify", "off")],
)
def test_modes_without_a_ca(mode: str, stage: str) -> None:
    policy = {"client_authentication": {"mode": mode}}
    found = config(srv0={"listen": [":443"], "routes": [route("a.example")], "tls_connection_policies": [policy]})
    assert found.servers[0].stage("a.example") == stage


@pytest.mark.parametrize(
    ("server", "tls"),
    [
        ({"listen": [":443"], "routes": [route("a.example")]}, True),
        ({"listen": [":80"], "routes": [route("a.example")]}, False),
        ({"listen": [":8080"], "routes": [route("a.example")], "automatic_https": {"skip": ["a.example"]}}, False),
        ({"listen": [":8080"], "routes": [route("a.example")], "automatic_https": {"disable": True}}, False),
        ({"listen": [":9000"], "routes": [route()]}, False),
        ({"listen": [":9000"], "routes": [route()], "tls_connection_policies": [{}]}, True),
    ],
)
def test_who_speaks_tls(server: dict[str, object], tls: bool) -> None:
    assert config(srv0=server).servers[0].tls is tls


def test_where_content_comes_from() -> None:
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:3000"}]}
    inner = {
        "handler": "subroute",
        "routes": [{"handle": [{"handler": "vars", "root": "/srv"}, {"handler": "file_server"}]}],
    }
    assert adapted.sources({"handle": [proxy, inner]}) == {("proxy", "127.0.0.1:3000"), ("files", "/srv")}
    assert adapted.sources({"handle": [{"handler": "static_response", "status_code": 301}]}) == set()


def test_no_configuration() -> None:
    with pytest.raises(OriginError, match="caddy adapt answers: Error: x"):
        adapted.parse("Error: x")


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [("*.example.com", "a.example.com", True), ("*.example.com", "a.b.example.com", False), ("*", "x", True)],
)
def test_covers(pattern: str, name: str, does: bool) -> None:
    assert adapted.covers(pattern, name) is does
