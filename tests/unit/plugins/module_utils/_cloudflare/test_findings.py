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
        ("2026-05-31T00:00:00Z", "association_certificate_expired", "warning"),
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


@pytest.mark.parametrize("status", ["pending_deletion", "deletion_timed_out", "deleted"])
def test_deleted(status):
    found = judge(zone_with(ON, held(status)))
    assert list(found) == ["association_certificate_deleted"]
    assert found["association_certificate_deleted"].severity == "warning", "onboarding mends it"


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
    rows = {f"h{number}.example.com": Association(f"h{number}.example.com", "c1", True) for number in range(101)}
    seen = zone_with(None, held())
    seen.associations = Reading(rows, {}, complete=True)
    assert judge(seen)["association_limit"].severity == "error"


def test_new_certificates_are_estimated():
    many = [f"h{number}.example.com" for number in range(1001)]
    ten = zone_with()
    ten.certificates = [held() for _number in range(8)]
    assert "certificate_limit" in judge(ten, many, new_certificates=None)
    assert "certificate_limit" not in judge(ten, many, new_certificates=None, known=["ff", "aa"])
    assert "certificate_headroom" in judge(ten, many, new_certificates=2)


def leaves(count):
    return [Certificate(f"c{number}", f"{number:02}", "1", "active", None) for number in range(count)]


def with_leaves(count, used):
    """A zone with so many leaves; ``used`` maps hostnames to the number of theirs."""
    seen = zone_with()
    seen.certificates = leaves(count)
    rows = {name: Association(name, f"c{number}", True, "active") for name, number in used.items()}
    seen.associations = Reading(rows, {}, complete=True)
    return seen


def test_leaves_that_were_uploaded_and_not_used_yet_have_places():
    many = [f"h{number}.example.com" for number in range(600)]
    assert judge(with_leaves(6, {}), many, new_certificates=None) == {}
    over = judge(with_leaves(6, {}), [f"h{number}.example.com" for number in range(1001)], new_certificates=None)
    assert "6 hostname certificates, and 5 more are needed" in over["certificate_limit"].message
    assert "No hostname uses" not in over["certificate_limit"].remedy, "they are about to be used"


def test_leaves_with_a_hostname_each_have_places():
    used = {f"l{number}.example.com": number for number in range(10)}
    found = judge(with_leaves(10, used), [*used, "new.example.com"], new_certificates=None)
    assert list(found) == ["certificate_headroom"]
    assert "10 hostname certificates, and 0 more" in found["certificate_headroom"].message


def test_leaves_at_hand_are_not_called_unused():
    found = judge(with_leaves(10, {}), ["a.example.com"], new_certificates=None, known=["00", "03"])
    hint = found["certificate_headroom"].remedy
    assert "c1, c2, c4" in hint
    assert "c0" not in hint
    assert "c3" not in hint


