# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome means."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe import classify as c
from ansible_collections.originlock.aop.plugins.module_utils._probe.cases import NOBODY_HOST
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    EXPIRED,
    FOREIGN_CA,
    PLAIN,
    QUIC,
    VALID,
    Case,
    Listener,
    Outcome,
)

NAME = "app.example.com"
LISTENER = Listener("192.0.2.1", 443)
RIGHT = Case(NAME, "web1", LISTENER, sni=NAME, host=NAME)
FOREIGN = replace(RIGHT, sni="other.example.com", sni_kind="foreign")
OVER_PLAIN = replace(RIGHT, listener=Listener("192.0.2.1", 80, PLAIN), sni="", tls="")
PAGE = Outcome("response", 200, body=b"<h1>Shop</h1>", asked=True)
LEAF = c.Reference(c.BY_LEAF, PAGE)
NGINX_400 = Outcome("response", 400, body=b"<h1>400</h1> No required SSL certificate was sent", server="nginx")


def _class(case: Case, outcome: Outcome, reference: c.Reference = LEAF, nobody: Outcome | None = None) -> str:
    return c.classify(case, outcome, reference, nobody, False)[0]


@pytest.mark.parametrize(
    "outcome",
    [
        NGINX_400,
        Outcome("response", 403),
        Outcome("response", 496),
        *(Outcome("alert", alert=number) for number in (40, 42, 45, 48, 49, 80, 116)),
        Outcome("closed", attempts=3),
        Outcome("reset", attempts=3),
    ],
)
def test_a_refusal_is_enforcement_with_a_control_only(outcome: Outcome) -> None:
    assert _class(RIGHT, outcome) == "enforced"
    assert _class(RIGHT, outcome, c.Reference(c.BY_EDGE)) == "enforced"
    assert _class(RIGHT, outcome, c.Reference()) == "inconclusive"
    assert _class(RIGHT, outcome, c.Reference(c.FAILED)) in ("down", "inconclusive")


@pytest.mark.parametrize(
    "outcome", [Outcome("response", 403), Outcome("alert", alert=40), Outcome("reset", attempts=3)], ids=lambda o: o.end
)
def test_who_asks_for_no_certificate_enforces_none(outcome: Outcome) -> None:
    for reference in (c.Reference(c.BY_EDGE), LEAF):
        assert _class(RIGHT, replace(outcome, asked=False), reference) == "inconclusive"
        # Not known, or told by the hole late_request; other doors and taken sessions need not ask.
        assert _class(RIGHT, replace(outcome, asked=None), reference) == "enforced"
        assert _class(RIGHT, replace(outcome, asked=False, asked_late=True), reference) == "enforced"
        assert _class(FOREIGN, replace(outcome, asked=False), reference) == "enforced"
        assert _class(replace(RIGHT, resume_from=""), replace(outcome, asked=False), reference) == "enforced"
    assert _class(RIGHT, replace(outcome, end="alert", alert=40, asked=False), c.Reference(c.FAILED)) == "down"


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 404, 405, 500])
def test_whatever_the_application_says_is_open(status: int) -> None:
    outcome = Outcome("response", status, asked=False)
    assert _class(RIGHT, outcome) == "open"
    assert _class(RIGHT, outcome, c.Reference()) == "open"
    assert _class(RIGHT, replace(outcome, asked=True)) == "asks_only"
    assert _class(RIGHT, replace(outcome, asked=None)) == "open"
    assert _class(FOREIGN, replace(outcome, asked=True)) == "open"


def test_bad_certificates() -> None:
    case = replace(RIGHT, identity=FOREIGN_CA)
    assert c.classify(case, PAGE, LEAF, None, False)[0] == "open"
    assert c.classify(case, PAGE, LEAF, None, True)[0] == "asks_only"
    assert c.classify(replace(case, resume_from=NAME), replace(PAGE, resumed=True), LEAF, None, True)[0] == "open"
    assert c.classify(replace(case, identity="other:x"), PAGE, LEAF, None, True)[0] == "open"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (PAGE, "served"),
        (Outcome("response", 404), "served"),
        (NGINX_400, "down"),
        (Outcome("alert", alert=48), "down"),
        (Outcome("response", 421), "misrouted"),
        (Outcome("refused"), "down"),
        (Outcome("closed", attempts=3), "inconclusive"),
        (Outcome("not_offered"), "closed"),
    ],
)
def test_our_own_certificate(outcome: Outcome, verdict: str) -> None:
    assert _class(replace(RIGHT, identity=VALID), outcome, c.Reference()) == verdict


