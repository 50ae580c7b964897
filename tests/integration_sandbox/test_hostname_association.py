# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hostname_association and its twin, from bad arguments to voids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Control

from .pki import leaf
from .play import play


def upload(sandbox: Control, count: int = 1) -> list[str]:
    """Certificates in the zone, without the modules; returns their ids."""
    ids = []
    for number in range(count):
        pair = leaf(f"leaf{number}.example.com")
        body = {"certificate": pair.certificate, "private_key": pair.key}
        status, answer = sandbox.api("POST", _path(sandbox) + "/certificates", body)
        assert status == 200, answer
        ids.append(answer["result"]["id"])
    return ids


def associate(sandbox: Control, *entries: dict[str, Any]) -> None:
    """Associations without the modules."""
    status, answer = sandbox.api("PUT", _path(sandbox), {"config": list(entries)})
    assert status == 200, answer


def _path(sandbox: Control) -> str:
    return f"/zones/{sandbox.zone_id}/origin_tls_client_auth/hostnames"


def test_recipe(sandbox: Control) -> None:
    one, two = upload(sandbox, 2)
    names = ["app.example.com", "API.example.com.", "bücher.example.com"]
    made = {"hostnames": names, "certificate_id": one}
    moved = {"associations": [{"hostname": "app.example.com", "certificate_id": two}]}
    ran = play(
        sandbox,
        {"hostname_association": {"certificate_id": one}},
        {"hostname_association": {"hostnames": ["not a name"], "certificate_id": one}},
        {
            "hostname_association": {
                "hostnames": ["a.example.com", "A.example.com"],
                "associations": [{"hostname": "a.example.com"}],
                "certificate_id": one,
            }
        },
        {"hostname_association": {"hostnames": ["new.example.com"]}},
        {"hostname_association": dict(made, certificate_id=None), "check_mode": True},
        {"hostname_association": made, "check_mode": True},
        {"hostname_association_info": {}},
        {"hostname_association": made},
        {"hostname_association": made},
        {"hostname_association": moved, "check_mode": True},
        {"hostname_association": moved},
        {"hostname_association": moved},
        {"hostname_association_info": {"hostnames": ["app.example.com", "none.example.com"]}},
    )
    nothing, name, twice, no_id, unknown, check, empty, done, again, move_check, move, move_again, info = ran.results
    assert "one of the following is required: hostnames, associations" in nothing["msg"]
    assert "'not a name' is not a hostname" in name["msg"]
    assert "more than once: a.example.com" in twice["msg"]
    assert "no certificate_id was given" in no_id["msg"]
    assert unknown["changed"], "in check mode the id of a certificate to be uploaded is not known"
    assert check["changed"]
    assert empty["associations"] == []
    assert done["changed"]
    assert done["diff"] == check["diff"]
    assert [row["hostname"] for row in done["associations"]] == [
        "app.example.com",
        "api.example.com",
        "xn--bcher-kva.example.com",
    ]
    assert {row["status"] for row in done["associations"]} == {"active"}
    assert {row["enabled"] for row in done["associations"]} == {True}
    assert done["associations"][0]["before"] is None
    assert "hostname_association: 3 of 3 associations active after" in ran.output
    assert not again["changed"]
    assert again["api_calls"] == 2
    assert (
        move["diff"]
        == move_check["diff"]
        == {
            "before": {"associations": {"app.example.com": {"certificate_id": one, "enabled": True}}},
            "after": {"associations": {"app.example.com": {"certificate_id": two, "enabled": True}}},
        }
    )
    assert not move_again["changed"]
    assert [row["certificate_id"] for row in info["associations"]] == [two]
    assert info["not_associated"] == ["none.example.com"]

    off = {"hostnames": ["app.example.com"], "enabled": False}
    void = {"hostnames": names, "state": "absent"}
    sandbox.config(void_seconds=300)
    ran = play(
        sandbox,
        {"hostname_association": off},
        {"hostname_association": off},
        {"hostname_association": moved},
        {"hostname_association": void, "check_mode": True},
        {"hostname_association": void},
        {"hostname_association": void},
        {"hostname_association_info": {"hostnames": names}},
    )
    suppressed, again, kept, check, voided, void_again, info = ran.results
    assert suppressed["changed"]
    assert suppressed["associations"][0]["enabled"] is False
    assert not again["changed"]
    assert not kept["changed"], "omitted means untouched"
    assert check["diff"] == voided["diff"]
    assert voided["changed"]
    assert [row["certificate_id"] for row in voided["associations"]] == [None] * 3
    assert not void_again["changed"], "a void that settles is a void"
    assert len(info["not_associated"]) == 3


