# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words, sections and bind lines as HAProxy reads them."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.binds import binds
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.config import parse, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  bind :443 ssl # a comment", ["bind", ":443", "ssl"]),
        ("#bind :443", []),
        ("", []),
        (r"acl a path_reg ^/a\.b\ c", ["acl", "a", "path_reg", r"^/a\.b c"]),
        (r'log-format "a \"b\" # $X"', ["log-format", 'a "b" # value']),
        ("log-format 'a \"b\" $X \\'", ["log-format", 'a "b" $X \\']),
        ('bind "${X}:443"', ["bind", "value:443"]),
        ('bind "${Y-other}:443"', ["bind", "other:443"]),
        ("bind $X", ["bind", "$X"]),
        ("a''b \"\"", ["ab", ""]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split(text, {"X": "value"}) == words


def test_sections_and_what_they_take_from_defaults() -> None:
    configuration = parse(
        {
            "a": "global\n    setenv PORT 8443\ndefaults\n    mode http\n    option httplog\n",
            "b": "defaults tcp\n    mode tcp\nfrontend one\n    bind :1\n    no option httplog\n\n    # end\n"
            "frontend two from tcp\n    bind :2\ndefaults\n    mode http\n"
            'frontend three\n    .if defined(X)\n    bind ":${PORT}" ssl crt x\n    .endif\n    use_backend b\n',
        },
        {},
    )
    one, two, three = configuration.of("frontend")
    # The last defaults section before it, whatever its name.
    assert [section.http for section in (one, two, three)] == [False, False, True]
    assert (one.head.number, one.last) == (3, 5)
    assert three.option("httplog") is None
    bind = binds(three)[0]
    assert (str(bind.addresses[0]), bind.tls, bind.line.conditional) == ("*:8443", True, True)
    assert [line.conditional for line in three.own("use_backend")] == [False]


@pytest.mark.parametrize(
    ("written", "shown", "local"),
    [
        (":443", ["*:443"], False),
        ("*:443", ["*:443"], False),
        ("0.0.0.0:443,[::]:443", ["*:443", "[::]:443"], False),
        (":::443", ["[::]:443"], False),
        ("ipv6@:443", ["[::]:443"], False),
        ("10.0.0.1:80-82", ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.1:82"], False),
        ("127.0.0.1:80", ["127.0.0.1:80"], True),
        ("[::1]:80", ["[::1]:80"], True),
        ("quic4@:443", ["*:443 quic"], False),
        ("quic6@:443", ["[::]:443 quic"], False),
        ("abns@www", ["abns@www"], False),
        ("/run/www.sock", ["/run/www.sock"], False),
    ],
)
def test_addresses(written: str, shown: list[str], local: bool) -> None:
    (section,) = parse({"a": f"frontend x\n    bind {written} ssl crt a\n"}, {}).sections
    addresses = binds(section)[0].addresses
    assert ([str(address) for address in addresses], addresses[0].is_local) == (shown, local)


def test_where_certificates_come_from() -> None:
    (section,) = parse({"a": "listen x\n    bind :1 ssl crt-list l crt a alpn h2 crt b/ ca-file c\n"}, {}).sections
    assert binds(section)[0].sources == [("crt-list", "l"), ("crt", "a"), ("crt", "b/")]
