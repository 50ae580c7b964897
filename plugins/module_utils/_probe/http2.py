# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough HTTP/2 (RFC 9113) and HPACK (RFC 7541) for one GET on a connection.

Requests use literal fields that are never indexed, so no table has to be kept. Of the response the status and the
body are read; the status is the first field of a response (RFC 9113, 8.3).
"""

from __future__ import annotations

from .http1 import AGENT, BODY_LIMIT, Response

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ONLY_HTTP1 = "RST_STREAM 13"  # HTTP_1_1_REQUIRED
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
# RFC 7541, appendix A: entries 8 to 14 are ":status" with these values.
_STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# RFC 7541, appendix B, for the ten digits.
_DIGITS = {"0": "00000", "1": "00001", "2": "00010", "3": "011001", "4": "011010"}
_DIGITS.update({"5": "011011", "6": "011100", "7": "011101", "8": "011110", "9": "011111"})
_CODES = {code: digit for digit, code in _DIGITS.items()}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def request(path: str, authority: str, stream: int = 1) -> bytes:
    """HEADERS of a GET, the whole request in one frame."""
    fields = (
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", authority),
        (":path", path),
        ("user-agent", AGENT),
    )
    block = b"".join(b"\x10" + _string(name) + _string(value) for name, value in fields)
    return frame(HEADERS, _END_STREAM | _END_HEADERS, stream, block)


def opening() -> bytes:
    """What a client says first: the preface and SETTINGS without server push (0x2) and without a table (0x1)."""
    return PREFACE + frame(SETTINGS, 0, 0, b"\x00\x01\x00\x00\x00\x00" + b"\x00\x02\x00\x00\x00\x00")


def _string(text: str) -> bytes:
    raw = text.encode("latin-1", "replace")
    return _integer(len(raw), 7) + raw


def _integer(value: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((value,))
    out, value = [limit], value - limit
    while value >= 128:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def status_of(block: bytes) -> int:
    """The status in a header block, 0 where it isn't understood."""
    try:
        while block[0] & 0xE0 == 0x20:  # the table's size
            block = block[1:] if block[0] & 0x1F < 0x1F else block[_length(block, 5)[1] :]
        first = block[0]
        if first & 0x80:
            return _STATIC_STATUS.get(first & 0x7F, 0)
        bits = 6 if first & 0x40 else 4
        index, offset = _length(block, bits)
        if index == 0:
            size, start = _length(block[offset:], 7)
            if block[offset + start : offset + start + size] != b":status":
                return 0
            offset += start + size
        elif index not in _STATIC_STATUS:
            return 0
        size, start = _length(block[offset:], 7)
        raw = block[offset + start : offset + start + size]
        text = _huffman_digits(raw) if block[offset] & 0x80 else raw.decode("latin-1")
        return int(text) if text.isdigit() else 0
    except IndexError:
        return 0


def _length(data: bytes, bits: int) -> tuple[int, int]:
    """An integer with a prefix of ``bits`` and the number of bytes that it takes."""
    limit = (1 << bits) - 1
    value = data[0] & limit
    if value < limit:
        return value, 1
    offset, shift = 1, 0
    while True:
        byte = data[offset]
        value += (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if not byte & 0x80:
            return value, offset


def _huffman_digits(raw: bytes) -> str:
    text, code = "", ""
    for bit in "".join(f"{byte:08b}" for byte in raw):
        code += bit
        if code in _CODES:
            text, code = text + _CODES[code], ""
    return text


class Reader:
    """Takes bytes as they come; ``answers`` are what has to be sent back (acknowledgements)."""

    def __init__(self, stream: int = 1) -> None:
        self.response = Response(0)
        self.answers = b""
        self.ended = False
        self.error = ""
        self._stream = stream
        self._buffer = b""
        self._block = b""

    def feed(self, data: bytes) -> None:
        """More bytes from the server."""
        self._buffer += data
        while len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + length:
                return
            kind, flags = self._buffer[3], self._buffer[4]
            stream = int.from_bytes(self._buffer[5:9], "big") & 0x7FFFFFFF
            payload, self._buffer = self._buffer[9 : 9 + length], self._buffer[9 + length :]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & _ACK:
            self.answers += frame(SETTINGS, _ACK, 0, b"")
        elif kind == PING and not flags & _ACK:
            self.answers += frame(PING, _ACK, 0, payload)
        elif kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
            self.error, self.ended = f"GOAWAY {code}", self.ended or code != 0
        elif stream == self._stream:
            self._of_stream(kind, flags, payload)

    def _of_stream(self, kind: int, flags: int, payload: bytes) -> None:
        if kind in (HEADERS, DATA) and flags & _PADDED and payload:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == HEADERS and flags & _PRIORITY:
            payload = payload[5:]
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & _END_HEADERS:
                status = status_of(self._block)
                if not 100 <= self.response.status < 600 or self.response.status < 200:
                    self.response.status = status
                self._block = b""
        elif kind == DATA:
            self.response.body = (self.response.body + payload)[:BODY_LIMIT]
        elif kind == RST_STREAM:
            self.error, self.ended = f"RST_STREAM {int.from_bytes(payload[:4], 'big')}", True
        if kind in (HEADERS, DATA) and (flags & _END_STREAM or len(self.response.body) >= BODY_LIMIT - 1):
            self.ended = True
