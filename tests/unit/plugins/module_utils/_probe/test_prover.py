# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a probe against origins that exist only as rules, so that every kind of server can be played."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import remedies
from ansible_collections.originlock.aop.plugins.module_utils._probe import prover
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
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import Report, prove
from ansible_collections.originlock.aop.plugins.module_utils._probe.table import render

NAME, OTHER_SITE = "app.example.com", "open.example.com"
WHO = tuple(Identity(kind, "c", "k") for kind in (VALID, *BAD, "other:staff"))
SETTINGS = Settings(rate=100000, foreign_sni=(OTHER_SITE,), retries=0, servers=remedies())
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


def over_quic(rule: Rule, who: tuple[Identity, ...] = WHO) -> Report:
    """The rule for an HTTP/3 listener next to a good TLS one."""
    return prove(
        [Origin("web1", (Listener("192.0.2.1", 443), Listener("192.0.2.1", 443, QUIC)))],
        [Hostname(NAME, "enforce", who)],
        SETTINGS,
        ask=lambda case, identity, _s: rule(case) if case.listener.kind == QUIC else good(case),
        quic_problem="",
    )


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


OTHER_PORT = Listener("192.0.2.1", 8443, other=True)


@pytest.mark.parametrize(
    "answer",
    [
        ELSEWHERE,
        REFUSED,
        Outcome("response", 403, body=b"staff only", asked=True, server="nginx", ca_names=(b"Staff",)),
        Outcome("reset"),
        Outcome("refused"),
        Outcome("unreachable"),
        Outcome("not_offered", detail="unsupported protocol"),
    ],
)
def test_what_another_port_is_for_is_its_own_matter(answer: Outcome) -> None:
    listeners = (Listener("192.0.2.1", 443), OTHER_PORT)
    summary = run(lambda case: answer if case.listener == OTHER_PORT else good(case), listeners=listeners)
    found = {(finding.code, finding.severity) for finding in summary.findings}
    assert (summary.verdict, summary.as_expected, summary.holes) == ("enforced", True, ())
    assert found <= {("not_probed", "warning")}


@pytest.mark.parametrize(
    ("opens", "code"),
    [
        (lambda case: case.identity == "none", "second_listener"),
        (lambda case: case.sni == OTHER_SITE and case.host == NAME, "sni_mismatch"),
    ],
)
def test_a_way_in_at_another_port(opens: Callable[[Case], bool], code: str) -> None:
    listeners = (Listener("192.0.2.1", 443), OTHER_PORT)
    page = replace(PAGE, asked=False)

    def rule(case: Case) -> Outcome:
        if case.listener != OTHER_PORT:
            return good(case)
        return page if opens(case) and not case.baseline else ELSEWHERE

    summary = run(rule, listeners=listeners)
    assert (summary.verdict, codes(summary)[0]) == ("open", {code})
    assert summary.holes[0].listener == "192.0.2.1:8443"


@pytest.mark.parametrize("kind", ["tls", PLAIN])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (b"<form><input name=csrf value=%d>", {("page_unknown", "warning")}),
        (b"Active connections: %d", {("page_unknown", "warning")}),
        # It may be the protected one, with a token in it.
        (b"the shop <!-- %d -->", {("page_unknown", "error")}),
    ],
)
def test_a_page_that_changes_at_another_port(kind: str, words: bytes, found: set[tuple[str, str]]) -> None:
    token = itertools.count()
    place = Listener("192.0.2.1", 8443, kind, other=True)

    def rule(case: Case) -> Outcome:
        return replace(ELSEWHERE, body=words % next(token)) if case.listener == place else good(case)

    summary = run(rule, listeners=(Listener("192.0.2.1", 443), place))
    assert summary.holes == ()
    assert {(finding.code, finding.severity) for finding in summary.findings} == found
    assert summary.as_expected is (found == {("page_unknown", "warning")})
    assert "change" in summary.findings[0].remedy
    # The protected page itself is a way in.
    summary = run(lambda c: PAGE if c.listener == place else good(c), listeners=(Listener("192.0.2.1", 443), place))
    assert (summary.verdict, len(summary.holes)) == ("open" if kind == PLAIN else "asks_only", 1)


