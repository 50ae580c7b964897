# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast path says what the careful one says, whatever is in the log; and nothing becomes a SUCCESS."""

from __future__ import annotations

import ipaddress
import json
import re
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._evidence import scan as scan_module
from ansible_collections.originlock.aop.plugins.module_utils._evidence.ranges import CLOUDFLARE_RANGES, Ranges
from ansible_collections.originlock.aop.plugins.module_utils._evidence.record import SUCCESS, parse
from ansible_collections.originlock.aop.plugins.module_utils._evidence.scan import Scanner
from ansible_collections.originlock.aop.plugins.module_utils._evidence.tally import EDGE, Tally
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    DIRECT,
    GOOD,
    ISSUER,
    SERIAL,
    SHA1,
    line,
    question,
    raw_line,
    reference,
)
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    EDGE as EDGE_ADDRESS,
)

# What a client would send to a server that escapes nothing, to have a line of its own end as a good one does.
FORGED = ['x","' + line().decode().split('","', cut)[cut] for cut in range(2, len(GOOD))]
HOSTILE = st.sampled_from(
    [
        *FORGED,
        *(forged[:-2] for forged in FORGED),
        *(forged.rpartition('","agent')[0] for forged in FORGED),
        'CN=x","verify":"SUCCESS',
        'x","verify":"SUCCESS","serial":"1","issuer":"","fingerprint":"","tls":"TLSv1.3","resumed":"."}',
        '","agent":"y","stage":"log_only","verify":"SUCCESS","serial":"1',
        "\\",
        'a\\"',
        "\\x",
        "\\u12",
        "é\u2028\ud800",
        "\x00\t",
        "",
        "-",
        "/",
        "*",
    ]
)
TEXT = st.one_of(HOSTILE, st.text(max_size=30), st.text(alphabet='\\"{},:x0aSUCES/', max_size=20))
VALUES = {
    "time": st.sampled_from(["1764000000.123", "1764000001.5", "-", "nan", ""]),
    "server": st.sampled_from(["nginx", "apache", "unknown"]),
    "hostname": st.sampled_from(
        ["app.example.com", "a.example.com", "a-very-long-name.example.com", 'x"y', EDGE_ADDRESS]
    ),
    "sni": st.one_of(
        st.sampled_from(["app.example.com", "a.example.com", "", "-", 'x","peer":"172.64.1.23","status":"200']), HOSTILE
    ),
    "peer": st.sampled_from(["172.64.1.23", "2606:4700::1", DIRECT, "::ffff:172.64.0.9", "-", "173.245.48.1"]),
    "status": st.sampled_from(["200", "000", "-", "499", "403", "421"]),
    "path": TEXT,
    "agent": TEXT,
    "issuer": st.one_of(st.just(ISSUER), TEXT),
    "stage": st.sampled_from(["log_only", "enforce", "", "Log"]),
    "fingerprint": st.sampled_from([f"sha1:{SHA1}", "sha1:" + "0" * 40, ""]),
    "serial": st.sampled_from([SERIAL, "00" + SERIAL.lower(), "", "-", "1"]),
    "verify": st.sampled_from(
        ["SUCCESS", "SUCCESS", "SUCCESS", "NONE", "FAILED:certificate has expired", "GENEROUS", "SU", ""]
    ),
    "tls": st.sampled_from(["TLSv1.3", "TLSv1.2"]),
    "resumed": st.sampled_from([".", "r", "Initial", "Resumed"]),
}
CHANGES = st.fixed_dictionaries({}, optional=VALUES)


def apache(changes: dict[str, str]) -> bytes:
    """Quotes and backslashes escaped as JSON does, other bytes as \\xHH."""
    text = line(**changes)
    return re.sub(rb"[\x80-\xff]", lambda byte: b"\\x%02x" % byte.group()[0], text)


LINE = st.one_of(
    st.just(line()),
    CHANGES.map(lambda changes: line(**changes)),
    CHANGES.map(apache),
    CHANGES.map(lambda changes: raw_line(**changes).replace(b"\n", b" ")),
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")),
    st.integers(0, line().index(b"path")).map(lambda length: line()[length:]),
    st.integers(0, len(line())).map(lambda length: line()[:length]),
    st.integers(0, len(line())).map(lambda length: line()[:length] + line()),
    st.just(b"<134>Nov 24 06:00:00 web1 haproxy[1]: " + line()),
)


