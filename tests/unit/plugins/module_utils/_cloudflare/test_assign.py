# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning, writing and reading associations."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import assign, associations
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.assign import Wish
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.associations import parse_association
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import ApiError
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.stub import ok, refused


def item(hostname, cert_id="c1", enabled=True, status="active"):
    return {"hostname": hostname, "cert_id": cert_id, "enabled": enabled, "status": status}


def reading(*items):
    return associations.sort_out([parse_association(one) for one in items], complete=True)


def writes(changes):
    return [one.hostname for one in changes if one.write]


def test_void_and_suppressed_are_different():
    read = reading(
        item("off.example.com", enabled=False),
        item("void.example.com", enabled=None),
        item("gone.example.com", status="deleted"),
        item("App.Example.com."),
    )
    assert sorted(read.associations) == ["app.example.com", "off.example.com"]
    assert sorted(read.settling) == ["void.example.com"]
    assert read.users("c1") == ["app.example.com", "off.example.com"]


def test_an_existing_entry_beats_a_tombstone_of_the_same_name():
    for order in ([0, 1], [1, 0]):
        rows = [item("a.example.com", "c2"), item("a.example.com", "c1", None, "pending_deletion")]
        read = reading(*[rows[index] for index in order])
        assert read.associations["a.example.com"].certificate_id == "c2"
        assert not read.settling


@pytest.mark.parametrize(
    ("wish", "changed"),
    [
        (Wish("a.example.com"), False),
        (Wish("a.example.com", "c1"), False),
        (Wish("a.example.com", "c2"), True),
        (Wish("a.example.com", enabled=True), True),
        (Wish("a.example.com", enabled=False), False),
        (Wish("a.example.com", absent=True), True),
        (Wish("b.example.com", absent=True), False),
        (Wish("b.example.com", "c1"), True),
    ],
)
def test_plan(wish, changed):
    (change,) = assign.plan([wish], reading(item("a.example.com", enabled=False)))
    assert change.write is changed
    if not wish.absent and wish.hostname == "a.example.com" and wish.enabled is None:
        assert change.after.enabled is False


@pytest.mark.parametrize("status", ["deployment_timed_out", "deletion_timed_out"])
def test_a_stuck_association_is_written_again(status):
    stuck = reading(item("a.example.com", status=status))
    assert writes(assign.plan([Wish("a.example.com", "c1")], stuck)) == ["a.example.com"]
    assert writes(assign.plan([Wish("a.example.com", absent=True)], stuck)) == ["a.example.com"]


def test_plan_refusals_and_purge():
    with pytest.raises(InvalidInput, match="Named more than once: a.example.com"):
        assign.plan([Wish("a.example.com", "c1"), Wish("a.example.com", "c2")], reading())
    with pytest.raises(InvalidInput, match="no certificate_id was given"):
        assign.plan([Wish("a.example.com")], reading())
    there = reading(item("a.example.com"), item("z.example.com"))
    assert writes(assign.plan([Wish("a.example.com", "c1")], there)) == []
    assert writes(assign.plan([Wish("a.example.com", "c1")], there, purge=True)) == ["z.example.com"]


def test_batches_of_five_hundred(api):
    wishes = [Wish(f"h{number:04}.example.com", f"c{number % 3}") for number in range(1250)]
    api.say(ok(None))
    done = assign.apply(api.client(), "z", assign.plan(wishes, reading()))
    assert [len(body["config"]) for _m, _p, body, _h in api.requests] == [500, 500, 250]
    assert [one.hostname for one in done] == [wish.hostname for wish in wishes]


def test_a_void_keeps_the_certificate_id(api):
    api.say(ok([item("a.example.com", enabled=None)]))
    changes = assign.plan([Wish("a.example.com", absent=True)], reading(item("a.example.com")))
    (done,) = assign.apply(api.client(), "z", changes)
    assert api.requests[0][2] == {"config": [{"hostname": "a.example.com", "cert_id": "c1", "enabled": None}]}
    assert done.public()["changed"]
    assert done.public()["certificate_id"] is None


def test_an_answer_that_says_something_else_is_a_failure(api):
    api.say(ok([item("a.example.com", "c9")]))
    changes = assign.plan([Wish("a.example.com", "c1")], reading())
    (done,) = assign.apply(api.client(), "z", changes)
    assert "was asked for" in done.error["text"]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_hopeless_failures_stop_at_once(api, status):
    api.say(refused(status, 1))
    wishes = [Wish(f"h{number}.example.com", "c1") for number in range(150)]
    with pytest.raises(ApiError):
        assign.apply(api.client(retries=0), "z", assign.plan(wishes, reading()))
    assert len(api.requests) == 1


def test_the_search_for_culprits_is_bounded(api):
    api.say(refused(400, 1499))
    wishes = [Wish(f"h{number:02}.example.com", "c1") for number in range(100)]
    done = assign.apply(api.client(), "z", assign.plan(wishes, reading()))
    assert all(one.error for one in done)
    assert len(api.requests) <= assign.SEARCH_LIMIT + 2


def test_one_bad_certificate_spoils_only_its_own(api):
    class Answers(list):
        """Refuses what holds c1."""

    def take():
        config = api.requests[-1][2]["config"]
        return refused(400, 1415) if any(one["cert_id"] == "c1" for one in config) else ok(config)

    api.take = take
    wishes = [Wish(f"h{number}.example.com", f"c{number % 2}") for number in range(10)]
    done = assign.apply(api.client(), "z", assign.plan(wishes, reading()))
    assert [bool(one.error) for one in done] == [False, True] * 5
    assert len(api.requests) == 3


def test_fallback_reads_each_hostname(api):
    def take():
        path = api.requests[-1][1]
        if path.endswith("hostnames?status=all&page=1&per_page=1000"):
            return refused(405, 1)
        return refused(404, 1553)

    api.take = take
    names = [f"h{number}.example.com" for number in range(20)]
    read = assign.read(api.client(), "z", names, lambda: True)
    assert not read.complete
    assert not read.associations
    assert len(api.requests) == 21
    api.requests.clear()
    assert not assign.read(api.client(), "z", names, lambda: False).associations
    assert len(api.requests) == 1


def test_watched_is_a_spread_sample_without_the_list():
    names = [f"h{number:04}" for number in range(1000)]
    assert assign.watched(names, listed=True) == names
    sample = assign.watched(names, listed=False)
    assert len(sample) == assign.SAMPLE
    assert {name[:3] for name in sample} == {f"h0{hundred}" for hundred in range(10)}
