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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

from .certificates import Certificates
from .exceptions import Exceptions
from .ranges import FIRMLY, Ranges
from .record import (
    MISDIRECTED,
    SUCCESS,
    TIME,
    UNTRUSTED,
    VERDICT,
    Record,
    ServerTraits,
    misdirected,
    parse,
    seconds,
    verification,
)
from .tally import DIRECT, EDGE, EXCEPTION, TURNED_AWAY, Bucket, Tally

CANARY_PREFIX = "/.well-known/originlock-canary/"
NONCE = re.compile(r"[0-9a-f]{32}")
# How the user agents of this collection begin, which are that of the canaries and that of the probe.
OUR_AGENT = "originlock-"
_REMEMBERED = 20000
_MAX_LENGTHS = 8
# A verdict with an escape in it is left to the careful reader.
_TEXT = r'[^"\\\n]*'
_VERDICT = ",".join(f'"{key}":"{_TEXT}"' for key in VERDICT)
_GOOD = _VERDICT.replace(f'"verify":"{_TEXT}"', '"verify":"SUCCESS"').encode()
_BAD = _VERDICT.replace('"verify":"', '"verify":"(?!SUCCESS")').encode()
# What a client sends, with the quote after it. The first is enough where no backslash is in sight.
_PLAIN = rb'[^"]*' + FIRMLY.encode() + b'"'
_ESCAPED = rb'(?:[^"]*[^"\\])?"'
_CLIENT = b'"method":"","path":"","agent":""'


@dataclass
class Question:
    """What to count. ``hostnames`` empty: all. ``since`` in epoch seconds, 0.0: everything.

    ``servers`` by the name that stands in a record. ``adapt`` turns whole lines that the server writes in a format of
    its own into lines as the roles' servers write them; None where it writes those.
    """

    edge: Ranges
    certificates: Certificates
    exceptions: Exceptions
    servers: Mapping[str, ServerTraits]
    adapt: Callable[[bytes], bytes] | None = None
    hostnames: frozenset[str] = frozenset()
    nonces: frozenset[str] = frozenset()
    since: float = 0.0
    by_fingerprint: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.by_fingerprint = frozenset(known.label for known in self.certificates.known if known.sha256)

    def bucket(self, record: Record, source: str = "") -> Bucket:
        """The kind of request that a record is. ``source`` where that is known already."""
        source = source or self._source(record)
        label = self.certificates.label(record.serial, record.issuer, record.fingerprint)
        server = self.servers.get(record.server)
        verify = verification(record, server)
        if (
            verify == UNTRUSTED
            and server is not None
            and server.by_fingerprint
            and label in self.by_fingerprint
            and record.fingerprint.lower().startswith("sha256:")
        ):
            verify = SUCCESS
        if source == EDGE and misdirected(record, server):
            verify = MISDIRECTED
        return (record.hostname[:253].lower(), source, verify, label)

    def refuses(self, bucket: Bucket, record: Record) -> bool:
        """Enforcement refused it, as far as a line tells. With the right certificate a 4xx is the site's own."""
        hostname, _source, verify, label = bucket
        if record.stage != "enforce" or record.status[:1] != "4":
            return False
        if verify in (SUCCESS, UNTRUSTED):
            server = self.servers.get(record.server)
            foreign = server is not None and record.status == server.foreign_status
            return foreign and not self.certificates.accepted(hostname, label, record.issuer)
        return True

    def _source(self, record: Record) -> str:
        if record.peer in self.edge:
            return EDGE
        if self.exceptions.cover(record.peer, record.hostname, record.path):
            return EXCEPTION
        return TURNED_AWAY if record.stage == "enforce" and record.status[:1] in ("3", "4") else DIRECT