def scan(blocks: list[list[bytes]]) -> Scanner:
    scanner = Scanner(question())
    for lines in blocks:
        data = bytearray(b"".join(text + b"\n" for text in lines))
        scanner.block(data, len(data))
    return scanner


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(LINE, min_size=1, max_size=12), min_size=1, max_size=12))
def test_fast_path_says_what_the_careful_one_says(blocks: list[list[bytes]]) -> None:
    tally = scan(blocks).tally
    data = b"".join(text + b"\n" for lines in blocks for text in lines)
    buckets, unreadable = reference(data, question())
    assert {bucket: seen.count for bucket, seen in tally.buckets.items()} == dict(buckets)
    assert (tally.lines, tally.unreadable) == (sum(buckets.values()) + unreadable, unreadable)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=40))
def test_who_failed_and_why_is_what_the_careful_one_says(lines: list[bytes]) -> None:
    careful = Tally()
    for text in lines:
        record = parse(text)
        if record is not None:
            bucket = question().bucket(record)
            careful.add_record(bucket, record, question().refuses(bucket, record))
    told, expected = (tally.as_dict(limit=1000) for tally in (scan([lines]).tally, careful))
    assert told["reasons"] == expected["reasons"]
    sums = ("hostname", "source", "verification", "certificate", "count", "refused")
    assert [[one[name] for name in sums] for one in told["counts"]] == [
        [one[name] for name in sums] for one in expected["counts"]
    ]
    names = ("peer", "hostname", "source", "verification", "count")
    assert [[who[name] for name in names] for who in told["offenders"]] == [
        [who[name] for name in names] for who in expected["offenders"]
    ]


def test_a_flood_of_failures_from_the_edge_keeps_its_times_and_examples() -> None:
    asked = [line(time=f"{1764000000 + number}.000", verify="NONE", path=f"/{number}") for number in range(500)]
    callers = [line(peer=DIRECT, verify="NONE", time="1764000250.000", path="/health")]
    tally = scan([[line(), *asked[:250], *callers, *asked[250:]]]).tally
    caller, edge = tally.as_dict()["offenders"]
    assert (caller["peer"], caller["count"], caller["paths"]) == (DIRECT, 1, ["/health"])
    assert (edge["peer"], edge["count"], edge["first"], edge["last"]) == (EDGE, 500, 1764000000.0, 1764000499.0)
    assert edge["paths"]
    assert edge["agents"] == [GOOD["agent"]]


@settings(max_examples=300, deadline=None)
@given(
    CHANGES.filter(lambda changes: changes.get("verify", "SUCCESS") != "SUCCESS"),
    st.sampled_from([line, apache, raw_line]),
)
def test_failure_never_becomes_success(changes: dict[str, str], write: object) -> None:
    text = apache(changes) if write is apache else write(**changes)  # type: ignore[operator]
    tally = scan([[line()] * 3, [text.replace(b"\n", b" ")], [line()]]).tally
    trusted = sum(seen.count for bucket, seen in tally.buckets.items() if bucket[1:3] == (EDGE, SUCCESS))
    assert trusted == 4
    assert tally.lines == 5


@settings(max_examples=300, deadline=None)
@given(
    CHANGES, TEXT, st.sampled_from(["hostname", "sni", "method", "path", "agent"]), st.sampled_from([line, raw_line])
)
def test_direct_caller_never_becomes_the_edge(changes: dict[str, str], text: str, key: str, write: object) -> None:
    forged = write(**dict(changes, **{key: text}, peer=DIRECT))  # type: ignore[operator]
    tally = scan([[line()] * 3, [forged.replace(b"\n", b" ")], [line()]]).tally
    assert sum(seen.count for bucket, seen in tally.buckets.items() if bucket[1] == EDGE) == 4
    assert tally.lines == 5


