# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: a queue of rules, each for the next requests that match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What may go wrong. ``*_after``: the change is made, the answer is lost.
KINDS = ("status", "timeout_before", "timeout_after", "reset_before", "reset_after", "delay", "config", "garbage")


@dataclass
class Fault:
    """One rule; ``skip`` matching requests pass first, then it acts ``times`` times."""

    kind: str
    method: str | None = None
    path: re.Pattern[str] | None = None
    operation: str | None = None
    times: int = 1
    skip: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, method: str, path: str, operation: str | None) -> bool:
        """Whether this rule is about such a request."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or self.path.search(path) is not None)
            and (self.operation is None or self.operation == operation)
        )

    def as_dict(self) -> dict[str, Any]:
        """For the control interface."""
        return {
            "match": {
                "method": self.method, "path_regex": self.path.pattern if self.path else None,
                "operation": self.operation,
            },
            "action": {"type": self.kind, **self.options}, "times": self.times, "skip": self.skip,
        }


class Faults:
    """The queue: of several rules that match a request, the first acts."""

    def __init__(self) -> None:
        self.queue: list[Fault] = []

    def add(self, data: Mapping[str, Any]) -> Fault:
        """Add ``{match: {method?, path_regex?, operation?}, action: kind | {type, ...}, times?, skip?}``."""
        extra = set(data) - {"match", "action", "times", "skip"}
        match = data.get("match") or {}
        if extra or not isinstance(match, Mapping) or set(match) - {"method", "path_regex", "operation"}:
            raise ValueError("a fault has: match {method, path_regex, operation}, action, times, skip")
        action = data.get("action")
        options = {"type": action} if isinstance(action, str) else dict(action or {})
        kind = options.pop("type", None)
        if kind not in KINDS:
            raise ValueError(f"action: {kind!r} is none of {', '.join(KINDS)}")
        try:
            path = re.compile(match["path_regex"]) if match.get("path_regex") else None
        except re.error as error:
            raise ValueError(f"path_regex: {error}") from error
        method = str(match["method"]).upper() if match.get("method") else None
        fault = Fault(
            kind, method, path, match.get("operation"), int(data.get("times", 1)), int(data.get("skip", 0)), options
        )
        self.queue.append(fault)
        return fault

    def take(self, method: str, path: str, operation: str | None) -> Fault | None:
        """The fault for this request, if any; used up ones leave the queue."""
        for fault in self.queue:
            if not fault.matches(method, path, operation):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.queue.remove(fault)
            return fault
        return None
