# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hostname_certificate and its twin, from bad arguments to deletion."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Control

from .pki import authority, leaf
from .play import play


def test_recipe(sandbox: Control) -> None:
    one, two = leaf("app.example.com"), leaf("api.example.com")
    first = {"certificate": one.certificate, "private_key": one.key}
    second = {"certificate": two.certificate.rstrip(), "private_key": two.key}
    ran = play(
        sandbox,
        {"hostname_certificate": {"state": "present"}},
        {"hostname_certificate": {"certificate": authority().pem.decode(), "private_key": one.key}},
        {"hostname_certificate": {"certificate": one.certificate, "private_key": two.key}},
        {"hostname_certificate": first, "check_mode": True},
        {"hostname_certificate_info": {}},
        {"hostname_certificate": first},
        {"hostname_certificate": first},
        {"hostname_certificate": {"certificates": [first, second]}, "check_mode": True},
        {"hostname_certificate": {"certificates": [first, second]}},
        {"hostname_certificate": {"certificates": [first, second]}},
        {"hostname_certificate_info": {}},
    )
    bad, ca, foreign, check, empty, made, again, more_check, more, more_again, info = ran.results
    assert "certificate is missing" in bad["msg"]
    assert "only leaf certificates (code 1412)" in ca["msg"]
    assert "private key does not belong" in foreign["msg"]
    assert (check["changed"], check["certificates"][0]["id"]) == (True, None)
    assert empty["certificates"] == []
    assert made["changed"]
    assert made["certificates"][0]["status"] == "active"
    assert made["certificates"][0]["action"] == "created"
    assert made["diff"] == check["diff"]
    assert made["zone"] == {"id": sandbox.zone_id, "name": "example.com", "account_id": sandbox.account_id}
    for field in ("sha256", "serial_number", "expires_on", "certificate"):
        assert made["certificates"][0][field] == check["certificates"][0][field], field
    assert "hostname_certificate: 1 of 1 certificates active after" in ran.output
    assert not again["changed"]
    assert again["certificates"][0]["id"] == made["certificates"][0]["id"]
    assert again["api_calls"] == 2
    assert more_check["diff"] == more["diff"]
    assert [one["action"] for one in more["certificates"]] == ["unchanged", "created"]
    assert not more_again["changed"]
    assert len(info["certificates"]) == 2

    ids = [one["id"] for one in more["certificates"]]
    host = {"hostnames": ["app.example.com"], "certificate_id": ids[0]}
    sandbox.config(void_seconds=20)
    ran = play(
        sandbox,
        {"hostname_association": host},
        {"hostname_certificate": {"certificate_id": ids[0], "state": "absent", "wait_timeout": 5}},
        {"hostname_association": {"hostnames": ["app.example.com"], "state": "absent"}},
        {"hostname_certificate": {"certificate_id": ids[0], "state": "absent"}, "check_mode": True},
        {"hostname_certificate": {"certificate_id": ids[0], "state": "absent"}},
        {"hostname_certificate": {"certificate_id": ids[0], "state": "absent"}},
        {"hostname_certificate": {"certificate": two.certificate, "state": "absent"}},
        {"hostname_certificate_info": {"certificate_ids": ids}},
    )
    _made, used, _void, check, gone, gone_again, by_content, tombstones = ran.results
    assert "in use by app.example.com (code 1433, Ray ID" in used["msg"]
    assert "state=absent" in used["msg"]
    assert used["in_use_by"] == ["app.example.com"]
    assert check["changed"]
    assert gone["changed"]
    assert gone["diff"] == check["diff"]
    assert not gone_again["changed"]
    assert by_content["changed"]
    assert {one["status"] for one in tombstones["certificates"]} <= {"pending_deletion", "deleted"}


def test_no_secret_is_shown(sandbox: Control) -> None:
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    ran = play(
        sandbox,
        {"hostname_certificate": given},
        {"hostname_certificate": dict(given, zone="missing.example")},
        {"hostname_certificate": {"certificates": [given]}},
        verbosity=4,
    )
    assert ran.results[0]["changed"]
    secret_lines = [line for line in pair.key.splitlines() if line and "PRIVATE KEY" not in line]
    assert not [line for line in secret_lines if line in ran.output]
    assert sandbox.token not in ran.output
    assert not [line for line in secret_lines if line in str(ran.results)]


def test_ten_in_one_task(sandbox: Control) -> None:
    pairs = [leaf(f"h{number}.example.com") for number in range(11)]
    listed = [{"certificate": pair.certificate, "private_key": pair.key} for pair in pairs]
    sandbox.codes(quota={"code": 1499})
    ran = play(
        sandbox,
        {"hostname_certificate": {"certificates": listed[:10], "zone": sandbox.zone_id}},
        {"hostname_certificate": {"certificates": listed[10:]}},
    )
    ten, eleventh = ran.results
    assert ten["changed"]
    operations = [entry["operation"] for entry in sandbox.journal()]
    assert operations[:11] == ["H2"] + ["H1"] * 10
    assert operations[11:].count("H1") == 1
    assert ten["api_calls"] <= 18
    assert "code 1499" in eleventh["msg"]
    assert "had 10 hostname certificates already, and Cloudflare allows 10 unless it raised that" in eleventh["msg"]


def test_timeout_tells_what_is_pending_and_a_rerun_goes_on(sandbox: Control) -> None:
    sandbox.config(certificate_deploy_seconds=60)
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    ran = play(
        sandbox,
        {"hostname_certificate": dict(given, wait_timeout=2)},
        {"hostname_certificate": given},
    )
    late, rerun = ran.results
    assert late["failed"]
    assert late["timed_out"]
    assert late["changed"]
    assert "1 of 1 certificates are not active after 2 s" in late["msg"]
    assert "pending_deployment" in late["msg"]
    assert late["pending"][0]["status"] == "pending_deployment"
    assert (rerun["changed"], rerun["certificates"][0]["status"]) == (False, "active")
    assert [entry["operation"] for entry in sandbox.journal(writes=True)] == ["H1"]


