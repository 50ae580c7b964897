# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared rate budget."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.budget import Budget, budget_file
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import BudgetExhausted


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 1_000_000.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def budget(self, path, limit, **more):
        return Budget(path, limit, clock=lambda: self.now, sleep=self.sleep, **more)


def test_waits_when_used_up_and_says_so(tmp_path):
    time, told = Time(), []
    budget = time.budget(str(tmp_path / "b"), 3, notify=told.append)
    for _count in range(3):
        budget.take()
    assert time.slept == []
    budget.take()
    assert 300 <= sum(time.slept) <= 301
    assert "budget of 3 API requests" in told[0]


def test_two_clients_share(tmp_path):
    time = Time()
    one, two = time.budget(str(tmp_path / "b"), 2), time.budget(str(tmp_path / "b"), 2)
    one.take()
    two.take()
    with pytest.raises(BudgetExhausted, match="budget of 2 API requests"):
        time.budget(str(tmp_path / "b"), 2, max_wait=10).take()


def _spend(path, count):
    budget = Budget(path, 10_000)
    for _number in range(count):
        budget.take()


def test_processes_do_not_lose_counts(tmp_path):
    path = str(tmp_path / "b")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_spend, args=(path, 50)) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(json.loads((tmp_path / "b").read_text())["counts"].values()) == 200


def test_block_after_429_holds_for_everybody(tmp_path):
    time = Time()
    time.budget(str(tmp_path / "b"), 0).block(100)
    time.budget(str(tmp_path / "b"), 0).take()
    assert sum(time.slept) == pytest.approx(100)
    time.budget(str(tmp_path / "b"), 0).block(1e9)
    with pytest.raises(BudgetExhausted):
        time.budget(str(tmp_path / "b"), 0, max_wait=300).take()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"counts": 7}',
        '{"counts": {"x": 1, "99999999999": 5}}',
        '{"counts": {"1": null}, "blocked_until": "x"}',
        '{"blocked_until": 1e300}',
    ],
)
def test_damaged_files_are_survived(tmp_path, text):
    (tmp_path / "b").write_text(text)
    time = Time()
    time.budget(str(tmp_path / "b"), 1).take()
    assert time.slept == []


def test_file_is_private_and_holds_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = budget_file("very-secret-token")
    Budget(path, 5).take()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert "secret" not in path
    with open(path) as handle:
        assert "secret" not in handle.read()
    assert budget_file("another") != path


def test_a_link_in_the_place_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "b").symlink_to(tmp_path / "target")
    Budget(str(tmp_path / "b"), 5).take()
    assert (tmp_path / "target").read_text() == "precious"


def test_without_any_folder_the_budget_is_the_process_own():
    time = Time()
    budget = time.budget(None, 1)
    budget.take()
    budget.take()
    assert sum(time.slept) >= 300
