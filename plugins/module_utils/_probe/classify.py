# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome means. Pure: a case, its outcome and what is known of the protected site go in, a class comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .cases import NOBODY_HOST
from .model import (
    ASKS_ONLY,
    CLOSED,
    DOWN,
    ENFORCED,
    INCONCLUSIVE,
    MISROUTED,
    NONE,
    OPEN,
    OTHER,
    PLAIN,
    QUIC,
    SERVED,
    TLS,
    VALID,
    Case,
    Outcome,
)
from .watch import ALERT_NAMES

ACCESS_DENIED, UNRECOGNIZED_NAME = 49, 112
_REFUSING_STATUS = (400, 403, 495, 496)
_PASSING_TROUBLE = (429, 502, 503, 504)
_MISDIRECTED = 421
_REFUSAL_TEXTS = (b"No required SSL certificate was sent", b"The SSL certificate error")
# Pages that web servers make themselves for who is turned away.
_OWN_WORDS = re.compile(
    rb"<(?:title|h1)>[\s\d-]*(?:bad request|forbidden|no required ssl certificate was sent|the ssl certificate error"
    rb"|the plain http request was sent to https port)\s*</|^client sent an http request to an https server",
    re.I,
)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)</title", re.I)
# What isn't read by people. All of it takes time in proportion to the page, whatever is in there.
_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1|\Z)|<[^<>]*>", re.I | re.S)
_WORDS_IN_A_ROW = 3
# Cloudflare's words for an answer that it had kept (CF-Cache-Status).
_KEPT = ("HIT", "STALE", "UPDATING", "REVALIDATED")
# The edge's own words for: the origin doesn't let me in.
_EDGE_FAILS = (495, 496, *range(520, 531))

_UNASKED = ", but no certificate was asked for"

# What shows that the right client gets in; SOME_ORIGIN: through the edge, which may have reached another origin.
BY_LEAF, BY_EDGE, SOME_ORIGIN, FAILED, UNKNOWN = "leaf", "edge", "some_origin", "failed", ""


@dataclass(frozen=True)
class Reference:
    """The positive control of a hostname at a listener: how it was made, and the page that it got (or None).

    ``unclear``: what came through the edge, in words, where that shows neither that the origin lets it in nor that it
    doesn't. ``edited``: the page came through the edge, which may have changed it.
    """

    control: str = UNKNOWN
    page: Outcome | None = None
    unclear: str = ""
    edited: bool = False

    @property
    def works(self) -> bool:
        """Whether the right client was seen to get in."""
        return self.control in (BY_LEAF, BY_EDGE)


def evidence(outcome: Outcome) -> str:
    """What came back, in a few words."""
    if outcome.end == "response":
        text = f"HTTP {outcome.status}"
        if outcome.location:
            text += " to " + outcome.location[:120]
    elif outcome.end == "alert":
        text = f"TLS alert {ALERT_NAMES.get(outcome.alert, 'unknown')} ({outcome.alert})"
    else:
        text = outcome.detail or outcome.end
    return text + (", session resumed" if outcome.resumed else "")


def refuses(outcome: Outcome) -> bool:
    """Whether this is how servers turn a client away."""
    return outcome.end == "alert" or (outcome.end == "response" and outcome.status in _REFUSING_STATUS)


def is_served(outcome: Outcome) -> bool:
    """Whether the request got past the door, whatever the application said then."""
    return outcome.end == "response" and not refuses(outcome) and outcome.status not in (_MISDIRECTED, 429)


def refused_by_server(outcome: Outcome) -> bool:
    """A 400 with the server's own words about the certificate."""
    return outcome.status == 400 and any(text in outcome.body for text in _REFUSAL_TEXTS)


def in_own_words(outcome: Outcome) -> bool:
    """Whether a refusal shows no page, or one that the web server makes itself."""
    if outcome.end != "response" or not outcome.body.strip():
        return True
    return refused_by_server(outcome) or bool(_OWN_WORDS.search(outcome.body))


def lets_in(edge: Outcome) -> bool:
    """Whether an answer through the edge shows that the origin lets the edge in: the edge makes up others itself."""
    return is_served(edge) and edge.status < 500


def through_edge(outcome: Outcome) -> Outcome:
    """What came through the edge; a kept answer and a redirect don't show that the edge asked an origin."""
    if outcome.cache.upper() in _KEPT:
        return Outcome("unclear", detail=f"{evidence(outcome)}, from the cache ({outcome.cache[:20]})")
    if 300 <= outcome.status < 400:
        return Outcome("unclear", detail=evidence(outcome) + ", which may be a rule of the edge")
    return outcome


def edge_fails(edge: Outcome) -> bool:
    """Whether an answer through the edge says that the origin doesn't let the edge in."""
    return edge.status in _EDGE_FAILS or refused_by_server(edge)