class Scanner:
    """Feeds blocks of whole lines into a tally."""

    def __init__(self, question: Question, tally: Tally | None = None) -> None:
        self.question = question
        self.tally = tally or Tally()
        self._meanings: dict[bytes, tuple[Bucket, Record]] = {}
        self._lengths: list[int] = []
        self._edge = question.edge.pattern()
        self._bad = self._expression(b"(" + _BAD + b")", _ESCAPED, b"(", b")")
        self._compile()

    def _compile(self) -> None:
        jumps = "".join(f"(?s:.{{{length}}}{FIRMLY})|" for length in self._lengths).encode()
        self._plain, self._escaped = (
            self._expression(b"(" + jumps + _GOOD + b")", value) for value in (_PLAIN, _ESCAPED)
        )

    def _expression(self, verdict: bytes, value: bytes, start: bytes = b"(?:", end: bytes = b")") -> re.Pattern[bytes]:
        """A whole line of the edge. ``start`` and ``end`` make a group, or none, of the time and of the client's part.

        A line feed in a text isn't looked for: a server that let clients write one would let them write lines.
        """
        # What we sent ourselves is read line by line.
        path, agent = (f"(?!{re.escape(ours)})".encode() for ours in (CANARY_PREFIX, OUR_AGENT))
        return re.compile(
            b"".join(
                (
                    rb'\{"time":"' + start + b"[0-9.]+" + end + b'"',
                    b',"peer":"' + self._edge + b'"',
                    b"," + verdict,
                    b"," + start + b'"method":"[A-Z]+"',
                    b',"path":"' + path + value,
                    b',"agent":"' + agent + value + end,
                    rb"\}\n",
                )
            )
        )

    def block(self, data: bytes | bytearray, end: int) -> None:
        """Counts the lines of ``data[:end]``, which ends with a line feed."""
        if self.question.adapt is not None:
            data = self.question.adapt(bytes(data[:end]))
            end = len(data)
        first, last = _times(data, end)
        since = self.question.since
        if since and not (first >= since and last >= since):
            self._begin(bytes(data[:end]))
        else:
            self._part(data, 0, end, first, last)

    def _part(self, data: bytes | bytearray, start: int, end: int, first: float, last: float) -> None:
        """Counts the lines of ``data[start:end]``, halved as long as one of its verdicts has no meaning."""
        pattern = self._plain if data.find(b"\\", start, end) < 0 else self._escaped
        texts = pattern.split(memoryview(data)[start:end])
        others = _whole(texts[::2])
        if others is None:
            self._lines(bytes(data[start:end]))
            return
        if self._apply(Counter(texts[1::2]), first, last):
            self._others(others)
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
        known: list[tuple[tuple[Bucket, Record], int]] = []
        learned = False
        for verdict, count in verdicts.items():
            meaning = self._meanings.get(verdict)
            if meaning is None:
                meaning = self._meaning(verdict, _CLIENT)
                if meaning is None or meaning[1].verify != "SUCCESS":
                    return False
                if len(self._meanings) >= _REMEMBERED:
                    self._meanings.clear()
                self._meanings[verdict] = meaning
                if len(verdict) not in self._lengths and len(self._lengths) < _MAX_LENGTHS:
                    self._lengths.append(len(verdict))
                    learned = True
            known.append((meaning, count))
        if learned:
            self._compile()
        for (bucket, record), count in known:
            self._add(bucket, record, count, first, last)
        return True

    def _meaning(self, verdict: bytes, client: bytes) -> tuple[Bucket, Record] | None:
        """What the careful reader says about a line of the edge, or None if the parts aren't those of one."""
        record = None if b"\n" in verdict else parse(b'{"time":"1","peer":"",%b,%b}' % (verdict, client))
        return None if record is None else (self.question.bucket(record, EDGE), record)

    def _add(self, bucket: Bucket, record: Record, count: int, first: float, last: float) -> None:
        self.tally.lines += count
        if not self.question.hostnames or bucket[0] in self.question.hostnames:
            self.tally.add_alike(bucket, record, count, first, last, self.question.refuses(bucket, record))

    def _others(self, data: bytes) -> None:
        """Counts lines that aren't good: those of the edge by their verdicts, any other one by one."""
        texts = self._bad.split(data)
        times, verdicts, clients = texts[1::4], texts[2::4], texts[3::4]
        others = _whole(texts[::4])
        meanings = [self._meaning(*example) for example in dict(zip(verdicts, clients)).items()]
        known = [meaning for meaning in meanings if meaning]
        if others is None or len(known) < len(meanings) or _earliest(times) < self.question.since:
            self._lines(data)
            return
        counts, last = Counter(verdicts), dict(zip(verdicts, times))
        first = dict(zip(reversed(verdicts), reversed(times)))
        for verdict, (bucket, record) in zip(counts, known):
            self._add(bucket, record, counts[verdict], _seconds(first[verdict]), _seconds(last[verdict]))
        self._lines(others)

    def _lines(self, data: bytes) -> None:
        """Reads whole lines one by one."""
        for line in data.split(b"\n")[:-1]:
            self._line(line)

    def _begin(self, data: bytes) -> None:
        """Reads whole lines where the window begins: up to there, what can't be read is as old as the line after it."""
        lines = iter(data.split(b"\n")[:-1])
        unclear = 0
        for line in lines:
            inside = self._line(line)
            if inside is None:
                unclear += 1
            elif inside:
                break
            else:
                self.tally.unreadable -= unclear
                self.tally.outside += unclear
                unclear = 0
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> bool | None:
        """Counts one line. True if it is in the window, False if it is older, None if it can't be read."""
        tally, question = self.tally, self.question
        tally.lines += 1
        record = parse(line)
        if record is None:
            tally.unreadable += 1
            return None
        if question.since and 0.0 < record.when() < question.since:
            tally.outside += 1
            return False
        bucket = question.bucket(record)
        if question.hostnames and bucket[0] not in question.hostnames:
            return True
        refused = question.refuses(bucket, record)
        tally.add_record(bucket, record, refused, ours(record))
        if record.path.startswith(CANARY_PREFIX):
            nonce = record.path[len(CANARY_PREFIX) :]
            if nonce in question.nonces and NONCE.fullmatch(nonce):
                tally.nonces[nonce] = {
                    "hostname": bucket[0],
                    "source": bucket[1],
                    "verification": bucket[2],
                    "certificate": bucket[3],
                    "current": question.certificates.current(bucket[0], bucket[3]),
                    "refused": refused,
                }
        return True


def ours(record: Record) -> bool:
    """Sent by this collection, in this run or an earlier one, so no visitor; see docs/evidence.md.

    Anybody can send the like. Then a visitor counts as one less, which refuses sooner; nothing else changes.
    """
    return record.path.startswith(CANARY_PREFIX) or record.agent.startswith(OUR_AGENT)


def _whole(texts: list[bytes]) -> bytes | None:
    """What is left between matched lines, or None if a match began inside of another line."""
    found = list(filter(None, texts))
    return b"".join(found) if all(text.endswith(b"\n") for text in found) else None


def _times(data: bytes | bytearray, end: int) -> tuple[float, float]:
    """Times of the first and the last line of a block, 0.0 where they can't be read."""
    head = TIME.search(data, 0, min(end, 4096))
    start = data.rfind(b"\n", 0, end - 1) + 1
    tail = TIME.search(data, start, end)
    return (_seconds(head.group(1)) if head else 0.0, _seconds(tail.group(1)) if tail else 0.0)


def _earliest(times: list[bytes]) -> float:
    """The earliest of some times, 0.0 where one can't be read or there is none."""
    try:
        return min(map(float, times), default=0.0)
    except ValueError:
        return 0.0


def _seconds(text: bytes) -> float:
    return seconds(text.decode())
