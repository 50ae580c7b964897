# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting and its history; Retry-After; times."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import retry, times, waiting
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import WaitTimedOut


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def sleep(self, seconds):
        self.now += seconds

    def wait(self, looks, first, timeout=60, **more):
        looks = iter(looks)
        return waiting.wait_active(
            lambda: next(looks), first, "things", timeout, sleep=self.sleep, clock=lambda: self.now, **more
        )


def test_nothing_to_wait_for():
    assert Time().wait([], {"a": "active"}) == []


def test_history_is_told_as_it_happens():
    told = []
    history = Time().wait([{"a": "pending_deployment"}, {"a": "active"}], {"a": "initializing"}, tell=told.append)
    assert (
        history
        == told
        == [
            "0 of 1 things active after 0 s (1 initializing)",
            "0 of 1 things active after 1 s (1 pending_deployment)",
            "1 of 1 things active after 3 s",
        ]
    )


def test_timeout():
    with pytest.raises(WaitTimedOut, match="2 of 2 things are not active after 5 s: a pending_deployment, b unknown"):
        Time().wait([{"a": "pending_deployment", "b": None}] * 9, {"a": "initializing", "b": None}, timeout=5)


def test_no_time_at_all_looks_not_even_once():
    with pytest.raises(WaitTimedOut) as caught:
        Time().wait([], {"a": None}, timeout=0)
    assert caught.value.details()["pending"] == [{"name": "a", "status": None}]


@pytest.mark.parametrize("status", ["deployment_timed_out", "deletion_timed_out", "deleted", "pending_deletion"])
def test_hopeless(status):
    with pytest.raises(WaitTimedOut, match="will not make all things active: a " + status) as caught:
        Time().wait([{"a": status}], {"a": "pending_deployment"})
    assert caught.value.details()["timed_out"] is False


def test_retry_after_as_a_date():
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
    assert retry.parse_retry_after("Thu, 01 Jan 2026 00:00:30 GMT", lambda: now) == 30
    assert retry.parse_retry_after("Thu, 01 Jan 2025 00:00:30 GMT", lambda: now) == 0
    for nonsense in (None, "", "x", "nan", "2026"):
        found = retry.parse_retry_after(nonsense, lambda: now)
        assert found is None or 0 <= found <= 310


def test_backoff_grows_to_a_limit_with_spread():
    assert retry.backoff(0, lambda: 1.0) == 0.5
    assert retry.backoff(0, lambda: 0.0) == 0.25
    assert retry.backoff(50, lambda: 1.0) == retry.LONGEST


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2028-11-23T06:00:00Z", "2028-11-23T06:00:00Z"),
        ("2028-11-23T06:00:00.123456Z", "2028-11-23T06:00:00Z"),
        ("2028-11-23T08:00:00+02:00", "2028-11-23T06:00:00Z"),
        ("2028-13-23T08:00:00Z", "2028-13-23T08:00:00Z"),
        ("soon", "soon"),
        (None, None),
    ],
)
def test_times(text, shown):
    assert times.show(text) == shown