@pytest.mark.parametrize("outcome", [Outcome("response", 421), Outcome("alert", alert=112)])
def test_misrouted(outcome: Outcome) -> None:
    for reference in (LEAF, c.Reference()):
        assert _class(FOREIGN, outcome, reference) == "misrouted"


def test_one_lost_connection_proves_nothing() -> None:
    assert _class(RIGHT, Outcome("closed", attempts=1)) == "inconclusive"
    assert _class(RIGHT, Outcome("timeout", attempts=3)) == "inconclusive"
    assert _class(RIGHT, Outcome("skipped")) == "inconclusive"


def test_passing_trouble() -> None:
    """A 503 may be a rate limit; if the right client gets it too, the door was passed."""
    busy = Outcome("response", 503, body=b"busy")
    assert _class(RIGHT, busy) == "inconclusive"
    assert _class(RIGHT, busy, c.Reference(c.BY_LEAF, busy)) == "open"
    assert _class(RIGHT, Outcome("response", 429)) == "inconclusive"


def test_the_page_of_a_refusal_can_be_the_protected_one() -> None:
    assert _class(RIGHT, replace(PAGE, status=400)) == "open"
    assert _class(replace(RIGHT, identity=EXPIRED), replace(PAGE, status=403)) == "open"
    assert _class(RIGHT, Outcome("response", 400, body=b"")) == "enforced"


NGINX_403 = b"<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>"
NGINX_TLS = b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>"
APACHE_403 = (
    b'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>403 Forbidden</title>\n</head><body>\n'
    b"<h1>Forbidden</h1>\n<p>You don't have permission to access this resource.</p>"
)
HAPROXY_403 = b"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>"
GO_TLS = b"Client sent an HTTP request to an HTTPS server.\n"


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, NGINX_403), (400, NGINX_TLS), (403, APACHE_403), (403, HAPROXY_403), (400, GO_TLS), (403, b" \n")],
)
def test_servers_refuse_in_their_own_words(status: int, body: bytes) -> None:
    refusal = Outcome("response", status, body=body)
    assert _class(RIGHT, refusal) == "enforced"
    assert _class(OVER_PLAIN, refusal) == "closed"


@pytest.mark.parametrize("status", [400, 403, 495, 496])
def test_a_page_of_the_sites_own_is_a_refusal_only_if_it_stays_the_same(status: int) -> None:
    page = Outcome("response", status, body=b"<h1>Secret</h1> <input name=csrf value=1>", asked=True)
    assert _class(RIGHT, page) == "inconclusive"
    assert _class(OVER_PLAIN, page) == "inconclusive"
    assert c.classify(RIGHT, page, LEAF, None, False, True)[0] == "enforced"
    # What the same door says to a name that nobody serves isn't protected.
    assert _class(RIGHT, page, LEAF, page) == "enforced"
    # Words that only look like those of a server.
    title = replace(page, body=b"<title>Forbidden Planet</title><h1>403 Forbidden fruits</h1>")
    assert _class(RIGHT, title) == "inconclusive"


@pytest.mark.parametrize(
    ("location", "other"),
    [
        ("https://app.example.com/login", "http://app.example.com/login"),
        ("https://app.example.com/login", "https://app.example.com:8443/login"),
        ("https://app.example.com/login", "https://APP.example.com.:8443/login"),
        ("https://app.example.com/login", "/login"),
        (
            "https://sso.example.net/?next=https%3A%2F%2Fapp.example.com%2F",
            "https://sso.example.net/?next=http%3A%2F%2Fapp.example.com%3A80%2F",
        ),
    ],
)
def test_one_application_redirects_by_its_own_scheme_and_port(location: str, other: str) -> None:
    body = '<a href="%s">moved</a>'
    page = Outcome("response", 302, location=location, body=(body % location).encode(), asked=True)
    same = Outcome("response", 302, location=other, body=(body % other).encode())
    assert c.same_page(page, same, NAME)
    nobody = replace(
        same,
        location=other.replace(NAME, NOBODY_HOST),
        body=same.body.replace(NAME.encode(), NOBODY_HOST.encode()),
    )
    second = replace(RIGHT, listener=Listener("192.0.2.1", 8443))
    assert _class(second, same, c.Reference(c.BY_LEAF, page), nobody) == "open"
    if not other.startswith("https://"):
        assert _class(OVER_PLAIN, same, c.Reference(c.BY_LEAF, page), nobody) == "open"
    assert not c.same_page(page, replace(same, location=other.replace("login", "x").replace("next", "x")), NAME)


