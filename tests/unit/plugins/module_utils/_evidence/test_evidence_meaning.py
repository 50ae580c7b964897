# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line means: trust, certificate, exception, time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._evidence.certificates import Certificates, generations
from ansible_collections.originlock.aop.plugins.module_utils._evidence.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._evidence.exceptions import Exceptions, declared
from ansible_collections.originlock.aop.plugins.module_utils._evidence.record import parse, verification
from ansible_collections.originlock.aop.plugins.module_utils._evidence.times import iso, moment
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    DIRECT,
    ISSUER,
    SERIAL,
    SHA1,
    line,
    question,
    raw_line,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "SUCCESS"),
        ({"resumed": "r", "tls": "TLSv1.2"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.2", "resumed": "Initial"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.3", "resumed": "Resumed"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.2", "resumed": "Resumed"}, "SUCCESS_UNTRUSTED"),
        ({"server": "apache", "tls": "", "resumed": ""}, "SUCCESS_UNTRUSTED"),
        ({"server": "somebody"}, "SUCCESS_UNTRUSTED"),
        ({"server": "caddy"}, "SUCCESS_UNTRUSTED"),
        ({"verify": "NONE"}, "NONE"),
        ({"verify": "NONE", "resumed": "r"}, "NONE_RESUMED"),
        ({"verify": "FAILED:certificate has expired"}, "FAILED"),
        ({"verify": "GENEROUS"}, "GENEROUS"),
        ({"verify": "success"}, "UNKNOWN"),
        ({"verify": ""}, "UNKNOWN"),
    ],
)
def test_verification(changes: dict[str, str], expected: str) -> None:
    record = parse(line(**changes))
    assert record is not None
    assert verification(record) == expected


@pytest.mark.parametrize("write", [line, raw_line, lambda **more: line(agent='a "b"', **more)])
def test_a_dash_is_nothing(write: Callable[..., bytes]) -> None:
    # What Apache writes for a request without SNI and certificate.
    absent = {"sni": "-", "serial": "-", "issuer": "-", "fingerprint": ""}
    record = parse(write(server="apache", verify="NONE", **absent))
    assert record is not None
    assert (record.sni, record.serial, record.issuer, record.fingerprint) == ("", "", "", "")
    assert question().bucket(record)[2:] == ("NONE", "none")
    certain = parse(write(server="apache", resumed="Initial", serial=SERIAL, issuer="-", fingerprint="-"))
    assert certain is not None
    assert question().bucket(certain)[2:] == ("SUCCESS", "other"), "a serial without its issuer is anybody's"


def test_servers_without_verification_are_believed_by_fingerprint() -> None:
    known = Certificates(generations([{"label": "leaf", "sha256": "ab" * 32}]))
    asked = question(certificates=known)
    for digest, expected in (("AB" * 32, ("SUCCESS", "leaf")), ("cd" * 32, ("SUCCESS_UNTRUSTED", "other"))):
        record = parse(line(server="caddy", fingerprint=f"sha256:{digest}"))
        assert record is not None
        assert asked.bucket(record)[2:] == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"null",
        b'{"verify":"SUCCESS"}',
        raw_line(issuer='CN=x","verify":"SUCCESS'),
        raw_line(agent='x","verify":"SUCCESS'),
        line()[:-3],
        line() + line(),
    ],
)
def test_no_meaning(text: bytes) -> None:
    assert parse(text) is None


def test_apache_bytes_and_numbers_are_read() -> None:
    record = parse(rb'{"hostname":"a","verify":"FAILED:x","issuer":"CN=Soci\xC3\xA9t\xe9 \\x41","status":200}')
    assert record is not None
    assert record.issuer.endswith("\\x41")
    assert record.status == "200"


@pytest.mark.parametrize(
    ("serial", "issuer", "fingerprint", "expected"),
    [
        ("", "", "", "none"),
        (SERIAL, ISSUER, f"sha1:{SHA1}", "current"),
        (SERIAL, ISSUER, f"SHA1:{SHA1.upper()}", "current"),
        (SERIAL, ISSUER, "sha1:" + "00" * 20, "other"),
        ("00" + SERIAL.lower(), "O=Example, CN=example.com client CA", "", "current"),
        (SERIAL, "CN=somebody else", "", "other"),
        ("1", ISSUER, "", "other"),
        ("1", "CN=origin-pull.cloudflare.net,OU=Origin Pull", "", "shared"),
    ],
)
def test_certificate(serial: str, issuer: str, fingerprint: str, expected: str) -> None:
    assert question().certificates.label(serial, issuer, fingerprint) == expected


def test_certificates_need_something_to_compare() -> None:
    with pytest.raises(InvalidInput, match="neither sha256 nor sha1 nor serial"):
        generations([{"label": "x"}])
    with pytest.raises(InvalidInput, match="'other' of a certificate"):
        generations([{"label": "other", "serial": "1"}])


def test_exceptions_cover_what_they_say_until_they_expire() -> None:
    entry = {"source": "203.0.113.0/28", "hostname": "app.example.com", "path": "/health*", "expires": "2026-11-24"}
    live = Exceptions(declared([entry]), date(2026, 11, 24))
    assert live.cover(DIRECT, "app.example.com", "/healthz")
    assert not live.cover(DIRECT, "app.example.com", "/admin")
    assert not live.cover(DIRECT, "api.example.com", "/health")
    assert not live.cover("203.0.113.16", "app.example.com", "/health")
    assert not Exceptions(declared([entry]), date(2026, 11, 25)).cover(DIRECT, "app.example.com", "/healthz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expires": "soon"}, "no valid expiry date: 'soon'"),
        ({"expires": None}, "no valid expiry date"),
        ({"source": "x"}, "'x' is neither an address"),
        ({"hostname": ""}, "lacks hostname"),
    ],
)
def test_exceptions_are_checked(change: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        declared([dict({"source": DIRECT, "hostname": "a", "expires": "2027-01-01"}, **change)])


def test_times() -> None:
    assert moment("", 5.0) == 0.0
    assert moment("2h", 10000.0) == 2800.0
    assert moment("1764000000.5", 0.0) == 1764000000.5
    assert moment("2026-11-24T06:00:00Z", 0.0) == moment("2026-11-24T07:00:00+01:00", 0.0) == 1795500000.0
    assert iso(1795500000.0) == "2026-11-24T06:00:00Z"
    with pytest.raises(InvalidInput, match="'yesterday' is no point in time"):
        moment("yesterday", 0.0)
