# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the log and its rotated predecessors, from a time or from a position, in blocks and with flat memory."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, cast

from .._common.errors import InvalidInput, UserError
from .record import TIME, seconds
from .scan import Question, Scanner
from .tally import Tally

BLOCK = 1 << 20
# Below this a second process costs more than it gains.
_PARALLEL_BYTES = 64 << 20
_FINGERPRINT_BYTES = 256
# What makes a predecessor of a log's name, a number or a date: aop.log.1, aop.log.2.gz, aop.log-20261124,
# aop.log-20261124-1764000000.gz, aop.log-2026-11-24; before the extension if logrotate has to keep that: aop.1.log.
_NUMBER = r"[.-]\d+(?:[.:_T-]\d+)*"
# Requests are logged when they end, so the log is only nearly in the order of its times.
_DISORDER = 300.0


@dataclass
class Reading:
    """What was read. ``cursor`` continues after the last whole line; ``lost`` tells that a given one didn't fit.

    ``not_read``: rotated files that should have been read but are packed in a way that isn't known.
    """

    tally: Tally
    files: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    found: bool = False
    lost: bool = False
    bytes_read: int = 0
    cursor: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Source:
    path: str
    packed: bool
    inode: int
    mtime: float
    size: int

    def open(self) -> IO[bytes]:
        if self.packed:
            return cast(IO[bytes], gzip.open(self.path, "rb"))
        return open(self.path, "rb", buffering=0)


def read(path: str, question: Question, cursor: Mapping[str, Any] | None = None, workers: int = 1) -> Reading:
    """Counts the log at ``path``.

    With ``cursor`` (the one that an earlier reading returned) only what came after it is read, through rotations.
    With ``question.since`` rotated files that ended before it aren't opened, and the rest is found by bisection.
    ``workers``: processes that share large files. Raises :class:`UserError` if a file can't be read.
    """
    scanner = Scanner(question)
    reading = Reading(scanner.tally)
    try:
        sources, unknown = _sources(path)
        reading.found = bool(sources) and sources[-1].path == path
        start = _position(sources, cursor) if cursor else None
        reading.lost = bool(cursor) and start is None
        after = float(cursor["mtime"]) if cursor and start else question.since
        reading.not_read = [source.path for source in unknown if source.mtime >= after]
        index, offset = start if start else (0, 0)
        for number, source in enumerate(sources[index:]):
            begin = offset if number == 0 else 0
            if start is None and source.mtime < question.since:
                end = _whole_lines(source) if source.path == path else 0
            else:
                end = _read_source(source, begin, question, scanner, reading, workers)
            if source.path == path:
                reading.cursor = _cursor(source, end)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"The verification log {path} can't be read: {error}.",
            "Run with become, and check the file and its rotated predecessors.",
        ) from error
    return reading


def _sources(path: str) -> tuple[list[_Source], list[_Source]]:
    """The log and its predecessors, oldest first, the live one last; and predecessors that this module can't read."""
    directory, base = os.path.split(path)
    try:
        names = os.listdir(directory or ".")
    except FileNotFoundError:
        return [], []
    found: list[_Source] = []
    unknown: list[_Source] = []
    predecessor = _predecessors(base)
    for name in names:
        rotated = predecessor.match(name)
        if not rotated:
            continue
        packing = name[rotated.end() :]
        if packing and rotated.group() in names:
            continue  # made of the plain one, which is whole: being packed at this moment, or an editor's
        (found if packing in ("", ".gz") else unknown).append(_source(os.path.join(directory, name), packing != ""))
    found.sort(key=lambda source: source.mtime)
    with contextlib.suppress(FileNotFoundError):
        found.append(_source(path, False))
    return found, unknown


def _predecessors(base: str) -> re.Pattern[str]:
    """Matches the begin of the name of a predecessor, up to what tells how it's packed."""
    stem, extension = os.path.splitext(base)
    kept = rf"|{re.escape(stem)}{_NUMBER}{re.escape(extension)}(?![^.~])" if extension else ""
    return re.compile(re.escape(base) + _NUMBER + kept)


def _source(path: str, packed: bool) -> _Source:
    status = os.stat(path)
    return _Source(path, packed, status.st_ino, status.st_mtime, status.st_size)


def _fingerprint(source: _Source, length: int) -> str:
    with source.open() as stream:
        return hashlib.sha256(stream.read(length)).hexdigest()


def _cursor(source: _Source, offset: int) -> dict[str, Any]:
    length = min(offset, _FINGERPRINT_BYTES)
    return {
        "version": 1,
        "path": source.path,
        "inode": source.inode,
        "mtime": source.mtime,
        "offset": offset,
        "head": _fingerprint(source, length),
        "head_length": length,
    }


