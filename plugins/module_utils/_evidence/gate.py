# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May a hostname be enforced on an origin? Pure rules over what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from .._common.errors import InvalidInput
from .._common.hostnames import plain
from .._common.table import aligned
from .exceptions import Declared
from .gate_rules import certificate_rules, edge_rules
from .gate_types import Limits, Refusal, Sight
from .ranges import caller

_PROPOSED_DAYS = 90
_MAX_PROPOSALS = 50


@dataclass(frozen=True)
class Verdict:
    """The answer for one hostname on one origin. ``allowed`` is also true for refusals that a reason overrides."""

    hostname: str
    origin: str
    allowed: bool
    overridden: bool
    edge_requests: int
    visitors: int
    canaries: int
    trusted: int
    direct: int
    refusals: tuple[Refusal, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(asdict(self), refusals=[asdict(refusal) for refusal in self.refusals], message=self.message())

    def message(self) -> str:
        """One line for the terminal."""
        head = (
            f"{self.hostname} on {self.origin}: {self.trusted} of {self.edge_requests} requests from the edge trusted "
            f"(visitors: {self.visitors}, canaries: {self.canaries})"
        )
        if not self.refusals:
            return head + "; may be enforced."
        word = "overridden" if self.overridden else "refused"
        reasons = " ".join(f"[{refusal.code}] {refusal.message} {refusal.remedy}" for refusal in self.refusals)
        return f"{head}; {word}: {reasons}"


def judge(
    evidence: Mapping[str, Mapping[str, Any] | None],
    hostnames: Sequence[Mapping[str, Any]],
    canaries: Sequence[Mapping[str, Any]],
    exceptions: Sequence[Declared],
    limits: Limits,
    today: date,
) -> tuple[list[Verdict], list[dict[str, str]]]:
    """Verdicts for each hostname × origin, and proposed exceptions for direct callers.

    Raises :class:`InvalidInput` where a hostname, or any at all, would get no verdict.

    ``evidence``: result of ``origin_evidence`` by origin, None where there is none.
    ``hostnames``: dicts ``name``, ``origins`` (default: all), ``certificate`` (``status``, ``days_left``),
    ``association`` (``enabled``, ``status``); ``certificate`` and ``association`` None: not looked at, no rule.
    ``canaries``: ``requests`` of ``edge_canary``; a hostname without any is refused if ``limits.canary``.
    """
    if not hostnames:
        raise InvalidInput("There is no hostname to judge.", "Give at least one in hostnames.")
    verdicts, proposals = [], []
    for entry in hostnames:
        name = plain(entry["name"])
        origins = entry.get("origins") or sorted(evidence)
        if not origins:
            raise InvalidInput(
                f"There is no origin to judge {name} on.", "Give what origin_evidence returned on each as evidence."
            )
        for origin in origins:
            sight = Sight.of(name, origin, evidence.get(origin), canaries, limits)
            refusals = edge_rules(sight, limits) + certificate_rules(name, entry, limits)
            refusals += _expired(name, exceptions, today)
            direct = _direct(sight, limits)
            refusals += direct
            proposals += _proposals(sight, today)
            overridden = bool(refusals) and bool(limits.override_reason.strip())
            verdicts.append(
                Verdict(
                    name,
                    origin,
                    not refusals or overridden,
                    overridden,
                    sight.edge,
                    sight.visitors,
                    sight.canaries_seen,
                    sight.trusted,
                    sight.direct,
                    tuple(refusals),
                )
            )
    unique = {(item["source"], item["hostname"], item["path"]): item for item in proposals}
    return verdicts, list(unique.values())[:_MAX_PROPOSALS]


def _expired(hostname: str, exceptions: Sequence[Declared], today: date) -> list[Refusal]:
    return [
        Refusal(
            "exception_expired",
            f"The exception for {entry.source} (path {entry.path}) expired on {entry.expires.isoformat()}.",
            "Remove it from aop_exceptions once that caller goes through the edge, or give it a new date.",
            {"source": entry.source, "path": entry.path, "expires": entry.expires.isoformat()},
        )
        for entry in exceptions
        if entry.covers_hostname(hostname) and entry.expired(today)
    ]


def _direct(sight: Sight, limits: Limits) -> list[Refusal]:
    if not sight.direct or not limits.refuse_direct:
        return []
    named = [f"{who['peer']} ({who['count']} times)" for who in sight.direct_callers[:5]]
    unnamed = sight.direct - sum(who["count"] for who in sight.direct_callers[:5])
    if unnamed:
        named.append(f"others ({unnamed} times)")
    unlisted = sight.direct - sum(who["count"] for who in sight.direct_callers)
    more = f" {unlisted} of them are of callers that aren't listed; raise offenders of origin_evidence." * bool(
        unlisted
    )
    nameless = sorted({str(who["peer"]) for who in sight.direct_callers if not caller(who["peer"])})
    if nameless:
        more += (
            f" {', '.join(map(repr, nameless[:3]))} can't be accepted, as it's no address: "
            "let the server see (and log) the caller's own."
        )
    return [
        Refusal(
            "direct_callers",
            f"{sight.direct} requests came to the origin past the edge, from {', '.join(named)}.",
            "They will be refused once it enforces. Send them through the edge, or accept the proposed exceptions "
            "in aop_exceptions." + more,
            {"requests": sight.direct, "sources": len(sight.direct_callers), "unlisted": unlisted},
        )
    ]


def _proposals(sight: Sight, today: date) -> list[dict[str, str]]:
    expires = (today + timedelta(days=_PROPOSED_DAYS)).isoformat()
    found = []
    for who in sight.direct_callers:
        source = caller(who["peer"])
        if not source:
            continue
        paths = list(dict.fromkeys(_harmless(path) for path in who["paths"] if path)) or ["*"]
        found += [
            {"source": source, "hostname": sight.hostname, "path": path, "expires": expires}
            for path in (paths if len(paths) < 3 else ["*"])
        ]
    return found


def _harmless(path: str) -> str:
    """The path as a value of a variables file, where Ansible would take what a stranger sent for a template."""
    start, brace, _rest = path.partition("{")
    return start + "*" if brace else path


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """Aligned lines: hostname, origin, visitors, canaries, trusted (of both), direct, verdict."""
    rows = [("HOSTNAME", "ORIGIN", "VISITORS", "CANARIES", "TRUSTED", "DIRECT", "VERDICT")]
    for verdict in verdicts:
        codes = ", ".join(dict.fromkeys(refusal.code for refusal in verdict.refusals))
        answer = "may be enforced" if not codes else ("overridden: " if verdict.overridden else "refused: ") + codes
        rows.append(
            (
                verdict.hostname,
                verdict.origin,
                str(verdict.visitors),
                str(verdict.canaries),
                str(verdict.trusted),
                str(verdict.direct),
                answer,
            )
        )
    return aligned(rows)
