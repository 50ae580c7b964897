# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which failures are worth another try, and after how long."""

from __future__ import annotations

import email.utils
import math
import random
import time
from typing import Callable

from .errors import ApiError, CloudflareError, ConnectionFailed
from .operations import Operation

BASE = 0.5
LONGEST = 8.0
LONGEST_RETRY_AFTER = 310.0
_TRANSIENT = (408, 425, 500, 502, 503, 504)


def parse_retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110: seconds or a date), between 0 and 310; None if there is none."""
    if not value:
        return None
    try:
        seconds = float(value.strip())
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now()
        except (TypeError, ValueError, IndexError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def backoff(attempt: int, spread: Callable[[], float] = random.random) -> float:
    """Seconds to wait before try ``attempt + 2``: 0.5 s doubling up to 8 s, the upper half of it at random."""
    full = min(LONGEST, BASE * 2.0**attempt)
    return full * (0.5 + spread() / 2.0)


def unknown_outcome(operation: Operation, error: CloudflareError) -> bool:
    """True if a request that may not be repeated could have been carried out in spite of the error."""
    if operation.repeatable:
        return False
    if isinstance(error, ConnectionFailed):
        return error.sent
    return isinstance(error, ApiError) and (error.status in (200, 408) or error.status >= 500)


def worth_retrying(operation: Operation, error: CloudflareError) -> bool:
    """True if the same request may be sent again and could then succeed.

    What was certainly not carried out (no connection, 409, 429, an unknown fresh token) may always be repeated;
    what may have been only if repeating means the same.
    """
    if isinstance(error, ConnectionFailed):
        return error.retryable and (operation.repeatable or not error.sent)
    if not isinstance(error, ApiError):
        return False
    if error.status in (409, 429) or (error.status == 403 and error.has(10001)):
        return True
    transient = error.status in _TRANSIENT or error.status >= 500 or error.status == 200
    return transient and operation.repeatable