def test_raised_limits():
    used = {f"h{number}.example.com": number // 150 for number in range(300)}
    seen = with_leaves(11, used)
    raised = {"certificates_per_zone": 20, "hostnames_per_certificate": 150}
    assert set(judge(seen, new_certificates=0)) == {"certificate_limit", "association_limit"}
    assert "certificate_limit" not in judge(seen, new_certificates=0, **raised)
    assert "association_limit" not in judge(seen, new_certificates=0, **raised), "a full certificate is no fault"
    full = with_leaves(11, {f"h{number}.example.com": number // 150 for number in range(1650)})
    many = [f"n{number}.example.com" for number in range(151)]
    assert (
        "11 hostname certificates, and 2 more" in judge(full, many, new_certificates=None)["certificate_limit"].message
    )
    limit = {**raised, "certificates_per_zone": 12}
    found = judge(full, many, new_certificates=None, **limit)["certificate_limit"]
    assert "11 hostname certificates, and 2 more are needed; 12 is the limit" in found.message
    assert "client_pki_certificates_per_zone" in found.remedy


def test_errors_come_first():
    seen = zone_with(ON, held(), dns_asked=[HOST])
    seen.zone = Zone("z", "example.com", "a", "pending", False)
    assert [one.severity for one in judge(seen).values()] == ["error", "info"]


def record(name, proxied, kind="A"):
    return {"name": name, "type": kind, "proxied": proxied}


def test_dns_of_a_few_hostnames(api):
    api.say(ok([record(HOST, True), record(HOST, False, "AAAA")]), ok([]), ok([record("*.example.com", True)]))
    assert dns.proxied(api.client(), "z", [HOST, "b.example.com"]) == {HOST: False, "b.example.com": True}
    assert "name=b.example.com" in api.requests[1][1]


def test_dns_of_many_hostnames_is_one_list(api):
    names = [f"h{number}.example.com" for number in range(6)]
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
    names = [f"h{number}.example.com" for number in range(1000)]
    seen = survey.survey(api.client(), "example.com", names, "none")
    assert len(seen.looked_at) == survey.SAMPLE
    assert len(api.requests) == survey.SAMPLE + 6
    plan = findings.Plan(names, [], None, [], 14, NOW)
    assert "associations_sampled" in [one.code for one in findings.judge(seen, plan)]
    assert "certificate_headroom" in [one.code for one in findings.judge(seen, plan)]


def pathwise(api, **answers):
    """Answer by the end of the path (without the query); what isn't given is a healthy zone without anything."""
    given = {
        "/zones": ok([{"id": "0" * 32, "name": "example.com", "status": "active"}]),
        "/certificates": ok([]),
        "/hostnames": ok([]),
        "/ssl": ok({"id": "ssl", "value": "strict"}),
        "/dns_records": ok([]),
        **answers,
    }

    def take():
        path = api.requests[-1][1].partition("?")[0]
        return next((said for end, said in given.items() if path.endswith(end)), ok({"value": "custom"}))

    api.take = take


ASSOCIATED = ok([{"hostname": HOST, "cert_id": "c1", "enabled": True, "status": "active"}])


@pytest.mark.parametrize("end", ["/zones", "/certificates", "/hostnames", "/ssl"])
def test_what_must_be_known_and_cannot_be_read_is_an_error(api, end):
    pathwise(api, **{end: refused(500, 1)})
    seen = survey.survey(api.client(retries=0), "example.com", [HOST], "none")
    found = judge(seen)
    assert found["unreadable"].severity == "error"
    assert (seen.certificates is None) == (end in ("/zones", "/certificates"))
    assert (seen.associations is None) == (end != "/ssl")


@pytest.mark.parametrize("end", ["/ssl_automatic_mode", "/tls_client_auth", "/dns_records"])
def test_what_need_not_be_known_and_cannot_be_read_is_a_warning(api, end):
    pathwise(api, **{end: refused(500, 1)})
    found = judge(survey.survey(api.client(retries=0), "example.com", [HOST], "all"))
    assert found["unreadable"].severity == "warning"


def test_a_certificate_that_the_list_does_not_show_yet_is_read_by_its_id(api):
    there = ok({"id": "c1", "status": "pending_deployment", "expires_on": "2027-01-01T00:00:00Z"})
    pathwise(api, **{"/hostnames": ASSOCIATED, "/certificates/c1": there})
    seen = survey.survey(api.client(), "example.com", [HOST], "none")
    assert [one.id for one in seen.certificates] == ["c1"]
    assert "association_not_active" in judge(seen)
    assert "association_certificate_deleted" not in judge(seen)


@pytest.mark.parametrize("said", [refused(404, 1551), ok({"id": "c1", "status": "deleted"})])
def test_a_certificate_that_was_deleted_behind_our_back(api, said):
    pathwise(api, **{"/hostnames": ASSOCIATED, "/certificates/c1": said})
    seen = survey.survey(api.client(), "example.com", [HOST], "none")
    assert [(one.id, one.status) for one in seen.certificates] == [("c1", "deleted")]
    assert "association_certificate_deleted" in judge(seen)


def test_a_certificate_that_cannot_be_read_by_its_id_is_not_called_deleted(api):
    pathwise(api, **{"/hostnames": ASSOCIATED, "/certificates/c1": refused(500, 1)})
    found = judge(survey.survey(api.client(retries=0), "example.com", [HOST], "none"))
    assert found["unreadable"].severity == "error"
    assert "association_certificate_deleted" not in found
