# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.leaf_plan import plan_leaves

NAMES = st.sets(st.integers(0, 400).map(lambda number: f"h{number:03d}.example.com"), max_size=300)


def place(plan):
    return {hostname: leaf for leaf, hostnames in plan.leaves.items() for hostname in hostnames}


def test_few_hostnames_share_one_leaf_named_after_the_first():
    plan = plan_leaves("example.com", ["b.example.com", "a.example.com"], {})
    assert plan.leaves == {"a.example.com": ("a.example.com", "b.example.com")}
    assert not plan.problem
    assert not plan.warnings


def test_a_new_hostname_joins_the_leaf_with_room():
    plan = plan_leaves("example.com", ["0.example.com", "b.example.com"], {"b.example.com": "b.example.com"})
    assert plan.leaves == {"b.example.com": ("0.example.com", "b.example.com")}


def test_hostnames_that_are_not_asked_for_take_room():
    placed = {f"x{number}.example.com": "x0.example.com" for number in range(100)}
    plan = plan_leaves("example.com", ["a.example.com"], placed)
    assert plan.leaves == {"a.example.com": ("a.example.com",)}


def test_a_name_that_is_a_full_leaf_already_is_not_used_twice():
    placed = {f"x{number}.example.com": "a.example.com" for number in range(100)}
    plan = plan_leaves("example.com", ["a.example.com"], placed)
    assert plan.leaves == {"leaf2.a.example.com": ("a.example.com",)}


def test_a_thousand_hostnames_fill_the_zone_and_say_so():
    plan = plan_leaves("example.com", [f"h{number:04d}.example.com" for number in range(1000)], {})
    assert sorted(len(names) for names in plan.leaves.values()) == [100] * 10
    assert not plan.problem
    assert "uses all 10" in plan.warnings[0]


def test_too_many_hostnames_are_a_problem_that_names_zone_and_limit():
    plan = plan_leaves("example.com", [f"h{number:04d}.example.com" for number in range(1001)], {})
    assert "Zone example.com would need 11" in plan.problem


def test_certificates_of_others_count():
    assert "1 of them not ours" in plan_leaves("z", [f"{n}.z" for n in range(1000)], {}, other_certificates=1).problem


def test_leaves_that_nothing_uses_count_once():
    names = [f"h{number:04d}.example.com" for number in range(600)]
    again = [f"h{number:04d}.example.com" for number in range(0, 600, 100)]
    assert not plan_leaves("example.com", names, {}, uploaded=again).warnings
    assert "need 12" in plan_leaves("example.com", names, {}, uploaded=[f"old{number}" for number in range(6)]).problem


@given(first=NAMES, second=NAMES)
def test_what_is_placed_stays_and_limits_hold(first, second):
    before = place(plan_leaves("example.com", first, {}))
    after_plan = plan_leaves("example.com", first | second, before)
    after = place(after_plan)
    assert set(after) == first | second
    assert all(after[hostname] == leaf for hostname, leaf in before.items())
    assert all(len(names) <= 100 for names in after_plan.leaves.values())


@given(names=NAMES, done=st.integers(0, 300))
def test_a_killed_run_is_continued_to_the_same_plan(names, done):
    whole = place(plan_leaves("example.com", names, {}))
    partly = dict(sorted(whole.items())[:done])
    assert place(plan_leaves("example.com", names, partly)) == whole
