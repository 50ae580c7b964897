# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as users write them."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from .._common.errors import InvalidInput

_DURATION = re.compile(r"(\d{1,15})\s*([smhd])")
_LATEST = 1e11
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(text: str, now: float) -> float:
    """Epoch seconds of ``2026-11-24T06:00:00Z`` (UTC unless it says otherwise), ``1764000000.5`` or ``30m`` (ago).

    Empty is 0.0, everything. Raises :class:`InvalidInput`, also for what is before 1970 or thousands of years ahead.
    """
    text = text.strip()
    when = _moment(text, now) if text else 0.0
    if not 0.0 <= when < _LATEST:
        raise InvalidInput(
            f"{text[:40]!r} is out of reach for a point in time.",
            "Write since as 2026-11-24T06:00:00Z, as epoch seconds (not milliseconds), or as 30m, 2h, 1d.",
        )
    return when


def _moment(text: str, now: float) -> float:
    duration = _DURATION.fullmatch(text)
    if duration:
        return now - int(duration.group(1)) * _SECONDS[duration.group(2)]
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        parsed = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError as error:
        raise InvalidInput(
            f"{text[:40]!r} is no point in time.",
            "Write since as 2026-11-24T06:00:00Z, as epoch seconds, or as 30m, 2h, 1d.",
        ) from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()


def iso(when: float) -> str:
    """``2026-11-24T06:00:00Z``, or empty for 0.0."""
    return datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""