def test_one_request_goes_ahead_to_another_port() -> None:
    """Behind a firewall each of them would wait."""
    places = tuple(Listener("192.0.2.1", 9000 + n, kind, other=True) for n in range(4) for kind in ("tls", PLAIN))
    asked: list[Listener] = []

    def ask(case: Case, _identity: Identity, _settings: Settings) -> Outcome:
        if case.listener.port == 443:
            return good(case)
        asked.append(case.listener)
        time.sleep(0.02)
        return Outcome("unreachable", detail="timed out")

    names = [Hostname(name, "enforce", WHO) for name in (NAME, "www.example.com")]
    origin = Origin("web1", (Listener("192.0.2.1", 443), *places))
    report = prove([origin], names, replace(SETTINGS, retries=2, workers=16), ask=ask, quic_problem="")
    assert sorted(asked, key=lambda place: place.label) == sorted(places, key=lambda place: place.label)
    assert (report.summaries[0].verdict, report.summaries[0].findings) == ("enforced", ())


@pytest.mark.parametrize("expect", ["log_only", "open"])
def test_other_ports_matter_only_where_somebody_is_kept_out(expect: str) -> None:
    asked = []

    def rule(case: Case) -> Outcome:
        asked.append(case.listener)
        return replace(PAGE, asked=expect == "log_only")

    assert run(rule, expect=expect, listeners=(Listener("192.0.2.1", 443), OTHER_PORT)).as_expected
    assert OTHER_PORT not in asked


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


def untried(*ends: Outcome) -> Rule:
    """A good server whose back doors end like this."""
    turns = itertools.cycle(ends)
    return lambda c: next(turns) if c.sni == OTHER_SITE and not c.baseline else good(c)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (Outcome("skipped", detail="the time limit was reached"), "time_limit"),
        (Outcome("response", 429, asked=False), "inconclusive"),
        (Outcome("response", 503, asked=False), "inconclusive"),
        (Outcome("timeout"), "inconclusive"),
        (Outcome("error"), "inconclusive"),
    ],
)
def test_a_door_that_was_not_tried_is_never_as_expected(end: Outcome, code: str) -> None:
    summary = run(untried(end))
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("inconclusive", False, (set(), {code}))
    assert (summary.findings[0].severity, summary.control) == ("error", "leaf")
    assert "open" in summary.findings[0].remedy or "rate" in summary.findings[0].remedy
    # What is known to be open stays so.
    rule = untried(end)
    assert run(lambda c: PAGE if c.sni == "" and c.listener.kind != PLAIN else rule(c)).verdict == "open"


def test_every_door_is_busy() -> None:
    busy = Outcome("response", 429, asked=False)
    summary = run(lambda c: good(c) if c.sni == NAME and c.resume_from is None or c.listener.kind == PLAIN else busy)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("inconclusive", False, (set(), {"inconclusive"}))


def test_the_stages_that_serve_everybody_need_no_door() -> None:
    summary = run(lambda c: Outcome("skipped") if c.identity == "expired" else PAGE, expect="log_only")
    assert (summary.verdict, summary.as_expected, codes(summary)[1]) == ("asks_only", True, {"time_limit"})


def test_a_door_that_answers_at_last_is_clean() -> None:
    seen: dict[Case, int] = {}

    def rule(case: Case) -> Outcome:
        seen[case] = seen.get(case, 0) + 1
        return Outcome("timeout") if seen[case] < 3 else good(case)

    summary = run(rule, settings=replace(SETTINGS, retries=2))
    assert (summary.as_expected, codes(summary)) == (True, (set(), set()))


def several(rule: Rule, who: tuple[Identity, ...], settings: Settings) -> tuple[Summary, ...]:
    """Two origins; the rule is the second one's, the first is good, and the edge gets the page from it."""
    origins = [
        Origin("web1", (Listener("192.0.2.1", 443),)),
        Origin("web2", (Listener("192.0.2.2", 443), Listener("192.0.2.2", 80, PLAIN))),
    ]

    def ask(case: Case, _identity: Identity, _settings: Settings) -> Outcome:
        if case.origin == "the edge":
            return PAGE
        return rule(case) if case.origin == "web2" else good(case)

    report = prove(origins, [Hostname(NAME, "enforce", who)], settings, ask=ask, quic_problem="no library")
    return report.summaries