def test_no_page_is_known() -> None:
    """With a status that was only told of, nothing can be compared; what every name gets is no hole then."""
    told = c.reference_of(None, NGINX_400, Outcome("response", 200))
    welcome = Outcome("response", 200, body=b"Welcome", asked=None)
    assert _class(OVER_PLAIN, welcome, told, welcome) == "misrouted"
    assert _class(OVER_PLAIN, welcome, told, replace(welcome, body=b"else")) == "open"
    assert _class(OVER_PLAIN, Outcome("response", 404, body=b"gone"), told) == "closed"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome("response", 301, location="https://app.example.com/"), "closed"),
        (Outcome("response", 308, location="HTTPS://elsewhere.example.com/"), "closed"),
        (Outcome("response", 301, location="http://app.example.com/x"), "open"),
        (Outcome("response", 301, location="/login"), "open"),
        (Outcome("refused"), "closed"),
        (Outcome("unreachable"), "closed"),
        (Outcome("response", 200), "open"),
        # Nobody shows a certificate here, so it takes no control.
        (Outcome("response", 403), "closed"),
        (Outcome("closed", attempts=3), "closed"),
        (Outcome("closed", attempts=1), "inconclusive"),
        (Outcome("timeout"), "inconclusive"),
        (Outcome("response", 404), "closed"),
        (Outcome("response", 405), "open"),
    ],
)
def test_plain_http(outcome: Outcome, verdict: str) -> None:
    assert _class(OVER_PLAIN, outcome) == verdict
    if verdict == "closed" and outcome.status != 404:
        assert _class(OVER_PLAIN, outcome, c.Reference()) == verdict


def test_a_page_that_is_nowhere_is_no_proof() -> None:
    gone = Outcome("response", 404, body=b"not found", asked=None)
    assert _class(OVER_PLAIN, gone, c.Reference()) == "open"
    assert _class(OVER_PLAIN, gone, c.Reference(c.BY_LEAF, gone)) == "open"


def test_a_site_that_answers_to_any_name() -> None:
    welcome = Outcome("response", 200, body=b"Welcome to app.example.com!")
    nobody = Outcome("response", 200, body=b"Welcome to %s!" % NOBODY_HOST.encode())
    assert _class(OVER_PLAIN, welcome, LEAF, nobody) == "misrouted"
    assert _class(FOREIGN, welcome, LEAF, nobody) == "misrouted"
    # The one site of a server answers to any name as well, with the protected page.
    same = replace(PAGE, asked=None)
    assert _class(OVER_PLAIN, same, LEAF, same) == "open"
    # Without a control nobody knows the protected page.
    assert _class(OVER_PLAIN, welcome, c.Reference(), nobody) == "open"
    # Redirects count by where they lead to.
    login = Outcome("response", 302, location="http://app.example.com/login")
    other = Outcome("response", 302, location=f"http://{NOBODY_HOST}/login")
    assert _class(OVER_PLAIN, login, LEAF, other) == "misrouted"
    assert _class(OVER_PLAIN, login, LEAF, replace(other, location="http://x.invalid/")) == "open"
    # Empty pages are all alike.
    assert _class(FOREIGN, Outcome("response", 404), LEAF, Outcome("response", 404)) == "open"


def test_quic() -> None:
    case = replace(RIGHT, listener=Listener("192.0.2.1", 443, QUIC))
    assert _class(case, Outcome("timeout")) == "closed"
    assert _class(case, Outcome("alert", alert=116)) == "enforced"
    assert _class(case, Outcome("response", 200)) == "open"


