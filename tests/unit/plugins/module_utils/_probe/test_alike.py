# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames of one class: the first is tried in full, the others at their main doors, and none of them hides a hole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    BAD,
    PLAIN,
    VALID,
    Case,
    Hostname,
    Identity,
    Listener,
    Origin,
    Outcome,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import Report, prove, reckon

WHO = tuple(Identity(kind, "c", "k") for kind in (VALID, *BAD))
NAMES = [f"h{number}.example.com" for number in range(40)]
ORIGIN = Origin("web1", (Listener("192.0.2.1", 443), Listener("192.0.2.1", 80, PLAIN)))
SETTINGS = Settings(rate=100000, foreign_sni=("open.example.com", *NAMES[:2]), retries=0)
PAGE = Outcome("response", 200, body=b"the shop", asked=True, server="nginx", ca_names=(b"CA",))
REFUSED = Outcome("alert", alert=116, asked=True, ca_names=(b"CA",))
ODD = NAMES[30]


def good(case: Case) -> Outcome:
    if case.listener.kind == PLAIN:
        return Outcome("response", 301, location="https://app.example.com/")
    if case.sni.lower() != case.hostname:
        return Outcome("response", 421, asked=False)
    return PAGE if case.identity == VALID else REFUSED


def run(rule: Callable[[Case], Outcome], alike: str = "a") -> tuple[Report, Counter[str]]:
    asked: Counter[str] = Counter()

    def ask(case: Case, _identity: Identity, _settings: Settings) -> Outcome:
        asked[case.hostname] += 1
        return rule(case)

    hostnames = [Hostname(name, identities=WHO, alike=alike) for name in NAMES]
    return prove([ORIGIN], hostnames, SETTINGS, ask=ask, quic_problem="no library"), asked


def test_one_in_full_the_others_in_brief() -> None:
    report, asked = run(good)
    assert all(summary.as_expected and summary.verdict == "enforced" for summary in report.summaries)
    assert asked[NAMES[0]] > 50
    assert {asked[name] for name in NAMES[1:]} == {7}
    assert {summary.requests for summary in report.summaries[1:]} == {7}
    _report, everyone = run(good, alike="")
    assert min(everyone.values()) > 50


HOLES: dict[str, Callable[[Case], bool]] = {
    "front": lambda case: case.sni_kind == "right",
    "no SNI": lambda case: case.sni_kind == "none",
    "unknown SNI": lambda case: case.sni_kind == "unknown",
    "foreign SNI": lambda case: case.sni_kind == "foreign",
    "TLS 1.2": lambda case: case.tls == "1.2" and case.sni_kind == "right",
    "plain": lambda case: case.listener.kind == PLAIN,
}


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_a_hole_of_one_of_them_is_found(hole: Callable[[Case], bool]) -> None:
    report, asked = run(lambda case: PAGE if case.hostname == ODD and not case.baseline and hole(case) else good(case))
    assert [one.hostname for one in report.summaries if one.holes] == [ODD]
    assert asked[ODD] > 50


def test_who_is_answered_otherwise_is_tried_in_full() -> None:
    """No hole yet, but other CAs: the class was wrong, and a certificate of nobody's gets in."""
    other = Outcome("alert", alert=116, asked=True, ca_names=(b"another",))

    def rule(case: Case) -> Outcome:
        if case.hostname == ODD and case.sni == ODD and case.identity != VALID:
            return PAGE if case.identity == "self_signed" else other
        return good(case)

    report, asked = run(rule)
    assert asked[ODD] > 50
    assert [one.hostname for one in report.summaries if one.holes] == [ODD]


def test_reckoned_before() -> None:
    settings = Settings(rate=50, edge="dns")
    many = [Hostname(f"h{number}.example.com", identities=WHO, alike="a") for number in range(1000)]
    assert reckon([ORIGIN], many, settings) < 300 < reckon([ORIGIN], [Hostname(one.name) for one in many], settings)
    _report, asked = run(good)
    hostnames = [Hostname(name, identities=WHO, alike="a") for name in NAMES]
    sessions = 2 * (2 * 6 + 2 * 4)
    assert reckon([ORIGIN], hostnames, SETTINGS) * SETTINGS.rate == pytest.approx(sum(asked.values()), abs=sessions)