def test_the_edge_proves_one_of_several_origins_only() -> None:
    nobody_gets_in: Rule = lambda c: REFUSED if c.sni == NAME else good(c)  # noqa: E731
    settings = replace(SETTINGS, edge="203.0.113.9:443")
    for summary in several(nobody_gets_in, WHO[1:], settings):
        assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "some_origin", False)
        assert codes(summary) == (set(), {"control_not_this_origin"})
    # The caller proves each of them in another way.
    for summary in several(good, WHO[1:], replace(settings, edge_for_every_origin=True)):
        assert (summary.verdict, summary.control, summary.as_expected) == ("enforced", "edge", True)
        assert codes(summary) == (set(), {"control_not_this_origin"})
    # With our leaf nobody asks the edge.
    first, second = several(nobody_gets_in, WHO, replace(settings, edge_for_every_origin=True))
    assert (first.verdict, first.control, codes(first)) == ("enforced", "leaf", (set(), set()))
    assert (second.verdict, second.control) == ("down", "failed")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Outcome("closed", detail="closed"), {"inconclusive", "no_control"}),
        (Outcome("response", 421), {"not_served", "no_control"}),
        (Outcome("response", 429), {"inconclusive", "no_control"}),
    ],
)
def test_the_edge_does_not_replace_our_leaf_where_it_was_not_served(answer: Outcome, found: set[str]) -> None:
    def rule(case: Case) -> Outcome:
        if case.origin == "the edge":
            return PAGE
        return answer if case.identity == VALID and case.sni == NAME else good(case)

    summary = run(rule, settings=replace(SETTINGS, edge="203.0.113.9:443"))
    assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "", False)
    assert codes(summary) == (set(), found)
    assert any("was tried here" in finding.remedy for finding in summary.findings)


@pytest.mark.parametrize("status", [400, 403, 421, 429, 500, 502, 503, 504])
def test_what_the_edge_says_itself_is_no_control(status: int) -> None:
    through = Outcome("response", status, body=b"the edge's page")
    rules: list[tuple[Rule, Settings, int]] = [
        (lambda c: through if c.origin == "the edge" else good(c), replace(SETTINGS, edge="203.0.113.9:443"), 0),
        (good, SETTINGS, status),
    ]
    for rule, settings, told in rules:
        summary = run(rule, WHO[1:], settings=settings, status=told)
        assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "", False)
        assert codes(summary) == (set(), {"edge_unclear"})
        assert summary.findings[0].evidence == f"through the edge: HTTP {status}"


def edge_answers(answer: Outcome, rule: Rule = good) -> Rule:
    return lambda c: answer if c.origin == "the edge" else rule(c)


EDGE = replace(SETTINGS, edge="203.0.113.9:443")


def test_the_edge_is_asked_again_when_the_origin_let_it_down() -> None:
    answers = [Outcome("response", 525), Outcome("response", 520), PAGE]
    rule: Rule = lambda case: answers.pop(0) if case.origin == "the edge" else good(case)  # noqa: E731
    assert run(rule, settings=replace(EDGE, retries=2)).as_expected
    assert answers == []


NGINX_403 = Outcome("response", 403, body=b"<title>403 Forbidden</title>", asked=False, server="nginx")


@pytest.mark.parametrize(
    ("answer", "found", "said"),
    [
        (NGINX_403, {"not_asked"}, "HTTP 403"),
        # Other doors, which need not ask, refuse with the same page.
        (replace(NGINX_403, body=b"own page"), {"not_asked", "refusal_page"}, "HTTP 403"),
        (Outcome("reset", asked=False, detail="lost"), {"inconclusive"}, "lost, 3 times of 3"),
    ],
)
def test_a_list_of_addresses_is_no_enforcement(answer: Outcome, found: set[str], said: str) -> None:
    """The edge gets in and the controller doesn't: for its address, not for want of a certificate."""
    rule = edge_answers(PAGE, lambda c: answer if c.listener.kind != PLAIN else good(c))
    summary = run(rule, WHO[1:], settings=replace(EDGE, retries=2))
    assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "edge", False)
    assert codes(summary) == (set(), found)
    assert (summary.findings[0].severity, summary.findings[0].listener) == ("error", "192.0.2.1:443")
    assert summary.findings[0].evidence == said + ", but no certificate was asked for"
    # Another stage isn't enforced by it either, and isn't called down.
    summary = run(edge_answers(PAGE, lambda c: NGINX_403), WHO[1:], "log_only", settings=EDGE)
    assert (summary.verdict, summary.as_expected, codes(summary)[1]) == ("inconclusive", False, {"refuses"})


