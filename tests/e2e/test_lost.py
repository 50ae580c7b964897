# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was lost: the controller's disk, our lines in site files, the way through the edge. Nobody is refused for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.story.story import Story
from tests.story.theatre import HOSTNAMES, Theatre

from .support import PAIR, QUICK, SWITCHES, certificates, served

pytestmark = pytest.mark.chapters
NGINX, APACHE = PAIR.split(",")
FAST = {"aop_probe_depth": "quick", "aop_soak_seconds": 0, "aop_batches": ["100%"]}
SITES = {NGINX: "/etc/nginx/sites-available", APACHE: "/etc/apache2/sites-available"}
RELOAD = {NGINX: "nginx -s reload", APACHE: "apachectl graceful"}


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with Theatre("e2e-lost", PAIR, settings=QUICK, switches=SWITCHES) as theatre:
        for host, folder in SITES.items():
            theatre.shell(host, f"cp -a {folder} /root/as-it-came")
        theatre.play("onboard")
        story = Story(theatre, print)
        story.enforce(**FAST)
        yield story


def direct(story: Story, host: str) -> str:
    """What somebody who knows the origin's address gets."""
    address = story.theatre.fleet["hosts"][host]["address"]
    command = (
        f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {HOSTNAMES[1]}:443:{address} https://{HOSTNAMES[1]}/"
    )
    return story.theatre.shell(host, f"{command} || true")


def test_without_its_pki_directory_the_controller_makes_nothing_and_finds_back(story: Story) -> None:
    theatre = story.theatre
    pki, away = theatre.project / "pki", theatre.project / "away"
    before, held = story.trees(), certificates(theatre)
    pki.rename(away)
    refused = theatre.play("onboard", check=False)
    assert refused.status != 0
    assert "were issued by a client CA of example.com" in refused.output, refused.output
    assert "Nothing was made or changed. Restore the PKI directory" in refused.output
    assert not pki.exists()
    assert (story.trees(), certificates(theatre)) == (before, held)
    served(theatre)
    # The way back takes whom an origin trusts from the origin.
    theatre.play("rollback")
    assert [direct(story, host) for host in SITES] == ["200", "200"]
    evidence = theatre.play("evidence", aop_evidence_since=story.moment())
    assert "may be enforced" in evidence.output, evidence.output
    served(theatre)
    assert not pki.exists()
    # Somebody else's directory has a CA of the same name.
    theatre.play(
        "onboard",
        check=False,
        aop_zones=[{"name": "example.com", "hostnames": ["new.example.com"]}],
        client_pki_take_over=True,
        aop_canary_required=False,
        aop_hosts="!all",
    )
    assert pki.exists()
    refused = theatre.play("onboard", check=False)
    assert "has its name, but is another one" in refused.output, refused.output
    shutil.rmtree(pki)
    away.rename(pki)
    served(theatre)


@pytest.mark.parametrize("presents", ["normal", "none"])
def test_site_files_that_were_written_anew_are_told_and_not_enforced_without_the_gate(
    story: Story, presents: str
) -> None:
    theatre = story.theatre
    theatre.sandbox.edge_switches(present="normal")
    story.enforce(**FAST)
    for host, folder in SITES.items():
        theatre.shell(host, f"cp -a /root/as-it-came/. {folder}/ && {RELOAD[host]}")
    with theatre.visitors(20) as visitors:
        status = theatre.play("status", check=False)
        assert status.status != 0
        assert status.output.count("was protected (enforce), is open") == 2 * len(HOSTNAMES), status.output
        theatre.sandbox.edge_switches(present=presents)
        theatre.play("onboard")
        assert [direct(story, host) for host in SITES] == ["200", "200"], "log_only, not enforce"
        refused = theatre.play("enforce", check=presents == "normal", aop_evidence_since=story.moment(), **FAST)
        assert (refused.status == 0) is (presents == "normal"), refused.output
    assert not visitors.tally.failures, visitors.tally.failures[:5]
    theatre.sandbox.edge_switches(present="normal")
    served(theatre)


def test_an_ssl_mode_without_tls_makes_status_red(story: Story) -> None:
    story.theatre.sandbox.change_zone("example.com", settings={"ssl": "flexible"})
    status = story.theatre.play("status", check=False)
    story.theatre.sandbox.change_zone("example.com", settings={"ssl": "full"})
    assert status.status != 0
    assert "SSL mode is 'flexible'" in status.output


def test_onboard_ends_with_an_error_if_nothing_comes_through(story: Story) -> None:
    theatre = story.theatre
    theatre.play("rollback")
    theatre.sandbox.dns({name: {"addresses": ["127.0.0.9"], "proxied": True} for name in HOSTNAMES})
    played = theatre.play("onboard", check=False)
    theatre.prepare_sandbox()
    assert played.status != 0
    assert "no request came through the edge for some hostnames" in played.output, played.output
    served(theatre)
