# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a probe against origins that exist only as rules, so that every kind of server can be played."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe.cases import NOBODY_HOST
from ansible_collections.originlock.aop.plugins.module_utils._probe.judge import Summary
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    BAD,
    PLAIN,
    QUIC,
    VALID,
    Case,
    Hostname,
    Identity,
    Listener,
    Origin,
    Outcome,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import prove
from ansible_collections.originlock.aop.plugins.module_utils._probe.table import render

NAME, OTHER_SITE = "app.example.com", "open.example.com"
WHO = tuple(Identity(kind, "c", "k") for kind in (VALID, *BAD, "other:staff"))
SETTINGS = Settings(rate=100000, foreign_sni=(OTHER_SITE,), retries=0)
PAGE = Outcome("response", 200, body=b"the shop", asked=True, server="nginx", ca_names=(b"CA",))
ELSEWHERE = Outcome("response", 200, body=b"another site", asked=False, server="nginx")
REFUSED = Outcome("alert", alert=116, asked=True, ca_names=(b"CA",))
Rule = Callable[[Case], Outcome]


def good(case: Case) -> Outcome:
    """A server without any hole."""
    if case.listener.kind == PLAIN:
        return Outcome("response", 301, location="https://app.example.com/")
    if case.sni.lower() != NAME:
        return Outcome("response", 421, asked=False) if case.host.lower().startswith(NAME) else ELSEWHERE
    return PAGE if case.identity == VALID else REFUSED


def run(
    rule: Rule,
    who: tuple[Identity, ...] = WHO,
    expect: str = "enforce",
    listeners: tuple[Listener, ...] = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 80, PLAIN)),
    settings: Settings = SETTINGS,
    status: int = 0,
) -> Summary:
    report = prove(
        [Origin("web1", listeners)],
        [Hostname(NAME, expect, who, status)],
        settings,
        ask=lambda case, identity, _settings: rule(case),
        quic_problem="no library",
    )
    assert len(report.summaries) == 1
    return report.summaries[0]


def codes(summary: Summary) -> tuple[set[str], set[str]]:
    return {hole.code for hole in summary.holes}, {finding.code for finding in summary.findings}


def test_good() -> None:
    summary = run(good)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("enforced", True, (set(), set()))
    assert summary.text.startswith("app.example.com on web1: enforced (")
    assert "control by our certificate, no hole)" in summary.text


@pytest.mark.parametrize(
    ("name", "opens", "code"),
    [
        ("spelling", lambda c: c.spelling == "dot", "host_spelling"),
        ("absolute", lambda c: c.form == "absolute", "host_spelling"),
        ("coalescing", lambda c: c.form == "h2" and c.sni == OTHER_SITE, "h2_coalescing"),
        ("foreign", lambda c: c.sni == OTHER_SITE and c.host == NAME, "sni_mismatch"),
        ("no SNI", lambda c: c.sni == "" and c.host == NAME, "sni_mismatch"),
        ("upper", lambda c: c.sni == NAME.upper(), "not_protected"),
        ("staff", lambda c: c.identity == "other:staff" and c.sni == "", "default_server_other_ca"),
        ("other CA", lambda c: c.identity == "other:staff" and c.sni == NAME, "other_ca"),
        ("any CA", lambda c: c.identity == "foreign_ca" and c.sni == NAME, "bad_certificate"),
        ("names only", lambda c: c.identity == "same_name_ca" and c.sni == NAME, "bad_certificate"),
        ("no clock", lambda c: c.identity == "expired" and c.sni == NAME, "bad_certificate"),
        ("no purpose", lambda c: c.identity == "server_auth" and c.sni == NAME, "bad_certificate"),
    ],
)
def test_single_doors(name: str, opens: Callable[[Case], bool], code: str) -> None:
    served = Outcome("response", 200, body=b"the shop", asked=True)

    def rule(case: Case) -> Outcome:
        tls = case.listener.kind != PLAIN and not case.baseline
        return served if tls and opens(case) else good(case)

    summary = run(rule)
    assert (summary.verdict, codes(summary)) == ("open", ({code}, set())), name
    assert summary.holes[0].evidence == "HTTP 200"


@pytest.mark.parametrize(("source", "code"), [(OTHER_SITE, "session_resumption"), (NAME, "session_same_site")])
def test_sessions(source: str, code: str) -> None:
    resumed = Outcome("response", 200, body=b"the shop", asked=False, resumed=True)
    summary = run(lambda case: resumed if case.resume_from == source else good(case))
    assert (summary.verdict, codes(summary)) == ("open", ({code}, set()))
    assert "session resumed" in summary.holes[0].evidence


