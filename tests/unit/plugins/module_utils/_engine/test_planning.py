# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller brings together for a fleet and for Cloudflare."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import (
    associations,
    certificates,
    findings,
    survey,
)
from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet, planning
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import describe
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

NOW = datetime.now(timezone.utc)
ZONE = {"name": "example.com", "hostnames": ["APP.example.com.", "api.example.com"]}
CA = support.pem(support.root())
LEAF = support.leaf("api.example.com")
STRANGER = support.certificate("api.example.com", support.ec_key("stranger"))


def held(certificate=LEAF, certificate_status="active", **association):
    entry = {
        "id": "1",
        "sha256": describe(certificate).sha256,
        "status": certificate_status,
        "certificate": support.pem(certificate),
        "serial_number": "5",
        "expires_on": "2028-01-01T00:00:00Z",
    }
    used = {"hostname": "app.example.com", "certificate_id": "1", "enabled": True, "status": "active", **association}
    return {"id": "z", "certificates": [entry], "associations": [used]}


CA_PATH = "/pki/example.com/ca.crt"


def plan(names, state, ca=CA, **options):
    return planning.plan_zone(
        names, "example.com", CA_PATH, ca, state["certificates"], state["associations"], **options
    )


def leaves(found):
    return [(leaf["name"], leaf["hostnames"]) for leaf in found["leaves"]]


def a_leaf(path):
    path.write_text(support.pem(LEAF))
    leaf = {"name": "api.example.com", "hostnames": ["api.example.com", "app.example.com"]}
    made = {"certificate": None, "path": str(path), "privatekey_path": "/k"}
    return [planning.leaf_entry("example.com", leaf, made)]


def test_a_hostname_stays_on_the_leaf_that_serves_it():
    found = plan(["aaa.example.com", "app.example.com"], held())
    assert leaves(found) == [("api.example.com", ["aaa.example.com", "app.example.com"])]
    assert found["leaves"][0]["held"]["id"] == "1"
    assert found["problem"] == ""


def test_a_certificate_of_another_ca_is_foreign():
    found = plan(["app.example.com"], held(STRANGER))
    assert found["problem"].startswith("Certificates that our CA did not issue serve these hostnames of example.com")
    assert "app.example.com" in found["problem"]
    assert plan(["app.example.com"], held(STRANGER), take_over=True)["problem"] == ""


LOST = support.certificate("api.example.com", support.ec_key("x"), support.root(key="lost"), support.ec_key("lost"))


@pytest.mark.parametrize("ca", ["", CA], ids=["lost", "another one"])
def test_a_lost_ca_is_called_by_its_name_before_anything_is_made(ca):
    found = plan(["app.example.com"], held(LOST), ca)
    assert found["problem"].startswith("The certificates that the edge presents for app.example.com were issued by")
    assert CA_PATH in found["problem"]
    assert "Nothing was made or changed. Restore the PKI directory" in found["problem"]


def test_a_ca_that_cannot_be_read_is_named():
    with pytest.raises(PkiError, match=r"client CA of example.com \(/pki/example.com/ca.crt\)"):
        plan(["app.example.com"], held(), "<html>")


def test_a_lost_ca_shows_by_certificates_that_nothing_uses():
    unused = {**held(LOST), "associations": []}
    found = plan(["api.example.com"], unused, "")
    assert found["problem"].startswith("Cloudflare holds client certificates that a client CA of example.com issued")
    assert plan(["api.example.com"], unused)["problem"] == "", "our CA is here"
    assert plan(["app.example.com"], unused, "")["problem"] == "", "it was for another hostname"


def test_a_leaf_that_cloudflare_holds_needs_no_files(tmp_path):
    (leaf,) = plan(["app.example.com"], held())["leaves"]
    path = str(tmp_path / "api.example.com.crt")
    assert not planning.needs_files(leaf, path, 30, NOW)
    assert planning.needs_files(leaf, path, 36500, NOW), "it is due"
    assert planning.needs_files({**leaf, "held": None}, path, 30, NOW)
    added = planning.leaf_entry("example.com", leaf, {})
    assert (added["path"], added["sha256"]) == ("", describe(LEAF).sha256)
    assert planning.wanted_at_cloudflare([added], "example.com", held()) == {"uploads": [], "associations": []}
    pending = held(certificate_status="pending_deployment")
    assert planning.wanted_at_cloudflare([added], "example.com", pending)["uploads"] == [], "there is no key to upload"


def test_an_older_file_does_not_take_the_place_of_what_cloudflare_holds(tmp_path):
    newer = support.leaf("api.example.com", start=0)
    (leaf,) = plan(["app.example.com"], held(newer))["leaves"]
    path = tmp_path / "api.example.com.crt"
    path.write_text(support.pem(LEAF))
    made = {"certificate": None, "path": str(path), "privatekey_path": "/k"}
    added = planning.leaf_entry("example.com", leaf, made)
    assert (added["path"], added["sha256"]) == ("", describe(newer).sha256)


def test_a_deleted_certificate_places_nothing():
    found = plan(["app.example.com"], held(certificate_status="deleted"))
    assert leaves(found) == [("app.example.com", ["app.example.com"])]


