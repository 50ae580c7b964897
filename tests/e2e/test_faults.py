# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults at and after the moment of enforcement: the origin comes back, with hands or without."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.story.story import LOGS, Story
from tests.story.theatre import HOSTNAMES, Theatre

from .support import PAIR, QUICK, SWITCHES, Once, associations, enforces, served, wait_until

pytestmark = pytest.mark.chapters
NGINX, APACHE = PAIR.split(",")
FAST = {"aop_probe_depth": "quick", "aop_soak_seconds": 0}
CONFIRM = 20


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with Theatre("e2e-faults", PAIR, settings=QUICK, switches=SWITCHES) as theatre:
        yield theatre


@pytest.fixture
def story(theatre: Theatre) -> Iterator[Story]:
    yield Story(theatre, print)
    theatre.sandbox.edge_switches(present="normal")


def test_a_configuration_that_the_server_refuses(story: Story) -> None:
    """The user's own log format has the name of ours: the server finds it when it checks the whole."""
    extra = "/etc/nginx/conf.d/99-own.conf"
    story.theatre.shell(NGINX, f"echo \"log_format originlock_aop '\\$uri';\" > {extra} && nginx -s reload")
    before = story.trees()[NGINX]
    played = story.theatre.play("onboard", check=False)
    assert played.status != 0
    assert re.search(r"duplicate .{0,2}log_format.{0,2} name", played.output), played.output
    assert story.trees()[NGINX] == before
    assert not story.theatre.shell(NGINX, "ls -A /var/lib/originlock-aop 2>/dev/null || true")
    served(story.theatre)
    story.theatre.shell(NGINX, f"rm {extra}")


def test_a_configuration_that_was_broken_before(story: Story) -> None:
    """One origin refuses to begin; the other one of its batch stays, or goes back, too."""
    story.theatre.play("onboard")
    broken = "/etc/nginx/conf.d/99-broken.conf"
    story.theatre.shell(NGINX, f"echo 'colour green;' > {broken}")
    before = story.trees()
    played = story.theatre.play("enforce", check=False, aop_evidence_since=story.moment(), aop_batches=["100%"], **FAST)
    assert played.status != 0
    assert f"{NGINX} is as it was, as nothing was changed." in played.output, played.output
    assert re.search(rf"{APACHE} is (as|back where) it was", played.output), played.output
    assert re.search(r"unknown directive .{0,3}colour", played.output), played.output
    assert "99-broken.conf:1" in played.output
    assert story.trees() == before
    story.theatre.shell(NGINX, f"rm {broken}")
    served(story.theatre)


def test_a_port_for_something_else_gives_out_the_same_pages(story: Story) -> None:
    """By another path, so that no reading of the configuration shows it."""
    before = story.trees()
    since = story.moment()
    shell = story.theatre.shell
    block = (
        "listen 8444 ssl; ssl_certificate /etc/ssl/sites/default.pem; ssl_certificate_key /etc/ssl/sites/default.key;"
    )
    door = f"server {{ {block} root /srv/same; }}"
    shell(
        NGINX, f"ln -s /var/www/{HOSTNAMES[0]} /srv/same; echo '{door}' > /etc/nginx/conf.d/door.conf; nginx -s reload"
    )
    played = story.theatre.play(
        "enforce", check=False, aop_evidence_since=since, aop_batches=[1], **begins_with(NGINX), **FAST
    )
    assert played.status != 0
    assert f"[second_listener] {HOSTNAMES[0]} on {NGINX}" in played.output, played.output
    assert f"{NGINX} is back where it was." in played.output, played.output
    shell(NGINX, "rm /etc/nginx/conf.d/door.conf /srv/same; nginx -s reload")
    assert story.trees() == before
    forget_enforcement(story)


