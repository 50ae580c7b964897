# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks hand from the controller to the origins and back."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import describe
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
LEAF = support.leaf("api.example.com")


def entry(name="app.example.com", **more):
    return {
        "name": name,
        "zone": "example.com",
        "leaf": "api.example.com",
        "trust_bundle": "CA",
        "certificate": "PEM",
        "sha256": describe(LEAF).sha256,
        "certificate_status": "active",
        "expires_on": "2026-12-24T00:00:00Z",
        "association_enabled": True,
        "association_status": "active",
        **more,
    }


def count(
    verification, number=1, source="edge", current=True, last=1795500000.0, hostname="app.example.com", refused=0
):
    return {
        "hostname": hostname,
        "source": source,
        "verification": verification,
        "current": current,
        "count": number,
        "refused": refused,
        "last": last,
        "certificate": "none",
    }


def test_the_last_bad_request_is_the_latest_from_the_edge():
    counts = [
        count("SUCCESS", last=1795509999.0),
        count("NONE", last=1795500000.0),
        count("FAILED", last=1795503600.0),
        count("NONE", source="other", last=1795507200.0),
    ]
    assert fleet.last_bad({"counts": counts}) == {"app.example.com": "2026-11-24 07:00:00Z FAILED"}
    assert fleet.last_bad({}) == {}
    assert fleet.last_bad({"counts": [count("SUCCESS", current=False)]}) == {
        "app.example.com": "2026-11-24 06:00:00Z SUCCESS"
    }


def test_generations_tell_which_are_in_use():
    old = support.leaf("api.example.com", key="old")
    state = {
        "example.com": {
            "certificates": [
                {"certificate": support.pem(LEAF)},
                {"certificate": support.pem(old)},
                {"certificate": "<html>"},
                {"certificate": None},
            ]
        }
    }
    found = {one["sha256"]: one for one in fleet.generations([entry()], state)}
    assert found[describe(LEAF).sha256]["current"] is True
    assert found[describe(LEAF).sha256]["hostnames"] == ["app.example.com"]
    assert found[describe(old).sha256]["current"] is False
    assert found[describe(old).sha256]["hostnames"] == []
    assert len(found) == 2
    assert found[describe(LEAF).sha256]["issuer"] == "CN=example.com"


def test_the_gate_is_asked_about_who_serves_what():
    there = {"web1": {"serves": None}, "web2": {"serves": ["other.example.com"]}}
    (asked,) = fleet.for_gate([entry(), entry("unserved.example.com")][:1], there, NOW)
    assert asked["origins"] == ["web1"]
    assert asked["certificate"] == {"status": "active", "days_left": 30.0}
    assert asked["association"] == {"enabled": True, "status": "active"}
    nothing = {"certificate_status": None, "expires_on": None, "association_enabled": None, "association_status": None}
    (asked,) = fleet.for_gate([entry(**nothing)], there, NOW)
    assert asked["certificate"] is None, "one refusal is enough"
    assert asked["association"] == {"enabled": False, "status": "missing"}
    assert fleet.for_gate([entry()], {"web2": there["web2"]}, NOW) == []


def test_each_hostname_gets_canaries_for_all_origins():
    entries = [entry(), entry("other.example.com"), entry()]
    assert fleet.canary_requests(entries, 3) == [
        {"hostname": "app.example.com", "count": 20},
        {"hostname": "other.example.com", "count": 20},
    ]
    assert [one["count"] for one in fleet.canary_requests(entries, 0)] == [4, 4]
    assert [one["count"] for one in fleet.canary_requests(entries, 3, "2")] == [2, 2]
    many = [entry(f"h{number}.example.com") for number in range(1000)]
    assert {one["count"] for one in fleet.canary_requests(many, 2)} == {20}, "20,000 in all"
    assert {one["count"] for one in fleet.canary_requests(many, 10)} == {40}, "but four for each origin"


def test_healthy_origins_are_rarely_missed():
    chance = random.Random(1)
    entries = [entry(f"h{number}.example.com") for number in range(10)]
    (count,) = {one["count"] for one in fleet.canary_requests(entries, 10)}
    missed = sum(
        any(len({chance.randrange(10) for _request in range(count)}) < 10 for _hostname in entries)
        for _run in range(500)
    )
    assert missed <= 15, "one run of a hundred is expected to"


