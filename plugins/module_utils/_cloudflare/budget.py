# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rate budget that all processes of one user share: so many requests in so many seconds, per credential.

The state is one small file per credential (its name is a hash, its content are counts per second), locked while it is
read and written. Cloudflare blocks *every* call of a user for 5 minutes once 1,200 were made within 5 minutes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import tempfile
import threading
import time
from typing import Any, Callable

from .errors import BudgetExhausted

WINDOW = 300.0
LONGEST_BLOCK = 330.0
_FOLDER = "originlock-aop"


def budget_file(identity: str) -> str | None:
    """Path of the budget file for a credential, or None where no private folder can be had.

    ``identity`` may be secret: only a hash of it is used.
    """
    digest = hashlib.sha256(f"originlock.aop rate budget\x00{identity}".encode()).hexdigest()
    name = f"rate-{digest[:24]}.json"
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    shared = os.path.join(tempfile.gettempdir(), f"{_FOLDER}-{os.getuid()}")
    for folder in (os.path.join(cache, _FOLDER), shared):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            found = os.lstat(folder)
        except OSError:
            continue
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
        if private and os.access(folder, os.W_OK):
            return os.path.join(folder, name)
    return None


class Budget:
    """Hands out permission for one request at a time; waits when the budget is used up.

    ``limit`` requests per :data:`WINDOW` seconds (0 = no limit); ``max_wait`` seconds are waited at most for one
    request; ``notify`` is told once per wait, in words.
    """

    def __init__(
        self,
        path: str | None,
        limit: int,
        max_wait: float = 600.0,
        notify: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._limit = limit
        self._max_wait = max_wait
        self._notify = notify
        self._clock = clock
        self._sleep = sleep
        self._memory: dict[str, Any] = {}
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until one more request is allowed and count it.

        :raises BudgetExhausted: if that would take longer than ``max_wait`` seconds.
        """
        waited = 0.0
        while True:
            delay = self._update(self._reserve)
            if delay <= 0:
                return
            if waited + delay > self._max_wait:
                raise BudgetExhausted(
                    f"The budget of {self._limit:.0f} API requests per 5 minutes is used up, and waiting {delay:.0f} s "
                    f"more is longer than the {self._max_wait:.0f} s allowed.",
                    "Run again later, or raise rate_budget if Cloudflare raised your limit.",
                )
            self._notify(
                f"The budget of {self._limit} API requests per 5 minutes is used up; waiting {round(delay)} s."
            )
            self._sleep(delay)
            waited += delay

    def block(self, seconds: float) -> None:
        """Remember that Cloudflare refuses every request for ``seconds`` seconds (an answer 429)."""

        def note(state: dict[str, Any], now: float) -> float:
            state["blocked_until"] = max(state["blocked_until"], now + min(seconds, LONGEST_BLOCK))
            return 0.0

        self._update(note)

    def _reserve(self, state: dict[str, Any], now: float) -> float:
        blocked: float = state["blocked_until"]
        if blocked > now:
            return blocked - now
        if self._limit > 0 and sum(state["counts"].values()) >= self._limit:
            surplus = sum(state["counts"].values()) - self._limit + 1
            for second in sorted(state["counts"]):
                surplus -= state["counts"][second]
                if surplus <= 0:
                    # A second counts until all of it lies outside the window.
                    free_at: float = second + 1 + WINDOW
                    return max(0.05, free_at - now)
        state["counts"][int(now)] = state["counts"].get(int(now), 0) + 1
        return 0.0

    def _update(self, change: Callable[[dict[str, Any], float], float]) -> float:
        with self._lock:
            handle = self._open()
            if handle is None:
                now = self._clock()
                self._memory = _usable(self._memory, now)
                return change(self._memory, now)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                now = self._clock()
                state = _usable(_read(handle), now)
                answer = change(state, now)
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(state).encode(), 0)
                return answer
            finally:
                os.close(handle)

    def _open(self) -> int | None:
        if self._path is None:
            return None
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None


def _read(handle: int) -> Any:
    parts: list[bytes] = []
    while True:
        part = os.pread(handle, 65536, sum(map(len, parts)))
        if not part:
            break
        parts.append(part)
    try:
        return json.loads(b"".join(parts) or b"{}")
    except ValueError:
        return {}


def _usable(state: Any, now: float) -> dict[str, Any]:
    """The state without what is too old, from the future (the clock was set back) or damaged."""
    counts: dict[int, int] = {}
    blocked = 0.0
    if isinstance(state, dict):
        found = state.get("counts")
        for second, count in found.items() if isinstance(found, dict) else ():
            try:
                when, many = int(second), int(count)
            except (TypeError, ValueError):
                continue
            if now - WINDOW - 1 < when <= now + 1 and many > 0:
                counts[when] = many
        until = state.get("blocked_until")
        if isinstance(until, (int, float)) and now < until <= now + LONGEST_BLOCK:
            blocked = float(until)
    return {"counts": counts, "blocked_until": blocked}