@pytest.mark.parametrize("host", [NGINX, APACHE])
def test_the_edge_stops_presenting_after_the_gate(story: Story, host: str) -> None:
    """Noticed, the batch is reverted, who was refused is counted, and the other origin is left alone."""
    sandbox = story.theatre.sandbox
    before = story.trees()
    seen = sandbox.edge_journal()[-1]["seq"]
    since = story.moment()
    with Once(lambda: enforces(story, host), lambda: sandbox.edge_switches(present="none")) as fault:
        played = story.theatre.play(
            "enforce", check=False, aop_evidence_since=since, aop_batches=[1, "100%"], **begins_with(host), **FAST
        )
    assert fault.done, played.output
    assert played.status != 0
    assert f"{host} is back where it was." in played.output, played.output
    assert "The reason is above." in played.output
    assert story.trees() == before
    sandbox.edge_switches(present="normal")
    served(story.theatre)
    refused = [one for one in sandbox.edge_journal(since=seen) if one["origin_status"] in (400, 403)]
    counted = re.search(r"refused meanwhile, as far as (\w+) logs them: (\d+)", played.output)
    assert counted is not None
    if host == NGINX:
        assert "nothing_presented" in played.output or "sometimes_nothing" in played.output
        assert 0 < int(counted.group(2)) <= len(refused)
    else:
        assert "A canary failed: " in played.output
    other = APACHE if host == NGINX else NGINX
    assert not story.theatre.shell(other, f'grep \'"stage":"enforce"\' {LOGS[other.partition("-")[0]]} || true')
    forget_enforcement(story)


def begins_with(host: str) -> dict[str, str]:
    return {"aop_hosts": "nginx_origins:apache_origins" if host == NGINX else "apache_origins:nginx_origins"}


def forget_enforcement(story: Story) -> None:
    for host in (NGINX, APACHE):
        story.theatre.shell(host, f": > {LOGS[host.partition('-')[0]]}")


def test_all_origins_of_a_batch_go_back(story: Story) -> None:
    sandbox = story.theatre.sandbox
    before = story.trees()
    since = story.moment()
    with Once(lambda: enforces(story, APACHE), lambda: sandbox.edge_switches(present="none")) as fault:
        played = story.theatre.play("enforce", check=False, aop_evidence_since=since, aop_batches=["100%"], **FAST)
    assert fault.done, played.output
    assert played.status != 0
    for host in (NGINX, APACHE):
        assert f"{host} is back where it was." in played.output, played.output
    assert story.trees() == before
    sandbox.edge_switches(present="normal")
    served(story.theatre)
    forget_enforcement(story)


def test_one_of_a_batch_can_not_be_confirmed(story: Story) -> None:
    """Its timer was faster. What was confirmed on the other origin is relaxed again: the batch goes back."""
    before = story.trees()
    since = story.moment()
    timer = (
        "systemctl start \"$(systemctl list-units --plain --no-legend 'originlock-aop-revert-*.timer' | cut -d. -f1)\""
    )
    with Once(lambda: enforces(story, APACHE), lambda: story.theatre.shell(APACHE, timer)) as fault:
        played = story.theatre.play(
            "enforce", check=False, aop_evidence_since=since, aop_batches=["100%"], aop_probe=False, aop_soak_seconds=8
        )
    assert fault.done, played.output
    assert played.status != 0
    assert f"{APACHE} was taken back by its timer" in played.output, played.output
    assert f"{NGINX} is at log_only again." in played.output, played.output
    assert story.trees() == before
    served(story.theatre)
    forget_enforcement(story)


@pytest.mark.parametrize("host", [NGINX, APACHE])
def test_the_controller_dies_right_after_enforcing(story: Story, host: str) -> None:
    """Nobody confirms: the origin's own timer takes it back."""
    before = story.trees()
    since = story.moment()
    process = story.theatre.start(
        "enforce",
        "-v",
        **begins_with(host),
        **{"aop_evidence_since": since, "aop_confirm_seconds": CONFIRM, "aop_batches": [1], **FAST},
    )
    try:
        wait_until(lambda: enforces(story, host) or process.poll() is not None, 90, "it enforces")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    output = process.communicate()[0]
    assert "PLAY RECAP" not in output, output
    assert story.trees()[host] != before[host], "it was killed too early"
    seconds = wait_until(lambda: story.trees() == before, CONFIRM + 10, "the origin is as before")
    print(f"reverted by its timer {seconds:.0f} s after the controller was killed")
    served(story.theatre)
    wait_until(lambda: not enforced_now(story, host), 10, "it serves without a certificate")
    forget_enforcement(story)