def test_hostnames_that_no_origin_serves():
    zones = [{"name": "example.com", "hostnames": ["App.example.com", "api.example.com."]}]
    hostvars = {"web1": {"aop_serves": ["app.example.com"]}, "web2": {"aop_serves": []}, "web3": {}}
    assert fleet.unserved(zones, hostvars, ["web1", "web2"]) == ["api.example.com"]
    assert fleet.unserved(zones, hostvars, ["web1", "web3"]) == [], "web3 serves everything"
    assert fleet.unserved(zones, hostvars, []) == []


def test_origins_that_did_not_get_there():
    hostvars = {
        "web1": {"aop_stage_begun": "off", "aop_stage_done": "off"},
        "web2": {"aop_stage_begun": "off"},
        "web3": {},
    }
    assert fleet.unfinished(hostvars, ["web1", "web2", "web3"], "off") == ["web2", "web3"]
    assert fleet.unfinished(hostvars, ["web1", "web2", "web3"], "off", "off") == ["web2"]
    assert fleet.unfinished(hostvars, ["web1", "web2", "web3"], "confirmed", "enforce") == [], "another play of the run"


def test_a_time_that_is_none():
    assert fleet.days_left("2028-11-23 06:00:00 +0000 UTC", NOW) is None
    assert fleet.days_left(None, NOW) is None


def test_canary_lines_name_what_no_canary_reached():
    nonces = {"a" * 32: {"hostname": "app.example.com", "verification": "SUCCESS"}}
    there = {
        "web1": {"serves": None, "evidence": {"counts": [], "nonces": nonces}},
        "web2": {"serves": None, "evidence": None},
    }
    (line,) = fleet.canary_lines([entry()], there)
    assert line == "app.example.com: canaries reached web1 (SUCCESS); not web2"
    (line,) = fleet.canary_lines([entry()], {"web2": there["web2"]})
    assert line == "app.example.com: canaries reached no origin; not web2"


def test_origins_that_serve_the_same_are_probed_together(tmp_path):
    hostvars = {
        "web1": {
            "aop_server": "nginx",
            "nginx_result": {"sites": [{"listeners": ["*:8443 ssl"]}], "listeners": ["*:8443 ssl", "*:9443 ssl"]},
        },
        "web2": {"ansible_host": "192.0.2.2"},
        "web3": {"aop_serves": ["app.example.com"], "aop_addresses": ["192.0.2.3", "2001:db8::3"]},
        "web4": {"aop_serves": []},
    }
    leaves = tmp_path / "example.com" / "leaves"
    leaves.mkdir(parents=True)
    for name in ("api.example.com.key", "api.example.com.crt"):
        (leaves / name).write_text("x")
    entries = [entry(), entry("other.example.com", leaf=None)]
    both, one = fleet.probe_groups(entries, hostvars, ["web1", "web2", "web3", "web4"], str(tmp_path))
    assert both["origins"] == [
        {
            "name": "web1",
            "addresses": ["web1"],
            "listeners": ["*:8443 ssl"],
            "other_listeners": ["*:8443 ssl", "*:9443 ssl"],
        },
        {"name": "web2", "addresses": ["192.0.2.2"], "listeners": [], "other_listeners": []},
    ]
    with_leaf = {
        "name": "app.example.com",
        "certificate": str(leaves / "api.example.com.crt"),
        "private_key": str(leaves / "api.example.com.key"),
    }
    assert both["hostnames"] == [with_leaf, {"name": "other.example.com"}]
    assert one["hostnames"] == [with_leaf]
    assert one["origins"][0]["addresses"] == ["192.0.2.3", "2001:db8::3"]


def test_refused_requests_of_the_edge_are_counted():
    counts = [
        count("SUCCESS", 100, refused=2),
        count("NONE", 9, refused=3),
        count("FAILED", 2),
        count("NONE", 7, source="other", refused=7),
    ]
    assert fleet.refused_edge_requests({"counts": counts}) == 5
    assert fleet.refused_edge_requests({}) == 0


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
    assert fleet.new_canary_failures(failed, failed) == [f"app.example.com: HTTP {status} (4 of 4 canaries)"]


