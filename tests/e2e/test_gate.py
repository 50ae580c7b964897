# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: enforcing while anything is wrong is refused, each with its own words, and nothing is changed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support as pki
from tests.story.intruder import Intruder
from tests.story.story import LOGS, Story
from tests.story.theatre import HOSTNAMES, PASSPHRASE, Theatre

from .support import PAIR, QUICK, SWITCHES, associations, certificates, codes, refusals, served

pytestmark = pytest.mark.chapters
NGINX, APACHE = PAIR.split(",")


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    settings = {**QUICK, "client_pki_valid_days": 100}
    with Theatre("e2e-gate", PAIR, settings=settings, switches=SWITCHES) as theatre:
        yield theatre


@pytest.fixture
def story(theatre: Theatre) -> Iterator[Story]:
    """The edge is as it should be again after each test."""
    yield Story(theatre, print)
    theatre.sandbox.edge_switches(present="normal")


def refused(story: Story, since: str | None = None, **variables: Any) -> dict[tuple[str, str], str]:
    """What the gate says; it refuses, and the origins are as before."""
    before = story.trees()
    variables.setdefault("aop_evidence_since", since or story.moment())
    played = story.theatre.play("enforce", check=False, **variables)
    assert played.status != 0, played.output
    assert "Nothing was changed." in played.output, played.output
    assert story.trees() == before
    return refusals(played.output)


def test_before_onboarding(story: Story) -> None:
    played = story.theatre.play("enforce", check=False)
    assert played.status != 0
    assert "Run originlock.aop.onboard first" in played.output
    assert not story.theatre.sandbox.journal(writes=True)


def test_before_association(story: Story) -> None:
    sandbox = story.theatre.sandbox
    sandbox.fault({"type": "status", "status": 403, "code": 10000, "message": "Authentication error"}, operation="H5")
    assert story.theatre.play("onboard", check=False).status != 0
    sandbox.clear_faults()
    assert associations(story.theatre) == []
    said = refused(story)
    assert sorted(said) == sorted((name, host) for name in HOSTNAMES for host in (NGINX, APACHE))
    for text in said.values():
        assert codes(text) == ["nothing_presented", "association_disabled"], text
        assert "Associate the hostname with a client certificate at Cloudflare first" in text
        assert "has no enabled association at Cloudflare. Run onboard" in text


def test_onboarding_goes_on_where_it_failed(story: Story) -> None:
    story.theatre.play("onboard")
    assert len(certificates(story.theatre)) == 1
    served(story.theatre)


def test_canaries_are_no_visitors(story: Story) -> None:
    said = refused(story, aop_without_visitors=[])
    assert len(said) == 4
    for text in said.values():
        assert codes(text) == ["no_visitors"], text
        assert "No visitor came through the edge; canaries don't count" in text
        assert "name it in aop_without_visitors" in text


@pytest.mark.parametrize(
    ("present", "code", "words"),
    [
        ("none", "nothing_presented", "The edge presents no certificate at all"),
        ("foreign", "foreign_certificate", "came with a certificate that the trusted CA did not issue"),
        ("shared", "foreign_certificate", "came with a certificate that the trusted CA did not issue"),
    ],
)
def test_the_edge_presents(story: Story, present: str, code: str, words: str) -> None:
    story.theatre.sandbox.edge_switches(present=present)
    said = refused(story)
    assert len(said) == 4
    for text in said.values():
        assert codes(text) == [code], text
        assert words in text


def test_the_edge_presents_an_expired_one(story: Story) -> None:
    folder = story.theatre.project / "pki" / "example.com"
    ca = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), PASSPHRASE.encode())
    key = pki.ec_key("expired")
    leaf = pki.certificate("app.example.com", key, ca, ca_key, start=-9, days=-2, purposes=[pki.CLIENT])
    story.theatre.sandbox.identity("expired", pki.pem(leaf), pki.key_pem(key))
    story.theatre.sandbox.edge_switches(present="expired")
    said = refused(story)
    for (_name, host), text in said.items():
        if host == NGINX:
            assert codes(text) == ["expired_certificate"], text
            assert "came with an expired certificate. Upload a new leaf" in text
        else:
            # Apache refuses expired certificates in the handshake at every stage, and can't log those.
            assert codes(text) == ["no_evidence", "canary_failed"], text
    assert len(said) == 4


def test_the_edge_presents_the_old_generation(story: Story) -> None:
    old = story.theatre.sandbox.presented(HOSTNAMES[0])["fingerprint"]
    story.theatre.play("onboard", client_pki_valid_days=730, client_pki_renew_before=200)
    assert story.theatre.sandbox.presented(HOSTNAMES[0])["fingerprint"] != old
    story.theatre.sandbox.edge_switches(present="previous")
    assert story.theatre.sandbox.presented(HOSTNAMES[0])["fingerprint"] == old
    said = refused(story)
    assert len(said) == 4
    for text in said.values():
        assert codes(text) == ["old_generation"], text
        assert f"came with the old generation {old[:12]}" in text
        assert "Associate the current certificate" in text


