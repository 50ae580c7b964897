# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Cloudflare's asynchronous changes, with a history that can be shown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .errors import WaitTimedOut
from .status import ACTIVE, is_hopeless

_SHOWN = 10


@dataclass(frozen=True)
class Look:
    """What was seen at one moment: the status of each object, ``elapsed`` seconds after the start."""

    elapsed: float
    statuses: Mapping[str, str | None]

    def pending(self) -> list[str]:
        """Names of the objects that are not active."""
        return [name for name, status in self.statuses.items() if status != ACTIVE]

    def text(self, noun: str) -> str:
        """One line such as ``3 of 10 certificates active after 12 s (7 pending_deployment)``."""
        counts = Counter(str(status or "unknown") for status in self.statuses.values() if status != ACTIVE)
        rest = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        active = len(self.statuses) - len(self.pending())
        line = f"{active} of {len(self.statuses)} {noun} active after {round(self.elapsed)} s"
        return f"{line} ({rest})" if rest else line


def pauses(first: float = 1.0, longest: float = 15.0, factor: float = 2.0) -> Callable[[int], float]:
    """Seconds between looks: from ``first`` to ``longest``, each ``factor`` times the one before."""
    return lambda number: min(longest, first * factor**number)


_pause = pauses()
# Where each look costs a request that others need: real deployments take some seconds.
RARELY = pauses(factor=8.0)


def wait_active(
    look: Callable[[], Mapping[str, str | None]],
    first: Mapping[str, str | None],
    noun: str,
    timeout: float,
    tell: Callable[[str], None] = lambda text: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[int], float] = _pause,
) -> list[str]:
    """Look until every object is active. Returns the history, one line per look.

    ``first`` is what is known already (no look is spent on it); ``noun`` is plural; ``tell`` gets each line at once.

    :raises WaitTimedOut: after ``timeout`` seconds, or at once when a status cannot become active any more. It carries
        ``timed_out``, ``progress`` (the history) and ``pending`` (name and status of each).
    """
    start = clock()
    history: list[str] = []
    number = 0
    seen = Look(0.0, dict(first))
    while seen.pending():
        history.append(seen.text(noun))
        tell(history[-1])
        hopeless = [name for name in seen.pending() if is_hopeless(seen.statuses[name])]
        left = timeout - (clock() - start)
        if hopeless or left <= 0:
            raise _failure(seen, noun, timeout, history, hopeless)
        sleep(min(pause(number), max(left, 0.05)))
        number += 1
        seen = Look(clock() - start, dict(look()))
    if history:
        history.append(seen.text(noun))
        tell(history[-1])
    return history


def _failure(seen: Look, noun: str, timeout: float, history: Sequence[str], hopeless: Sequence[str]) -> WaitTimedOut:
    pending = seen.pending()
    named = ", ".join(f"{name} {seen.statuses[name] or 'unknown'}" for name in (hopeless or pending)[:_SHOWN])
    more = len(hopeless or pending) - _SHOWN
    facts: dict[str, Any] = {
        "timed_out": not hopeless,
        "progress": list(history),
        "pending": [{"name": name, "status": seen.statuses[name]} for name in pending],
    }
    listed = named + (f" and {more} more" if more > 0 else "")
    if hopeless:
        return WaitTimedOut(
            f"Cloudflare will not make all {noun} active: {listed}. Seen: {'; '.join(history)}.",
            "For associations run again: they are written anew. A certificate in this state must be deleted "
            "(state=absent) and uploaded again.",
            **facts,
        )
    return WaitTimedOut(
        f"{len(pending)} of {len(seen.statuses)} {noun} are not active after {timeout:.0f} s: {listed}. "
        f"Seen: {'; '.join(history)}.",
        "Nothing is lost: run again to go on waiting, or raise wait_timeout. Do not enforce before they are active.",
        **facts,
    )