def test_plain_http() -> None:
    summary = run(lambda case: PAGE if case.listener.kind == PLAIN else good(case))
    assert codes(summary) == ({"plain_http"}, set())
    assert summary.holes[0].listener == "192.0.2.1:80/plain"


def test_plain_http_of_another_site() -> None:
    summary = run(lambda case: ELSEWHERE if case.listener.kind == PLAIN else good(case))
    assert (summary.verdict, codes(summary)) == ("enforced", (set(), set()))


def test_closed_plain_port() -> None:
    summary = run(lambda case: Outcome("refused") if case.listener.kind == PLAIN else good(case))
    assert (summary.as_expected, codes(summary)) == (True, (set(), set()))


def test_nothing_is_enforced() -> None:
    open_page = Outcome("response", 200, body=b"the shop", asked=False)
    summary = run(lambda case: open_page)
    assert codes(summary) == ({"not_protected", "plain_http"}, set())
    assert len(summary.holes) == 2


def test_second_listener_and_ipv6() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 8443), Listener("2001:db8::1", 443))
    open_page = Outcome("response", 200, body=b"the shop", asked=False)

    def rule(case: Case) -> Outcome:
        return good(case) if case.listener == listeners[0] else open_page

    summary = run(rule, listeners=listeners)
    assert {(hole.code, hole.listener) for hole in summary.holes} == {
        ("second_listener", "192.0.2.1:8443"),
        ("ipv6_unprotected", "[2001:db8::1]:443"),
    }


def test_another_application_on_another_port_is_no_hole() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 8443))
    summary = run(lambda case: good(case) if case.listener == listeners[0] else ELSEWHERE, listeners=listeners)
    assert (summary.verdict, summary.as_expected) == ("enforced", True)
    assert codes(summary) == (set(), {"not_served"})
    assert summary.findings[0].severity == "warning"


def test_without_control() -> None:
    summary = run(good, WHO[1:])
    assert (summary.verdict, codes(summary)) == ("inconclusive", (set(), {"no_control"}))
    assert not summary.as_expected
    summary = run(good, WHO[1:], status=200)
    assert (summary.verdict, summary.control) == ("enforced", "edge")
    summary = run(good, WHO[1:], status=525)
    assert (summary.verdict, summary.control, codes(summary)[1]) == ("down", "failed", {"down"})


def test_down() -> None:
    summary = run(lambda case: Outcome("refused", detail="connection refused"))
    assert (summary.verdict, codes(summary)) == ("down", (set(), {"down"}))
    summary = run(lambda case: REFUSED if case.sni == NAME else good(case))
    assert (summary.verdict, summary.control, codes(summary)) == ("down", "failed", (set(), {"down"}))


def test_not_this_origin() -> None:
    summary = run(lambda case: Outcome("response", 421))
    assert (summary.verdict, codes(summary)[1]) == ("misrouted", {"not_served"})


def test_one_tls_version_only() -> None:
    summary = run(lambda case: Outcome("not_offered") if case.tls == "1.2" else good(case))
    assert (summary.verdict, summary.as_expected) == ("enforced", True)


def test_verification_only_over_one_version() -> None:
    summary = run(lambda case: PAGE if case.tls == "1.2" and case.sni == NAME else good(case))
    assert summary.verdict == "asks_only"
    assert summary.holes[0].variants[0].endswith("TLS 1.2")


def test_announced_http3_is_never_left_out_silently() -> None:
    announced = Outcome("response", 200, body=b"the shop", asked=True, alt_svc='h3=":8443"; ma=86400, h2=":1"')
    summary = run(lambda case: announced if case.identity == VALID else good(case))
    assert (summary.verdict, codes(summary)) == ("enforced", (set(), {"not_probed"}))
    finding = summary.findings[0]
    assert (finding.listener, finding.severity) == ("192.0.2.1:8443/udp", "warning")
    assert finding.evidence == "not probed: UDP/8443 (no library)"


def test_listed_http3() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 443, QUIC))
    assert codes(run(good, listeners=listeners))[1] == {"not_probed"}
    report = prove(
        [Origin("web1", listeners)],
        [Hostname(NAME, "enforce", WHO)],
        SETTINGS,
        ask=lambda case, identity, _s: PAGE if case.listener.kind == QUIC else good(case),
        quic_problem="",
    )
    assert {hole.code for hole in report.summaries[0].holes} == {"http3"}


