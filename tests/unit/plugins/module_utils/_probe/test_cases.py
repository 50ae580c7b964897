# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests are made: each door once, and no more than needed."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe import cases
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    BAD,
    PLAIN,
    QUIC,
    VALID,
    Case,
    Hostname,
    Identity,
    Listener,
    Settings,
)

KINDS = (VALID, *BAD, "other:staff")
WHO = tuple(Identity(kind, kind + ".crt", kind + ".key") for kind in KINDS)
SETTINGS = Settings(foreign_sni=("app.example.com", "open.example.com", "b.example.com", "c.example.com"))
TLS_LISTENER = Listener("192.0.2.1", 443)


def _all(hostname: Hostname, listener: Listener = TLS_LISTENER, quick: bool = False) -> list[Case]:
    found = cases.opening(hostname, "web1", listener, SETTINGS)
    return found + cases.further(hostname, "web1", listener, SETTINGS, ("1.3", "1.2"), quick)


def test_every_door_is_tried() -> None:
    found = _all(Hostname("app.example.com", "enforce", WHO))
    fresh = [case for case in found if case.resume_from is None and not case.baseline and case.form == "h1"]
    for version in ("1.2", "1.3"):
        right = {c.identity for c in fresh if c.tls == version and c.sni_kind == "right" and not c.spelling}
        assert right == {"none", *KINDS}
        for sni in ("", cases.UNKNOWN_SNI, "open.example.com", "b.example.com"):
            assert {c.identity for c in fresh if c.tls == version and c.sni == sni} >= {"none", "other:staff"}
        sources = {c.resume_from for c in found if c.tls == version} - {None}
        assert sources == {"", cases.UNKNOWN_SNI, "open.example.com", "b.example.com", "app.example.com"}
    spelled = {
        (c.sni_kind, c.spelling, c.host) for c in fresh + [c for c in found if c.form == "absolute"] if c.spelling
    }
    for kind in ("none", "foreign"):
        assert (kind, "upper case", "APP.EXAMPLE.COM") in spelled
        assert (kind, "dot", "app.example.com.") in spelled
        assert (kind, "name with port", "app.example.com:443") in spelled
        assert (kind, "absolute", "app.example.com") in spelled
    assert {c.sni_kind for c in found if c.form == "h2"} == {"right", "none", "foreign"}
    assert any(c.sni == "APP.EXAMPLE.COM" for c in found)
    assert {c.sni for c in found if c.baseline} >= {"", cases.UNKNOWN_SNI, "open.example.com", "app.example.com"}


def test_number_of_requests() -> None:
    found = _all(Hostname("app.example.com", "enforce", WHO))
    assert len(found) == len(set(found)) <= 110
    assert len(_all(Hostname("app.example.com", "enforce", WHO), quick=True)) <= 24
    assert len(_all(Hostname("app.example.com", "enforce"))) <= 60
    assert len(_all(Hostname("app.example.com", "log_only", WHO))) <= 20
    assert len(_all(Hostname("app.example.com", "open", WHO))) <= 6


@pytest.mark.parametrize(
    ("kind", "quick", "expected"),
    [
        ("tls", False, ((47, 12), (83, 28))),
        ("tls", True, ((10, 0), (18, 0))),
        ("quic", False, ((21, 0), (32, 0))),
        ("quic", True, ((7, 0), (15, 0))),
        ("plain", False, ((2, 0), (2, 0))),
    ],
)
def test_the_numbers_of_the_documentation(kind: str, quick: bool, expected: tuple[tuple[int, int], ...]) -> None:
    """docs/probe.md and the module tell the least and the most: all requests, and those on a resumed session."""
    listener = Listener("192.0.2.1", 443, kind)
    for count, who, names in (0, WHO[:-1], ()), (1, WHO, ("open.example.com", "b.example.com")):
        settings = Settings(foreign_sni=names)
        hostname = Hostname("app.example.com", "enforce", who)
        found = cases.opening(hostname, "web1", listener, settings)
        found += cases.further(hostname, "web1", listener, settings, ("1.3", "1.2"), quick)
        assert (len(found), sum(case.resume_from is not None for case in found)) == expected[count]


def test_variants_are_told_apart() -> None:
    found = _all(Hostname("app.example.com", "enforce", WHO))
    assert len({case.variant for case in found}) == len(found)


def test_stages_that_serve_everybody_are_asked_by_the_front_door_only() -> None:
    for expect in ("open", "log_only"):
        found = _all(Hostname("app.example.com", expect, WHO))
        assert {case.sni_kind for case in found} == {"right"}
        assert {case.resume_from for case in found} == {None}


def test_only_offered_versions() -> None:
    found = cases.further(Hostname("app.example.com", "enforce", WHO), "web1", TLS_LISTENER, SETTINGS, ("1.2",), False)
    assert {case.tls for case in found} == {"1.2"}
    assert cases.further(Hostname("app.example.com"), "web1", TLS_LISTENER, SETTINGS, (), False) == []


def test_only_certificates_that_are_there() -> None:
    found = _all(Hostname("app.example.com"))
    assert {case.identity for case in found} == {"none"}


def test_plain_and_quic() -> None:
    hostname = Hostname("app.example.com", "enforce", WHO)
    plain = _all(hostname, Listener("192.0.2.1", 80, PLAIN))
    assert [(case.baseline, case.identity, case.sni) for case in plain] == [(False, "none", ""), (True, "none", "")]


def test_every_door_of_http3_is_tried() -> None:
    hostname = Hostname("app.example.com", "enforce", WHO)
    quic = _all(hostname, Listener("192.0.2.1", 443, QUIC))
    assert {case.identity for case in quic if case.sni_kind == "right"} == {"none", *KINDS}
    for sni in ("", cases.UNKNOWN_SNI, "open.example.com", "b.example.com"):
        door = [case for case in quic if case.sni == sni]
        assert {case.identity for case in door} == {"none", "foreign_ca", "other:staff"}
        assert any(case.baseline for case in door)
    assert any(case.sni == "APP.EXAMPLE.COM" for case in quic)
    assert {case.spelling for case in quic} == {"", "upper case", "dot", "name with port"}
    assert {case.resume_from for case in quic} == {None}
    assert {case.form for case in quic} == {"h1"}
    assert len({case.variant for case in quic}) == len(quic) <= 45
    assert len(_all(hostname, Listener("192.0.2.1", 443, QUIC), quick=True)) <= 20
