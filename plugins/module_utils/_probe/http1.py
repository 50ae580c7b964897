# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough HTTP/1.1 to ask for a page and to tell what came back."""

from __future__ import annotations

from dataclasses import dataclass, field

AGENT = "originlock-probe"
BODY_LIMIT = 65536


@dataclass
class Response:
    """``headers`` by lower-case name; ``body`` at most BODY_LIMIT bytes."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False


def request(target: str, host: str) -> bytes:
    """A GET for ``target`` (a path or a whole URI) that ends the connection."""
    lines = (f"GET {target} HTTP/1.1", "Host: " + host, "User-Agent: " + AGENT, "Accept: */*", "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def parse(data: bytes) -> Response | None:
    """The response in ``data``, or None as long as its head isn't complete (interim 1xx responses are passed over)."""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
            return None
        status = int(words[1])
        if not 100 <= status < 200 or status == 101:
            break
        data = body
    headers = {}
    for line in lines[1:]:
        name, _colon, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, complete = _dechunk(body)
    else:
        length = headers.get("content-length", "")
        complete = length.isdigit() and len(body) >= int(length)
    return Response(status, headers, body[:BODY_LIMIT], complete or len(body) >= BODY_LIMIT)


def _dechunk(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while True:
        line, end, rest = data.partition(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16) if end else -1
        except ValueError:
            size = -1
        if size <= 0:
            return body, size == 0
        body += rest[:size]
        if len(rest) < size + 2:
            return body, False
        data = rest[size + 2 :]
