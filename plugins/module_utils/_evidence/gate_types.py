# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate looks at and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .record import SUCCESS
from .tally import DIRECT, EDGE, OVERFLOW


@dataclass(frozen=True)
class Limits:
    """The numbers of the rules.

    ``min_requests`` of visitors through the edge, but for ``without_visitors`` (hostnames, ``*`` for all) canaries
    count, too; ``min_days`` that the certificate has to live, ``max_unreadable`` lines that
    can't be read, ``canary``: one is required, ``refuse_direct``: callers past the edge without an exception refuse.
    """

    min_requests: int = 1
    min_days: float = 14.0
    max_unreadable: int = 0
    canary: bool = True
    refuse_direct: bool = True
    override_reason: str = ""
    without_visitors: frozenset[str] = frozenset()

    def has_visitors(self, hostname: str) -> bool:
        """False where the user says that nobody visits a hostname."""
        return self.without_visitors.isdisjoint(("*", hostname))


@dataclass(frozen=True)
class Refusal:
    """One rule that isn't met: a stable code, what was seen, what to do, and the numbers."""

    code: str
    message: str
    remedy: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass
class Sight:
    """What one origin saw of one hostname. ``uncounted``: requests that could have been to any hostname."""

    hostname: str
    origin: str
    present: bool
    found: bool
    unreadable: int
    not_read: list[str]
    uncounted: int
    window: str
    canaries: list[Mapping[str, Any]]
    nonces: Mapping[str, Mapping[str, Any]]
    edge: int = 0
    canaries_seen: int = 0
    trusted: int = 0
    direct: int = 0
    verifications: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    direct_callers: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def visitors(self) -> int:
        """Requests from the edge that this collection didn't send."""
        return self.edge - self.canaries_seen

    @classmethod
    def of(
        cls,
        hostname: str,
        origin: str,
        evidence: Mapping[str, Any] | None,
        canaries: Sequence[Mapping[str, Any]],
        limits: Limits,
    ) -> Sight:
        """Picks what concerns a hostname from the result of ``origin_evidence``."""
        result = evidence or {}
        sight = cls(
            hostname,
            origin,
            present="counts" in result,
            found=bool(result.get("found")),
            unreadable=int(result.get("unreadable", 0)),
            not_read=[str(path) for path in result.get("not_read") or []],
            uncounted=sum(int(one["count"]) for one in result.get("counts") or [] if one["hostname"] == OVERFLOW),
            window=str(result.get("since") or "the beginning of the log"),
            canaries=[canary for canary in canaries if canary.get("hostname") == hostname],
            nonces=result.get("nonces") or {},
        )
        for entry in result.get("counts") or []:
            if entry["hostname"] != hostname:
                continue
            count = int(entry["count"])
            if entry["source"] == DIRECT and entry["verification"] != SUCCESS:
                sight.direct += count
            if entry["source"] != EDGE:
                continue
            sight.edge += count
            sight.canaries_seen += int(entry["canaries"])
            sight.verifications[entry["verification"]] += count
            if entry["verification"] == SUCCESS and entry["current"]:
                sight.trusted += count
            elif entry["verification"] == SUCCESS:
                sight.wrong[entry["certificate"]] += count
        for entry in result.get("reasons") or []:
            if entry["hostname"] == hostname and entry["source"] == EDGE:
                sight.reasons[entry["reason"]] += int(entry["count"])
        sight.direct_callers = _by_source(
            who
            for who in result.get("offenders") or []
            if who["hostname"] == hostname and who["source"] == DIRECT and who["verification"] != SUCCESS
        )
        return sight


def _by_source(callers: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each peer once, whatever it presented: ``peer``, ``count``, ``paths``; the most frequent first."""
    found: dict[str, dict[str, Any]] = {}
    for who in callers:
        one = found.setdefault(who["peer"], {"peer": who["peer"], "count": 0, "paths": []})
        one["count"] += int(who["count"])
        one["paths"] += [path for path in who["paths"] if path not in one["paths"]]
    return sorted(found.values(), key=lambda one: -one["count"])
