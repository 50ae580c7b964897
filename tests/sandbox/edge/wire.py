# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 as the edge speaks it with origins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from .errors import EdgeError, NoAnswerError

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)
_PIECE = 64 * 1024


@dataclass
class Reply:
    """Head of an answer; ``length`` None: chunked, or until the connection closes."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    length: int | None
    chunked: bool
    keep: bool
    reader: asyncio.StreamReader = field(repr=False)
    finished: bool = False

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces, without the framing. EdgeError 520 if it breaks off."""
        try:
            if self.chunked:
                async for piece in self._chunks():
                    yield piece
            elif self.length is not None:
                left = self.length
                while left > 0:
                    piece = await self.reader.read(min(left, _PIECE))
                    if not piece:
                        raise EdgeError(520, "the origin's answer broke off")
                    left -= len(piece)
                    yield piece
            else:
                while True:
                    piece = await self.reader.read(_PIECE)
                    if not piece:
                        break
                    yield piece
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise EdgeError(520, f"the origin's answer broke off: {error}") from error
        self.finished = True

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16)
            if size == 0:
                while await self.reader.readuntil(b"\r\n") != b"\r\n":
                    pass  # trailers are dropped
                return
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)


def head(method: str, target: str, headers: list[tuple[str, str]]) -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


async def read_reply(reader: asyncio.StreamReader, method: str) -> Reply:
    """The head of an answer. NoAnswerError before its first byte; EdgeError 520 if it cannot be understood."""
    while True:
        raw = await _read_head(reader)
        first, *lines = raw.decode("iso-8859-1").split("\r\n")
        version, _space, rest = first.partition(" ")
        code, _space, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise EdgeError(520, "the origin's answer is not HTTP/1")
        if not code.startswith("1"):
            return _reply(reader, method, version, int(code), reason, lines)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n\r\n"))[:-4]
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise EdgeError(520, "the origin's answer broke off in its head") from error
        raise NoAnswerError("the origin closed the connection without an answer") from error
    except asyncio.LimitOverrunError as error:
        raise EdgeError(520, "the origin's answer has too large a head") from error
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error
        raise NoAnswerError(f"the origin aborted the connection: {reason}") from error


def _reply(
    reader: asyncio.StreamReader, method: str, version: str, status: int, reason: str, lines: list[str]
) -> Reply:
    headers = []
    length: int | None = None
    chunked, connection = False, "close" if version == "HTTP/1.0" else ""
    for line in lines:
        name, _colon, value = line.partition(":")
        value = value.strip()
        lower = name.lower()
        if lower == "content-length" and value.isdigit():
            length = int(value)
        elif lower == "transfer-encoding":
            chunked = "chunked" in value.lower()
        elif lower == "connection":
            connection = value.lower()
        headers.append((name, value))
    if method == "HEAD" or status in (204, 304):
        length, chunked = 0, False
    elif chunked:
        length = None
    keep = "close" not in connection and (chunked or length is not None)
    return Reply(status, reason, headers, length, chunked, keep, reader)