def enforced_now(story: Story, host: str) -> bool:
    """Whether the origin refuses a request past the edge."""
    address = story.theatre.fleet["hosts"][host]["address"]
    command = (
        f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {HOSTNAMES[0]}:443:{address} https://{HOSTNAMES[0]}/"
    )
    return os.popen(command).read() != "200"


def test_a_later_run_enforces(story: Story) -> None:
    played = story.enforce(aop_batches=["100%"], **FAST)
    assert played.changed > 0
    story.status()
    assert story.proofs[-1].holds, story.proofs[-1].seen
    # What the timer reverted stays for an hour, to tell a late confirmation; what was confirmed until the next run.
    ends = "grep -h . /var/lib/originlock-aop/*/state"
    for host in (NGINX, APACHE):
        *earlier, last = story.theatre.shell(host, ends).split()
        assert (set(earlier), last) == ({"reverted", "expired"}, "confirmed")
    story.theatre.shell(NGINX, "touch -d -2hours /var/lib/originlock-aop/*")
    assert story.theatre.play("onboard").changed == 0
    assert not story.theatre.shell(NGINX, "ls -A /var/lib/originlock-aop 2>/dev/null || true")
    served(story.theatre)


@contextmanager
def out_of_reach(story: Story, host: str) -> Iterator[Callable[[], object]]:
    """A function that cuts the controller off from an origin; afterwards it's back. Visitors don't notice."""
    try:
        yield lambda: story.theatre.shell(host, "systemctl stop ssh.socket ssh.service; pkill sshd; true")
    finally:
        story.theatre.shell(host, "systemctl start ssh.service")


def test_off_while_an_origin_is_out_of_reach(story: Story) -> None:
    """The others are relaxed, and the edge goes on presenting, because that origin still enforces."""
    before = story.trees()
    with out_of_reach(story, APACHE) as cut:
        cut()
        played = story.theatre.play("rollback", check=False, aop_rollback_to="off")
        assert played.status != 0
        assert f"this run did not relax {APACHE}." in played.output, played.output
        assert [enabled for _name, _identity, enabled in associations(story.theatre)] == [True] * len(HOSTNAMES)
        trees = story.trees()
        assert trees[APACHE] == before[APACHE]
        assert trees[NGINX] != before[NGINX]
        served(story.theatre)
    alone = story.theatre.play("rollback", "--limit", NGINX, check=False, aop_rollback_to="off")
    assert "Nothing was changed, because the plays on localhost were left out." in alone.output, alone.output
    played = story.theatre.play("rollback", "--limit", f"localhost,{NGINX}", aop_rollback_to="off")
    assert f"this run did not relax {APACHE}." in played.output, played.output
    assert len(associations(story.theatre)) == len(HOSTNAMES)
    story.theatre.play("rollback", aop_rollback_to="off")
    assert not any(enabled for _name, _identity, enabled in associations(story.theatre))
    served(story.theatre)


def test_onboard_while_an_origin_is_out_of_reach(story: Story) -> None:
    with out_of_reach(story, APACHE) as cut:
        cut()
        played = story.theatre.play("onboard", check=False)
    assert played.status != 0
    assert f"Nothing was changed at Cloudflare, because {APACHE} did not get to log_only." in played.output, (
        played.output
    )
    assert not any(enabled for _name, _identity, enabled in associations(story.theatre))
    story.theatre.play("onboard")
    served(story.theatre)


def test_an_origin_gets_out_of_reach_while_it_enforces(story: Story) -> None:
    """Its timer takes it back, and no batch after it begins."""
    for host in (NGINX, APACHE):
        story.theatre.shell(host, f": > {LOGS[host.partition('-')[0]]}")
    before, since = story.trees(), story.moment()
    with out_of_reach(story, NGINX) as cut, Once(lambda: enforces(story, NGINX), cut) as fault:
        played = story.theatre.play(
            "enforce",
            check=False,
            aop_evidence_since=since,
            aop_batches=[1, "100%"],
            aop_confirm_seconds=CONFIRM,
            **FAST,
        )
        assert fault.done, played.output
        assert played.status != 0
        assert f"{APACHE} was not touched: {NGINX} began to enforce" in played.output, played.output
        assert story.trees()[APACHE] == before[APACHE]
        wait_until(lambda: story.trees() == before, CONFIRM + 10, "the origin is as before")
    served(story.theatre)
