# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a survey to findings; reading DNS records; what a survey costs."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import dns, findings, survey
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.associations import Association, Reading
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.certificates import Certificate
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.zones import Zone
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.stub import ok, refused

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
HOST = "app.example.com"


def judge(seen, hostnames=(HOST,), **more):
    options = {"purposes": [], "new_certificates": 0, "known": [], "min_days": 14, "now": NOW}
    seen.looked_at = hostnames
    return {one.code: one for one in findings.judge(seen, findings.Plan(hostnames, **dict(options, **more)))}


def zone_with(association=None, certificate=None, **more):
    known = {association.hostname: association} if association else {}
    return survey.Survey(
        zone=Zone("z", "example.com", "a", "active", False),
        certificates=[certificate] if certificate else [],
        associations=Reading(known, {}, complete=True),
        **more,
    )


def held(status="active", expires_on="2027-01-01T00:00:00Z"):
    return Certificate("c1", "ff", "1", status, expires_on)


ON = Association(HOST, "c1", True, "active")


def test_all_is_well():
    assert judge(zone_with(ON, held())) == {}


@pytest.mark.parametrize(
    ("expires_on", "code", "severity"),
    [
        ("2026-05-31T00:00:00Z", "association_certificate_expired", "error"),
        ("2026-06-10T00:00:00Z", "association_certificate_expiring", "warning"),
    ],
)
def test_expiry(expires_on, code, severity):
    found = judge(zone_with(ON, held(expires_on=expires_on)))
    assert list(found) == [code]
    assert (found[code].severity, found[code].hostname) == (severity, HOST)


def test_expiry_is_read_from_the_association_where_the_list_lags():
    told = Association(HOST, "c1", True, "active", "active", "2026-05-01T00:00:00Z")
    assert list(judge(zone_with(told))) == ["association_certificate_expired"]


@pytest.mark.parametrize("status", ["pending_deletion", "deleted"])
def test_deleted(status):
    assert list(judge(zone_with(ON, held(status)))) == ["association_certificate_deleted"]
    assert list(judge(zone_with(ON))) == ["association_certificate_deleted"]


def test_suppressed_and_masking():
    off = Association(HOST, "c1", False, "active")
    assert list(judge(zone_with(off, held()))) == ["association_suppressed"]
    assert list(judge(zone_with(off, held(), zone_level=True))) == ["association_masks_zone_certificate"]


def test_not_active():
    assert list(judge(zone_with(ON, held("deployment_timed_out")))) == ["association_not_active"]


def test_proxied_or_not():
    seen = zone_with(dns_asked=[HOST, "b.example.com"], proxied={HOST: False, "b.example.com": None})
    found = judge(seen)
    assert found["hostname_not_proxied"].hostname == HOST
    assert found["hostname_not_proxied"].severity == "error"
    assert found["hostname_without_record"].hostname == "b.example.com"
    assert "DNS Read" in judge(zone_with(dns_asked=[HOST]))["dns_unchecked"].remedy


def test_crowded_certificate():
    rows = {"h%d.example.com" % number: Association("h%d.example.com" % number, "c1", True) for number in range(101)}
    seen = zone_with(None, held())
    seen.associations = Reading(rows, {}, complete=True)
    assert judge(seen)["association_limit"].severity == "error"


def test_new_certificates_are_estimated():
    many = ["h%d.example.com" % number for number in range(250)]
    ten = zone_with()
    ten.certificates = [held() for _number in range(8)]
    assert "certificate_limit" in judge(ten, many, new_certificates=None)
    assert "certificate_limit" not in judge(ten, many, new_certificates=None, known=["ff", "aa"])
    assert "certificate_headroom" in judge(ten, many, new_certificates=2)


def test_errors_come_first():
    seen = zone_with(ON, held("deleted"), dns_asked=[HOST])
    assert [one.severity for one in judge(seen).values()] == ["error", "info"]


def record(name, proxied, kind="A"):
    return {"name": name, "type": kind, "proxied": proxied}


def test_dns_of_a_few_hostnames(api):
    api.say(ok([record(HOST, True), record(HOST, False, "AAAA")]), ok([]), ok([record("*.example.com", True)]))
    assert dns.proxied(api.client(), "z", [HOST, "b.example.com"]) == {HOST: False, "b.example.com": True}
    assert "name=b.example.com" in api.requests[1][1]


def test_dns_of_many_hostnames_is_one_list(api):
    names = ["h%d.example.com" % number for number in range(6)]
    records = [record(names[0], True), record(names[1], False, "CNAME"), record(names[2], False, "TXT")]
    api.say(ok(records, result_info={"total_pages": 1}))
    assert list(dns.proxied(api.client(), "z", names).values()) == [True, False, None, None, None, None]
    assert len(api.requests) == 1


@pytest.mark.parametrize("said", [refused(403, 10000), refused(404, 7000)])
def test_dns_that_may_not_be_read(api, said):
    api.say(said)
    assert dns.proxied(api.client(), "z", [HOST]) is None


def test_without_the_list_a_survey_reads_a_sample(api):
    def take():
        path = api.requests[-1][1]
        if "hostnames?" in path:
            return refused(404, 7000)
        if path.endswith("/certificates"):
            return ok([{"id": "c1", "status": "active"}])
        if "/hostnames/" in path:
            return refused(404, 1553)
        return ok([{"id": "0" * 32, "name": "example.com", "status": "active"}])

    api.take = take
    names = ["h%d.example.com" % number for number in range(1000)]
    seen = survey.survey(api.client(), "example.com", names, "none")
    assert len(seen.looked_at) == survey.SAMPLE
    assert len(api.requests) == survey.SAMPLE + 6
    plan = findings.Plan(names, [], None, [], 14, NOW)
    assert "associations_sampled" in [one.code for one in findings.judge(seen, plan)]
    assert "certificate_limit" in [one.code for one in findings.judge(seen, plan)]
