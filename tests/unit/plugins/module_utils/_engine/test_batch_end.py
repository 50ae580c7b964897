# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an origin of a batch that failed, in all the ways in which its change may have ended."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import batch


def site(hostname: str, before: str, after: str) -> dict[str, str]:
    return {"hostname": hostname, "stage_before": before, "stage_after": after}


ANEW = [
    site("a.example.com", "log_only", "enforce"),
    site("a.example.com", "off", "enforce"),
    site("b.example.com", "enforce", "enforce"),
    site("c.example.com", "log_only", "log_only"),
]
WAITS = {"changed": True, "transaction": "t1", "sites": ANEW}
NO_TIMER = {"changed": True, "transaction": "", "sites": ANEW}
DIED = {"failed": True, "msg": "MODULE FAILURE", "module_stdout": "Killed", "rc": 137}
REFUSED = {"failed": True, "changed": False, "msg": "nginx says no", "transaction": "somebody-elses"}


@pytest.mark.parametrize(
    ("change", "asked"),
    [(WAITS, "t1"), (NO_TIMER, None), (DIED, ""), (REFUSED, None), ({}, None), ({"changed": False}, None)],
)
def test_the_origin_is_asked_where_something_may_wait(change: dict[str, Any], asked: str | None) -> None:
    assert batch.to_ask(change) == asked


@pytest.mark.parametrize(
    ("change", "answer", "outcome", "relax"),
    [
        (WAITS, {"outcome": "reverted"}, "reverted", []),
        (WAITS, {"outcome": "already_reverted"}, "already_reverted", []),
        (WAITS, {"outcome": "confirmed"}, "relaxed", ["a.example.com"]),
        (dict(WAITS, sites=ANEW[2:]), {"outcome": "confirmed"}, "confirmed", []),
        (WAITS, {"failed": True, "msg": "no space left"}, "failed", []),
        (WAITS, {"unreachable": True, "msg": "timed out"}, "failed", []),
        (WAITS, {}, "failed", []),
        (NO_TIMER, None, "relaxed", ["a.example.com"]),
        (dict(NO_TIMER, sites=ANEW[2:]), None, "kept", []),
        (DIED, {"outcome": "reverted"}, "reverted", []),
        (DIED, {"outcome": "nothing"}, "died", []),
        (DIED, {"failed": True, "msg": "busy"}, "failed", []),
        (REFUSED, None, "nothing", []),
        ({}, None, "nothing", []),
        ({"changed": False, "sites": ANEW[2:]}, None, "nothing", []),
    ],
)
def test_how_it_ended(change: dict[str, Any], answer: dict[str, Any] | None, outcome: str, relax: list[str]) -> None:
    ended = batch.end(change, answer)
    assert (ended["outcome"], ended["relax"]) == (outcome, relax)
    assert ended["message"] == batch.ENDS[outcome].format((answer or {}).get("msg", "no answer"))


def test_only_a_refusal_or_no_call_is_called_unchanged() -> None:
    """A module that died is never said to have changed nothing."""
    for answer in ({"outcome": "nothing"}, {"outcome": "reverted"}, {"failed": True}, {}):
        assert "as nothing was changed" not in batch.end(DIED, answer)["message"]