@pytest.mark.parametrize(
    "answer",
    [
        Outcome("response", 301, location="https://www.example.com/", asked=False),
        replace(PAGE, cache="HIT"),
        replace(PAGE, cache="REVALIDATED"),
    ],
)
def test_what_may_never_have_reached_an_origin_is_no_control(answer: Outcome) -> None:
    asked: list[Case] = []

    def rule(case: Case) -> Outcome:
        asked.append(case)
        return edge_answers(answer)(case)

    for path in ("/", "/x?y=1"):
        summary = run(rule, WHO[1:], settings=replace(EDGE, paths=(path,)))
        assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "", False)
        assert codes(summary) == (set(), {"edge_unclear"})
    # Our leaf needs no edge.
    summary = run(rule, settings=EDGE)
    assert (summary.as_expected, codes(summary)) == (True, (set(), set()))
    # No cache can have the page that is asked for.
    paths = [case.path for case in asked if case.origin == "the edge"]
    assert len(set(paths)) == 3
    for path, start in zip(paths, ("/?", "/x?y=1&", "/?")):
        assert path.startswith(start + "originlock-probe=")
        assert len(path) == len(start + "originlock-probe=") + 32


@pytest.mark.parametrize("status", [520, 525, 526, 530])
def test_an_edge_that_is_refused_while_our_leaf_gets_in(status: int) -> None:
    through = Outcome("response", status)
    both = (Listener("192.0.2.1", 443), Listener("2001:db8::1", 443), Listener("192.0.2.1", 80, PLAIN))
    for summary in (run(edge_answers(through), settings=EDGE, listeners=both), run(good, status=status)):
        assert (summary.verdict, summary.control, summary.as_expected) == ("enforced", "leaf", False)
        (finding,) = summary.findings
        assert (finding.code, finding.severity, finding.listener) == ("edge_refused", "error", "192.0.2.1:443")
        assert finding.evidence == f"through the edge: HTTP {status}"
    # Where it is refused, too, that is what is told.
    summary = run(edge_answers(through), WHO[1:], settings=EDGE)
    assert (summary.verdict, codes(summary)) == ("down", (set(), {"down"}))
    summary = run(edge_answers(through, lambda c: PAGE), expect="log_only", settings=EDGE)
    assert (summary.as_expected, codes(summary)) == (True, (set(), set()))


def test_an_edge_that_changes_pages() -> None:
    """A site that answers to any name with the protected page is not taken for another one."""
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 80, PLAIN), Listener("192.0.2.1", 8443))
    beacon = replace(PAGE, body=PAGE.body + b"<script src=beacon.min.js></script>")
    everybody = replace(PAGE, asked=False)
    rule: Rule = lambda c: good(c) if c.listener.port == 443 else everybody  # noqa: E731
    summary = run(edge_answers(beacon, rule), WHO[1:], settings=EDGE, listeners=listeners)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("inconclusive", False, (set(), {"page_unknown"}))
    assert {(f.severity, f.listener) for f in summary.findings} >= {
        ("error", "192.0.2.1:80/plain"),
        ("error", "192.0.2.1:8443"),
    }
    assert "which may change pages" in summary.findings[0].remedy
    # Unchanged, or with the page that our leaf gets, it is what it is.
    for through, who in (PAGE, WHO[1:]), (beacon, WHO):
        summary = run(edge_answers(through, rule), who, settings=EDGE, listeners=listeners)
        assert codes(summary)[0] == {"plain_http", "second_listener"}
    # Another status is another page.
    gone = Outcome("response", 404, body=b"nothing here", asked=False)
    summary = run(
        edge_answers(beacon, lambda c: good(c) if c.listener.port == 443 else gone),
        WHO[1:],
        settings=EDGE,
        listeners=listeners,
    )
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("enforced", True, (set(), {"not_served"}))