def is_busy(outcome: Outcome) -> bool:
    """Whether this may be an answer to anybody, at a bad moment."""
    return outcome.end == "response" and outcome.status in _PASSING_TROUBLE


def unasked(case: Case, outcome: Outcome) -> bool:
    """Whether the front door asked for no certificate, so that it can't have turned somebody away for want of one."""
    front = case.listener.kind == TLS and case.sni_kind == "right" and case.resume_from is None
    return front and outcome.asked is False and not outcome.asked_late


def same_page(first: Outcome, second: Outcome, hostname: str, with_status: bool = True) -> bool:
    """Whether two answers are one page, the names in it and its redirect (with scheme and port) apart."""
    if with_status and first.status != second.status:
        return False
    if not first.body and not first.location:
        return False
    return content(first, hostname) == content(second, hostname)


def content(outcome: Outcome, hostname: str) -> tuple[bytes, bytes]:
    """Body and redirect without what differs between two listeners of one application: scheme, name and port."""
    names = b"|".join(re.escape(name.encode()) for name in (hostname, NOBODY_HOST))
    place = rb"(?:(?:https?(?::|%%3A))?(?://|%%2F%%2F))?(?:%s)\.?(?:(?::|%%3A)\d+)?" % names
    body, location = (re.sub(place, b"", text, flags=re.I) for text in (outcome.body, outcome.location.encode()))
    return body, location


def resembles(first: Outcome, second: Outcome, hostname: str) -> bool:
    """Whether two answers may be one page that changes, or that was changed on its way.

    They have the same status, and the same title or half of the shorter one's text; redirects lead to the same path.
    """
    if first.status != second.status:
        return False
    (body, location), (other_body, other_location) = content(first, hostname), content(second, hostname)
    if location or other_location:
        return location.partition(b"?")[0] == other_location.partition(b"?")[0]
    (title, text), (other_title, other_text) = _read(body), _read(other_body)
    if title and title == other_title:
        return True
    if not text or not other_text:
        return not text and not other_text
    return 2 * len(text & other_text) >= min(len(text), len(other_text))


@lru_cache(maxsize=256)
def _read(body: bytes) -> tuple[str, frozenset[tuple[str, ...]]]:
    """Title and text of a page, the text as all words in a row; words with digits (tokens, counters) are alike."""
    raw = body.decode("utf-8", "replace")
    title = _TITLE.search(raw)
    words = re.findall(r"\w+", _MARKUP.sub(" ", raw)) or re.findall(r"\w+", raw)
    if not words:
        return "", frozenset()
    plain = ["0" if any(letter.isdigit() for letter in word) else word.lower() for word in words]
    plain = ["", *plain, ""]
    rows = (tuple(plain[start : start + _WORDS_IN_A_ROW]) for start in range(len(plain) - _WORDS_IN_A_ROW + 1))
    return " ".join(title.group(1).split()) if title else "", frozenset(rows)


def by_looks(outcome: Outcome, reference: Reference, nobody: Outcome, hostname: str) -> bool:
    """Whether only title and text tell a page from the protected one: that came edited, or this one always changes."""
    edited = reference.edited and reference.page is not None and reference.page.status == outcome.status
    return edited or not same_page(outcome, nobody, hostname)


def classify(
    case: Case,
    outcome: Outcome,
    reference: Reference,
    nobody: Outcome | None,
    anonymous_served: bool,
    stable: bool = False,
) -> tuple[str, str]:
    """Class and reason.

    ``nobody`` is what the same door answers for a hostname that nobody serves. ``anonymous_served``: with the right
    name and without a certificate the listener serves, so that a bad certificate adds nothing. ``stable``: the same
    page came more than once.
    """
    said = evidence(outcome)
    plain = _without_request(case, outcome)
    if plain:
        return plain, said
    if case.identity == VALID and case.sni_kind == "right":
        return _control(outcome, reference, said)
    if refuses(outcome):
        return _refused(case, outcome, reference, nobody, stable, said)
    if outcome.end != "response":
        return _without_answer(case, outcome, reference, said)
    return _elsewhere(case, outcome, reference, nobody, said) or _served(case, outcome, anonymous_served, said)


def _without_request(case: Case, outcome: Outcome) -> str:
    """The class where no request was answered by the site, empty where one may have been."""
    if outcome.end in ("refused", "unreachable"):
        return DOWN if case.listener.kind == TLS else CLOSED
    if outcome.end in ("not_offered", "no_session"):
        return CLOSED
    if outcome.end == "skipped":
        return INCONCLUSIVE
    return MISROUTED if outcome.status == _MISDIRECTED or outcome.alert == UNRECOGNIZED_NAME else ""