@pytest.mark.parametrize(
    ("expect", "rule", "verdict", "found"),
    [
        ("log_only", lambda c: PAGE, "asks_only", set()),
        ("log_only", lambda c: ELSEWHERE, "open", {"not_asked"}),
        ("log_only", good, "enforced", {"refuses"}),
        ("log_only", lambda c: REFUSED if c.identity == "expired" else PAGE, "asks_only", {"refuses"}),
        ("log_only", lambda c: REFUSED, "down", {"refuses", "down"}),
        ("open", lambda c: ELSEWHERE, "open", set()),
        ("open", lambda c: PAGE, "asks_only", {"asked"}),
        ("open", good, "enforced", {"refuses"}),
    ],
)
def test_other_stages(expect: str, rule: Rule, verdict: str, found: set[str]) -> None:
    summary = run(rule, expect=expect)
    assert (summary.verdict, codes(summary)) == (verdict, (set(), found))
    assert summary.as_expected is (not found or verdict == "asks_only" and expect == "log_only")


def test_late_request() -> None:
    late = Outcome("response", 200, body=b"the shop", asked=False, asked_late=True)
    refused = Outcome("alert", alert=40, asked=False, asked_late=True)
    summary = run(lambda c: (late if c.identity == VALID else refused) if c.sni == NAME else good(c))
    assert (summary.verdict, codes(summary)[0]) == ("open", {"late_request"})


def test_ca_names() -> None:
    nameless = Outcome("response", 400, body=b"No required SSL certificate was sent", asked=True, server="nginx/1.26.3")
    summary = run(lambda c: nameless if c.sni == NAME and c.identity != VALID else good(c))
    assert (summary.as_expected, codes(summary)) == (True, (set(), {"no_ca_names"}))
    strange = Outcome("alert", alert=116, asked=True, ca_names=(b"STAFF",))
    rule: Rule = lambda c: strange if c.sni == "" and c.listener.kind != PLAIN and not c.baseline else good(c)  # noqa: E731
    assert codes(run(rule))[1] == {"default_server_unproven"}


def test_time_limit_is_told() -> None:
    summary = run(lambda c: Outcome("skipped", detail="the time limit was reached"))
    assert (summary.verdict, codes(summary)[1]) == ("inconclusive", {"time_limit"})


def test_edge_request() -> None:
    asked: list[Case] = []

    def rule(case: Case) -> Outcome:
        asked.append(case)
        return PAGE if case.listener.address == "203.0.113.9" else good(case)

    summary = run(rule, WHO[1:], settings=Settings(rate=1e6, edge="203.0.113.9:8443", foreign_sni=(OTHER_SITE,)))
    assert (summary.verdict, summary.control) == ("enforced", "edge")
    edge = [case for case in asked if case.listener.address == "203.0.113.9"]
    assert [(case.sni, case.host, case.identity, case.listener.port) for case in edge] == [(NAME, NAME, "none", 8443)]


def test_table() -> None:
    summary = run(lambda case: PAGE if case.listener.kind == PLAIN else good(case))
    lines = render((summary,))
    assert lines[0].split() == ["HOSTNAME", "ORIGIN", "EXPECTED", "FOUND", "CONTROL", "REQUESTS", "HOLES"]
    assert lines[1].split()[:5] == [NAME, "web1", "enforce", "open", "leaf"]
    assert lines[3:5] == ["Holes:", "  plain_http app.example.com on web1 at 192.0.2.1:80/plain"]
    assert lines[5] == "    plain HTTP: HTTP 200"
    assert "Redirect this port to HTTPS" in lines[6]


def test_baseline_requests_never_count() -> None:
    def rule(case: Case) -> Outcome:
        return PAGE if case.host == NOBODY_HOST else good(case)

    assert codes(run(rule)) == (set(), set())


def test_many_hostnames_are_kept_apart() -> None:
    names = ["h%d.example.com" % number for number in range(30)]
    report = prove(
        [Origin("web1", (Listener("192.0.2.1", 443),)), Origin("web2", (Listener("192.0.2.2", 443),))],
        [Hostname(name, "enforce", WHO) for name in names],
        SETTINGS,
        quick=True,
        ask=lambda case, identity, _s: (
            PAGE if case.identity == VALID or (case.origin, case.hostname) == ("web2", "h7.example.com") else REFUSED
        ),
        quic_problem="",
    )
    assert len(report.summaries) == 60
    assert [(s.hostname, s.origin) for s in report.summaries if s.holes] == [("h7.example.com", "web2")]
