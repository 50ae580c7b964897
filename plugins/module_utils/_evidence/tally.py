# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted, with bounds: a log in which everything is different must not fill the memory or the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .record import MISDIRECTED, SUCCESS, Record, reason

EDGE = "edge"
EXCEPTION = "exception"
DIRECT = "other"
TURNED_AWAY = "turned_away"
OVERFLOW = "(others)"

_MAX_BUCKETS = 20000
_MAX_OFFENDERS = 2000
_MAX_REASONS = 500
_EXAMPLES = 3
_EXAMPLE_LENGTH = 120

Bucket = tuple[str, str, str, str]


class Seen:
    """How many requests, how many are ours, how many were refused, and when (epoch seconds, 0.0: unknown)."""

    __slots__ = ("canaries", "count", "first", "last", "refused")

    def __init__(self) -> None:
        self.count = 0
        self.canaries = 0
        self.refused = 0
        self.first = 0.0
        self.last = 0.0

    def add(self, count: int, first: float, last: float, refused: int = 0, canaries: int = 0) -> None:
        """Counts ``count`` requests between two times."""
        self.count += count
        self.canaries += canaries
        self.refused += refused
        if first and (not self.first or first < self.first):
            self.first = first
        self.last = max(self.last, last)


class Offender(Seen):
    """Somebody whose requests were not what enforcement would accept."""

    __slots__ = ("agents", "paths")

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.agents: list[str] = []

    def remember(self, path: str, agent: str) -> None:
        """Keeps the first few different paths and agents. A path that is cut ends with ``*``, as in an exception."""
        if len(path) > _EXAMPLE_LENGTH:
            path = path[: _EXAMPLE_LENGTH - 1] + "*"
        for text, kept in ((path, self.paths), (agent[:_EXAMPLE_LENGTH], self.agents)):
            if text and len(kept) < _EXAMPLES and text not in kept:
                kept.append(text)


class Tally:
    """The sums of a log, or of a part of it; parts are put together with :meth:`merge`."""

    def __init__(self) -> None:
        self.lines = 0
        self.unreadable = 0
        self.outside = 0
        self.seen = Seen()
        self.buckets: dict[Bucket, Seen] = {}
        self.reasons: dict[tuple[str, str, str], int] = {}
        self.offenders: dict[Bucket, Offender] = {}
        self.offenders_dropped = 0
        self.nonces: dict[str, dict[str, Any]] = {}

    def add(self, bucket: Bucket, count: int, first: float, last: float, refused: int = 0, canaries: int = 0) -> None:
        """Counts requests of one kind: (hostname, source class, verification, certificate label)."""
        found = self.buckets.get(bucket)
        if found is None:
            if len(self.buckets) >= _MAX_BUCKETS:
                bucket = (OVERFLOW, *bucket[1:])
            found = self.buckets.setdefault(bucket, Seen())
        found.add(count, first, last, refused, canaries)
        self.seen.add(count, first, last)

    def add_record(self, bucket: Bucket, record: Record, refused: bool, canary: bool = False) -> None:
        """Counts one line, and keeps who it was unless nothing is wrong with it."""
        when = record.when()
        self.add_alike(bucket, record, 1, when, when, refused, canary)

    def add_alike(
        self,
        bucket: Bucket,
        record: Record,
        count: int,
        first: float,
        last: float,
        refused: bool,
        canary: bool = False,
    ) -> None:
        """Counts ``count`` lines of which ``record`` is an example. The edge is one sender, whatever its addresses."""
        self.add(bucket, count, first, last, count if refused else 0, count if canary else 0)
        hostname, source, verify, _label = bucket
        if source == EDGE and verify == SUCCESS:
            return
        text = "" if verify == MISDIRECTED else reason(record)
        if text:
            key = (hostname, source, text)
            if key in self.reasons or len(self.reasons) < _MAX_REASONS:
                self.reasons[key] = self.reasons.get(key, 0) + count
        who = (EDGE if source == EDGE else record.peer[:64], hostname, source, verify)
        offender = self.offenders.get(who)
        if offender is None:
            if len(self.offenders) >= _MAX_OFFENDERS:
                self._drop_rare()
            offender = self.offenders.setdefault(who, Offender())
        offender.add(count, first, last)
        offender.remember(record.path, record.agent)

    def _drop_rare(self) -> None:
        """Makes room: the rarer half goes and is counted as dropped, callers that no exception covers last."""
        ordered = sorted(self.offenders, key=lambda who: (who[2] == DIRECT, self.offenders[who].count))
        for who in ordered[: len(ordered) // 2]:
            self.offenders_dropped += self.offenders.pop(who).count

    def merge(self, other: Tally) -> None:
        """Adds the sums of another part."""
        self.lines += other.lines
        self.unreadable += other.unreadable
        self.outside += other.outside
        for bucket, seen in other.buckets.items():
            self.add(bucket, seen.count, seen.first, seen.last, seen.refused, seen.canaries)
        for reason_key, count in other.reasons.items():
            if reason_key in self.reasons or len(self.reasons) < _MAX_REASONS:
                self.reasons[reason_key] = self.reasons.get(reason_key, 0) + count
        for who, offender in other.offenders.items():
            if who not in self.offenders and len(self.offenders) >= _MAX_OFFENDERS:
                self._drop_rare()
            mine = self.offenders.setdefault(who, Offender())
            mine.add(offender.count, offender.first, offender.last)
            for path in offender.paths:
                mine.remember(path, (offender.agents or [""])[0])
            for agent in offender.agents:
                mine.remember((offender.paths or [""])[0], agent)
        self.offenders_dropped += other.offenders_dropped
        self.nonces.update(other.nonces)

    def as_dict(self, current: Callable[[str, str], bool] | None = None, limit: int = 20) -> dict[str, Any]:
        """Plain values, the largest first. ``limit`` bounds the offenders.

        ``current`` tells whether the edge should present, for a hostname, the generation with a label.

        Callers that no exception covers come before all others, because each of them has to be decided about.
        """
        offenders = sorted(self.offenders.items(), key=lambda item: (item[0][2] != DIRECT, -item[1].count, item[0]))
        return {
            "lines": self.lines,
            "unreadable": self.unreadable,
            "outside_window": self.outside,
            "first": self.seen.first,
            "last": self.seen.last,
            "counts": [
                {
                    "hostname": hostname,
                    "source": source,
                    "verification": verify,
                    "certificate": label,
                    "current": current is not None and current(hostname, label),
                    "count": seen.count,
                    "canaries": seen.canaries,
                    "refused": seen.refused,
                    "first": seen.first,
                    "last": seen.last,
                }
                for (hostname, source, verify, label), seen in sorted(self.buckets.items())
            ],
            "reasons": [
                {"hostname": hostname, "source": source, "reason": text, "count": count}
                for (hostname, source, text), count in sorted(self.reasons.items())
            ],
            "offenders": [
                {
                    "peer": peer,
                    "hostname": hostname,
                    "source": source,
                    "verification": verify,
                    "count": offender.count,
                    "first": offender.first,
                    "last": offender.last,
                    "paths": offender.paths,
                    "agents": offender.agents,
                }
                for (peer, hostname, source, verify), offender in offenders[:limit]
            ],
            "offenders_omitted": self.offenders_dropped + sum(entry.count for _who, entry in offenders[limit:]),
            "nonces": dict(sorted(self.nonces.items())),
        }