def test_purge_is_explicit(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    ran = play(
        sandbox,
        {"hostname_association": {"hostnames": ["a.example.com", "b.example.com"], "certificate_id": one}},
        {"hostname_association": {"hostnames": ["a.example.com"], "certificate_id": one}},
        {"hostname_association_info": {}},
        {"hostname_association": {"hostnames": ["a.example.com"], "certificate_id": one, "purge": True}},
        {"hostname_association_info": {}},
        {"hostname_association": {"hostnames": ["a.example.com"], "state": "absent", "purge": True}},
    )
    assert len(ran.results[2]["associations"]) == 2
    assert ran.results[3]["changed"]
    assert [row["hostname"] for row in ran.results[4]["associations"]] == ["a.example.com"]
    assert "purge makes no sense" in ran.results[5]["msg"]


@pytest.mark.parametrize("route", ["404", "405", "7000", "7003", "403"])
def test_without_the_list_endpoint(sandbox: Control, route: str) -> None:
    (one,) = upload(sandbox)
    sandbox.config(list_route=route)
    names = [f"h{number:02}.example.com" for number in range(30)]
    made = {"hostnames": names, "certificate_id": one}
    ran = play(
        sandbox,
        {"hostname_association": made},
        {"hostname_association": made},
        {"hostname_association_info": {}},
        {"hostname_association": dict(made, purge=True)},
        {"hostname_association_info": {"hostnames": names[:2]}},
    )
    done, again, everything, purge, some = ran.results
    assert done["changed"]
    assert not done["list_endpoint"]
    assert "only 20 of them" in ran.output
    assert not again["changed"]
    assert {row["status"] for row in again["associations"]} == {"active"}
    assert "does not offer the list" in everything["msg"]
    assert "cannot be purged" in purge["msg"]
    assert len(some["associations"]) == 2


def test_without_the_list_endpoint_and_certificates_nothing_is_read_singly(sandbox: Control) -> None:
    sandbox.config(list_route="404")
    ran = play(sandbox, {"hostname_association": {"hostnames": ["a.example.com"], "state": "absent"}})
    assert not ran.last["changed"]
    assert [entry["operation"] for entry in sandbox.journal()] == ["ZN", "H7", "H2"]


def test_wrong_kind_of_certificate(sandbox: Control) -> None:
    pair = leaf()
    body = {"certificate": pair.certificate, "private_key": pair.key}
    _status, answer = sandbox.api("POST", f"/zones/{sandbox.zone_id}/origin_tls_client_auth", body)
    names = [f"h{number}.example.com" for number in range(100)]
    ran = play(sandbox, {"hostname_association": {"hostnames": names, "certificate_id": answer["result"]["id"]}})
    assert "100 of 100 hostnames could not be changed" in ran.last["msg"]
    assert "zone-level certificate" in ran.last["msg"]
    assert ran.last["associations"][7]["error"]["codes"] == [1415]
    assert not ran.last["changed"]
    assert len(sandbox.journal(writes=True)) == 2, "the batch is not searched when the certificate is to blame"


@pytest.mark.parametrize("atomic", [True, False])
def test_one_bad_hostname_of_many(sandbox: Control, atomic: bool) -> None:
    (one,) = upload(sandbox)
    sandbox.config(put_atomic=atomic)
    names = [f"h{number:02}.example.com" for number in range(60)] + ["www.other.example"]
    sandbox.config(foreign_hostname="refuse")
    ran = play(sandbox, {"hostname_association": {"hostnames": names, "certificate_id": one}})
    failed = [row for row in ran.last["associations"] if row["error"]]
    assert [row["hostname"] for row in failed] == ["www.other.example"]
    assert "1 of 61 hostnames could not be changed: www.other.example" in ran.last["msg"]
    assert ran.last["changed"]
    assert len(sandbox.journal(writes=True)) < 20
    _status, answer = sandbox.api("GET", _path(sandbox) + "?status=all&per_page=100")
    assert len(answer["result"]) == 60


def test_more_than_a_hundred_for_one_certificate(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    names = [f"h{number:03}.example.com" for number in range(101)]
    ran = play(sandbox, {"hostname_association": {"hostnames": names, "certificate_id": one}})
    failed = [row for row in ran.last["associations"] if row["error"]]
    assert len(failed) == 1
    assert "at most" in ran.last["msg"]


def test_drift_is_seen(sandbox: Control) -> None:
    one, two = upload(sandbox, 2)
    made = {"hostnames": ["app.example.com"], "certificate_id": one, "enabled": True}
    play(sandbox, {"hostname_association": made})
    sandbox.drift(repoint={"hostname": "app.example.com", "cert_id": two, "enabled": False})
    ran = play(sandbox, {"hostname_association": made}, {"hostname_association": made})
    assert ran.results[0]["associations"][0]["before"] == {"certificate_id": two, "enabled": False}
    assert [result["changed"] for result in ran.results] == [True, False]


def test_certificate_deleted_outside(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    made = {"hostnames": ["app.example.com"], "certificate_id": one}
    play(sandbox, {"hostname_association": made})
    sandbox.drift(delete_certificate=one)
    ran = play(sandbox, {"hostname_association": {"hostnames": ["app.example.com"], "state": "absent"}})
    assert not ran.last.get("failed")
    assert not ran.last["changed"]
    assert "deleted outside" in ran.output


def test_stuck_deployment(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    made = {"hostnames": ["app.example.com"], "certificate_id": one}
    sandbox.config(association_outcome="deployment_timed_out")
    ran = play(sandbox, {"hostname_association": made})
    assert "app.example.com deployment_timed_out" in ran.last["msg"]
    sandbox.config(association_outcome="active")
    ran = play(sandbox, {"hostname_association": made}, {"hostname_association": made})
    assert [result["changed"] for result in ran.results] == [True, False]


def test_timeout_while_waiting(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    sandbox.config(association_outcome="stuck")
    ran = play(
        sandbox, {"hostname_association": {"hostnames": ["a.example.com"], "certificate_id": one, "wait_timeout": 2}}
    )
    assert ran.last["timed_out"]
    assert "1 of 1 associations are not active after 2 s: a.example.com pending_deployment" in ran.last["msg"]


def test_lost_answer_of_a_write(sandbox: Control) -> None:
    (one,) = upload(sandbox)
    sandbox.fault("reset_after", operation="H5")
    sandbox.fault({"type": "status", "status": 502}, operation="H7")
    ran = play(sandbox, {"hostname_association": {"hostnames": ["a.example.com"], "certificate_id": one}})
    assert ran.last["changed"]
    assert ran.last["associations"][0]["status"] == "active"
