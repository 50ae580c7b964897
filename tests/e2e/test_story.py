# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main story on four origins: anybody gets in, only the edge gets in, and back, with visitors all the time."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.story.intruder import Attempt
from tests.story.story import Story
from tests.story.theatre import FLEET, HOSTNAMES, Theatre

from .support import associations, certificates, differences, role_tasks, wait_until

pytestmark = pytest.mark.chapters
RATE = 55
LEAST_RATE = 50


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with Theatre("e2e-story", os.environ.get("ORIGINLOCK_STORY_HOSTS", FLEET)) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def found(theatre: Theatre) -> dict[str, str]:
    """/etc of the origins as it was found."""
    return Story(theatre).trees()


@pytest.fixture(scope="module")
def story(theatre: Theatre, found: dict[str, str]) -> Iterator[Story]:
    story = Story(theatre, print)
    story.open_doors(RATE)
    yield story
    if story.tally.made:
        story.end()


def holds(story: Story) -> None:
    proof = story.proofs[-1]
    assert proof.holds, f"{proof.claim}: {proof.seen}"


def by_server(story: Story, tries: list[Attempt], server: str) -> list[Attempt]:
    hosts = [one for one in story.theatre.fleet["hosts"].values() if one["server"] == server]
    addresses = {one[key] for one in hosts for key in ("address", "address6")}
    return [one for one in tries if one.address in addresses]


def test_before_anybody_gets_in(story: Story) -> None:
    assert len(story.addresses) == 2 * len(story.theatre.fleet["hosts"]), "IPv4 and IPv6 of each origin"
    story.before()
    holds(story)


def test_check_mode_predicts_and_writes_nothing(story: Story) -> None:
    story.predict()
    holds(story)
    assert not (story.theatre.project / "pki").exists()


def test_onboard(story: Story) -> None:
    played = story.onboard()
    assert played.changed > 0
    for hostname in HOSTNAMES:
        line = next(one for one in played.output.splitlines() if f"{hostname}: canaries reached" in one)
        assert line.count("(SUCCESS)") == len(story.theatre.fleet["hosts"]), line
    assert len(certificates(story.theatre)) == 1
    assert [one[0] for one in associations(story.theatre)] == HOSTNAMES


def test_onboard_again_changes_nothing(story: Story) -> None:
    before = story.theatre.sandbox.journal()[-1]["seq"]
    played = story.onboard_again()
    holds(story)
    calls = story.theatre.sandbox.journal(since=before)
    assert len(calls) <= 8, Counter(one["operation"] for one in calls)
    tasks = role_tasks(played.output)
    assert sorted(tasks) == sorted(story.theatre.fleet["hosts"])
    assert max(tasks.values()) <= 8, tasks


def test_log_only_refuses_nobody(story: Story) -> None:
    """On nginx. Apache's log_only can't serve expired certificates, nor does it promise to."""
    assert story.intruder is not None
    tries = story.intruder.try_all(story.addresses, HOSTNAMES[0])
    for one in by_server(story, tries, "nginx"):
        refused = " 421 " in one.answer.splitlines()[0] if one.answer else False
        if one.name == "foreign SNI":
            assert refused, str(one)
        elif one.name == "session of another site":
            # nginx itself refuses some sessions that were made under another name.
            assert one.got_in or refused or one.answer.startswith("SSLError"), str(one)
        else:
            assert one.got_in, str(one)
    for one in by_server(story, tries, "haproxy"):
        assert one.got_in, str(one)
    for one in by_server(story, tries, "apache"):
        assert one.got_in or (one.certificate, one.name) != ("none", "right SNI"), str(one)


def test_the_log_shows_each_reason(story: Story) -> None:
    for name, host in story.theatre.fleet["hosts"].items():
        lines = story.lines(name)
        seen = Counter(str(line["verify"]) for line in lines)
        assert seen["SUCCESS"] > 0, (name, seen)
        assert seen["NONE"] > 0, (name, seen)
        if host["server"] in ("nginx", "haproxy"):
            failed = [text for text in seen if text.startswith("FAILED:")]
            assert any("expired" in text for text in failed), (name, seen)
            assert any("unable to" in text or "self" in text for text in failed), (name, seen)
        assert {line["stage"] for line in lines} == {"log_only"}
        edge = story.theatre.fleet["edge_addresses"][0]
        assert {line["verify"] for line in lines[-200:] if line["peer"] == edge} == {"SUCCESS"}


def test_the_gate_refuses_while_something_is_wrong(story: Story) -> None:
    said = story.refuse_while_wrong()
    holds(story)
    assert "Associate the hostname" in said


def test_enforce(story: Story) -> None:
    played = story.enforce()
    assert played.changed > 0
    proved = [line for line in played.output.splitlines() if "enforce   enforced" in line]
    assert len(proved) >= len(HOSTNAMES) * len(story.theatre.fleet["hosts"]), played.output


def test_nobody_else_gets_in(story: Story) -> None:
    tries = story.after()
    holds(story)
    assert len(tries) == len(HOSTNAMES) * len(story.addresses) * 4 * 3 * 2


def test_status(story: Story) -> None:
    path = story.theatre.project / "status.json"
    story.status(aop_status_json=str(path))
    holds(story)
    rows = json.loads(path.read_text())
    assert {(row["hostname"], row["origin"]) for row in rows} == {
        (name, host) for name in HOSTNAMES for host in story.theatre.fleet["hosts"]
    }
    assert {row["stage"] for row in rows} == {"enforce"}
    assert {row["edge"] for row in rows} == {"presents"}


def test_enforce_again_changes_nothing(story: Story) -> None:
    played = story.enforce(aop_probe_depth="quick")
    assert played.changed == 0


def test_back_to_log_only(story: Story) -> None:
    assert story.intruder is not None
    assert story.theatre.play("rollback").changed > 0
    for address in story.addresses:
        one = story.intruder.attempt(address, HOSTNAMES[0], "right SNI", "none", "TLS 1.3")
        assert one.got_in, str(one)
    assert len(associations(story.theatre)) == 2


def test_off_leaves_the_origins_as_they_were_found(story: Story, found: dict[str, str]) -> None:
    story.theatre.play("rollback", aop_rollback_to="off")
    assert differences(found, story.trees()) == {}
    for host in found:
        assert not story.theatre.shell(host, "ls -A /var/lib/originlock-aop 2>/dev/null || true")
    assert associations(story.theatre) == []
    sandbox = story.theatre.sandbox
    wait_until(
        lambda: not any(sandbox.presented(name)["fingerprint"] for name in HOSTNAMES), 10, "the edge presents nothing"
    )


def test_no_visitor_was_refused(story: Story) -> None:
    seconds = time.monotonic() - story.opened
    story.end()
    holds(story)
    rate = story.tally.made / seconds
    print(f"{story.tally.made} visitors in {seconds:.0f} s: {rate:.1f} a second")
    assert rate >= LEAST_RATE
