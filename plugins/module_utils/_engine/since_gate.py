# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against enforcement once it's there, and didn't before: since the gate, whatever was overridden."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .._evidence.record import SUCCESS
from .._evidence.tally import EDGE

# What a canary is answered if an origin refuses the edge, or TLS between them fails; 0 without an answer. A site may
# answer 400 by itself; where NGINX did for want of a certificate, its log says so.
_REFUSED_STATUSES = frozenset({0, 495, 496, *range(520, 527)})
_FORBIDDEN = 403
# Refusals of the gate that see nothing, which is all there is to see of an Apache that refuses everybody.
_BLIND = frozenset({"evidence_missing", "log_missing", "no_evidence"})


def new_refusals(
    after: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]], canaries: bool = True
) -> list[str]:
    """Messages of those verdicts of C(evidence_gate) that refuse for what hadn't been seen of hostname and origin.

    With ``canaries`` the origin must have been seen to serve: that there's no evidence is always new.
    """
    seen = {(one["hostname"], one["origin"]): _codes(one) for one in before or []}
    always = _BLIND if canaries else frozenset()
    return [
        str(one["message"])
        for one in after or []
        if _codes(one) - (seen.get((one["hostname"], one["origin"]), set()) - always)
    ]


def _codes(verdict: Mapping[str, Any]) -> set[str]:
    return {refusal["code"] for refusal in verdict["refusals"]}


def new_canary_failures(
    after: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    evidences: Sequence[Mapping[str, Any] | None] = (),
) -> list[str]:
    """What went wrong with C(requests) of C(edge_canary), and didn't as often, for the same hostname, before.

    That the edge was refused or couldn't speak to the origin is always new. Anything else may happen once, or as often
    as before with what chance adds.

    ``evidences``: what C(origin_evidence) returned on origins. What one of them saw as a current success wasn't refused
    for its certificate. Enforcement that errs would answer it 403, though, so that has to be known from before.
    """
    sent, sent_before = (Counter(one["hostname"] for one in requests or []) for requests in (after, before))
    failed_before = Counter(_failure(one) for one in before or [] if one["error"])
    let_in = _let_in(evidences)
    failed: Counter[tuple[str, int, str]] = Counter()
    for one in after or []:
        failure = _failure(one)
        explained = failure[1] != _FORBIDDEN or failed_before[failure]
        if one["error"] and not (explained and (one["hostname"], one.get("nonce")) in let_in):
            failed[failure] += 1
    messages = []
    for (hostname, status, error), count in failed.items():
        always = status in _REFUSED_STATUSES
        known = 0 if always else failed_before[hostname, status, error]
        # So few canaries as a single origin gets would all be within what chance may do.
        all_now = count == sent[hostname] and (known < sent_before[hostname] or not known)
        if all_now or count > (0 if always else _by_chance(known, sent[hostname], sent_before[hostname])):
            more = f"; before, {known} of {sent_before[hostname]}" if known else ""
            messages.append(f"{hostname}: {error} ({count} of {sent[hostname]} canaries{more})")
    return messages


def _by_chance(known: int, sent: int, sent_before: int) -> float:
    """How many of ``sent`` may fail, as some origins answer so, if ``known`` did of those before.

    The square root of a number that chance makes has a standard deviation of a half, however large the number. Three
    and a half of those that the difference of two has are allowed. One failure may be anything.
    """
    if not known:
        return 1.0
    ratio = sent / sent_before
    return (math.sqrt(known * ratio + 3 / 8) + 3.5 * math.sqrt((1 + ratio) / 4)) ** 2


def _failure(canary: Mapping[str, Any]) -> tuple[str, int, str]:
    return canary["hostname"], int(canary["status"]), canary["error"]


def _let_in(evidences: Sequence[Mapping[str, Any] | None]) -> set[tuple[str, str]]:
    """Hostname and nonce of the canaries that an origin saw as a current success and, as far as it logs, let in."""
    good: set[tuple[str, str]] = set()
    bad: set[tuple[str, str]] = set()
    for evidence in evidences or ():
        for nonce, seen in ((evidence or {}).get("nonces") or {}).items():
            success = seen.get("source") == EDGE and seen["verification"] == SUCCESS and seen.get("current")
            (good if success and not seen.get("refused", True) else bad).add((seen["hostname"], nonce))
    return good - bad
