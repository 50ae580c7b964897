# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prover on real nginx servers, in every state that it has to tell apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe import quic
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    ENFORCE,
    NONE,
    PLAIN,
    VALID,
    Hostname,
    Identity,
    Listener,
    Origin,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import prove
from tests.origins.probe_farm import farm as farms
from tests.origins.probe_farm import nginx, support

RELEASES = ("bookworm", "trixie")
# Scenario, class of the hostname, codes of the holes that have to be found (all of them, and no others).
MISTAKES = (
    ("default_other_ca", "open", {"default_server_other_ca", "session_resumption"}),
    ("default_other_ca_checked", "open", {"session_resumption"}),
    ("error_page", "asks_only", {"asks_only"}),
    ("error_page_400", "open", {"error_page"}),
    ("second_listener", "open", {"second_listener"}),
    ("port_80", "open", {"plain_http"}),
    ("ipv6", "open", {"ipv6_unprotected"}),
    ("expression", "asks_only", {"asks_only"}),
    ("optional", "asks_only", {"optional"}),
)


class Stage(NamedTuple):
    farm: farms.Farm
    who: tuple[Identity, ...]
    release: str


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    yield from support.temporary()


@pytest.fixture(scope="module", params=RELEASES)
def stage(request: pytest.FixtureRequest, directory: Path) -> Iterator[Stage]:
    yield from _stage(farms.image("nginx", request.param), list(nginx.SCENARIOS), directory / request.param)


@pytest.fixture(scope="module")
def newest(directory: Path) -> Iterator[Stage]:
    """Debian unstable's nginx, which takes over sessions where no CA names bind them."""
    try:
        image = farms.sid_image()
    except Exception as error:
        pytest.skip(f"no image with nginx of Debian unstable: {error}")
    names = ["good", "trusted_only", "trusted_only_on", "default_other_ca_checked"]
    yield from _stage(image, names, directory / "sid")


def _stage(image: str, scenarios: list[str], directory: Path) -> Iterator[Stage]:
    directory.mkdir(parents=True)
    os.chmod(directory, 0o755)
    material = support.farm_material(directory)
    farm = farms.start(image, "nginx", scenarios, material, directory)
    forged = directory / "forged"
    forged.mkdir(mode=0o700)
    try:
        yield Stage(farm, support.identities(material, forged), directory.name)
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


def test_each_family_is_probed(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "ipv6", stage.who)
    assert {hole.listener for hole in summary.holes} == {f"[::1]:{stage.farm.ports['ipv6']['P']}"}


@pytest.mark.parametrize(
    ("scenario", "turns"),
    [("good", 20), ("good_own_check", 2), ("default_other_ca_no_sessions", 1), ("default_other_ca_issuer", 1)],
)
def test_finds_nothing_where_nothing_is(stage: Stage, scenario: str, turns: int) -> None:
    """20 runs of 20 (on the newer release), without a single doubtful row."""
    for _turn in range(turns if stage.release == "trixie" else min(turns, 3)):
        _report, summary = support.probe(stage.farm, scenario, stage.who)
        assert (summary.verdict, summary.holes, summary.findings) == ("enforced", (), ())
        assert summary.as_expected
        assert summary.control == "leaf"


def test_only_trusted_certificates(stage: Stage) -> None:
    """These versions don't take the sessions over, so it is no hole here; but it shows, and is told."""
    _report, summary = support.probe(stage.farm, "trusted_only", stage.who)
    assert (summary.verdict, summary.holes, _codes(summary.findings)) == ("enforced", (), {"no_ca_names"})
    assert "ssl_client_certificate" in summary.findings[0].remedy


@pytest.mark.parametrize("scenario", ["trusted_only", "trusted_only_on"])
def test_only_trusted_certificates_on_the_newest(newest: Stage, scenario: str) -> None:
    report, summary = support.probe(newest.farm, scenario, newest.who)
    codes = _codes(summary.holes)
    if not codes and not any(row.outcome.resumed for row in report.rows):
        pytest.skip("this nginx does not take over sessions of other sites any more")
    assert (summary.verdict, codes) == ("open", {"session_resumption"})
    assert "ssl_client_certificate" in summary.holes[0].remedy


