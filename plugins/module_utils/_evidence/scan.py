# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From blocks of lines to sums.

Nearly every line of a healthy log is from the edge and says SUCCESS. A log starts each line with what only the server
knows, in this order: when and from whom, then the verdict (who was asked for, what was presented, what it was worth);
what a client made up comes last. So one regular expression splits a whole block: a good line yields its verdict, few
different texts that :class:`collections.Counter` sums up; what is left between are the other lines, which are read
carefully. What a verdict means is asked from the careful reader, too, once for each, so the fast path can't have an
opinion of its own.

What makes it fast: the verdicts' lengths are learned, so that the expression jumps over them instead of matching them.
A wrong jump makes a verdict without a meaning; then the block is halved until the line that did it stands alone.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Optional, Union

from .certificates import Certificates
from .exceptions import Exceptions
from .ranges import FIRMLY, Ranges
from .record import BY_FINGERPRINT, SUCCESS, UNTRUSTED, VERDICT, Record, parse, seconds, verification
from .tally import DIRECT, EDGE, EXCEPTION, TURNED_AWAY, Bucket, Tally

CANARY_PREFIX = "/.well-known/originlock-canary/"
_NONCE = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(rb'"time":"([0-9.]+)"')
_REMEMBERED = 20000
_MAX_LENGTHS = 8
# The verdict of a good line, where its length isn't known yet. One with an escape in it is left to the careful reader.
_TEXT = r'[^"\\\n]*'
_VERDICT = ",".join(f'"{key}":"{"SUCCESS" if key == "verify" else _TEXT}"' for key in VERDICT).encode()
_SAMPLE = b'{"time":"1","peer":"",%b,"method":"","path":"","agent":""}'


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
        self._meanings: dict[bytes, Bucket] = {}
        self._lengths: list[int] = []
        self._compile()

    def _compile(self) -> None:
        # Without a backslash in sight, nothing has to be asked about what stands before a quote.
        self._plain = self._expression(rb'[^"]*' + FIRMLY.encode() + b'"')
        self._escaped = self._expression(rb'(?:[^"]*[^"\\])?"')

    def _expression(self, value: bytes) -> re.Pattern[bytes]:
        """A whole good line, with its verdict as the group. ``value``: a text and the quote after it.

        A line feed in a text isn't looked for: a server that let clients write one would let them write lines.
        """
        canary = rb"(?!/\.well-known/originlock)" if self.question.nonces else b""
        jumps = "".join(f"(?s:.{{{length}}}{FIRMLY})|" for length in self._lengths).encode()
        return re.compile(
            b"".join(
                (
                    rb'\{"time":"[0-9.]+"',
                    b',"peer":"' + self._edge + b'"',
                    b",(" + jumps + _VERDICT + b")",
                    b',"method":"[A-Z]+"',
                    b',"path":"' + canary + value,
                    b',"agent":"' + value,
                    rb"\}\n",
                )
            )
        )

    def block(self, data: Union[bytes, bytearray], end: int) -> None:
        """Counts the lines of ``data[:end]``, which ends with a line feed."""
        first, last = _times(data, end)
        since = self.question.since
        if since and not (first >= since and last >= since):
            self._lines(bytes(data[:end]))
        else:
            self._part(data, 0, end, first, last)

    def _part(self, data: Union[bytes, bytearray], start: int, end: int, first: float, last: float) -> None:
        """Counts the lines of ``data[start:end]``, halved as long as one of its verdicts has no meaning."""
        pattern = self._plain if data.find(b"\\", start, end) < 0 else self._escaped
        texts = pattern.split(memoryview(data)[start:end])
        others = list(filter(None, texts[::2]))
        if not all(text.endswith(b"\n") for text in others):  # a good line inside of another one
            self._lines(bytes(data[start:end]))
            return
        if self._apply(Counter(texts[1::2]), first, last):
            self._lines(b"".join(others))
            return
        middle = (data.rfind(b"\n", start, (start + end) // 2) + 1) or (data.find(b"\n", start, end) + 1)
        if middle == end:
            self._lines(bytes(data[start:end]))
            return
        self._part(data, start, middle, first, last)
        self._part(data, middle, end, first, last)

    def too_long(self) -> None:
        """Counts a line that was too long to be read."""
        self.tally.lines += 1
        self.tally.unreadable += 1

    def _apply(self, verdicts: Counter[bytes], first: float, last: float) -> bool:
        """Takes the sums of a part, or nothing at all if one of its verdicts has no meaning."""
        known: list[tuple[Bucket, int]] = []
        learned = False
        for verdict, count in verdicts.items():
            bucket = self._meanings.get(verdict)
            if bucket is None:
                bucket = self._meaning(verdict)
                if bucket is None:
                    return False
                if len(self._meanings) >= _REMEMBERED:
                    self._meanings.clear()
                self._meanings[verdict] = bucket
                if len(verdict) not in self._lengths and len(self._lengths) < _MAX_LENGTHS:
                    self._lengths.append(len(verdict))
                    learned = True
            known.append((bucket, count))
        if learned:
            self._compile()
        hostnames = self.question.hostnames
        for bucket, count in known:
            self.tally.lines += count
            if not hostnames or bucket[0] in hostnames:
                self.tally.add(bucket, count, first, last)
        return True

    def _meaning(self, verdict: bytes) -> Optional[Bucket]:
        """What the careful reader says about a line with this verdict, or None if it isn't one of a good line."""
        record = None if b"\n" in verdict else parse(_SAMPLE % verdict)
        if record is None or record.verify != "SUCCESS":
            return None
        bucket = self.question.bucket(record)
        return (bucket[0], EDGE, bucket[2], bucket[3])

    def _lines(self, data: bytes) -> None:
        """Reads whole lines one by one."""
        for line in data.split(b"\n")[:-1]:
            self._line(line)

    def _line(self, line: bytes) -> None:
        tally, question = self.tally, self.question
        tally.lines += 1
        record = parse(line)
        if record is None:
            tally.unreadable += 1
            return
        if question.since and 0.0 < record.when() < question.since:
            tally.outside += 1
            return
        bucket = question.bucket(record)
        if question.hostnames and bucket[0] not in question.hostnames:
            return
        tally.add_record(bucket, record)
        if record.path.startswith(CANARY_PREFIX):
            nonce = record.path[len(CANARY_PREFIX) :]
            if nonce in question.nonces and _NONCE.fullmatch(nonce):
                tally.nonces[nonce] = {
                    "hostname": bucket[0],
                    "source": bucket[1],
                    "verification": bucket[2],
                    "certificate": bucket[3],
                }


def _times(data: Union[bytes, bytearray], end: int) -> tuple[float, float]:
    """Times of the first and the last line of a block, 0.0 where they can't be read."""
    head = _TIME.search(data, 0, min(end, 4096))
    start = data.rfind(b"\n", 0, end - 1) + 1
    tail = _TIME.search(data, start, end)
    return (seconds(head.group(1).decode()) if head else 0.0, seconds(tail.group(1).decode()) if tail else 0.0)
