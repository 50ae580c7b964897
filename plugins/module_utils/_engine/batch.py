# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch failed: what is taken back on one of its origins, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._origin.model import ENFORCE

#: How a change ended, and what a person reads behind the origin's name.
ENDS = {
    "relaxed": "is at log_only again.",
    "reverted": "is back where it was.",
    "already_reverted": "was taken back by its timer, or by another run, before.",
    "confirmed": "had been confirmed before another origin of its batch failed; no hostname was enforced there anew.",
    "kept": "keeps its new files, as aop_confirm_seconds is 0; no hostname was enforced there anew.",
    "nothing": "is as it was, as nothing was changed.",
    "died": "has no change that waits: the module died before it, or after it was done. Run status to see what is "
    "enforced.",
    "failed": "could not be taken back now ({}); its timer, or the next run, tries again.",
}


def to_ask(change: Mapping[str, Any]) -> str | None:
    """The transaction to take back, nothing (``""``) for whatever waits there, or None where nothing can wait.

    ``change`` is what C(origin_site) returned, or empty where it wasn't called. A module that died told nothing, though
    it may have changed the origin and armed the timer.
    """
    if _died(change):
        return ""
    return change.get("transaction") or None if not change.get("failed") else None


def end(change: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a change ended: ``outcome`` (a key of :data:`ENDS`), ``relax`` (hostnames) and ``message``.

    ``answer``: what C(origin_site) with C(state=reverted) returned, None where it wasn't asked. ``relax`` has the
    hostnames that the change enforced anew and that can't be taken back any more: it was confirmed before another
    origin failed, or made without a timer.
    """
    outcome = _outcome(change, answer)
    relax: list[str] = []
    if outcome in ("confirmed", "kept"):
        anew = [
            site["hostname"]
            for site in change.get("sites") or []
            if site["stage_after"] == ENFORCE != site["stage_before"]
        ]
        relax = list(dict.fromkeys(anew))
    word = "relaxed" if relax else outcome
    return {"outcome": word, "relax": relax, "message": ENDS[word].format((answer or {}).get("msg") or "no answer")}


def _outcome(change: Mapping[str, Any], answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return "kept" if change.get("changed") and not change.get("failed") else "nothing"
    outcome = answer.get("outcome")
    if answer.get("failed") or answer.get("unreachable") or outcome not in ENDS:
        return "failed"
    return "died" if outcome == "nothing" and _died(change) else str(outcome)


def _died(change: Mapping[str, Any]) -> bool:
    """Whether the module ended without a result of its own; then Ansible returns what it had printed."""
    return bool(change.get("failed")) and "module_stdout" in change