def append(story: Story, host: str, line: dict[str, str], times: int) -> None:
    text = base64.b64encode(json.dumps(line, separators=(",", ":")).encode()).decode()
    story.theatre.shell(host, f'yes "$(echo {text} | base64 -d)" | head -n {times} >> {LOGS[host.partition("-")[0]]}')


def test_one_bad_request_in_ten_thousand(story: Story) -> None:
    served(story.theatre)
    hostname = HOSTNAMES[0]
    pattern = [
        next(one for one in reversed(story.lines(host)) if (one["hostname"], one["verify"]) == (hostname, "SUCCESS"))
        for host in (NGINX, APACHE)
    ]
    since = story.moment()
    now = f"{time.time():.3f}"
    for host, line in zip((NGINX, APACHE), pattern):
        append(story, host, {**line, "time": now}, 9_999)
    nothing = {"verify": "NONE", "serial": "", "issuer": "", "fingerprint": ""}
    append(story, NGINX, {**pattern[0], "time": now, **nothing}, 1)
    said = refused(story, since)
    assert list(said) == [(hostname, NGINX)], "only where it was seen"
    text = said[(hostname, NGINX)]
    assert codes(text) == ["sometimes_nothing"], text
    assert text.startswith("[sometimes_nothing] 1 of 100"), text


def test_an_expired_exception_fails_the_run(story: Story) -> None:
    old = {"source": "192.0.2.1", "hostname": HOSTNAMES[0], "path": "/", "expires": "2026-01-31"}
    said = refused(story, aop_exceptions=[old])
    assert {name for name, _host in said} == {HOSTNAMES[0]}
    for text in said.values():
        assert codes(text) == ["exception_expired"], text
        assert "192.0.2.1 (path /) expired on 2026-01-31" in text


def proposed(output: str) -> list[dict[str, Any]]:
    """The exceptions that a playbook proposed, as a user would copy them."""
    line = next(line for line in output.splitlines() if '"msg": "aop_exceptions:' in line)
    found: list[dict[str, Any]] = yaml.safe_load(json.loads(line.strip().partition(": ")[2]))["aop_exceptions"]
    return found


def call_past_the_edge(story: Story) -> str:
    since = story.moment()
    address = story.theatre.fleet["hosts"][NGINX]["address"]
    one = Intruder(story.theatre.project).attempt(address, HOSTNAMES[1], "right SNI", "none", "TLS 1.3")
    assert one.got_in, str(one)
    return since


def test_direct_callers(story: Story) -> None:
    since = call_past_the_edge(story)
    before = story.trees()
    played = story.theatre.play("enforce", check=False, aop_evidence_since=since)
    said = refusals(played.output)
    assert played.status != 0
    assert list(said) == [(HOSTNAMES[1], NGINX)]
    gateway = story.theatre.fleet["network"]["gateway"]
    text = said[(HOSTNAMES[1], NGINX)]
    assert codes(text) == ["direct_callers"], text
    assert f"1 requests came to the origin past the edge, from {gateway} (1 times)" in text
    exceptions = proposed(played.output)
    expires = date.today() + timedelta(days=90)
    assert len(exceptions) == 1
    assert dict(exceptions[0], expires="") == {"source": gateway, "hostname": HOSTNAMES[1], "path": "/", "expires": ""}
    assert abs(date.fromisoformat(str(exceptions[0]["expires"])) - expires) <= timedelta(days=1)
    accepted = story.theatre.play("evidence", aop_evidence_since=since, aop_exceptions=exceptions)
    assert accepted.output.count('may be enforced"') == 4, accepted.output
    assert story.trees() == before


def test_overriding_needs_a_reason(story: Story) -> None:
    since = call_past_the_edge(story)
    said = refused(story, since, aop_override_reason="  ")
    assert list(said) == [(HOSTNAMES[1], NGINX)]
    reason = "CHG-4711: scanner of our own"
    played = story.theatre.play("evidence", aop_evidence_since=since, aop_override_reason=reason)
    assert f"Override ({reason}): {HOSTNAMES[1]} on {NGINX}" in " ".join(played.output.split())
    assert "overridden: direct_callers" in played.output


def test_accepted_exceptions_let_enforce_pass(story: Story) -> None:
    since = call_past_the_edge(story)
    source = story.theatre.fleet["network"]["gateway"]
    expires = (date.today() + timedelta(days=30)).isoformat()
    exceptions = [{"source": source, "hostname": HOSTNAMES[1], "path": "/", "expires": expires, "reason": "test"}]
    settings = {"aop_evidence_since": since, "aop_exceptions": exceptions, "aop_batches": ["100%"]}
    before = story.trees()
    served(story.theatre)  # check mode sends no canaries, and asks for evidence all the same
    assert story.theatre.play("enforce", "--check", **settings).changed > 0
    assert story.trees() == before
    played = story.enforce(**settings, aop_probe_depth="quick", aop_soak_seconds=0)
    assert played.changed > 0
    story.status()
    assert story.proofs[-1].holds, story.proofs[-1].seen
    served(story.theatre)


def test_onboard_never_relaxes(story: Story) -> None:
    before = story.trees()
    assert story.theatre.play("onboard").changed == 0
    assert story.trees() == before
