# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct callers that the user knows about: declared as data, with an expiry date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .._common.errors import InvalidInput
from .._common.hostnames import plain
from .ranges import Ranges


@dataclass(frozen=True)
class Declared:
    """Requests from ``source`` to ``hostname`` with a fitting path are expected until the end of ``expires``."""

    source: str
    hostname: str
    path: str
    expires: date
    reason: str

    def expired(self, today: date) -> bool:
        """True from the day after ``expires``."""
        return today > self.expires

    def covers_path(self, path: str) -> bool:
        """``*`` at the end stands for everything below; a bare ``*`` for every path."""
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path

    def covers_hostname(self, hostname: str) -> bool:
        """A bare ``*`` stands for every hostname."""
        return self.hostname in ("*", hostname)

    def as_dict(self) -> dict[str, str]:
        """As the user writes it."""
        return {
            "source": self.source,
            "hostname": self.hostname,
            "path": self.path,
            "expires": self.expires.isoformat(),
            "reason": self.reason,
        }


def declared(values: Sequence[Mapping[str, Any]]) -> list[Declared]:
    """From a list of dicts ``source``, ``hostname``, ``path`` (default ``*``), ``expires`` (YYYY-MM-DD), ``reason``."""
    found = []
    for value in values:
        text = str(value.get("expires") or "")
        what = f"The exception for {value.get('source')} on {value.get('hostname')}"
        try:
            expires = date.fromisoformat(text)
        except ValueError as error:
            raise InvalidInput(
                f"{what} has no valid expiry date: {text!r}.",
                "Write expires as YYYY-MM-DD; exceptions without end are not taken.",
            ) from error
        for key in ("source", "hostname"):
            if not value.get(key):
                raise InvalidInput(f"{what} lacks {key}.", "An exception has source, hostname, path and expires.")
        found.append(
            Declared(
                str(value["source"]),
                plain(value["hostname"]),
                str(value.get("path") or "*"),
                expires,
                str(value.get("reason") or ""),
            )
        )
        Ranges([found[-1].source])
    return found


class Exceptions:
    """The declared exceptions that hold today."""

    def __init__(self, entries: Sequence[Declared], today: date) -> None:
        self._live = [(Ranges([entry.source]), entry) for entry in entries if not entry.expired(today)]

    def cover(self, peer: str, hostname: str, path: str) -> bool:
        """True if this request is one that the user declared."""
        return any(
            entry.covers_hostname(hostname) and entry.covers_path(path) and peer in sources
            for sources, entry in self._live
        )