@pytest.mark.parametrize(
    ("control", "anonymous", "edge", "expected"),
    [
        (PAGE, NGINX_400, None, "leaf"),
        (Outcome("alert", alert=48), NGINX_400, PAGE, "failed"),
        (NGINX_400, NGINX_400, PAGE, "failed"),
        (None, NGINX_400, PAGE, "edge"),
        (None, NGINX_400, Outcome("response", 404), "edge"),
        (None, NGINX_400, Outcome("response", 520), "failed"),
        (None, NGINX_400, Outcome("response", 525), "failed"),
        (None, NGINX_400, NGINX_400, "failed"),
        (None, NGINX_400, None, ""),
        # The edge makes such answers itself, or does not answer at all: nothing is known of the origin.
        *((None, NGINX_400, Outcome("response", status), "") for status in (400, 403, 421, 429, 500, 502, 503, 504)),
        (None, NGINX_400, Outcome("refused"), ""),
        # What the edge gets elsewhere says nothing where our own certificate was tried and not served.
        (Outcome("closed"), NGINX_400, PAGE, ""),
        (Outcome("timeout"), NGINX_400, PAGE, ""),
        (Outcome("response", 421), NGINX_400, PAGE, ""),
        (Outcome("response", 429), NGINX_400, PAGE, ""),
        (Outcome("skipped"), NGINX_400, PAGE, "edge"),
        # A page that is forbidden to everybody: with our certificate it is the application that says so.
        (Outcome("response", 403), NGINX_400, None, "leaf"),
        (Outcome("response", 403), Outcome("alert", alert=116), None, "leaf"),
        (Outcome("response", 403), Outcome("response", 403), None, "failed"),
    ],
)
def test_positive_control(control: Outcome | None, anonymous: Outcome, edge: Outcome | None, expected: str) -> None:
    found = c.reference_of(control, anonymous, edge)
    assert found.control == expected
    assert found.works is (expected in ("leaf", "edge"))
    assert bool(found.unclear) is (control is None and edge is not None and not expected)


def test_the_edge_reaches_one_of_several_origins() -> None:
    found = c.reference_of(None, NGINX_400, PAGE, here=False)
    assert (found.control, found.works) == ("some_origin", False)
    assert _class(RIGHT, NGINX_400, found) == "inconclusive"
    assert _class(RIGHT, PAGE, found) == "asks_only"
    # Which origin the edge was refused by isn't known either.
    assert c.reference_of(None, NGINX_400, Outcome("response", 525), here=False).control == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (replace(PAGE, cache="HIT"), "HTTP 200, from the cache (HIT)"),
        (replace(PAGE, cache="stale"), "HTTP 200, from the cache (stale)"),
        (replace(PAGE, cache="UPDATING"), "HTTP 200, from the cache (UPDATING)"),
        (replace(PAGE, cache="REVALIDATED"), "HTTP 200, from the cache (REVALIDATED)"),
        (Outcome("response", 301, location="/x"), "HTTP 301 to /x, which may be a rule of the edge"),
        (Outcome("response", 302, cache="DYNAMIC"), "HTTP 302, which may be a rule of the edge"),
    ],
)
def test_what_the_edge_may_say_without_an_origin(answer: Outcome, said: str) -> None:
    found = c.reference_of(None, NGINX_400, c.through_edge(answer))
    assert (found.control, found.unclear) == ("", "through the edge: " + said)


@pytest.mark.parametrize("cache", ["", "MISS", "DYNAMIC", "BYPASS", "EXPIRED", "NONE"])
def test_what_the_edge_asked_an_origin_for(cache: str) -> None:
    for status in (200, 404):
        answer = Outcome("response", status, cache=cache)
        assert c.through_edge(answer) is answer
    # A status that a person tells is what that person knows.
    assert c.reference_of(None, NGINX_400, Outcome("response", 301)).control == "edge"


def test_a_page_that_the_edge_may_have_changed() -> None:
    page = c.Reference(c.BY_EDGE, replace(PAGE, body=PAGE.body + b"<script src=beacon></script>"), edited=True)
    plain = replace(PAGE, asked=None)
    for case in (OVER_PLAIN, FOREIGN):
        assert _class(case, plain, page, plain) == "inconclusive"
        assert _class(case, plain, replace(page, edited=False), plain) == "misrouted"
        # It changes bodies; with another status it is another page.
        for other in (replace(plain, status=401), Outcome("response", 302, location="http://x.example/")):
            assert _class(case, other, page, other) == "misrouted"
        assert _class(case, replace(plain, body=page.page.body), page, plain) == "open"  # type: ignore[union-attr]


WELCOME = (
    b"<!DOCTYPE html><html><head><title>Welcome to nginx!</title><style>html { color-scheme: light dark; }</style>"
    b"</head><body><h1>Welcome to nginx!</h1><p>If you see this page, the nginx web server is successfully installed"
    b" and working. Further configuration is required.</p></body></html>"
)