def _position(sources: list[_Source], cursor: Mapping[str, Any]) -> tuple[int, int] | None:
    """Index of the file where the cursor points and the offset in it, or None where that file is gone.

    The first bytes decide: a rotated file has another name, a packed one another inode, and an inode may be used again.
    """
    try:
        offset, length = int(cursor["offset"]), int(cursor["head_length"])
        head, inode, mtime = str(cursor["head"]), int(cursor["inode"]), float(cursor["mtime"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            "The cursor isn't one that origin_evidence returned.", "Leave it out to read anew."
        ) from error
    if length == 0:
        # It was empty then, so nothing tells it but its inode; everything after it is new. What was written to a file
        # before it since then could be a copy of its lines (logrotate's copytruncate).
        index = next((i for i, source in enumerate(sources) if source.inode == inode), None)
        return None if index is None or any(source.mtime > mtime for source in sources[:index]) else (index, 0)
    for i in sorted(range(len(sources)), key=lambda i: (sources[i].inode != inode, -i)):
        source = sources[i]
        if (source.packed or source.size >= offset) and _fingerprint(source, length) == head:
            return i, offset
    return None


def _read_source(
    source: _Source, begin: int, question: Question, scanner: Scanner, reading: Reading, workers: int
) -> int:
    """Reads one file from ``begin`` and returns the offset after its last whole line."""
    if source.packed:
        with source.open() as stream:
            _skip(stream, begin)
            end = _blocks(stream, begin, None, scanner)
    else:
        with source.open() as stream:
            if question.since and begin == 0:
                begin = _bisect(stream, source.size, question.since - _DISORDER)
            last = _last_line_feed(stream, begin, source.size)
            if workers > 1 and last - begin >= _PARALLEL_BYTES:
                _in_parallel(source, begin, last, question, scanner, workers)
            else:
                stream.seek(begin)
                _blocks(stream, begin, last, scanner)
            end = last
    reading.bytes_read += end - begin
    reading.files.append(source.path)
    return end


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0:
        chunk = stream.read(min(count, BLOCK))
        if not chunk:
            return
        count -= len(chunk)


def _whole_lines(source: _Source) -> int:
    with source.open() as stream:
        return _last_line_feed(stream, 0, source.size)


def _last_line_feed(stream: IO[bytes], begin: int, end: int) -> int:
    """The offset after the last line feed before ``end``; a line that is being written belongs to the next reading."""
    while end > begin:
        start = max(begin, end - BLOCK)
        stream.seek(start)
        at = stream.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return begin


def _bisect(stream: IO[bytes], size: int, since: float) -> int:
    """Offset of a line start before which (nearly) everything is older than ``since``.

    The latest time of a chunk tells when it was written: a server may log a long request with the time of its begin.
    """
    low, high = 0, size
    while high - low > BLOCK:
        middle = (low + high) // 2
        stream.seek(middle)
        chunk = stream.read(65536)
        line = chunk.find(b"\n") + 1
        when = max((seconds(time.decode()) for time in TIME.findall(chunk, line)), default=0.0) if line else 0.0
        if not when:
            break  # odd place: what is left of the range is read as a whole
        if when < since:
            low = middle + line
        else:
            high = middle
    return low


def _blocks(stream: IO[bytes], begin: int, end: int | None, scanner: Scanner) -> int:
    """Scans a stream that stands at ``begin``, up to ``end`` or its end; returns the offset after the last whole line.

    A line longer than a block is counted as unreadable and not kept.
    """
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    kept, position, done, too_long = 0, begin, begin, False
    raw = cast(io.RawIOBase, stream)
    while end is None or position < end:
        room = BLOCK - kept if end is None else min(BLOCK - kept, end - position)
        count = raw.readinto(view[kept : kept + room])
        if not count:
            break
        position += count
        filled = kept + count
        if too_long:
            at = buffer.find(b"\n", 0, filled)
            if at < 0:
                kept = 0
                continue
            too_long = False
            scanner.too_long()
            done = position - filled + at + 1
            view[: filled - at - 1] = view[at + 1 : filled]
            filled -= at + 1
        at = buffer.rfind(b"\n", 0, filled)
        if at >= 0:
            scanner.block(buffer, at + 1)
            kept = filled - at - 1
            view[:kept] = view[at + 1 : filled]
            done = position - kept
        elif filled == BLOCK:
            too_long, kept = True, 0
        else:
            kept = filled
    return done


def _in_parallel(source: _Source, begin: int, end: int, question: Question, scanner: Scanner, workers: int) -> None:
    """Shares a file among processes, each with a part that starts at a line start."""
    edges = [begin]
    with source.open() as stream:
        for number in range(1, workers):
            stream.seek(begin + (end - begin) * number // workers)
            chunk = stream.read(BLOCK)
            edges.append(min(end, begin + (end - begin) * number // workers + chunk.find(b"\n") + 1))
    edges.append(end)
    edges.sort()
    children = []
    for low, high in list(zip(edges, edges[1:]))[1:]:
        children.append((_start_child(source, low, high, question), low, high))
    for (child, pipe), low, high in [((0, -1), edges[0], edges[1]), *children]:
        if child == 0:
            with source.open() as stream:
                stream.seek(low)
                _blocks(stream, low, high, scanner)
            continue
        with os.fdopen(pipe, "rb") as answer:
            data = answer.read()
        _pid, status = os.waitpid(child, 0)
        if status != 0:
            raise UserError(f"A process that read {source.path} died.", "Run again with workers=1.")
        scanner.tally.merge(pickle.loads(data))  # from our own child


def _start_child(source: _Source, low: int, high: int, question: Question) -> tuple[int, int]:
    receive, send = os.pipe()
    child = os.fork()
    if child:
        os.close(send)
        return child, receive
    status = 1
    try:
        os.close(receive)
        scanner = Scanner(question)
        with source.open() as stream:
            stream.seek(low)
            _blocks(stream, low, high, scanner)
        with os.fdopen(send, "wb") as answer:
            pickle.dump(scanner.tally, answer, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's clean-up belongs to this process
