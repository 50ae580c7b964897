# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a thousand hostnames cost at the API, counted from the sandbox's journal while the playbook itself runs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.story.theatre import Theatre

from .support import QUICK, associations, certificates

NAMES = [f"h{number:04d}.example.com" for number in range(1000)]
WINDOW = 300


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    settings = {
        **QUICK,
        "aop_zones": [{"name": "example.com", "hostnames": NAMES}],
        "aop_canary_required": False,
    }
    # What real deployments take.
    switches = {"certificate_deploy_seconds": 8, "association_deploy_seconds": 8, "ip_rate_limit": 0}
    with Theatre("e2e-budget", "", settings=settings, switches=switches) as theatre:
        yield theatre


def onboard(theatre: Theatre) -> tuple[int, list[dict[str, object]]]:
    """Changed tasks and API calls of a run, half an hour after what was before, with a rate budget of its own."""
    theatre.sandbox.clock(advance=1800)
    cache = theatre.project / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    theatre.extra_environment["XDG_CACHE_HOME"] = str(cache)
    seen = theatre.sandbox.journal()
    played = theatre.play("onboard")
    calls = theatre.sandbox.journal(since=seen[-1]["seq"] if seen else 0)
    assert 429 not in {one["status"] for one in calls}
    print(dict(sorted(Counter(f"{one['operation']}:{one['status']}" for one in calls).items())))
    return played.changed, calls


def busiest(calls: list[dict[str, object]]) -> int:
    """The most calls in any five minutes on the wall."""
    times = sorted(float(str(one["real"])) for one in calls)
    return max(sum(1 for other in times if start <= other < start + WINDOW) for start in times)


def test_a_thousand_hostnames(theatre: Theatre) -> None:
    changed, calls = onboard(theatre)
    assert changed > 0
    assert len(calls) <= 26
    assert len(certificates(theatre)) == 10
    assert [name for name, _identity, enabled in associations(theatre) if enabled] == NAMES
    changed, calls = onboard(theatre)
    assert changed == 0
    assert len(calls) <= 4


def test_without_the_list_of_associations(theatre: Theatre) -> None:
    theatre.sandbox.reset()
    theatre.prepare_sandbox()
    theatre.sandbox.config(list_route="404")
    shutil.rmtree(theatre.project / "pki")
    changed, calls = onboard(theatre)
    assert changed > 0
    assert busiest(calls) <= 1200
    theatre.sandbox.config(list_route="on")
    assert [name for name, _identity, enabled in associations(theatre) if enabled] == NAMES
    theatre.sandbox.config(list_route="404")
    changed, calls = onboard(theatre)
    assert changed == 0
    assert busiest(calls) <= 1200
