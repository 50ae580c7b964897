# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From blocks of lines to sums.

Nearly every line of a healthy log is from the edge and says SUCCESS. One regular expression runs over a whole block:
such a line yields its few-valued parts (which :class:`collections.Counter` sums up), any other one yields itself and
is read carefully. What the few-valued parts mean is asked from the careful reader, too, once for each distinct pair,
so the fast path can't have an opinion of its own.
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
_PATIENCE = 8
_HEAD = b'"server":"'
_TAIL = b',"verify":"SU'
_SAMPLE_START = b'{"time":"1",'
_SAMPLE_MIDDLE = b'","peer":"","status":"","method":"","path":"","agent":"","stage":""'


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
        self._meanings: dict[tuple[bytes, bytes], Optional[Bucket]] = {}
        self._general = self._compile(0, 0)
        self._shortest: Optional[tuple[int, int]] = None
        self._pattern = self._general
        self._missed = 0
        self._patience = _PATIENCE

    def _compile(self, head: int, tail: int) -> re.Pattern[bytes]:
        """``head`` and ``tail``: bytes of the groups that are jumped over at once; the groups are looked at later."""
        canary = rb"(?!/\.well-known/originlock)" if self.question.nonces else b""
        hostname = b"(?s:.{%d})" % head if head else b'[^"]*","hostname":"'
        return re.compile(
            rb'\{"time":"[0-9.]+",("server":"'
            + hostname
            + rb'[^"]*","sni":"[^"]*)","peer":"'
            + self._edge
            + rb'","status":"\d\d\d","method":"[A-Z]+","path":"'
            + canary
            + rb'[^"]*[^"\\]",'
            + rb'"agent":"[^"]*[^"\\]","stage":"[a-z_]*"(,"verify":"SU'
            + b"(?s:.{%d})" % tail
            + rb"[^\n]*)\n|([^\n]*)\n"
        )

    def block(self, data: Union[bytes, bytearray], end: int) -> None:
        """Counts the lines of ``data[:end]``, which ends with a line feed."""
        first, last = _times(data, end)
        since = self.question.since
        if since and not (first >= since and last >= since):
            self._carefully(bytes(data[:end]).split(b"\n")[:-1])
            return
        for pattern in (self._pattern, self._general):
            found: Counter[tuple[bytes, bytes, bytes]] = Counter(pattern.findall(data, 0, end))
            if self._apply(found, first, last):
                self._reconsider(len(data))
                return
        self._carefully(bytes(data[:end]).split(b"\n")[:-1])

    def too_long(self) -> None:
        """Counts a line that was too long to be read."""
        self.tally.lines += 1
        self.tally.unreadable += 1

    def _apply(self, found: Counter[tuple[bytes, bytes, bytes]], first: float, last: float) -> bool:
        """Takes the sums of a block, or nothing at all if one of its keys has no meaning."""
        known: list[tuple[Bucket, int]] = []
        lengths: list[tuple[int, int]] = []
        meanings = self._meanings
        for (head, tail, _odd), count in found.items():
            if not head:
                continue
            bucket = meanings.get((head, tail))
            if bucket is None:
                bucket = self._meaning(head, tail)
                if bucket is None:
                    return False
                if len(meanings) >= _REMEMBERED:
                    meanings.clear()
                meanings[(head, tail)] = bucket
                lengths.append((head.index(b'","sni":"') - len(_HEAD), len(tail) - len(_TAIL)))
            known.append((bucket, count))
        hostnames = self.question.hostnames
        for bucket, count in known:
            self.tally.lines += count
            if not hostnames or bucket[0] in hostnames:
                self.tally.add(bucket, count, first, last)
        for (head, _tail, odd), count in found.items():
            if not head:
                self._line(odd, count)
        if lengths:
            self._learn(lengths)
        return True

    def _learn(self, lengths: Sequence[tuple[int, int]]) -> None:
        if self._shortest is not None:
            lengths = [*lengths, self._shortest]
        head, tail = (min(length) for length in zip(*lengths))
        self._shortest = (head, tail)
        self._pattern = self._compile(head, tail)

    def _reconsider(self, size: int) -> None:
        """If many good lines were too short for the pattern, the next block is read with the general one, to learn."""
        self._patience -= 1
        if self._patience > 0:
            return
        self._patience = _PATIENCE
        if self._missed * 4000 > size:
            self._pattern = self._general
        elif self._shortest is not None and self._pattern is self._general:
            self._pattern = self._compile(*self._shortest)
        self._missed = 0

    def _meaning(self, head: bytes, tail: bytes) -> Optional[Bucket]:
        """What the careful reader says about a line with these parts, or None if they aren't of one line."""
        if b"\n" in head or b"\n" in tail or b"\\" in head:
            return None
        record = parse(_SAMPLE_START + head + _SAMPLE_MIDDLE + tail)
        if record is None or record.verify != "SUCCESS":
            return None
        bucket = self.question.bucket(record)
        return (bucket[0], EDGE, bucket[2], bucket[3])

    def _carefully(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._line(line, 1)

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
        if bucket[1] == EDGE and bucket[2] == SUCCESS:
            self._missed += count
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