def test_good_lines_are_read_carefully_once_for_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["h" * length + ".example.com" for length in range(1, 13)]
    kinds = [
        {"hostname": name, "sni": name, "serial": serial, "stage": stage, "tls": tls}
        for name in names
        for serial, stage in ((SERIAL, "log_only"), ("1", "enforce"))
        for tls in ("TLSv1.3", "TLSv1.2")
    ]
    peers = [EDGE_ADDRESS, "2606:4700::6812:1", "104.16.0.1"]
    block = [
        line(**kind, peer=peer, agent=f"agent {number}") for number in range(5) for kind in kinds for peer in peers
    ]
    asked = Mock(wraps=parse)
    monkeypatch.setattr(scan_module, "parse", asked)
    tally = scan([block, block]).tally
    assert asked.call_count == len(kinds)
    buckets, _unreadable = reference(b"".join(text + b"\n" for text in block + block), question())
    assert {bucket: seen.count for bucket, seen in tally.buckets.items()} == dict(buckets)


@pytest.mark.parametrize("forged", ['x","stage":"log_only","verify":"SUCCESS","serial":"1', "\\"])
def test_line_without_a_meaning_costs_only_itself(monkeypatch: pytest.MonkeyPatch, forged: str) -> None:
    asked = Mock(wraps=parse)
    monkeypatch.setattr(scan_module, "parse", asked)
    block = [line(path=f"/{number}") for number in range(1000)]
    block.insert(700, raw_line(agent=forged, verify="FAILED:x"))
    tally = scan([block]).tally
    assert (tally.lines, tally.unreadable) == (1001, 1)
    assert {bucket[1:3]: seen.count for bucket, seen in tally.buckets.items()} == {(EDGE, SUCCESS): 1000}
    assert asked.call_count < 30


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_careful_reader_agrees_with_json(changes: dict[str, str]) -> None:
    text = line(**changes)
    expected = json.loads(text.decode(), strict=False)
    record = parse(text.replace(b"\n", b" "))
    assert record is not None
    told = ["" if expected[key] == "-" else expected[key] for key in ("verify", "path", "issuer")]
    assert [record.verify, record.path, record.issuer] == told
    assert sorted(GOOD) == sorted(record._fields)


ADDRESS = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number))),
    st.integers(0, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number))),
    st.sampled_from(CLOUDFLARE_RANGES).flatmap(
        lambda text: st.integers(-300, 300).map(lambda step: str(ipaddress.ip_network(text).network_address + step))
    ),
    st.sampled_from(CLOUDFLARE_RANGES).flatmap(
        lambda text: st.integers(-300, 300).map(lambda step: str(ipaddress.ip_network(text)[-1] + step))
    ),
)
NETWORK = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda pair: str(ipaddress.ip_network((pair[0], pair[1]), strict=False))
    ),
    st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
        lambda pair: str(ipaddress.ip_network((pair[0].to_bytes(16, "big"), pair[1]), strict=False))
    ),
)


@settings(max_examples=500, deadline=None)
@given(ADDRESS)
def test_pattern_of_the_edge_matches_only_the_edge(address: str) -> None:
    ranges = Ranges(CLOUDFLARE_RANGES)
    inside = any(
        ipaddress.ip_address(address) in ipaddress.ip_network(text)
        for text in CLOUDFLARE_RANGES
        if ipaddress.ip_network(text).version == ipaddress.ip_address(address).version
    )
    assert (address in ranges) == inside
    assert bool(re.fullmatch(ranges.pattern(), address.encode())) == inside


@settings(max_examples=500, deadline=None)
@given(NETWORK, st.data())
def test_pattern_of_any_range_matches_nothing_else(text: str, data: st.DataObject) -> None:
    net = ipaddress.ip_network(text)
    near = data.draw(st.integers(int(net[0]) - 2, int(net[-1]) + 2))
    highest = 2 ** (32 if net.version == 4 else 128) - 1
    kind = ipaddress.IPv4Address if net.version == 4 else ipaddress.IPv6Address
    address = str(kind(min(max(near, 0), highest)))
    if re.fullmatch(Ranges([text]).pattern(), address.encode()):
        assert address in Ranges([text])
