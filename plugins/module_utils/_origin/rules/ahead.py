# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``enforce`` will refuse is told at ``log_only`` already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Callable

from ..model import ENFORCE, LOG_ONLY, Finding, Options, Plan, Protection

Planner = Callable[[Sequence[Protection], Options], Plan]


def planned(plan: Planner, wanted: Sequence[Protection], options: Options) -> Plan:
    """What ``plan`` makes of the wish, with a warning for each error that it would have at ``enforce`` only."""
    made = plan(wanted, options)
    names = {site.hostname for site in made.sites if site.stage_after == LOG_ONLY}
    # Without a trust bundle it's on its way back.
    names &= {entry.name for entry in wanted if entry.stage == LOG_ONLY and entry.trust_bundle.strip()}
    if made.errors or not names:
        return made
    next_time = [replace(entry, stage=ENFORCE) if entry.name in names else entry for entry in wanted]
    return replace(made, findings=(*made.findings, *refused(plan, next_time, options, made.findings)))


def refused(
    plan: Planner, wanted: Sequence[Protection], options: Options, told: Sequence[Finding] = ()
) -> Iterator[Finding]:
    """The errors of this wish as warnings, but for what was ``told``."""
    known = {(one.code, one.hostname, one.file, one.line) for one in told}
    for one in plan(wanted, options).errors:
        if (one.code, one.hostname, one.file, one.line) not in known:
            yield replace(one, severity="warning", message=f"{one.message}. It will be refused at enforce")
