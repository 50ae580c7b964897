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
            "common_result": {
                "sites": [{"hostname": "x", "listeners": ["*:8443 ssl"]}],
                "listeners": ["*:8443 ssl", "*:9443 ssl"],
            },
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
    assert both["hostnames"] == [dict(with_leaf, alike=""), {"name": "other.example.com", "alike": ""}]
    assert one["hostnames"] == [dict(with_leaf, alike="")]
    assert one["origins"][0]["addresses"] == ["192.0.2.3", "2001:db8::3"]


@pytest.mark.parametrize(
    "facts", [lambda sites: {"common_result": {"sites": sites}}, lambda sites: {"common_sites": {"sites": sites}}]
)
@pytest.mark.parametrize(
    ("change", "alike"),
    [({}, True), ({"line": 4}, False), ({"trusts_after": ["cd"]}, False), ({"stage_after": "log_only"}, False)],
)
def test_hostnames_of_one_block_with_one_policy_are_alike(facts, change, alike, tmp_path):
    site = {
        "file": "/etc/nginx/a",
        "line": 3,
        "listeners": ["*:443 ssl"],
        "stage_after": "enforce",
        "trusts_after": ["ab"],
    }
    names = ("app.example.com", "b.example.com")
    sites = [dict(site, hostname=names[0]), dict(site, hostname=names[1])]
    other = [sites[0], dict(sites[1], **change)]
    hostvars = {"web1": {"aop_server": "nginx", **facts(sites)}, "web2": {"aop_server": "nginx", **facts(other)}}
    (group,) = fleet.probe_groups([entry(names[0]), entry(names[1])], hostvars, ["web1", "web2"], str(tmp_path))
    first, second = (one["alike"] for one in group["hostnames"])
    assert (first == second, bool(first and second)) == (alike, True)
    zoned = dict(entry(names[1]), zone="example.org")
    (group,) = fleet.probe_groups([entry(names[0]), zoned], hostvars, ["web1", "web2"], str(tmp_path))
    assert len({one["alike"] for one in group["hostnames"]}) == 2


def test_refused_requests_of_the_edge_are_counted():
    counts = [
        count("SUCCESS", 100, refused=2),
        count("NONE", 9, refused=3),
        count("FAILED", 2),
        count("NONE", 7, source="other", refused=7),
    ]
    assert fleet.refused_edge_requests({"counts": counts}) == 5
    assert fleet.refused_edge_requests({}) == 0


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


def test_canaries_that_failed_are_told_by_reason():
    failed = [{"hostname": f"h{number}.test", "error": "HTTP 520"} for number in range(7) for _again in range(4)]
    mixed = [{"hostname": "m.test", "error": ""}, {"hostname": "m.test", "error": "HTTP 525"}]
    lines = fleet.canary_failures([*failed, *mixed])
    assert lines == [
        "HTTP 520: h0.test (4 of 4), h1.test (4 of 4), h2.test (4 of 4), h3.test (4 of 4), h4.test (4 of 4) and 2 more "
        "hostnames",
        "HTTP 525: m.test (1 of 2)",
    ]
    assert len(fleet.canary_failures([*failed, *mixed], lost=True)) == 1
    assert fleet.canary_failures(mixed, lost=True) == []