def test_a_deletion_that_timed_out_counts_for_the_planner_as_for_the_preflight():
    there = [{"id": str(number), "status": "active", "certificate": None} for number in range(9)]
    there.append({"id": "9", "status": "deletion_timed_out", "certificate": support.pem(LEAF)})
    used = [{"hostname": "api.example.com", "certificate_id": "9", "enabled": True}]
    found = plan(["app.example.com"], {"certificates": there, "associations": used})
    assert found["problem"] == ""
    assert "uses all 10" in found["warnings"][0]
    assert leaves(found) == [("app.example.com", ["app.example.com"])]
    seen = survey.Survey(
        certificates=[certificates.parse_certificate(entry) for entry in there],
        associations=associations.Reading({}, {}, complete=True),
        looked_at=["app.example.com"],
    )
    ask = findings.Plan(["app.example.com"], [], 1, [], 14, datetime.now(timezone.utc))
    (told,) = findings.judge(seen, ask)
    assert told.code == "certificate_headroom"
    assert "9 hostname certificates, and 1 more" in told.message


@pytest.mark.parametrize("limits", [(0, 100), (10, 0), (-1, 100)])
def test_limits_below_one_are_refused(limits):
    state = held()
    with pytest.raises(PkiError, match="must be 1 or more"):
        planning.plan_zone(["b.example.com"], "example.com", CA_PATH, CA, state["certificates"], [], *limits)


def test_a_certificate_that_is_gone_is_nobodys():
    assert plan(["app.example.com"], held(STRANGER, certificate_status="deleted"))["problem"] == ""
    told = held(STRANGER, certificate_status="deleted")
    told["certificates"] = []
    told["associations"][0]["certificate_status"] = "deleted"
    assert plan(["app.example.com"], told)["problem"] == ""
    told["associations"][0]["certificate_status"] = None
    assert plan(["app.example.com"], told)["problem"]


@pytest.mark.parametrize("unread", ["certificates", "associations"])
def test_what_could_not_be_read_is_not_nothing(unread):
    with pytest.raises(PkiError, match=f"{unread} of example.com could not be read at Cloudflare"):
        plan(["app.example.com"], {**held(), unread: None})


def test_our_leaves_that_nothing_uses_are_counted():
    state = held()
    state["associations"] = []
    found = planning.plan_zone(["b.example.com"], "example.com", CA_PATH, CA, state["certificates"], [], 1)
    assert "would need 2" in found["problem"]


def test_a_void_association_is_not_foreign():
    assert plan(["app.example.com"], held(STRANGER, enabled=None))["problem"] == ""


def test_a_certificate_that_cannot_be_read_counts_as_somebody_elses():
    state = held()
    state["certificates"][0]["certificate"] = "<html>"
    assert plan(["app.example.com"], state)["problem"]


def test_protections_hold_the_coming_certificate_and_the_present_one(tmp_path):
    coming = support.leaf("api.example.com", key="next")
    leaves = [{"hostnames": ["app.example.com"], "certificate": support.pem(coming)}]
    entries = planning.protections([ZONE], {"example.com": held()}, {"example.com": CA}, leaves)
    assert [entry["name"] for entry in entries] == ["api.example.com", "app.example.com"]
    app = entries[1]
    assert app["certificate"] == support.pem(coming) + support.pem(LEAF)
    assert app["sha256"] == describe(LEAF).sha256
    assert app["association_enabled"] is True
    assert entries[0]["certificate"] == ""
    assert entries[0]["association_enabled"] is None


def test_the_same_certificate_is_not_given_twice():
    leaves = [{"hostnames": ["app.example.com"], "certificate": support.pem(LEAF)}]
    entries = planning.protections([ZONE], {"example.com": held()}, {"example.com": CA}, leaves)
    assert entries[1]["certificate"] == support.pem(LEAF)


def test_an_origin_gets_what_it_serves():
    entries = planning.protections([ZONE], {}, {"example.com": CA})
    assert [one["name"] for one in fleet.for_origin(entries, "enforce")] == ["api.example.com", "app.example.com"]
    served = fleet.for_origin(entries, "enforce", ["App.example.com."])
    assert served == [{"name": "app.example.com", "stage": "enforce", "trust_bundle": CA, "certificate": ""}]


def test_where_check_mode_would_renew_the_present_certificate_stands_in(tmp_path):
    leaf = a_leaf(tmp_path / "leaf.crt")[0]
    assert leaf["certificate"] == support.pem(LEAF)
    assert leaf["sha256"] == describe(LEAF).sha256


def test_nothing_is_left_to_do_where_all_is_active(tmp_path):
    leaves = a_leaf(tmp_path / "leaf.crt")
    leaves[0]["hostnames"] = ["app.example.com"]
    assert planning.wanted_at_cloudflare(leaves, "example.com", held()) == {"uploads": [], "associations": []}
    assert planning.wanted_at_cloudflare(leaves, "other.example", {}) == {"uploads": [], "associations": []}


def test_a_hostname_that_is_suppressed_or_not_active_is_associated_again(tmp_path):
    leaves = a_leaf(tmp_path / "leaf.crt")
    for difference in ({"enabled": False}, {"status": "pending_deployment"}, {"certificate_id": "2"}):
        wanted = planning.wanted_at_cloudflare(leaves, "example.com", held(**difference))
        assert [one["hostname"] for one in wanted["associations"]] == ["api.example.com", "app.example.com"]


def test_what_is_to_be_uploaded_has_no_id_yet(tmp_path):
    leaves = a_leaf(tmp_path / "leaf.crt")
    wanted = planning.wanted_at_cloudflare(leaves, "example.com", {})
    assert [(one["path"], one["privatekey_path"]) for one in wanted["uploads"]] == [(leaves[0]["path"], "/k")]
    assert wanted["associations"][0] == {
        "hostname": "api.example.com",
        "sha256": leaves[0]["sha256"],
        "certificate_id": None,
        "before": None,
    }
    there = planning.wanted_at_cloudflare(leaves, "example.com", held(enabled=False))["associations"][1]
    assert there["certificate_id"] == "1"
    assert there["before"]["enabled"] is False
