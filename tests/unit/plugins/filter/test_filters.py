# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as templates call them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.filter import leaf_plan, protections
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support


def test_leaf_plan_normalises_hostnames():
    plan = leaf_plan.leaf_plan(
        ["B.example.com.", "a.example.com", "b.example.com"],
        zone="example.com",
        ca_path="/pki/ca.crt",
        ca_certificate=support.pem(support.root()),
        certificates=[],
        associations=[],
    )
    assert plan["leaves"] == [{"name": "a.example.com", "hostnames": ["a.example.com", "b.example.com"], "held": None}]


def test_leaf_plan_names_a_ca_that_cannot_be_read():
    given = {"zone": "example.com", "ca_path": "/pki/ca.crt", "certificates": [], "associations": []}
    problem = leaf_plan.leaf_plan([], ca_certificate="<html>", **given)["problem"]
    assert "client CA of example.com (/pki/ca.crt)" in problem


def test_an_unknown_server_is_named_with_the_known_ones():
    filters = protections.FilterModule().filters()
    assert filters["known_server"]("nginx") == "nginx"
    with pytest.raises(AnsibleFilterError, match=r"aop_server is 'iis', which is none of apache, nginx"):
        filters["known_server"]("iis")


def test_what_an_override_accepted_is_told_apart_from_what_is_new():
    filters = protections.FilterModule().filters()
    seen = [{"hostname": "a.test", "origin": "web1", "refusals": [{"code": "no_evidence"}], "message": "nobody came"}]
    assert filters["new_refusals"](seen, seen, canaries=True) == ["nobody came"]
    assert filters["new_refusals"](seen, seen, canaries=False) == []
    failed = [{"hostname": "a.test", "status": 525, "error": "HTTP 525: x"}] * 4
    assert filters["new_canary_failures"](failed, failed) == ["a.test: HTTP 525: x (4 of 4 canaries)"]
    assert filters["new_canary_failures"](failed, failed, [{}]) == ["a.test: HTTP 525: x (4 of 4 canaries)"]