def test_canaries_without_an_answer_are_always_new():
    nobody = canaries(404, "no answer: reset", "no answer: reset")
    assert fleet.new_canary_failures(nobody, nobody) == ["app.example.com: no answer: reset (2 of 3 canaries)"]


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
        found = fleet.new_canary_failures(canaries(*after) + others, canaries(*before) + others)
        assert found == [f"app.example.com: {one}" for one in told]


def test_origins_that_answer_canaries_differently_do_not_revert_by_chance():
    chance = random.Random(7)
    asked = [{"name": f"h{number}.example.com"} for number in range(10)]

    def looks(origins):
        for request in fleet.canary_requests(asked, origins):
            answers = [403 if chance.random() < 1 / origins else 404 for _ in range(request["count"])]
            yield from canaries(*answers, hostname=request["hostname"])

    for origins in (2, 3, 10):
        new = sum(bool(fleet.new_canary_failures(list(looks(origins)), list(looks(origins)))) for _round in range(100))
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
    found = fleet.new_canary_failures(after, before, evidences)
    assert found == ([f"app.example.com: HTTP {status} (2 of 4 canaries)"] if told else [])
    if status != known:
        assert fleet.new_canary_failures(after, before), "without evidence"


def test_a_canary_that_one_origin_let_in_and_another_refused_has_failed():
    after = [dict(one, nonce="0") for one in canaries(400)]
    evidences = [{"nonces": {"0": ARRIVED}}, {"nonces": {"0": {**ARRIVED, "refused": True}}}]
    for seen in (evidences, evidences[::-1]):
        assert fleet.new_canary_failures(after, canaries(404), seen) == ["app.example.com: HTTP 400 (1 of 1 canaries)"]


def test_evidence_that_does_not_say_whether_it_was_refused_excuses_nothing():
    after = [dict(one, nonce="0") for one in canaries(400)]
    old = {name: ARRIVED[name] for name in ("hostname", "source", "verification", "certificate")}
    assert fleet.new_canary_failures(after, canaries(404), [{"nonces": {"0": old}}])


def test_canaries_that_were_not_sent_have_not_failed():
    assert fleet.new_canary_failures([], canaries(403)) == []


def verdict(*codes, origin="web1"):
    return {
        "hostname": "app.example.com",
        "origin": origin,
        "refusals": [{"code": code} for code in codes],
        "message": f"{origin}: {', '.join(codes)}",
    }


def test_what_the_gate_refused_before_is_not_new():
    before = [verdict("direct_callers", "evidence_not_trusted"), verdict("foreign_certificate", origin="web2")]
    assert fleet.new_refusals([verdict(), verdict("evidence_not_trusted")], before) == []
    worse = verdict("evidence_not_trusted", "foreign_certificate")
    assert fleet.new_refusals([worse], before) == [worse["message"]]
    assert fleet.new_refusals([verdict("canary_failed", origin="web3")], before) == ["web3: canary_failed"]
    assert fleet.new_refusals([worse], []) == [worse["message"]]


@pytest.mark.parametrize("code", ["no_evidence", "log_missing", "evidence_missing"])
def test_an_origin_of_which_nothing_is_seen_is_always_new_where_canaries_were_sent(code):
    blind = [verdict(code)]
    assert fleet.new_refusals(blind, blind) == [f"web1: {code}"]
    assert fleet.new_refusals(blind, blind, canaries=False) == []
    assert fleet.new_refusals(blind, [verdict()], canaries=False) == [f"web1: {code}"]


def test_a_hole_is_one_line():
    hole = {
        "code": "plain_http",
        "hostname": "app.example.com",
        "origin": "web1",
        "listener": "192.0.2.1:80/plain",
        "variant": "plain",
        "evidence": "200",
        "remedy": "Redirect.",
    }
    assert fleet.hole_line(hole) == "[plain_http] app.example.com on web1, 192.0.2.1:80/plain: plain: 200. Redirect."
