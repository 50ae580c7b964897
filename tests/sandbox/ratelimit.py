# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""1,200 requests per 5 minutes and user, then nothing for 5 minutes; 200 per second and address."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .clock import Clock
from .config import Config
from .envelope import ApiError


@dataclass
class Usage:
    """Requests in the running window."""

    started: float = float("-inf")
    count: int = 0
    blocked_until: float = float("-inf")


class RateLimit:
    """Counts per user and per address, on the simulated clock."""

    def __init__(self, clock: Clock, usage: dict[str, Usage]) -> None:
        self._clock = clock
        self._usage = usage

    def count(self, who: str, config: Config, *, per_address: bool = False) -> Usage:
        """Count a request of a user (or an address); raises ApiError ``rate_limited``."""
        limit, window, block = (
            (config.ip_rate_limit, 1.0, 1.0) if per_address else
            (config.rate_limit, config.rate_window, config.rate_block)
        )
        now = self._clock.now()
        usage = self._usage.setdefault(who, Usage())
        if now < usage.blocked_until:
            raise self._refusal(usage.blocked_until - now, limit, window)
        if now >= usage.started + window:
            usage.started, usage.count = now, 0
        usage.count += 1
        if limit and usage.count > limit:
            usage.blocked_until = now + block
            raise self._refusal(block, limit, window)
        return usage

    def _refusal(self, wait: float, limit: int, window: float) -> ApiError:
        error = ApiError("rate_limited", limit=limit, window=int(window))
        # The client sleeps in real time, however fast our clock runs.
        error.headers["retry-after"] = str(max(1, math.ceil(self._clock.real(wait))))
        return error

    def headers(self, usage: Usage, config: Config) -> dict[str, str]:
        """``Ratelimit`` headers for an answer."""
        if not config.rate_limit or not config.ratelimit_headers:
            return {}
        left = max(0, config.rate_limit - usage.count)
        seconds = max(0, math.ceil(usage.started + config.rate_window - self._clock.now()))
        return {
            "Ratelimit": f'"default";r={left};t={seconds}',
            "Ratelimit-Policy": f'"default";q={config.rate_limit};w={int(config.rate_window)}',
        }