def _page(title: str, text: str) -> bytes:
    head = f"<!DOCTYPE html><html><head><title>{title}</title></head>"
    return (head + f"<body><h1>{text}</h1></body></html>").encode()


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        # What an edge does, and what changes with every request.
        (b"the shop", b"the shop<script src=/cdn-cgi/x.js>", True),
        (_page("Shop", "Buy this"), _page("Shop", "Nothing of that at all"), True),
        (_page("Shop", "You can buy pots and pans"), _page("Shop!", "Cookies? You can buy pots and pans here"), True),
        (b"<form><input name=csrf value=a81c>", b"<form><input name=csrf value=77fe>", True),
        (b"Active connections: 1\n 5 5", b"Active connections: 2\n 36 38", True),
        (b'{"id": "1f", "pots": 3}', b'{"id": "2e", "pots": 4}', True),
        (b"<div id=root></div><script src=/a.js></script>", b"<div id=root></div><script src=/a.js></script><i>", True),
        # Other pages.
        (WELCOME, _page("Shop", "If you see this page, the shop is open"), False),
        (WELCOME, b"the shop", False),
        (_page("Shop", "Pots and pans"), _page("Staff", "Who are you?"), False),
        (b"ok", b"everything is ok here", False),
        (b"ok", b"", False),
        (_page("", "Pots and pans"), _page("", "Who are you?"), False),
    ],
)
def test_pages_that_look_alike(first: bytes, second: bytes, alike: bool) -> None:
    one, other = Outcome("response", 200, body=first), Outcome("response", 200, body=second)
    assert c.resembles(one, other, NAME) is alike
    assert c.resembles(other, one, NAME) is alike
    assert not c.resembles(one, replace(other, status=401), NAME)


def test_redirects_that_look_alike() -> None:
    here = Outcome("response", 302, location="https://sso.example.net/?state=1f")
    assert c.resembles(here, replace(here, location="https://sso.example.net/?state=2e"), NAME)
    assert not c.resembles(here, replace(here, location="https://sso.example.org/?state=1f"), NAME)


@pytest.mark.parametrize("piece", [b"<", b"<script", b"<!--", b"<title", b"<title>x", b"word1", b"</script", b" a"])
def test_no_page_takes_long_to_read(piece: bytes) -> None:
    body = (piece * 65536)[:65536]
    started = time.process_time()
    c._read(body)
    assert time.process_time() - started < 1


ELSEWHERE = replace(RIGHT, listener=Listener("192.0.2.1", 8443, other=True))


def test_a_page_that_changes_on_a_listener_for_something_else() -> None:
    one = Outcome("response", 200, body=_page("Status", "1 of 7"), asked=False)
    two = replace(one, body=_page("Status", "2 of 8"))
    assert _class(ELSEWHERE, one, LEAF, two) == "misrouted"
    # The same page may be the protected one, which changes.
    changing = c.Reference(c.BY_LEAF, replace(one, body=_page("Status", "9 of 9")))
    assert _class(ELSEWHERE, one, changing, two) == "inconclusive"
    assert _class(ELSEWHERE, one, c.Reference(c.BY_LEAF, one), two) == "open"
    # Nobody's page says something else; or there is none; or it's the hostname's own listener.
    assert _class(ELSEWHERE, one, LEAF, replace(two, body=_page("Welcome", "to nobody"))) == "open"
    assert _class(ELSEWHERE, one, LEAF, replace(two, status=404)) == "open"
    assert _class(ELSEWHERE, one, LEAF) == "open"
    assert _class(RIGHT, one, LEAF, two) == "open"
    # Empty pages that all names get.
    empty = Outcome("response", 401)
    assert _class(ELSEWHERE, empty, LEAF, empty) == "misrouted"


def test_a_page_that_looks_unlike_the_edges() -> None:
    through = c.Reference(c.BY_EDGE, replace(PAGE, body=_page("Shop", "pots") + b"<script src=beacon>"), edited=True)
    welcome = Outcome("response", 200, body=WELCOME)
    for case in (OVER_PLAIN, FOREIGN, ELSEWHERE):
        assert _class(case, welcome, through, welcome) == "misrouted"
        ours = replace(welcome, body=_page("Shop", "pots"))
        assert _class(case, ours, through, ours) == "inconclusive"


def test_evidence() -> None:
    assert c.evidence(Outcome("alert", alert=116)) == "TLS alert certificate_required (116)"
    assert c.evidence(Outcome("alert", alert=250)) == "TLS alert unknown (250)"
    assert (
        c.evidence(Outcome("response", 301, location="https://x/", resumed=True))
        == "HTTP 301 to https://x/, session resumed"
    )
    assert c.evidence(Outcome("refused", detail="connection refused")) == "connection refused"
