# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One API call, as its handler sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .config import Config
from .envelope import ApiError
from .world import Token, World, Zone


@dataclass
class Call:
    """``config`` is the world's, or a copy that a fault changed for this call only."""

    world: World
    config: Config
    now: float
    token: Token | None
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    zone_checked: Zone | None = field(default=None, repr=False)

    @property
    def zone(self) -> Zone:
        """The zone of the path; the dispatcher has checked that the caller may see it."""
        if self.zone_checked is None:
            raise ApiError("unknown_zone")
        return self.zone_checked

    def json_object(self) -> dict[str, Any]:
        """The body, which must be an object."""
        if not isinstance(self.body, dict):
            raise ApiError("bad_json")
        return self.body

    def empty(self, items: list[Any]) -> list[Any] | None:
        """A list as the API shows it: an empty one may be null."""
        return items or (None if self.config.empty_list == "null" else [])

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A number of the query within its limits; raises ApiError."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isdigit() or not least <= int(text) <= most:
            raise ApiError("bad_parameter", name=name)
        return int(text)
