# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One clock for everything that takes time at Cloudflare; it can run faster than the wall clock, or jump."""

from __future__ import annotations

import time
from datetime import datetime, timezone


class Clock:
    """Simulated time: ``scale`` simulated seconds pass per real second; ``advance`` jumps ahead."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._real = time.monotonic()
        self._simulated = time.time()

    @property
    def scale(self) -> float:
        """Simulated seconds per real second."""
        return self._scale

    def now(self) -> float:
        """Simulated time in seconds since the epoch."""
        return self._simulated + (time.monotonic() - self._real) * self._scale

    def set_scale(self, scale: float) -> None:
        """Change the speed from now on; time never goes back. Raises ValueError unless ``scale`` > 0."""
        if not scale > 0:
            raise ValueError("scale must be greater than 0")
        self._simulated, self._real = self.now(), time.monotonic()
        self._scale = scale

    def advance(self, seconds: float) -> None:
        """Jump ahead by simulated ``seconds``. Raises ValueError if negative."""
        if seconds < 0:
            raise ValueError("time can only be advanced, not set back")
        self._simulated += seconds

    def real(self, seconds: float) -> float:
        """How many real seconds a span of simulated ``seconds`` takes."""
        return seconds / self._scale


def rfc3339(moment: float) -> str:
    """Seconds since the epoch as the API writes them: ``2026-01-02T03:04:05.678901Z``."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
