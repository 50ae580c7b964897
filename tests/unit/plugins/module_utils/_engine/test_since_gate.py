# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is new since the gate."""

from __future__ import annotations

import random

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet, since_gate


def canaries(*outcomes, hostname="app.example.com"):
    """A number is the status of an answer, all but 404 an error; a text is why there was none."""
    return [
        {"hostname": hostname, "status": 0, "error": outcome}
        if isinstance(outcome, str)
        else {"hostname": hostname, "status": outcome, "error": "" if outcome == 404 else f"HTTP {outcome}"}
        for outcome in outcomes
    ]


@pytest.mark.parametrize("status", [495, 496, 520, 525, 526])
def test_canaries_that_the_origin_refuses_are_always_new(status):
    failed = canaries(*[status] * 4)
    assert since_gate.new_canary_failures(failed, failed) == [f"app.example.com: HTTP {status} (4 of 4 canaries)"]


def test_canaries_without_an_answer_are_always_new():
    nobody = canaries(404, "no answer: reset", "no answer: reset")
    assert since_gate.new_canary_failures(nobody, nobody) == ["app.example.com: no answer: reset (2 of 3 canaries)"]


@pytest.mark.parametrize(
    ("after", "before", "told"),
    [
        ([404, 404], [], []),
        ([403, 403, 404, 404], [404, 403, 404, 403], []),
        ([403, 403, 403, 404], [404, 403, 404, 403], []),
        ([403, 403, 403, 403], [404, 403, 404, 403], ["HTTP 403 (4 of 4 canaries; before, 2 of 4)"]),
        ([403, 404, 404, 404], [404] * 4, []),
        ([403, 403, 404, 404], [404] * 4, ["HTTP 403 (2 of 4 canaries)"]),
        ([400] * 4, [400] * 4, []),
        ([400] * 4, [404] * 4, ["HTTP 400 (4 of 4 canaries)"]),
        ([403] * 30 + [404] * 70, [403] * 10 + [404] * 90, []),
        ([403] * 40 + [404] * 60, [403] * 10 + [404] * 90, ["HTTP 403 (40 of 100 canaries; before, 10 of 100)"]),
        ([403] * 30 + [404] * 70, [403] * 30 + [404] * 870, ["HTTP 403 (30 of 100 canaries; before, 30 of 900)"]),
        ([403, 404], [403, 403, 404, 404], []),
        ([403, 403], [403, 403, 404, 404], ["HTTP 403 (2 of 2 canaries; before, 2 of 4)"]),
        ([403, 403, 404, 404, 404, 404], [403, 404, 404], []),
        ([403], [], ["HTTP 403 (1 of 1 canaries)"]),
        ([421, 421], [403, 403], ["HTTP 421 (2 of 2 canaries)"]),
        ([421, 530], [421, 530], []),
    ],
)
def test_canaries_that_fail_more_than_before(after, before, told):
    for others in ([], canaries(404, 403, hostname="api.example.com")):
        found = since_gate.new_canary_failures(canaries(*after) + others, canaries(*before) + others)
        assert found == [f"app.example.com: {one}" for one in told]


def test_origins_that_answer_canaries_differently_do_not_revert_by_chance():
    chance = random.Random(7)
    asked = [{"name": f"h{number}.example.com"} for number in range(10)]

    def looks(origins):
        for request in fleet.canary_requests(asked, origins):
            answers = [403 if chance.random() < 1 / origins else 404 for _number in range(request["count"])]
            yield from canaries(*answers, hostname=request["hostname"])

    for origins in (2, 3, 10):
        rounds = [(list(looks(origins)), list(looks(origins))) for _round in range(100)]
        new = sum(bool(since_gate.new_canary_failures(after, before)) for after, before in rounds)
        assert new <= 2, origins


ARRIVED = {
    "hostname": "app.example.com",
    "source": "edge",
    "verification": "SUCCESS",
    "certificate": "2026",
    "current": True,
    "refused": False,
}


@pytest.mark.parametrize(
    ("status", "known", "seen", "told"),
    [
        (400, 404, {}, False),
        (403, 403, {}, False),
        (520, 404, {}, False),
        (524, 524, {}, False),
        # Enforcement that is wrong about the right certificate answers so, too.
        (403, 404, {}, True),
        (403, 400, {}, True),
        (400, 404, {"refused": True}, True),
        (400, 404, {"current": False}, True),
        (400, 404, {"verification": "SUCCESS_UNTRUSTED"}, True),
        (400, 404, {"source": "other"}, True),
        (400, 404, {"hostname": "api.example.com"}, True),
    ],
)
def test_a_canary_that_an_origin_let_in_is_no_failure_of_the_lock(status, known, seen, told):
    # Those to another origin came through, before and after.
    before = canaries(known, known, 404, 404)
    after = [dict(one, nonce=str(number)) for number, one in enumerate(canaries(status, status, 404, 404))]
    evidences = [{}, None, {"nonces": None}, {"nonces": {"0": {**ARRIVED, **seen}}}, {"nonces": {"1": ARRIVED | seen}}]
    found = since_gate.new_canary_failures(after, before, evidences)
    assert found == ([f"app.example.com: HTTP {status} (2 of 4 canaries)"] if told else [])
    if status != known:
        assert since_gate.new_canary_failures(after, before), "without evidence"


def test_a_canary_that_one_origin_let_in_and_another_refused_has_failed():
    after = [dict(one, nonce="0") for one in canaries(400)]
    evidences = [{"nonces": {"0": ARRIVED}}, {"nonces": {"0": {**ARRIVED, "refused": True}}}]
    for seen in (evidences, evidences[::-1]):
        found = since_gate.new_canary_failures(after, canaries(404), seen)
        assert found == ["app.example.com: HTTP 400 (1 of 1 canaries)"]


def test_evidence_that_does_not_say_whether_it_was_refused_excuses_nothing():
    after = [dict(one, nonce="0") for one in canaries(400)]
    old = {name: ARRIVED[name] for name in ("hostname", "source", "verification", "certificate")}
    assert since_gate.new_canary_failures(after, canaries(404), [{"nonces": {"0": old}}])


def test_canaries_that_were_not_sent_have_not_failed():
    assert since_gate.new_canary_failures([], canaries(403)) == []


def verdict(*codes, origin="web1"):
    return {
        "hostname": "app.example.com",
        "origin": origin,
        "refusals": [{"code": code} for code in codes],
        "message": f"{origin}: {', '.join(codes)}",
    }


def test_what_the_gate_refused_before_is_not_new():
    before = [verdict("direct_callers", "evidence_not_trusted"), verdict("foreign_certificate", origin="web2")]
    assert since_gate.new_refusals([verdict(), verdict("evidence_not_trusted")], before) == []
    worse = verdict("evidence_not_trusted", "foreign_certificate")
    assert since_gate.new_refusals([worse], before) == [worse["message"]]
    assert since_gate.new_refusals([verdict("canary_failed", origin="web3")], before) == ["web3: canary_failed"]
    assert since_gate.new_refusals([worse], []) == [worse["message"]]


@pytest.mark.parametrize("code", ["no_evidence", "log_missing", "evidence_missing"])
def test_an_origin_of_which_nothing_is_seen_is_always_new_where_canaries_were_sent(code):
    blind = [verdict(code)]
    assert since_gate.new_refusals(blind, blind) == [f"web1: {code}"]
    assert since_gate.new_refusals(blind, blind, canaries=False) == []
    assert since_gate.new_refusals(blind, [verdict()], canaries=False) == [f"web1: {code}"]
