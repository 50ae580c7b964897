# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of file names as glob(3) reads them."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def glob_expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a glob(3) pattern: ``*`` doesn't cross directories or match a leading dot."""
    out = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        at_start = position == 0 or pattern[position - 1] == "/"
        if character == "*":
            out.append(r"(?!\.)[^/]*" if at_start else "[^/]*")
        elif character == "?":
            out.append(r"(?!\.)[^/]" if at_start else "[^/]")
        elif character == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                out.append(r"\[")
            else:
                inner = pattern[position + 1 : end]
                negated = inner[:1] in "!^"
                body = inner[1:] if negated else inner
                escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", body)
                out.append(f"[{'^/' if negated else ''}{escaped}]")
                position = end
        elif character == "\\" and position + 1 < len(pattern):
            position += 1
            out.append(re.escape(pattern[position]))
        else:
            out.append(re.escape(character))
        position += 1
    return re.compile("".join(out) + r"\Z", re.DOTALL)
