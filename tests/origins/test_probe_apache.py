# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prover on a real Apache, in every state that it has to tell apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe.model import Identity
from tests.origins.probe_farm import apache, support
from tests.origins.probe_farm import farm as farms

# Scenario, class of the hostname, codes of the holes that have to be found (all of them, and no others).
MISTAKES = (
    ("per_location", "open", {"late_request"}),
    ("per_location_elsewhere", "open", {"not_protected"}),
    ("sni_policy", "open", {"default_server_other_ca"}),
    ("second_listener", "open", {"second_listener"}),
    ("port_80", "open", {"plain_http"}),
    ("ipv6", "open", {"ipv6_unprotected"}),
    ("expression", "open", {"session_same_site"}),
    ("optional", "asks_only", {"optional"}),
)


class Stage(NamedTuple):
    farm: farms.Farm
    who: tuple[Identity, ...]


@pytest.fixture(scope="module", params=["bookworm"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    for directory in support.temporary():
        os.chmod(directory, 0o755)
        material = support.farm_material(directory)
        image = farms.image("apache", request.param)
        farm = farms.start(image, "apache", list(apache.SCENARIOS), material, directory)
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
    report, summary = support.probe(
        stage.farm, scenario, stage.who, second=scenario in ("second_listener", "sni_policy")
    )
    assert (summary.verdict, _codes(summary.holes)) == (verdict, codes), report.rows
    assert not summary.as_expected


def test_finds_nothing_where_nothing_is(stage: Stage) -> None:
    """20 runs of 20, without a single doubtful row, both families, and once the second port, too."""
    for turn in range(20):
        _report, summary = support.probe(stage.farm, "good", stage.who, second=turn == 0)
        assert (summary.verdict, summary.holes, summary.findings) == ("enforced", (), ())
        assert summary.as_expected


def test_a_false_success_needs_the_session(stage: Stage) -> None:
    """The same certificate is refused at first and accepted with its TLS 1.2 session."""
    report, summary = support.probe(stage.farm, "expression", stage.who)
    assert {hole.variants for hole in summary.holes} == {
        ("right SNI, certificate of a foreign CA, TLS 1.2, session of the same site",)
    }
    first = [row for row in report.rows if row.case.identity == "foreign_ca" and row.case.resume_from is None]
    assert {row.verdict for row in first if row.case.sni_kind == "right"} == {"enforced"}


def test_a_protected_path_does_not_protect_the_rest(stage: Stage) -> None:
    """Over TLS 1.3 the edge can't answer to a late request, so the protected path refuses the edge as well."""
    _report, summary = support.probe(stage.farm, "per_location", stage.who)
    assert "Move it to the virtual host" in summary.holes[0].remedy
    assert "not asked for at the handshake" in summary.holes[0].evidence


def test_log_only(stage: Stage) -> None:
    """Everybody but those with certificates that Apache can't forgive is served; that is said, not hidden."""
    _report, summary = support.probe(stage.farm, "log_only", stage.who, "log_only")
    assert (summary.verdict, summary.as_expected) == ("asks_only", True)
    assert _codes(summary.findings) == {"refuses"}
    assert {finding.severity for finding in summary.findings} == {"warning"}


def test_off(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "off", stage.who, "open")
    assert (summary.verdict, summary.as_expected) == ("open", True)
    _report, summary = support.probe(stage.farm, "off", stage.who)
    assert (summary.verdict, _codes(summary.holes)) == (
        "open",
        {
            "not_protected",
        },
    )
