# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write, as listeners."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._common.hostnames import hostname
from ansible_collections.originlock.aop.plugins.module_utils._probe import targets

ADDRESSES = ["192.0.2.1", "2001:db8::1"]


def _labels(text: str) -> list[str]:
    return [listener.label for listener in targets.listed(text, ADDRESSES, "web1")[0]]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("443 ssl", ["192.0.2.1:443", "[2001:db8::1]:443"]),
        ("*:443", ["192.0.2.1:443", "[2001:db8::1]:443"]),
        ("_default_:8443 ssl", ["192.0.2.1:8443", "[2001:db8::1]:8443"]),
        ("0.0.0.0:443 ssl http2", ["192.0.2.1:443"]),
        ("[::]:443 quic", ["[2001:db8::1]:443/udp"]),
        ("80", ["192.0.2.1:80/plain", "[2001:db8::1]:80/plain"]),
        ("unix:/run/nginx.sock", []),
        ("localhost:8080", []),
        ("192.0.2.1:8080", ["192.0.2.1:8080", "192.0.2.1:8080/plain"]),
        ("[2001:DB8::1]:443 ssl", ["[2001:db8::1]:443"]),
        # Nobody gave these addresses, so those that were given stand for them.
        ("10.0.0.5:80", ["192.0.2.1:80/plain"]),
        ("[fe80::1]:443 ssl", ["[2001:db8::1]:443"]),
        ("web1.internal:443", ["192.0.2.1:443", "[2001:db8::1]:443"]),
        ("127.0.0.1:8080", []),
    ],
)
def test_listeners_as_servers_write_them(text: str, labels: list[str]) -> None:
    assert _labels(text) == labels


@pytest.mark.parametrize("text", ["", "https://a:443", "443,80", "a b", "*:99999", "*:0"])
def test_not_listeners(text: str) -> None:
    with pytest.raises(UserError, match="is not a (listener|port)"):
        _labels(text)


def test_origin_without_doubles() -> None:
    made = targets.origin("web1", ["192.0.2.1", "[2001:db8::1]", "192.0.2.1"], [443, 443], [80], [443], ["*:443 ssl"])
    assert [listener.label for listener in made.listeners] == [
        "192.0.2.1:443",
        "192.0.2.1:80/plain",
        "192.0.2.1:443/udp",
        "[2001:db8::1]:443",
        "[2001:db8::1]:80/plain",
        "[2001:db8::1]:443/udp",
    ]


def test_listeners_for_something_else() -> None:
    others = ["*:443 ssl", "*:8443 ssl", "127.0.0.1:9000", "[fe80::1]:8443 ssl"]
    made = targets.origin("web1", ["192.0.2.1"], None, [80], [], ["*:443 ssl"], others)
    assert [(listener.label, listener.other) for listener in made.listeners] == [
        ("192.0.2.1:80/plain", False),
        ("192.0.2.1:443", False),
        ("192.0.2.1:8443", True),
    ]
    assert made.missed == ()


def test_nothing_is_sent_to_an_address_that_nobody_gave() -> None:
    made = targets.origin("web1", ["192.0.2.1"], None, [], [], ["10.0.0.5:8443 ssl", "[fe80::1]:443 ssl"])
    assert [(listener.label, listener.mapped) for listener in made.listeners] == [("192.0.2.1:8443", True)]
    ((missed, why),) = made.missed
    assert missed.label == "[fe80::1]:443"
    assert "not probed" in why


@pytest.mark.parametrize(
    ("ports", "listeners", "expected"),
    [
        (None, [], ["192.0.2.1:443"]),
        (None, ["*:8443 ssl"], ["192.0.2.1:8443"]),
        (None, ["*:80", "unix:/run/x", "127.0.0.1:443 ssl"], ["192.0.2.1:443", "192.0.2.1:80/plain"]),
        # A socket of both families.
        (None, ["[::]:8443 ssl"], ["192.0.2.1:8443"]),
        ([443], ["*:8443 ssl"], ["192.0.2.1:443", "192.0.2.1:8443"]),
        ([], [], []),
    ],
)
def test_443_is_the_default_where_no_port_is_known(
    ports: list[int] | None, listeners: list[str], expected: list[str]
) -> None:
    made = targets.origin("web1", ["192.0.2.1"], ports, [], [], listeners)
    assert [listener.label for listener in made.listeners] == expected


def test_what_was_meant_goes_before_a_guess() -> None:
    made = targets.origin("web1", ["192.0.2.1"], None, [], [], ["10.0.0.5:443 ssl", "*:443 ssl"])
    assert [(listener.label, listener.mapped) for listener in made.listeners] == [("192.0.2.1:443", False)]


def test_a_name_stands_for_its_addresses() -> None:
    assert set(targets.resolve("localhost")) & {"127.0.0.1", "::1"}
    with pytest.raises(UserError, match="can't be resolved"):
        targets.resolve("nobody.invalid")


@pytest.mark.parametrize(
    ("name", "plain"), [("App.Example.com.", "app.example.com"), ("_x.example.com", "_x.example.com")]
)
def test_hostnames(name: str, plain: str) -> None:
    assert hostname(name) == plain


@pytest.mark.parametrize(
    "name", ["", "a b", "https://a", "a:443", "a\r\nX: y", "-a", "a..b", "größe.example", "a" * 64 + ".example"]
)
def test_not_hostnames(name: str) -> None:
    with pytest.raises(UserError, match="is not a hostname"):
        hostname(name)


def test_paths() -> None:
    assert targets.path("/a?b=c") == "/a?b=c"
    for text in ("", "a", "/a b", "/a\r\nHost: x", "/ä"):
        with pytest.raises(UserError, match="is not a request path"):
            targets.path(text)