def test_the_newest_well_configured(newest: Stage) -> None:
    _report, summary = support.probe(newest.farm, "good", newest.who)
    assert (summary.verdict, summary.holes, summary.findings) == ("enforced", (), ())


def test_default_server_of_another_ca_without_its_certificate(stage: Stage) -> None:
    """What can't be tried is said."""
    who = tuple(entry for entry in stage.who if not entry.kind.startswith("other:"))
    _report, summary = support.probe(stage.farm, "default_other_ca", who)
    assert (summary.holes, _codes(summary.findings)) == ((), {"default_server_unproven"})
    assert "CN=Staff CA" in summary.findings[0].evidence


def test_log_only(stage: Stage) -> None:
    """Nobody is refused, whatever he comes with, and everybody is asked."""
    report, summary = support.probe(stage.farm, "log_only", stage.who, "log_only")
    assert (summary.verdict, summary.findings, summary.as_expected) == ("asks_only", (), True)
    assert {row.outcome.status for row in report.rows if row.case.listener.kind == "tls"} == {200}
    assert {row.outcome.asked for row in report.rows if row.case.listener.kind == "tls"} == {True}


def test_log_only_where_the_stage_is_another(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "off", stage.who, "log_only")
    assert (summary.verdict, _codes(summary.findings)) == ("open", {"not_asked"})
    _report, summary = support.probe(stage.farm, "good", stage.who, "log_only")
    assert (summary.verdict, summary.as_expected, _codes(summary.findings)) == ("enforced", False, {"refuses"})
    _report, summary = support.probe(stage.farm, "log_only", stage.who, "open")
    assert (summary.verdict, summary.as_expected, _codes(summary.findings)) == ("asks_only", False, {"asked"})
    _report, summary = support.probe(stage.farm, "off", stage.who, "open")
    assert (summary.verdict, summary.as_expected) == ("open", True)


def test_our_certificate_is_refused(stage: Stage) -> None:
    """An origin that refuses everybody is down for the edge, not enforced."""
    _report, summary = support.probe(stage.farm, "wrong_ca", stage.who)
    assert _codes(summary.findings) >= {"down"}
    assert _codes(summary.holes) == {"other_ca"}


def test_closing_connections_is_a_refusal_with_a_control_only(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "closes", stage.who)
    assert (summary.verdict, summary.holes) == ("enforced", ())
    _report, summary = support.probe(stage.farm, "closes", _without(stage.who, VALID))
    assert (summary.verdict, _codes(summary.findings)) == ("inconclusive", {"inconclusive", "no_control"})


def test_without_a_positive_control_nothing_counts(stage: Stage) -> None:
    _report, summary = support.probe(stage.farm, "good", _without(stage.who, VALID))
    assert (summary.verdict, _codes(summary.findings)) == ("inconclusive", {"no_control"})


def test_control_through_an_edge(stage: Stage) -> None:
    """Anything that serves the page may play the edge; here the site without a policy does."""
    edge = f"127.0.0.1:{stage.farm.ports['off']['P']}"
    settings = replace(support.SETTINGS, edge=edge)
    report, summary = support.probe(stage.farm, "good", _without(stage.who, VALID), settings=settings)
    assert (summary.verdict, summary.control, summary.findings) == ("enforced", "edge", ())
    assert {row.case.origin for row in report.rows} == {"farm"}
    broken = replace(settings, edge=f"127.0.0.1:{stage.farm.ports['wrong_ca']['P']}")
    _report, summary = support.probe(stage.farm, "good", _without(stage.who, VALID), settings=broken)
    assert (summary.verdict, summary.control) == ("down", "failed")