def test_another_page_than_the_edges() -> None:
    """The welcome page of a distribution, without our leaf; and what a port for something else gives to everybody."""
    welcome = Outcome("response", 200, body=b"Welcome to nginx!", asked=False)
    beacon = replace(PAGE, body=PAGE.body + b"<script src=beacon.min.js></script>")
    places = [Listener("192.0.2.1", 80, PLAIN), Listener("192.0.2.1", 8080, PLAIN, other=True), OTHER_PORT]
    for place in places:
        for page, severity in ((welcome, "warning"), (replace(PAGE, asked=False), "error")):
            summary = run(
                edge_answers(beacon, lambda c, place=place, page=page: page if c.listener == place else good(c)),
                WHO[1:],
                settings=EDGE,
                listeners=(Listener("192.0.2.1", 443), place),
            )
            found = [(finding.code, finding.severity, finding.listener) for finding in summary.findings]
            assert (summary.holes, found) == ((), [("page_unknown", severity, place.label)])
            assert summary.as_expected is (severity == "warning")
            assert summary.verdict == ("enforced" if severity == "warning" else "inconclusive")


def test_the_worse_of_two_findings_is_told() -> None:
    """At one listener, the first door gives some page to everybody, the next one perhaps the protected one."""
    beacon = replace(PAGE, body=PAGE.body + b"<script src=beacon.min.js></script>")
    welcome = Outcome("response", 200, body=b"Welcome to nginx!", asked=False)

    def rule(case: Case) -> Outcome:
        if case.sni.lower() == NAME:
            return good(case)
        return welcome if case.sni == "" else replace(PAGE, asked=False)

    listeners = (Listener("192.0.2.1", 443),)
    summary = run(edge_answers(beacon, rule), WHO[1:], settings=EDGE, listeners=listeners)
    (finding,) = summary.findings
    assert (finding.code, finding.severity, summary.as_expected) == ("page_unknown", "error", False)
    assert not finding.variants[0].startswith("no SNI")
    assert any(variant.startswith("no SNI") for variant in finding.variants)


