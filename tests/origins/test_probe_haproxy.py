# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prover on a real HAProxy, in every state that it has to tell apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe.model import Identity
from tests.origins.probe_farm import farm as farms
from tests.origins.probe_farm import haproxy, support

# Scenario, class of the hostname, codes of the holes that have to be found (all of them, and no others).
MISTAKES: tuple[tuple[str, str, set[str]], ...] = (
    ("list_only", "open", {"default_server_other_ca", "session_resumption", "sni_mismatch"}),
    ("names_only", "open", {"session_resumption"}),
    ("ignored_errors", "open", {"bad_certificate", "other_ca", "session_resumption", "session_same_site"}),
    ("only_the_code", "asks_only", {"optional"}),
    ("list_after", "open", {"not_protected"}),
    ("no_issuer", "open", {"session_resumption"}),
    ("exact_spelling", "open", {"host_spelling"}),
    ("allowed_before", "asks_only", {"optional"}),
    ("second_listener", "open", {"second_listener"}),
    ("port_80", "open", {"plain_http"}),
    ("ipv6", "open", {"ipv6_unprotected"}),
)


class Stage(NamedTuple):
    farm: farms.Farm
    who: tuple[Identity, ...]


@pytest.fixture(scope="module", params=["trixie"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    for directory in support.temporary():
        os.chmod(directory, 0o755)
        material = support.farm_material(directory)
        image = farms.image("haproxy", request.param)
        farm = farms.start(image, "haproxy", list(haproxy.SCENARIOS), material, directory)
        forged = directory / "forged"
        forged.mkdir(mode=0o700)
        try:
            yield Stage(farm, support.identities(material, forged))
        finally:
            farm.stop()


def _codes(findings: tuple[object, ...]) -> set[str]:
    return {str(getattr(entry, "code", "")) for entry in findings}


@pytest.mark.parametrize(("scenario", "verdict", "codes"), MISTAKES)
def test_finds_the_mistake(stage: Stage, scenario: str, verdict: str, codes: set[str]) -> None:
    report, summary = support.probe(stage.farm, scenario, stage.who, second=scenario == "second_listener")
    assert (summary.verdict, _codes(summary.holes)) == (verdict, codes), report.rows
    assert not summary.as_expected
    assert all(hole.remedy and hole.evidence and hole.variants for hole in summary.holes)


@pytest.mark.parametrize(("scenario", "turns"), [("good", 20), ("good_required", 1)])
def test_finds_nothing_where_nothing_is(stage: Stage, scenario: str, turns: int) -> None:
    for _turn in range(turns):
        _report, summary = support.probe(stage.farm, scenario, stage.who)
        assert (summary.verdict, summary.holes, summary.findings) == ("enforced", (), ())
        assert summary.as_expected


def test_log_only(stage: Stage) -> None:
    """Nobody is refused, whatever he comes with, and everybody is asked."""
    _report, summary = support.probe(stage.farm, "log_only", stage.who, "log_only")
    assert (summary.verdict, summary.findings, summary.as_expected) == ("asks_only", (), True)


def test_off(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "off", stage.who, "open")
    assert (summary.verdict, summary.as_expected) == ("open", True)