def test_failed_deployment_ends_the_wait_at_once(sandbox: Control) -> None:
    sandbox.config(certificate_outcome="deployment_timed_out")
    pair = leaf()
    ran = play(sandbox, {"hostname_certificate": {"certificate": pair.certificate, "private_key": pair.key}})
    assert "deployment_timed_out" in ran.last["msg"]
    assert not ran.last["timed_out"]


def test_lost_answers_make_no_second_certificate(sandbox: Control) -> None:
    sandbox.config(list_lag_seconds=15)
    pair, other = leaf(), leaf()
    sandbox.fault("reset_after", operation="H1")
    sandbox.fault({"type": "status", "status": 503}, operation="H1", skip=1)
    ran = play(
        sandbox,
        {"hostname_certificate": {"certificate": pair.certificate, "private_key": pair.key}},
        {"hostname_certificate": {"certificate": other.certificate, "private_key": other.key}},
        {"hostname_certificate_info": {}},
    )
    lost, refused, info = ran.results
    assert (lost["changed"], lost["certificates"][0]["action"]) == (True, "adopted")
    assert refused["changed"]
    assert len(info["certificates"]) == 2


def test_list_lag_over_two_runs(sandbox: Control) -> None:
    sandbox.config(list_lag_seconds=40)
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key, "wait": False}
    ran = play(sandbox, {"hostname_certificate": given}, {"hostname_certificate": given})
    first, second = ran.results
    assert (second["changed"], second["certificates"][0]["action"]) == (False, "adopted")
    assert second["certificates"][0]["id"] == first["certificates"][0]["id"]


def test_upload_while_the_earlier_copy_is_being_deleted(sandbox: Control) -> None:
    sandbox.config(certificate_delete_seconds=30)
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    ran = play(
        sandbox,
        {"hostname_certificate": given},
        {"hostname_certificate": dict(given, state="absent")},
        {"hostname_certificate": given},
    )
    assert [result["changed"] for result in ran.results] == [True, True, True]
    assert ran.last["certificates"][0]["status"] == "active"


def test_delete_while_deploying_is_waited_for(sandbox: Control) -> None:
    sandbox.config(certificate_deploy_seconds=30)
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    ran = play(
        sandbox,
        {"hostname_certificate": dict(given, wait=False)},
        {"hostname_certificate": dict(given, state="absent", wait_timeout=1)},
        {"hostname_certificate": dict(given, state="absent")},
    )
    _made, late, gone = ran.results
    assert "code 1434" in late["msg"]
    assert gone["changed"]


@pytest.mark.parametrize("frees", [False, True])
def test_associate_suppress_void_and_delete_at_once(sandbox: Control, frees: bool) -> None:
    sandbox.config(void_frees_certificate=frees, void_seconds=20)
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    made = play(sandbox, {"hostname_certificate": given}).last["certificates"][0]["id"]
    mine = {"hostnames": ["app.example.com"], "certificate_id": made}
    ran = play(
        sandbox,
        {"hostname_association": mine},
        {"hostname_association": dict(mine, enabled=False)},
        {"hostname_certificate": {"certificate_id": made, "state": "absent"}},
        {"hostname_association": {"hostnames": ["app.example.com"], "state": "absent", "wait": False}},
        {"hostname_certificate": {"certificate_id": made, "state": "absent"}},
        {"hostname_association_info": {"hostnames": ["app.example.com"]}},
        {"hostname_certificate_info": {}},
    )
    on, off, early, voided, gone, after, left = ran.results
    assert (on["changed"], off["changed"], voided["changed"], gone["changed"]) == (True, True, True, True), ran.output
    assert early["in_use_by"] == ["app.example.com"]
    assert after["not_associated"] == ["app.example.com"]
    assert left["certificates"] == []
    refused = [entry for entry in sandbox.journal(writes=True) if entry["operation"] == "H4" and entry["status"] == 400]
    assert (len(refused) > 1) is not frees, "before the void; and while it settles"


def test_other_shapes_and_credentials(sandbox: Control) -> None:
    sandbox.config(id_style="uuid", signature_style="SHA256-RSA", issuer_order="cn_first")
    reader = sandbox.add_token("SSL and Certificates Read", "Zone Read")
    blind = sandbox.add_token("Zone Settings Read")
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    ran = play(
        sandbox,
        {"hostname_certificate": dict(given, api_token=reader)},
        {"hostname_certificate": dict(given, api_token="bad-token")},
        {"hostname_certificate_info": {"zone": sandbox.zone_id, "api_token": blind}},
        {"hostname_certificate_info": {"zone": "exampel.com"}},
        {"hostname_certificate": given},
        {"hostname_certificate": given},
        {"hostname_certificate_info": {}},
    )
    read_only, bad, unseen, typo, made, again, info = ran.results
    assert "lacks the permission 'SSL and Certificates Write'" in read_only["msg"]
    assert "Ray ID" in read_only["msg"]
    assert read_only["missing_permission"] == "SSL and Certificates Write"
    assert bad["failed"]
    assert "SSL and Certificates Read" in unseen["msg"]
    assert "zone exampel.com was not found" in typo["msg"]
    assert "Zone Read" in typo["msg"]
    assert len(made["certificates"][0]["id"]) == 36
    assert not again["changed"]
    assert info["certificates"][0]["signature"] == "ECDSA-SHA256"
