# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and responses in HTTP/1.1 and HTTP/2, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._probe import http1, http2


def test_request_line() -> None:
    text = http1.request("https://app.example.com/x", "other.example.com").decode()
    assert text.startswith("GET https://app.example.com/x HTTP/1.1\r\nHost: other.example.com\r\n")
    assert text.endswith("\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status", "body", "complete"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, b"hel", False),
        (b"HTTP/1.0 403\r\n\r\nno", 403, b"no", False),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 404, b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            200,
            b"abcde",
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde", 200, b"abcde", False),
    ],
)
def test_responses(data: bytes, status: int, body: bytes, complete: bool) -> None:
    found = http1.parse(data)
    assert found is not None
    assert (found.status, found.body, found.complete) == (status, body, complete)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_no_response_yet(data: bytes) -> None:
    assert http1.parse(data) is None


def test_headers_by_lower_name_and_body_limit() -> None:
    found = http1.parse(b'HTTP/1.1 301 x\r\nLOCATION: https://a/\r\nAlt-Svc: h3=":443"\r\n\r\n' + b"x" * 100000)
    assert found is not None
    assert (found.headers["location"], found.headers["alt-svc"]) == ("https://a/", 'h3=":443"')
    assert len(found.body) == http1.BODY_LIMIT
    assert found.complete


@given(st.binary(max_size=300))
def test_hostile_bytes_never_raise(data: bytes) -> None:
    http1.parse(data)
    http1.parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    http2.status_of(data)
    reader = http2.Reader()
    reader.feed(data)


def test_http2_request_is_literal_and_never_indexed() -> None:
    frame = http2.request("/p", "APP.example.com")
    assert frame[:9] == len(frame[9:]).to_bytes(3, "big") + b"\x01\x05\x00\x00\x00\x01"
    assert frame[9:].startswith(b"\x10\x07:method\x03GET\x10\x07:scheme\x05https")
    assert b"\x10\x0a:authority\x0fAPP.example.com\x10\x05:path\x02/p" in frame


def test_http2_long_strings() -> None:
    """RFC 7541, 5.1: 1337 with a prefix of 5 bits is 1f 9a 0a; here the prefix has 7."""
    assert http2._integer(1337, 5) == b"\x1f\x9a\x0a"
    frame = http2.request("/" + "a" * 300, "h")
    assert b"\x10\x05:path\x7f\xae\x01/aaa" in frame


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (b"\x88", 200),
        (b"\x8c", 400),
        (bytes.fromhex("4882640258"), 302),  # RFC 7541, C.6.1
        (bytes.fromhex("4803333037c1"), 307),  # RFC 7541, C.5.2
        (b"\x3f\xe1\x1f\x88", 200),  # a new table size before it
        (b"\x20\x88", 200),
        (b"\x08\x03421", 421),
        (b"\x10\x07:status\x03403", 403),
        (b"\x00\x07:statos\x03403", 0),
        (b"\x82", 0),
        (b"", 0),
    ],
)
def test_http2_status(block: bytes, status: int) -> None:
    assert http2.status_of(block) == status


@pytest.mark.parametrize("status", [200, 301, 404, 421, 495, 503, 679, 981])
def test_http2_huffman_digits(status: int) -> None:
    """All ten digits; codes of RFC 7541, appendix B, padded with ones."""
    codes = {"0": "00000", "1": "00001", "2": "00010", "3": "011001", "4": "011010", "5": "011011", "6": "011100"}
    codes.update({"7": "011101", "8": "011110", "9": "011111"})
    bits = "".join(codes[digit] for digit in str(status))
    bits += "1" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert http2.status_of(b"\x48" + bytes([0x80 | len(raw)]) + raw) == status


def test_http2_reader() -> None:
    reader = http2.Reader()
    stream = http2.frame(http2.SETTINGS, 0, 0, b"") + http2.frame(http2.PING, 0, 0, b"12345678")
    stream += http2.frame(http2.HEADERS, 4, 1, b"\x88") + http2.frame(http2.DATA, 8, 1, b"\x02body\x00\x00")
    stream += http2.frame(http2.DATA, 1, 1, b" end") + b"\x00\x00"
    for place in range(len(stream)):
        reader.feed(stream[place : place + 1])
    assert (reader.response.status, reader.response.body, reader.ended) == (200, b"body end", True)
    assert reader.answers == http2.frame(4, 1, 0, b"") + http2.frame(6, 1, 0, b"12345678")


def test_http2_interim_headers_and_continuation() -> None:
    reader = http2.Reader()
    reader.feed(http2.frame(http2.HEADERS, 4, 1, b"\x08\x03103") + http2.frame(http2.HEADERS, 0, 1, b"\x08\x03"))
    reader.feed(http2.frame(http2.CONTINUATION, 4, 1, b"421"))
    reader.feed(http2.frame(http2.HEADERS, 5, 1, b"\x40\x01a\x01b"))  # trailers
    assert (reader.response.status, reader.ended) == (421, True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (http2.frame(http2.RST_STREAM, 0, 1, b"\x00\x00\x00\x0d"), http2.ONLY_HTTP1),
        (http2.frame(http2.GOAWAY, 0, 0, b"\x00" * 7 + b"\x0d"), "GOAWAY 13"),
    ],
)
def test_http2_errors(data: bytes, error: str) -> None:
    reader = http2.Reader()
    reader.feed(data)
    assert (reader.error, reader.ended) == (error, True)
