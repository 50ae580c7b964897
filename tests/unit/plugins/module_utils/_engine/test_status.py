# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that people read."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet, status

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
ENTRY = {
    "name": "app.example.com",
    "zone": "example.com",
    "sha256": "ab" * 32,
    "certificate_status": "active",
    "expires_on": "2027-11-24T00:00:00Z",
    "association_enabled": True,
    "association_status": "active",
}


def site(stage, hostname="app.example.com"):
    return {"hostname": hostname, "stage_after": stage}


def one(stage="enforce", **changes):
    (row,) = status.rows([{**ENTRY, **changes}], {"web1": {"sites": [site(stage)] if stage else []}}, NOW)
    return row


def test_all_is_well():
    row = one()
    assert (row["stage"], row["edge"], row["days_left"], row["attention"]) == ("enforce", "presents", 365.0, [])


@pytest.mark.parametrize(
    ("changes", "edge"),
    [
        ({"association_enabled": None}, "nothing"),
        ({"association_enabled": False}, "suppressed"),
        ({"association_status": "pending_deployment"}, "pending"),
        ({"certificate_status": "deleted"}, "pending"),
    ],
)
def test_enforced_without_an_edge_that_presents_needs_attention(changes, edge):
    row = one(**changes)
    assert row["edge"] == edge
    assert "run rollback" in row["attention"][0]
    assert one("log_only", **changes)["attention"] == []


def test_what_was_protected_and_is_open_needs_attention():
    lost = [{"hostname": "app.example.com", "stage": "enforce", "files": ["/etc/nginx/aop/app.example.com.conf"]}]
    (row,) = status.rows([ENTRY], {"web1": {"sites": [], "lost": lost}}, NOW)
    assert row["stage"] == "off"
    assert row["attention"][0].startswith("was protected (enforce), is open")
    (row,) = status.rows([{**ENTRY, "name": "api.example.com"}], {"web1": {"sites": [], "lost": lost}}, NOW)
    assert row["attention"] == ["open, although the edge presents a certificate: run onboard"]
    assert one(None, association_enabled=None)["attention"] == []


def test_expiry_needs_attention_where_a_certificate_is_asked_for():
    soon = {"expires_on": "2026-12-01T00:00:00Z"}
    assert one(**soon)["attention"] == ["the client certificate expires in 7 days: run onboard to renew it"]
    assert one(expires_on="2026-11-01T00:00:00Z")["attention"] == ["the client certificate has expired"]
    assert one(None, association_enabled=None, **soon)["attention"] == []


def test_stages_that_differ_between_listeners_are_mixed():
    origins = {"web1": {"sites": [site("enforce"), site("log_only")]}}
    (row,) = status.rows([ENTRY], origins, NOW)
    assert row["stage"] == "mixed"
    assert row["attention"]


def test_an_origin_that_cannot_be_read_is_unknown_and_only_served_hostnames_are_listed():
    origins = {"web1": {"sites": None}, "web2": {"sites": [], "serves": ["other.example.com"]}}
    (row,) = status.rows([ENTRY], origins, NOW)
    assert (row["origin"], row["stage"], row["attention"]) == ("web1", "unknown", ["the origin could not be read"])


def test_origins_are_taken_from_what_the_plays_left():
    facts = {"common_sites": {"sites": [1], "lost": [2]}, "aop_serves": ["A.example.com."]}
    left = {"web1": facts, "web2": {}}
    assert fleet.origins(left, ["web1", "web2"]) == {
        "web1": {"serves": ["a.example.com"], "sites": [1], "lost": [2], "last_bad": {}, "evidence": None},
        "web2": {"serves": None, "sites": None, "lost": None, "last_bad": {}, "evidence": None},
    }


def test_the_table_is_aligned_and_short():
    lines = status.table([one(), {**one(), "hostname": "a.example.com", "last_bad_request": "10:00 NONE"}])
    assert lines[0].split("  ")[0] == "hostname"
    assert "abababababab " in lines[1]
    assert "ababababababa" not in lines[1]
    assert lines[1].index("web1") == lines[2].index("web1")
    assert lines[2].rstrip().endswith("-")
