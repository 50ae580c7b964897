# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From blocks of lines to sums.

Nearly every line of a healthy log is from the edge and says SUCCESS. One regular expression runs over a whole block:
such a line yields what stands before its peer and after its user agent (few different texts, which
:class:`collections.Counter` sums up), any other one yields itself and is read carefully. What the few texts mean is
asked from the careful reader, too, once for each distinct pair, so the fast path can't have an opinion of its own.

What makes it fast: the texts' lengths are learned, so that the expression jumps over them instead of matching them.
A wrong jump makes a pair that has no meaning; then the block is halved until the line that did it stands alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

from .certificates import Certificates
from .exceptions import Exceptions
from .ranges import Ranges
from .record import BY_FINGERPRINT, SUCCESS, UNTRUSTED, Record, parse, seconds, verification
from .tally import DIRECT, EDGE, EXCEPTION, TURNED_AWAY, Bucket, Tally

CANARY_PREFIX = "/.well-known/originlock-canary/"
_NONCE = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(rb'"time":"([0-9.]+)"')
_REMEMBERED = 20000
_MAX_LENGTHS = 8
# The parts of a line that are summed up. A value with an escape in it is left to the careful reader.
_HEAD = rb'"server":"[^"\\\n]*","hostname":"[^"\\\n]*","sni":"[^"\\\n]*","peer":"'
_TAIL = rb',"stage":"[a-z_]*","verify":"SU[^\n]*'
_WHOLE_HEAD = re.compile(_HEAD)
_SAMPLE_START = b'{"time":"1",'
_SAMPLE_MIDDLE = b'","status":"","method":"","path":"","agent":""'

_Found = tuple[bytes, bytes, bytes]


@dataclass
class Question:
    """What to count. ``hostnames`` empty: all. ``since`` in epoch seconds, 0.0: everything."""

    edge: Ranges
    certificates: Certificates
    exceptions: Exceptions
    hostnames: frozenset[str] = frozenset()
    nonces: frozenset[str] = frozenset()
    since: float = 0.0
    by_fingerprint: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.by_fingerprint = frozenset(known.label for known in self.certificates.known if known.sha256)

    def bucket(self, record: Record) -> Bucket:
        """The kind of request that a record is."""
        if record.peer in self.edge:
            source = EDGE
        elif self.exceptions.cover(record.peer, record.hostname, record.path):
            source = EXCEPTION
        elif record.stage == "enforce" and record.status[:1] in ("3", "4"):
            source = TURNED_AWAY
        else:
            source = DIRECT
        label = self.certificates.label(record.serial, record.issuer, record.fingerprint)
        verify = verification(record)
        if (
            verify == UNTRUSTED
            and record.server in BY_FINGERPRINT
            and label in self.by_fingerprint
            and record.fingerprint.lower().startswith("sha256:")
        ):
            verify = SUCCESS
        return (record.hostname[:253].lower(), source, verify, label)


