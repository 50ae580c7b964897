# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server has written to its error log since it was told something."""

from __future__ import annotations

import os
import re

_LOG_LIMIT = 1 << 18
_LINES = 5
#: How servers mark what went wrong: ``[emerg]``, ``[ssl:error]``, ``[ALERT]``, ``level=error``, ``"level":"error"``.
_SERIOUS = re.compile(r"[:\[](error|crit|alert|emerg)\]|[\"=](error|fatal|panic)\b", re.IGNORECASE)


def size(path: str) -> int:
    """How long a log is; 0 for one that isn't a file."""
    return os.path.getsize(path) if os.path.isfile(path) else 0


class Words:
    """The error log at ``path`` from ``start`` (bytes) or from now on; one that isn't a file says nothing."""

    def __init__(self, path: str, start: int | None = None) -> None:
        self._path = path
        self._start = start if start is not None else size(path)

    def since(self) -> str:
        """The last serious lines, as the end of an error message; empty if there are none."""
        if not os.path.isfile(self._path):
            return ""
        with open(self._path, "rb") as stream:
            stream.seek(self._start)
            lines = stream.read(_LOG_LIMIT).decode("utf-8", "replace").splitlines()
        serious = [line.strip() for line in lines if _SERIOUS.search(line)]
        return f" Its own words: {' / '.join(serious[-_LINES:])}" if serious else ""
