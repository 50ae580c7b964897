# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each hostname on each origin, and the table that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .._common.table import aligned
from .fleet import days_left

COLUMNS = ("hostname", "origin", "stage", "edge", "generation", "days left", "last bad request", "attention")


def rows(
    protections: Sequence[Mapping[str, Any]],
    origins: Mapping[str, Mapping[str, Any]],
    now: datetime,
    warn_days: float = 30,
) -> list[dict[str, Any]]:
    """The rows, by hostname and origin.

    ``protections`` as made by :func:`planning.protections`. ``origins`` maps an origin to ``serves`` (hostnames, or
    None for all), ``sites`` and ``lost`` (what C(origin_site_info) returned, None if it could not be read) and
    ``last_bad`` (hostname → text). ``now`` is aware. ``attention`` lists what a person has to do; it is empty where all
    is well.
    """
    found = []
    for entry in protections:
        for origin, there in sorted(origins.items()):
            serves = there.get("serves")
            if serves is not None and entry["name"] not in serves:
                continue
            stage = _stage(entry["name"], there.get("sites"))
            left = days_left(entry.get("expires_on"), now)
            edge = _edge(entry)
            found.append(
                {
                    "hostname": entry["name"],
                    "zone": entry["zone"],
                    "origin": origin,
                    "stage": stage,
                    "edge": edge,
                    "generation": entry.get("sha256"),
                    "days_left": left,
                    "last_bad_request": (there.get("last_bad") or {}).get(entry["name"]),
                    "attention": _attention(stage, edge, left, warn_days, _lost(entry["name"], there.get("lost"))),
                }
            )
    return found


def table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows as lines of text, columns aligned; a generation is told by the first 12 digits of its SHA-256."""
    return aligned([list(COLUMNS), *map(_cells, found)])


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        row["hostname"],
        row["origin"],
        row["stage"],
        row["edge"],
        (row["generation"] or "-")[:12],
        "-" if row["days_left"] is None else str(int(row["days_left"])),
        row["last_bad_request"] or "-",
        "; ".join(row["attention"]) or "-",
    ]


def _stage(hostname: str, sites: Sequence[Mapping[str, Any]] | None) -> str:
    if sites is None:
        return "unknown"
    stages = {site["stage_after"] for site in sites if site["hostname"] == hostname}
    if not stages:
        return "off"
    return "mixed" if len(stages) > 1 else str(stages.pop())


def _edge(entry: Mapping[str, Any]) -> str:
    """What the edge does for a hostname: presents, pending, suppressed, nothing."""
    enabled = entry.get("association_enabled")
    if enabled is None:
        return "nothing"
    if not enabled:
        return "suppressed"
    active = entry.get("association_status") == "active" and entry.get("certificate_status") == "active"
    return "presents" if active else "pending"


def _lost(hostname: str, lost: Sequence[Mapping[str, Any]] | None) -> str:
    """The stage that our files on the origin name for a hostname that nothing loaded protects; empty otherwise."""
    return next((str(entry["stage"]) for entry in lost or () if entry["hostname"] == hostname), "")


def _attention(stage: str, edge: str, left: float | None, warn_days: float, lost: str) -> list[str]:
    found = []
    if stage == "unknown":
        found.append("the origin could not be read")
    if stage == "off" and lost:
        found.append(f"was protected ({lost}), is open: our lines are no longer in its site. Run onboard, then enforce")
    elif stage == "off" and edge in ("presents", "pending"):
        found.append("open, although the edge presents a certificate: run onboard")
    if stage == "mixed":
        found.append("not every listener has the same stage: run enforce or rollback again")
    if stage in ("enforce", "mixed") and edge != "presents":
        fault = "is not ready" if edge == "pending" else "presents nothing"
        found.append(f"enforced, but the edge {fault}: run rollback")
    if stage in ("log_only", "enforce", "mixed") and left is not None:
        if left <= 0:
            found.append("the client certificate has expired")
        elif left < warn_days:
            found.append(f"the client certificate expires in {int(left)} days: run onboard to renew it")
    return found