class Scanner:
    """Feeds blocks of whole lines into a tally."""

    def __init__(self, question: Question, tally: Optional[Tally] = None) -> None:
        self.question = question
        self.tally = tally or Tally()
        self._edge = question.edge.pattern()
        self._meanings: dict[tuple[bytes, bytes], Bucket] = {}
        self._heads: list[int] = []
        self._tails: list[int] = []
        self._compile()

    def _compile(self) -> None:
        # Without a backslash in sight, nothing has to be asked about what stands before a quote.
        self._plain, self._escaped = self._expression(b""), self._expression(rb'[^"\\]')

    def _expression(self, last: bytes) -> re.Pattern[bytes]:
        """Three groups: head and tail of a good line, or the whole of any other one.

        Only the server's own texts are jumped over: head, tail and two names between. What a client sends is matched,
        so that no quote in it goes unseen. ``last``: what such a value has to end with.
        """
        canary = rb"(?!/\.well-known/originlock)" if self.question.nonces else b""
        return re.compile(
            rb'\{"time":"[0-9.]+",('
            + _jumps(self._heads)
            + _HEAD
            + b")"
            + self._edge
            + rb'"(?s:.{10})"\d\d\d"(?s:.{10})"[A-Z]+","path":"'
            + canary
            + rb'[^"]*'
            + last
            + rb'","agent":"[^"]*'
            + last
            + b'"('
            + _jumps(self._tails)
            + _TAIL
            + rb")\n|([^\n]*)\n"
        )

    def block(self, data: Union[bytes, bytearray], end: int) -> None:
        """Counts the lines of ``data[:end]``, which ends with a line feed."""
        first, last = _times(data, end)
        since = self.question.since
        if since and not (first >= since and last >= since):
            for line in bytes(data[:end]).split(b"\n")[:-1]:
                self._line(line, 1)
        else:
            self._part(data, 0, end, first, last)

    def _part(self, data: Union[bytes, bytearray], start: int, end: int, first: float, last: float) -> None:
        """Counts the lines of ``data[start:end]``, halved as long as one of its keys has no meaning."""
        pattern = self._plain if data.find(b"\\", start, end) < 0 else self._escaped
        if self._apply(Counter(pattern.findall(data, start, end)), first, last):
            return
        middle = (data.rfind(b"\n", start, (start + end) // 2) + 1) or (data.find(b"\n", start, end) + 1)
        if middle == end:
            self._line(bytes(data[start : end - 1]), 1)
            return
        self._part(data, start, middle, first, last)
        self._part(data, middle, end, first, last)

    def too_long(self) -> None:
        """Counts a line that was too long to be read."""
        self.tally.lines += 1
        self.tally.unreadable += 1

    def _apply(self, found: Counter[_Found], first: float, last: float) -> bool:
        """Takes the sums of a part, or nothing at all if one of its keys has no meaning."""
        known: list[tuple[Bucket, int]] = []
        learned = False
        for (head, tail, _odd), count in found.items():
            if not head:
                continue
            bucket = self._meanings.get((head, tail))
            if bucket is None:
                bucket = self._meaning(head, tail)
                if bucket is None:
                    return False
                if len(self._meanings) >= _REMEMBERED:
                    self._meanings.clear()
                self._meanings[(head, tail)] = bucket
                learned = _learn(self._heads, len(head)) | _learn(self._tails, len(tail)) | learned
            known.append((bucket, count))
        if learned:
            self._compile()
        hostnames = self.question.hostnames
        for bucket, count in known:
            self.tally.lines += count
            if not hostnames or bucket[0] in hostnames:
                self.tally.add(bucket, count, first, last)
        for (head, _tail, odd), count in found.items():
            if not head:
                self._line(odd, count)
        return True

    def _meaning(self, head: bytes, tail: bytes) -> Optional[Bucket]:
        """What the careful reader says about a line with these parts, or None if they aren't of one line."""
        if b"\n" in tail or not _WHOLE_HEAD.fullmatch(head):
            return None
        record = parse(_SAMPLE_START + head + _SAMPLE_MIDDLE + tail)
        if record is None or record.verify != "SUCCESS":
            return None
        bucket = self.question.bucket(record)
        return (bucket[0], EDGE, bucket[2], bucket[3])

    def _line(self, line: bytes, count: int) -> None:
        tally, question = self.tally, self.question
        tally.lines += count
        record = parse(line)
        if record is None:
            tally.unreadable += count
            return
        if question.since and 0.0 < record.when() < question.since:
            tally.outside += count
            return
        bucket = question.bucket(record)
        if question.hostnames and bucket[0] not in question.hostnames:
            return
        tally.add_record(bucket, record, count)
        if record.path.startswith(CANARY_PREFIX):
            nonce = record.path[len(CANARY_PREFIX) :]
            if nonce in question.nonces and _NONCE.fullmatch(nonce):
                tally.nonces[nonce] = {
                    "hostname": bucket[0],
                    "source": bucket[1],
                    "verification": bucket[2],
                    "certificate": bucket[3],
                }


def _learn(lengths: list[int], length: int) -> bool:
    if length in lengths or len(lengths) >= _MAX_LENGTHS:
        return False
    lengths.append(length)
    return True


def _jumps(lengths: Sequence[int]) -> bytes:
    return b"".join(b"(?s:.{%d})|" % length for length in lengths)


def _times(data: Union[bytes, bytearray], end: int) -> tuple[float, float]:
    """Times of the first and the last line of a block, 0.0 where they can't be read."""
    head = _TIME.search(data, 0, min(end, 4096))
    start = data.rfind(b"\n", 0, end - 1) + 1
    tail = _TIME.search(data, start, end)
    return (seconds(head.group(1).decode()) if head else 0.0, seconds(tail.group(1).decode()) if tail else 0.0)
