# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result as plain text, for a terminal."""

from __future__ import annotations

from .._common.table import aligned
from .judge import Summary
from .model import Finding

_HEAD = ("HOSTNAME", "ORIGIN", "EXPECTED", "FOUND", "CONTROL", "REQUESTS", "HOLES")


def render(summaries: tuple[Summary, ...]) -> list[str]:
    """Lines: a table of hostnames and origins, then each hole and finding with its remedy."""
    rows = [_HEAD] + [
        (s.hostname, s.origin, s.expect, s.verdict, s.control or "-", str(s.requests), str(len(s.holes)))
        for s in summaries
    ]
    lines = aligned(rows)
    for title, entries in (
        ("Holes", [hole for summary in summaries for hole in summary.holes]),
        ("Findings", [finding for summary in summaries for finding in summary.findings]),
    ):
        if entries:
            lines += ["", title + ":"]
            for entry in entries:
                lines += _entry(entry)
    return lines


def _entry(entry: Finding) -> list[str]:
    more = f" (and {len(entry.variants) - 1} more ways)" if len(entry.variants) > 1 else ""
    shown = f"{entry.variants[0]}{more}: " if entry.variants else ""
    return [
        f"  {entry.code} {entry.hostname} on {entry.origin} at {entry.listener}",
        f"    {shown}{entry.evidence}",
        "    " + entry.remedy,
    ]