def test_a_name_that_resolves_to_the_origin_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split horizon: inside, the name leads past the edge, and what is said there is right."""
    there = {"dns": ("192.0.2.1", 443), "edge": ("203.0.113.9", 443)}
    refused = Outcome("response", 400, body=b"No required SSL certificate was sent", server="nginx")
    settings = replace(SETTINGS, edge="dns")
    monkeypatch.setattr(prover, "_edge_address", lambda hostname, edge: there["dns"])
    summary = run(edge_answers(refused), settings=settings)
    assert (summary.as_expected, codes(summary)) == (True, (set(), set()))
    for answer in (refused, PAGE):
        summary = run(edge_answers(answer), WHO[1:], settings=settings)
        assert (summary.verdict, summary.control, codes(summary)) == ("inconclusive", "", (set(), {"edge_unclear"}))
        assert "an address of an origin (192.0.2.1)" in summary.findings[0].evidence
        assert "HOST:PORT" in summary.findings[0].remedy
    # Also where only the server's own list of listeners knows the address.
    origin = Origin("web1", (Listener("198.51.100.1", 443),), ((Listener("192.0.2.1", 443), "why"),))
    report = prove([origin], [Hostname(NAME, "enforce", WHO)], settings, ask=lambda c, i, s: good(c), quic_problem="")
    assert report.summaries[0].as_expected
    monkeypatch.setattr(prover, "_edge_address", lambda hostname, edge: there["edge"])
    assert codes(run(edge_answers(refused), settings=settings))[1] == {"edge_refused"}


def test_an_edge_that_is_nowhere() -> None:
    summary = run(good, WHO[1:], settings=replace(SETTINGS, edge="edge.invalid:443"))
    assert (summary.verdict, codes(summary)) == ("inconclusive", (set(), {"edge_unclear"}))
    assert "can't be resolved" in summary.findings[0].evidence


def test_the_same_application_on_port_80() -> None:
    """It redirects by the scheme that it was asked by, so its answers differ in that only."""

    def rule(case: Case) -> Outcome:
        if case.sni.lower() != NAME and case.listener.kind != PLAIN:
            return good(case)
        scheme = "http" if case.listener.kind == PLAIN else "https"
        app = Outcome("response", 302, location=f"{scheme}://{case.host}/login", body=b"moved", asked=True)
        return app if case.listener.kind == PLAIN or case.identity == VALID else REFUSED

    summary = run(rule)
    assert (summary.verdict, codes(summary)) == ("open", ({"plain_http"}, set()))


def test_protected_content_that_changes_with_the_status_of_a_refusal() -> None:
    token = itertools.count()

    def rule(case: Case) -> Outcome:
        if case.listener.kind == PLAIN or case.sni.lower() != NAME:
            return good(case)
        status = 200 if case.identity == VALID else 400
        return replace(PAGE, status=status, body=b"accounts <input name=csrf value=%d>" % next(token))

    summary = run(rule)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("inconclusive", False, (set(), {"inconclusive"}))
    assert "static one" in summary.findings[0].remedy


@pytest.mark.parametrize("versions", [("1.2", "1.3"), ("1.3",)])
def test_an_error_page_of_the_sites_own(versions: tuple[str, ...]) -> None:
    """Static ones, here one for each kind of refusal, are refusals; each that came once is asked for again."""

    def rule(case: Case) -> Outcome:
        if case.tls not in versions and case.listener.kind != PLAIN:
            return Outcome("not_offered")
        if case.listener.kind == PLAIN or case.sni.lower() != NAME or case.identity == VALID:
            return good(case)
        words = case.variant.split(", TLS")[0].encode()
        return Outcome("response", 403, body=b"Go away: " + words, asked=True, ca_names=(b"CA",))

    summary = run(rule)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("enforced", True, (set(), {"refusal_page"}))


def test_a_listener_that_cannot_be_reached_from_here() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("2001:db8::1", 443), Listener("192.0.2.1", 8443, mapped=True))
    ends = {listeners[1]: "unreachable", listeners[2]: "refused"}

    def rule(case: Case) -> Outcome:
        return Outcome(ends[case.listener], detail="no route") if case.listener in ends else good(case)

    summary = run(rule, listeners=listeners)
    assert (summary.verdict, codes(summary)) == ("enforced", (set(), {"not_probed"}))
    assert [finding.listener for finding in summary.findings] == ["[2001:db8::1]:443", "192.0.2.1:8443"]
    assert "can't be reached from the controller" in summary.findings[0].remedy
    # A refused connection at an address that was given is an answer, and so is silence everywhere.
    meant = (listeners[0], Listener("192.0.2.1", 8443))
    summary = run(lambda c: Outcome("refused") if c.listener.port == 8443 else good(c), listeners=meant)
    assert (summary.verdict, codes(summary)) == ("down", (set(), {"down"}))
    summary = run(lambda c: Outcome("unreachable"), listeners=listeners)
    assert (summary.verdict, codes(summary)) == ("down", (set(), {"down"}))


def test_plain_http_that_cannot_be_reached_from_here() -> None:
    summary = run(lambda c: Outcome("unreachable", detail="no route") if c.listener.kind == PLAIN else good(c))
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("enforced", True, (set(), {"not_probed"}))
    (finding,) = summary.findings
    assert (finding.listener, finding.severity) == ("192.0.2.1:80/plain", "warning")
    assert finding.evidence == "not probed: no route"
    # That only the other request came through is no answer for the hostname.
    summary = run(lambda c: Outcome("unreachable") if c.listener.kind == PLAIN and not c.baseline else good(c))
    assert codes(summary) == (set(), {"not_probed"})
    # What was seen on another path counts all the same.
    settings = replace(SETTINGS, paths=("/", "/x"))
    ends = {"/": PAGE, "/x": Outcome("unreachable")}
    summary = run(lambda c: ends[c.path] if c.listener.kind == PLAIN else good(c), settings=settings)
    assert codes(summary) == ({"plain_http"}, {"not_probed"})


def test_a_tls_port_that_speaks_plain_http() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 8443))
    no_tls = Outcome("not_offered", detail="wrong version number")

    def speaks(answer: Outcome) -> Rule:
        def rule(case: Case) -> Outcome:
            if case.listener.port == 443:
                return good(case)
            return answer if case.listener.kind == PLAIN else no_tls

        return rule

    summary = run(speaks(PAGE), listeners=listeners)
    assert (summary.verdict, codes(summary)) == ("open", ({"plain_http"}, set()))
    assert summary.holes[0].listener == "192.0.2.1:8443/plain"
    for answer in (Outcome("response", 301, location="https://app.example.com/"), NGINX_403):
        summary = run(speaks(answer), listeners=listeners)
        assert (summary.as_expected, codes(summary)) == (True, (set(), set()))
    # Listed as either, it is tried once.
    listed = (*listeners, Listener("192.0.2.1", 8443, PLAIN))
    assert run(speaks(NGINX_403), listeners=listed).requests == run(speaks(NGINX_403), listeners=listeners).requests
    summary = run(speaks(Outcome("unreachable")), listeners=listeners)
    assert (summary.verdict, summary.as_expected, codes(summary)[1]) == ("inconclusive", False, {"not_probed"})


def test_a_tls_port_with_old_versions_only() -> None:
    listeners = (Listener("192.0.2.1", 443), Listener("192.0.2.1", 8443))
    old = Outcome("not_offered", detail="unsupported protocol")
    rule: Rule = lambda c: good(c) if c.listener.port == 443 else old  # noqa: E731
    summary = run(rule, listeners=listeners)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("inconclusive", False, (set(), {"not_probed"}))
    (finding,) = summary.findings
    assert (finding.listener, finding.severity) == ("192.0.2.1:8443", "error")
    assert finding.evidence == "not probed: neither TLS 1.3 nor 1.2 (unsupported protocol)"
    assert "older versions off" in finding.remedy
    summary = run(lambda c: PAGE if c.listener.port == 443 else old, listeners=listeners, expect="log_only")
    assert (summary.as_expected, [f.severity for f in summary.findings]) == (True, ["warning"])


def test_a_listener_without_an_address() -> None:
    origin = Origin("web1", (Listener("192.0.2.1", 443),), ((Listener("fe80::1", 443), "not probed: why"),))
    report = prove([origin], [Hostname(NAME, "enforce", WHO)], SETTINGS, ask=lambda c, i, s: good(c), quic_problem="")
    (finding,) = report.summaries[0].findings
    assert (finding.code, finding.listener, finding.evidence) == ("not_probed", "[fe80::1]:443", "not probed: why")
    assert {row.case.listener.address for row in report.rows} == {"192.0.2.1"}


def test_no_page_is_known() -> None:
    welcome = Outcome("response", 200, body=b"Welcome")
    summary = run(lambda c: welcome if c.listener.kind == PLAIN else good(c), WHO[1:], status=200)
    assert (summary.verdict, summary.as_expected, codes(summary)) == ("enforced", True, (set(), {"page_unknown"}))
    gone = Outcome("response", 404, body=b"nothing")
    summary = run(lambda c: gone if c.listener.kind == PLAIN else good(c), WHO[1:], status=200)
    assert (summary.verdict, codes(summary)) == ("enforced", (set(), set()))


def test_plain_http_needs_no_control() -> None:
    for end in (Outcome("response", 403), Outcome("closed")):
        summary = run(
            lambda c, end=end: end if c.listener.kind == PLAIN else good(c), settings=replace(SETTINGS, retries=2)
        )
        assert (summary.as_expected, codes(summary)) == (True, (set(), set()))


@pytest.mark.parametrize(
    "opens",
    [
        lambda c: c.identity == "self_signed",
        lambda c: c.identity == "same_name_ca",
        lambda c: c.identity == "expired",
        lambda c: c.identity == "server_auth",
        lambda c: c.identity == "other:staff" and c.sni == NAME,
        lambda c: c.identity == "other:staff" and c.sni == "",
        lambda c: c.sni == "" and c.identity == "none",
        lambda c: c.sni.endswith("invalid"),
        lambda c: c.sni == NAME.upper(),
        lambda c: c.spelling == "dot",
    ],
)
def test_single_doors_of_http3(opens: Callable[[Case], bool]) -> None:
    summary = over_quic(good).summaries[0]
    assert (summary.verdict, codes(summary)) == ("enforced", (set(), set()))
    summary = over_quic(lambda c: PAGE if opens(c) and not c.baseline else good(c)).summaries[0]
    assert (summary.verdict, codes(summary)) == ("open", ({"http3"}, set()))


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
    names = [f"h{number}.example.com" for number in range(30)]
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
