# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing unverified reaches an origin."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine.trust import (
    clock_findings,
    issuers,
    untrusted,
    verify,
    warnings,
)
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

CA = support.pem(support.root())
GOOD = support.pem(support.leaf())
EXPIRED = support.pem(support.leaf(start=-10, days=-2))
SERVER_ONLY = support.pem(support.leaf(purposes=[support.SERVER]))
FOREIGN = support.pem(support.certificate("app.example.com", support.ec_key("stranger")))


def entry(stage, certificate=GOOD, bundle=CA):
    return {"name": "app.example.com", "stage": stage, "trust_bundle": bundle, "certificate": certificate}


def judge(server, *entries):
    return verify(server, entries, support.NOW)


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_a_good_leaf_passes(server, stage):
    assert judge(server, entry(stage)) == {}


@pytest.mark.parametrize("stage", ["off", False])
def test_off_needs_nothing(stage):
    assert judge("apache", entry(stage, "", "")) == {}


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_way_back_needs_nothing_from_the_controller(server):
    assert judge(server, entry("log_only", "", "")) == {}
    assert issuers("") == []
    with pytest.raises(PkiError):
        judge(server, entry("enforce", "", ""))


@pytest.mark.parametrize(
    ("certificate", "words"),
    [(EXPIRED, "expired at"), (SERVER_ONLY, "is not for TLS clients"), (FOREIGN, "not in the trust bundle")],
)
def test_a_leaf_that_would_fail_is_refused_where_the_server_would_refuse_it(certificate, words):
    for server, stage in (("nginx", "enforce"), ("apache", "enforce"), ("apache", "log_only")):
        with pytest.raises(PkiError) as caught:
            judge(server, entry(stage, certificate))
        assert words in str(caught.value)
        assert f"would refuse the edge at {stage}; nothing was changed" in str(caught.value)
        assert caught.value.remedy


def test_a_tolerant_server_is_told_of_a_bad_leaf_at_log_only():
    problems = judge("nginx", entry("log_only", EXPIRED), dict(entry("log_only", EXPIRED), name="b.example.com"))
    assert set(problems) == {"app.example.com", "b.example.com"}, "each hostname is judged, the certificate once"
    (warning,) = warnings("nginx", problems)
    assert "expired at" in warning
    assert "serves the request anyway" in warning


@pytest.mark.parametrize(
    ("certificate", "words"), [(GOOD + FOREIGN, "not in the trust bundle"), (GOOD + EXPIRED, ""), (GOOD, "")]
)
def test_what_an_enforcing_origin_would_refuse_is_told_to_it(certificate, words):
    """But not what it refuses anyway: an expired one must be replaced by the very run that this would stop."""
    problems = judge("nginx", entry("log_only", certificate))
    told = untrusted(problems.get("app.example.com", ()))
    assert words in told
    assert bool(told) == bool(words)


def test_apache_needs_the_leaf_at_log_only():
    with pytest.raises(PkiError, match="log_only on Apache needs the client certificate"):
        judge("apache", entry("log_only", ""))
    assert judge("nginx", entry("log_only", "")) == {}


def test_one_bad_generation_of_several_is_refused():
    with pytest.raises(PkiError, match="expired at"):
        judge("nginx", entry("enforce", GOOD + EXPIRED))


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        ("", "trust bundle of app.example.com"),
        ("not a certificate", "trust bundle of app.example.com"),
        (CA + CA.replace("M", "!", 3), "trust bundle of app.example.com"),
        (GOOD, "is not a CA certificate"),
    ],
)
def test_a_bundle_that_would_kill_apache_is_refused(bundle, words):
    for server in ("nginx", "apache"):
        with pytest.raises(PkiError) as caught:
            judge(server, entry("log_only", GOOD, bundle))
        assert words in str(caught.value)


def test_issuers_are_named_as_openssl_does():
    subject = support.name("example.com", ORGANIZATION_NAME="Example Ltd.", COUNTRY_NAME="DE")
    other = support.certificate(subject, support.ec_key("ca"), ca=True)
    assert issuers(CA + support.pem(other)) == ["CN=example.com", "CN=example.com,C=DE,O=Example Ltd."]


@pytest.mark.parametrize("common_name", ["Exämple", "a,b", "a+b", 'a"b', " a", "a ", "a\\b", "#a", "a=b"])
def test_a_name_that_openssl_may_write_in_another_way_is_not_compared(common_name):
    odd = support.certificate(support.name(common_name), support.ec_key("ca"), ca=True)
    assert issuers(CA + support.pem(odd)) == []
    assert issuers("") == [], "what goes to off needs no bundle"


@support.needs_openssl
def test_openssl_writes_the_same_name(tmp_path):
    subject = support.name(
        "CA of example.com", ORGANIZATION_NAME="Example (Ltd.)", LOCALITY_NAME="Bonn", DOMAIN_COMPONENT="example"
    )
    certificate = support.pem(support.certificate(subject, support.ec_key("ca"), ca=True))
    (tmp_path / "ca.pem").write_text(certificate)
    seen = support.openssl("x509", "-in", str(tmp_path / "ca.pem"), "-noout", "-subject", "-nameopt", "RFC2253")
    assert issuers(certificate) == [seen.stdout.strip().removeprefix("subject=").strip()]


def test_a_clock_that_is_off_is_told_and_a_slow_run_is_not():
    assert clock_findings(1000.0, 1050.0, 1100.0) == []
    assert clock_findings(1000.0, None, 1100.0) == []
    (ahead,) = clock_findings(1000.0, 1300.0, 1100.0)
    assert "200 s ahead of" in ahead["message"]
    (behind,) = clock_findings(1000.0, 700.0, 1100.0)
    assert "300 s behind" in behind["message"]
    assert (behind["code"], behind["severity"]) == ("clock_off", "warning")
