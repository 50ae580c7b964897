# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as the API writes them (RFC 3339) and as we show them."""

from __future__ import annotations

import datetime
import re
from typing import Any

_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")


def parse(text: Any) -> datetime.datetime | None:
    """Aware and in UTC, whole seconds; None if it is no RFC 3339 date-time."""
    found = _FORM.match(text) if isinstance(text, str) else None
    if not found:
        return None
    day, clock, zone = found.groups()
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return None
    return moment.astimezone(datetime.timezone.utc)


def show(text: Any) -> str | None:
    """``2028-11-23T06:00:00Z``, or what the API said if that cannot be parsed."""
    moment = parse(text)
    if moment is not None:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return None if text is None else str(text)
