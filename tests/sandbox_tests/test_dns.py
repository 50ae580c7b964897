# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of DNS records."""

from __future__ import annotations

from typing import Any

import pytest
from cloudflare import Cloudflare
from support.api import Api

from tests.sandbox.client import SandboxProcess


@pytest.fixture
def records(api: Api, sandbox: SandboxProcess) -> str:
    """Some records; the path of their list."""
    sandbox.add_zone("sub.example.com")
    sandbox.dns(
        {
            "a.example.com": {"addresses": ["192.0.2.1:8443", "192.0.2.1:9443", "2001:db8::1"]},
            "b.example.com": {"addresses": ["192.0.2.2"], "proxied": False},
            "*.example.com": {"addresses": ["origin.example.net"]},
            "x.sub.example.com": {"addresses": ["192.0.2.3"]},
        }
    )
    return f"/zones/{sandbox.zone_id}/dns_records"


def names(found: Any) -> list[tuple[str, str, bool]]:
    """What tells the records apart."""
    return [(entry["name"], entry["type"], entry["proxied"]) for entry in found]


def test_records_of_the_zone(api: Api, records: str) -> None:
    assert names(api.ok("GET", records)) == [
        ("*.example.com", "CNAME", True),
        ("a.example.com", "A", True),
        ("a.example.com", "AAAA", True),
        ("b.example.com", "A", False),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=B.example.com", ["b.example.com"]),
        ("name.exact=a.example.com&type=aaaa", ["a.example.com"]),
        ("name=*.example.com", ["*.example.com"]),
        ("name.startswith=b.", ["b.example.com"]),
        ("name.endswith=.com&proxied=false", ["b.example.com"]),
        ("name.contains=b.ex&proxied=true", []),
        ("name=x.sub.example.com", []),
    ],
)
def test_filters(api: Api, records: str, query: str, expected: list[str]) -> None:
    assert [entry["name"] for entry in api.ok("GET", f"{records}?{query}")] == expected


def test_pages(api: Api, records: str) -> None:
    _status, answer = api.call("GET", records + "?per_page=3&page=2")
    assert names(answer["result"]) == [("b.example.com", "A", False)]
    assert answer["result_info"] == {"page": 2, "per_page": 3, "count": 1, "total_count": 4, "total_pages": 2}
    assert api.error("GET", records + "?per_page=0")[0] == 400
    assert api.error("GET", records + "?proxied=maybe")[0] == 400


def test_permission(api: Api, sandbox: SandboxProcess, records: str) -> None:
    assert api.error("GET", records, token=sandbox.add_token("Zone Read", "Zone Settings Read")) == (403, 10000)
    assert api.call("GET", records, token=sandbox.add_token("DNS Read"))[0] == 200
    assert sandbox.journal()[-1]["operation"] == "DNS"


def test_the_sdk_reads_them(sandbox: SandboxProcess, records: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    with Cloudflare(max_retries=0) as client:
        found = list(client.dns.records.list(zone_id=sandbox.zone_id, name={"exact": "b.example.com"}, per_page=1))
    assert [(entry.name, entry.type, entry.proxied) for entry in found] == [("b.example.com", "A", False)]
