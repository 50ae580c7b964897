# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked, in order. Never a body, a header, a key or a token."""

from __future__ import annotations

import time
from collections import deque
from typing import Any


class Journal:
    """Entries numbered from 1; the oldest are dropped beyond ``limit``."""

    def __init__(self, limit: int = 100_000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=limit)
        self._seq = 0

    def add(self, **facts: Any) -> dict[str, Any]:
        """Append an entry; the caller may fill in its outcome later."""
        self._seq += 1
        # The clock of the sandbox may run ahead; logs of origins are in real time.
        entry = {"seq": self._seq, "real": round(time.time(), 3), **facts}
        self._entries.append(entry)
        return entry

    def select(self, since: int = 0, writes: bool = False) -> list[dict[str, Any]]:
        """Entries with ``seq`` > ``since``; with ``writes`` only those that could change something."""
        return [e for e in self._entries if e["seq"] > since and (not writes or e.get("write"))]

    @property
    def last(self) -> int:
        """Number of the newest entry, 0 if there is none."""
        return self._seq

    def clear(self) -> None:
        """Forget all entries; numbers start again."""
        self._entries.clear()
        self._seq = 0
