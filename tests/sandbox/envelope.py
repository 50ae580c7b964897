# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's envelope: what every answer looks like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_ABSENT: Any = object()


class ApiError(Exception):
    """An error of the API by its name in the table of codes; ``chain`` becomes ``error_chain``."""

    def __init__(self, error: str, chain: tuple[tuple[int, str], ...] = (), /, **values: Any) -> None:
        super().__init__(error)
        self.name = error
        self.chain = chain
        self.values = values
        self.headers: dict[str, str] = {}


@dataclass
class Answer:
    """A successful answer. ``result`` left out means that the envelope has no such member."""

    result: Any = _ABSENT
    status: int = 200
    result_info: dict[str, int] | None = None
    messages: tuple[dict[str, Any], ...] = ()

    def body(self) -> dict[str, Any]:
        """The envelope as plain data."""
        envelope: dict[str, Any] = {"success": True, "errors": [], "messages": list(self.messages)}
        if self.result is not _ABSENT:
            envelope["result"] = self.result
        if self.result_info is not None:
            envelope["result_info"] = self.result_info
        return envelope


def error_body(errors: list[dict[str, Any]], result_mode: str) -> dict[str, Any]:
    """The envelope of a failure; ``result_mode`` is the switch ``error_result``."""
    envelope: dict[str, Any] = {"success": False, "errors": errors, "messages": []}
    if result_mode == "null":
        envelope["result"] = None
    return envelope


def page_info(page: int, per_page: int, count: int, total: int) -> dict[str, int]:
    """``result_info`` of a paginated list."""
    return {
        "page": page,
        "per_page": per_page,
        "count": count,
        "total_count": total,
        "total_pages": -(-total // per_page) if per_page else 0,
    }


def dumps(body: Any) -> bytes:
    """JSON as it goes over the wire."""
    return json.dumps(body, separators=(",", ":")).encode()
