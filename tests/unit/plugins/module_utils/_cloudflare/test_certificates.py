# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading exactly once, deleting, matching."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import certificates
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import (
    ApiError,
    CloudflareError,
    OutcomeUnknown,
)
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.operations import HOSTNAME_STORE
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.pem import read_leaf
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.pairs import make
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.stub import ok, refused

KEY, PEM = make()
LEAF = read_leaf(PEM, KEY)
STORED = {"id": "c1", "certificate": PEM, "status": "active", "serial_number": LEAF.serial_number}
EXISTS = refused(400, 1406)


def upload(api, known=(), timeout=60, **more):
    return certificates.upload(api.client(**more), HOSTNAME_STORE, "z", LEAF, list(known), timeout)


def methods(api):
    return "".join(method[0] for method, _path, _body, _headers in api.requests)


def test_there_already(api):
    api.say(refused(500, 1))
    got = upload(api, [certificates.parse_certificate(STORED)])
    assert (got.how, got.changed, got.certificate.id) == ("unchanged", False, "c1")
    assert api.requests == []


def test_answer_with_nothing_but_an_id_is_filled(api):
    api.say(ok({"id": "c1"}))
    got = upload(api)
    assert got.how == "created"
    assert (got.certificate.sha256, got.certificate.status) == (LEAF.sha256, "pending_deployment")
    assert api.requests[0][2] == {"certificate": PEM, "private_key": KEY}


def test_lost_answer_is_adopted_though_the_list_lags(api):
    api.say("drop", ok(None), ok([]), ok([STORED]))
    got = upload(api)
    assert (got.how, got.changed) == ("adopted", True)
    assert methods(api) == "PGGG"


def test_lost_request_is_sent_again_after_looking(api):
    api.say((503, "", {}), ok(None), ok(None), ok(None), ok(None), ok(STORED))
    assert upload(api).how == "created"
    assert methods(api) == "PGGGGP"


def test_unknown_outcomes_end(api):
    api.say("drop", ok(None), ok(None), ok(None), ok(None), "drop", ok(None))
    api.answers = ["drop", *[ok(None)] * 4] * 9
    with pytest.raises(OutcomeUnknown):
        upload(api, timeout=10_000, retries=1)
    assert methods(api) == "PGGGGPGGGG"


def test_exists_from_an_earlier_run_is_no_change(api):
    api.say(EXISTS, ok([STORED]))
    got = upload(api)
    assert (got.how, got.changed) == ("adopted", False)


def test_exists_while_the_earlier_copy_is_being_deleted(api):
    leaving = ok([dict(STORED, status="pending_deletion")])
    api.say(EXISTS, leaving, EXISTS, leaving, ok(STORED))
    assert upload(api).how == "created"
    assert methods(api) == "PGPGP"


def test_exists_but_nowhere_to_be_seen_ends(api):
    api.answers = [EXISTS, *[ok([])] * 4] * 50
    with pytest.raises(ApiError, match="1406") as caught:
        upload(api, timeout=20)
    assert "zone-level certificate" in caught.value.remedy


def test_without_pem_the_serial_number_decides():
    bare = certificates.parse_certificate({"id": "c1", "serial_number": int(LEAF.serial_number)})
    assert certificates.match(LEAF, [bare]) is bare
    assert certificates.match(LEAF, [certificates.parse_certificate({"id": "c2"})]) is None


def test_a_live_copy_is_preferred():
    dying = certificates.parse_certificate(dict(STORED, status="pending_deletion"))
    live = certificates.parse_certificate(dict(STORED, id="c2"))
    assert certificates.match(LEAF, [dying, live]).id == "c2"


def test_trailing_newline_makes_no_difference():
    for pem in (PEM.rstrip(), PEM + "\n\n", PEM.replace("\n", "\r\n")):
        assert certificates.match(LEAF, [certificates.parse_certificate(dict(STORED, certificate=pem))])


def delete(api, timeout=60, users=()):
    certificates.delete(api.client(), HOSTNAME_STORE, "z", "c1", timeout, lambda certificate_id: users)


@pytest.mark.parametrize(
    "said",
    [
        ok(STORED),
        refused(404, 1551),
        refused(400, 1414),
        refused(400, 1415),
        refused(400, 1, "Certificate is already deleted."),
    ],
)
def test_deleted_or_gone(api, said):
    api.say(said)
    delete(api)
    assert methods(api) == "D"


@pytest.mark.parametrize("code", [1433, 1434])
def test_delete_is_retried_while_things_settle(api, code):
    api.say(refused(400, code), refused(400, code), ok(STORED))
    delete(api)
    assert methods(api) == "DDD"
    assert api.slept == [1.0, 2.0]


def test_delete_in_use_names_the_hostnames(api):
    api.say(refused(400, 1433))
    with pytest.raises(CloudflareError, match="in use by a.example.com, b.example.com") as caught:
        delete(api, users=["b.example.com", "a.example.com"])
    assert "enabled=false is not enough" in caught.value.remedy
    assert methods(api) == "D"


def test_delete_gives_up(api):
    api.say(refused(400, 1434))
    with pytest.raises(ApiError, match="1434"):
        delete(api, timeout=10)


@pytest.mark.parametrize("status", [404, 400])
def test_a_wrong_route_is_not_taken_for_deleted(api, status):
    api.say(refused(status, 7003))
    with pytest.raises(ApiError):
        delete(api)