def test_a_list_of_addresses_is_no_enforcement(stage: Stage) -> None:
    settings = replace(support.SETTINGS, edge=f"127.0.0.1:{stage.farm.ports['off']['P']}")
    report, summary = support.probe(stage.farm, "allow_list", _without(stage.who, VALID), settings=settings)
    assert {row.outcome.asked for row in report.rows if row.case.sni_kind == "right" and row.case.sni} == {False}
    assert (summary.verdict, summary.control, summary.as_expected) == ("inconclusive", "edge", False)
    assert (summary.holes, _codes(summary.findings)) == ((), {"not_asked"})


def test_a_port_that_speaks_something_else(stage: Stage) -> None:
    """What is listed as a port of TLS and isn't one is tried as what it is, or is told."""
    second = stage.farm.ports["second_plain"]["Q"]
    _report, summary = support.probe(stage.farm, "second_plain", stage.who, second=True)
    assert (summary.verdict, summary.findings) == ("open", ())
    assert {(hole.code, hole.listener) for hole in summary.holes} == {
        ("plain_http", f"127.0.0.1:{second}/plain"),
        ("plain_http", f"[::1]:{second}/plain"),
    }
    _report, summary = support.probe(stage.farm, "second_old_tls", stage.who, second=True)
    assert (summary.verdict, summary.holes, summary.as_expected) == ("inconclusive", (), False)
    assert [(finding.code, finding.severity) for finding in summary.findings] == [("not_probed", "error")] * 2


def test_an_edge_that_is_refused_while_our_leaf_gets_in(stage: Stage) -> None:
    settings = replace(support.SETTINGS, edge=f"127.0.0.1:{stage.farm.ports['wrong_ca']['P']}")
    _report, summary = support.probe(stage.farm, "good", stage.who, settings=settings)
    assert (summary.verdict, summary.control, summary.as_expected) == ("enforced", "leaf", False)
    assert _codes(summary.findings) == {"edge_refused"}


def test_paths(stage: Stage) -> None:
    settings = replace(support.SETTINGS, paths=("/", "/private/"))
    report, summary = support.probe(stage.farm, "expression", stage.who, settings=settings)
    private = {
        row.case.identity: row.verdict
        for row in report.rows
        if row.case.path == "/private/" and row.case.listener.kind == "tls"
    }
    assert private == {NONE: "enforced", VALID: "served"}
    assert summary.verdict == "asks_only"


@pytest.fixture(scope="module")
def http3(directory: Path) -> Iterator[Stage]:
    if quic.problem():
        pytest.skip(quic.problem())
    yield from _stage(farms.image("nginx", "trixie"), list(nginx.HTTP3), directory / "http3")


@pytest.mark.parametrize(
    ("scenario", "verdict", "codes"), [("http3", "open", {"http3"}), ("good_http3", "enforced", set())]
)
def test_http3(http3: Stage, scenario: str, verdict: str, codes: set[str]) -> None:
    """A QUIC listener in a block of its own has the policy or has it not."""
    report, summary = support.probe(http3.farm, scenario, http3.who, udp=True)
    assert (summary.verdict, _codes(summary.holes), summary.findings) == (verdict, codes, ())
    own = [row.verdict for row in report.rows if row.case.listener.kind == "quic" and row.case.identity == VALID]
    assert own == ["served"]


def _without(who: tuple[Identity, ...], kind: str) -> tuple[Identity, ...]:
    return tuple(entry for entry in who if entry.kind != kind)


def test_hostnames_of_one_block(stage: Stage) -> None:
    """One in full, the others in brief; the one that isn't of this block is found nevertheless."""
    ports = stage.farm.ports["many"]
    origin = Origin("farm", (Listener("127.0.0.1", ports["P"]), Listener("127.0.0.1", ports["H"], PLAIN)))
    names = [*(f"h{number}.many.test" for number in range(60)), "odd.many.test"]
    hostnames = [Hostname(name, ENFORCE, stage.who, alike="many") for name in names]
    report = prove([origin], hostnames, replace(support.SETTINGS, foreign_sni=tuple(names[:3])))
    assert {one.hostname for one in report.summaries if not one.as_expected} == {"odd.many.test"}
    requests = [one.requests for one in report.summaries]
    assert min(requests[0], requests[-1]) > 50 > 20 > max(requests[1:-1])
