# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the requests: in parallel, but gently to each origin, and never longer than told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .model import QUIC, Case, Identity, Outcome, Settings

Exchange = Callable[[Case, Identity, Settings], Outcome]
_AGAIN = ("closed", "reset", "timeout", "error", "unreachable")
_LOST = ("closed", "reset")


class Runner:
    """Runs cases. A listener that refused once, or was out of reach twice, is not asked for every case.

    Of a listener for something else, being out of reach once is enough: often a firewall keeps everybody off.
    """

    def __init__(self, settings: Settings, exchange: Exchange, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._exchange = exchange
        self._clock = clock
        self._until = clock() + settings.time_limit
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._gone: dict[tuple[str, int, str], Outcome] = {}

    def run(self, work: list[tuple[Case, Identity]]) -> dict[Case, Outcome]:
        """The outcome of each case."""
        if not work:
            return {}
        with ThreadPoolExecutor(max_workers=max(1, self._settings.workers)) as pool:
            return dict(zip((case for case, _identity in work), pool.map(self._one, work)))

    def _one(self, item: tuple[Case, Identity]) -> Outcome:
        case, identity = item
        key = (case.listener.address, case.listener.port, case.listener.kind)
        ends: list[str] = []
        outcome = Outcome(end="skipped", detail="the time limit was reached")
        while len(ends) <= self._settings.retries:
            if key in self._gone:
                return self._gone[key]
            if not self._turn(case.origin, 2 if case.resume_from is not None else 1):
                break
            outcome = self._exchange(case, identity, self._settings)
            ends.append(outcome.end)
            patience = 0 if case.listener.other else min(1, self._settings.retries)
            gone = outcome.end == "refused" or ends.count("unreachable") > patience
            if case.listener.kind == QUIC:
                gone = case.listener.other and outcome.end == "timeout"
            if gone:
                self._gone[key] = outcome
            if gone or outcome.end not in _AGAIN or (case.listener.kind == QUIC and outcome.end == "timeout"):
                break
        lost = bool(ends) and all(end in _LOST for end in ends)
        return replace(outcome, attempts=len(ends) if lost else 1)

    def _turn(self, origin: str, connections: int) -> bool:
        """Wait until this origin may be asked again; False where that would be after the end."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next.get(origin, now))
            if start >= self._until:
                return False
            self._next[origin] = start + connections / max(self._settings.rate, 0.1)
        if start > now:
            time.sleep(start - now)
        return True