def _elsewhere(
    case: Case, outcome: Outcome, reference: Reference, nobody: Outcome | None, said: str
) -> tuple[str, str] | None:
    """Class and reason of a response that isn't the protected page, or may not be; None where it may well be."""
    page = reference.page
    if case.listener.kind == PLAIN:
        if 300 <= outcome.status < 400 and outcome.location.lower().startswith("https://"):
            return CLOSED, said
        if outcome.status in (404, 410) and page is not None and page.status < 400:
            return CLOSED, said + ", not the protected page"
    if is_busy(outcome) and not (page and page.status == outcome.status):
        return INCONCLUSIVE, said + ", which may be anybody's"
    if nobody is None or page is None or same_page(outcome, page, case.hostname):
        return None
    return _any_names(case, outcome, reference, page, nobody, said)


def _any_names(
    case: Case, outcome: Outcome, reference: Reference, page: Outcome, nobody: Outcome, said: str
) -> tuple[str, str] | None:
    """The same for a response that isn't ``page``: a site may answer so to any name."""
    changing = case.listener.other and resembles(outcome, nobody, case.hostname)
    if not changing and not same_page(outcome, nobody, case.hostname):
        return None
    said += " from a site that answers to any name"
    if not by_looks(outcome, reference, nobody, case.hostname):
        return MISROUTED, said
    if resembles(outcome, page, case.hostname):
        return INCONCLUSIVE, said + ", with a title or text as on the protected page"
    known = page.body or page.location
    return MISROUTED, said + (", with another title and text than the protected page" if known else "")


def _served(case: Case, outcome: Outcome, anonymous_served: bool, said: str) -> tuple[str, str]:
    adds_nothing = case.identity == NONE or (anonymous_served and not case.identity.startswith(OTHER))
    if outcome.asked and case.sni_kind in ("right", "upper") and not outcome.resumed and adds_nothing:
        return ASKS_ONLY, said + ", though a certificate was asked for"
    return OPEN, said


def reference_of(
    control: Outcome | None, anonymous: Outcome | None, edge: Outcome | None, here: bool = True
) -> Reference:
    """The positive control: our leaf at this listener or, only where that was not tried, a request through the edge.

    ``here``: whether the edge can have reached this origin only.
    """
    if control is not None and control.end == "response":
        # A page that is forbidden to everybody is no refusal if without a certificate the answer is another one.
        turned_away = anonymous is not None and (refused_by_server(anonymous) or anonymous.end == "alert")
        if is_served(control) or (control.status in (400, 403) and turned_away and not refused_by_server(control)):
            return Reference(BY_LEAF, control)
    if control is not None and refuses(control):
        return Reference(FAILED)
    if edge is None or (control is not None and control.end != "skipped"):
        return Reference()
    if lets_in(edge):
        return Reference(BY_EDGE if here else SOME_ORIGIN, edge)
    if here and edge_fails(edge):
        return Reference(FAILED)
    return Reference(unclear="through the edge: " + evidence(edge))


def _control(outcome: Outcome, reference: Reference, said: str) -> tuple[str, str]:
    if is_served(outcome) or (outcome.end == "response" and reference.control == BY_LEAF):
        return SERVED, said
    if refuses(outcome):
        return DOWN, said + " for our own certificate"
    return INCONCLUSIVE, said


def _refused(
    case: Case, outcome: Outcome, reference: Reference, nobody: Outcome | None, stable: bool, said: str
) -> tuple[str, str]:
    page = reference.page
    if page is not None and is_served(page) and same_page(outcome, page, case.hostname, with_status=False):
        return OPEN, said + " with the protected page"  # the status of a refusal, and the content all the same
    if reference.control == FAILED and case.listener.kind != PLAIN:
        return DOWN, said + ", as for the right client"
    if not stable and not in_own_words(outcome) and not (nobody and same_page(outcome, nobody, case.hostname)):
        return INCONCLUSIVE, said + " with a page of the site's own that is never the same, so it can't be compared"
    if case.listener.kind == PLAIN:
        return CLOSED, said
    if unasked(case, outcome):
        return INCONCLUSIVE, said + _UNASKED
    if reference.control == SOME_ORIGIN:
        return INCONCLUSIVE, said + ", and what the edge reached may be another origin"
    if not reference.works:
        return INCONCLUSIVE, said + ", but nothing shows that the right client gets in"
    if reference.control == BY_EDGE:
        return ENFORCED, said + "; through the edge it is served"
    return ENFORCED, said


def _without_answer(case: Case, outcome: Outcome, reference: Reference, said: str) -> tuple[str, str]:
    if case.listener.kind == QUIC and outcome.end == "timeout":
        return CLOSED, said
    # One lost connection is an accident; all of several, while the right client is served, are a refusal.
    if outcome.end in ("closed", "reset") and outcome.attempts > 2:
        said = f"{said}, {outcome.attempts} times of {outcome.attempts}"
        if case.listener.kind == PLAIN:
            return CLOSED, said
        if unasked(case, outcome):
            return INCONCLUSIVE, said + _UNASKED
        if reference.works:
            return ENFORCED, said
    return INCONCLUSIVE, said
