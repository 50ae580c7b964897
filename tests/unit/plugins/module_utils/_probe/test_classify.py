# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome means."""

from __future__ import annotations

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
    assert _class(RIGHT, Outcome("response", 400, body=b"go away")) == "enforced"
    assert _class(RIGHT, Outcome("response", 400, body=b"")) == "enforced"


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
        (Outcome("response", 403), "enforced"),
        (Outcome("response", 404), "closed"),
        (Outcome("response", 405), "open"),
    ],
)
def test_plain_http(outcome: Outcome, verdict: str) -> None:
    assert _class(OVER_PLAIN, outcome) == verdict


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
    other = Outcome("response", 302, location="http://%s/login" % NOBODY_HOST)
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
    ("control", "anonymous", "edge", "status", "expected"),
    [
        (PAGE, NGINX_400, None, 0, "leaf"),
        (Outcome("alert", alert=48), NGINX_400, None, 200, "failed"),
        (NGINX_400, NGINX_400, None, 200, "failed"),
        (None, NGINX_400, PAGE, 0, "edge"),
        (None, NGINX_400, Outcome("response", 520), 200, "failed"),
        (None, NGINX_400, Outcome("refused"), 0, "failed"),
        (None, NGINX_400, None, 200, "edge"),
        (None, NGINX_400, None, 525, "failed"),
        (None, NGINX_400, None, 403, "failed"),
        (None, NGINX_400, None, 0, ""),
        (Outcome("closed"), NGINX_400, None, 0, ""),
        # A page that is forbidden to everybody: with our certificate it is the application that says so.
        (Outcome("response", 403), NGINX_400, None, 0, "leaf"),
        (Outcome("response", 403), Outcome("alert", alert=116), None, 0, "leaf"),
        (Outcome("response", 403), Outcome("response", 403), None, 0, "failed"),
    ],
)
def test_positive_control(
    control: Outcome | None, anonymous: Outcome, edge: Outcome | None, status: int, expected: str
) -> None:
    found = c.reference_of(control, anonymous, edge, status)
    assert found.control == expected
    assert found.works is (expected in ("leaf", "edge"))


def test_evidence() -> None:
    assert c.evidence(Outcome("alert", alert=116)) == "TLS alert certificate_required (116)"
    assert c.evidence(Outcome("alert", alert=250)) == "TLS alert unknown (250)"
    assert (
        c.evidence(Outcome("response", 301, location="https://x/", resumed=True))
        == "HTTP 301 to https://x/, session resumed"
    )
    assert c.evidence(Outcome("refused", detail="connection refused")) == "connection refused"
