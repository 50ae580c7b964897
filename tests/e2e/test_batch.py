# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two origins of one server in one batch, so that the role's tasks run on both at a time: it goes back as a whole."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.story.story import Story
from tests.story.theatre import Theatre

from .support import QUICK, SWITCHES, Once, enforces, served

pytestmark = pytest.mark.chapters
FIRST, SECOND = "nginx-trixie", "nginx-bookworm"
FAST = {"aop_probe_depth": "quick", "aop_soak_seconds": 0, "aop_batches": ["100%"]}


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with Theatre("e2e-batch", f"{FIRST},{SECOND}", settings=QUICK, switches=SWITCHES) as theatre:
        theatre.play("onboard")
        yield Story(theatre, print)


def test_one_refuses_to_begin(story: Story) -> None:
    broken = "/etc/nginx/conf.d/99-broken.conf"
    since = story.moment()
    story.theatre.shell(FIRST, f"echo 'colour green;' > {broken}")
    before = story.trees()
    played = story.theatre.play("enforce", check=False, aop_evidence_since=since, **FAST)
    assert played.status != 0
    assert f"{FIRST} is as it was, as nothing was changed." in played.output, played.output
    assert f"{SECOND} is back where it was." in played.output, played.output
    assert story.trees() == before
    story.theatre.shell(FIRST, f"rm {broken}")
    served(story.theatre)


# Runs on an origin: waits until the revert timer is armed, and kills the module that makes the change.
MURDER = """
for _ in $(seq 30000); do
  ls /run/systemd/transient/originlock-aop-revert-*.timer >/dev/null 2>&1 && break
  sleep 0.01
done
for one in /proc/[0-9]*; do
  case "$(readlink $one/exe)" in */python3*) kill -9 "${one#/proc/}" 2>/dev/null;; esac
done
cat /var/lib/originlock-aop/*/state 2>/dev/null || true
"""


def test_a_module_that_died_after_it_armed_the_timer(story: Story) -> None:
    """Nobody has its answer, so the origin is asked. It enforced, while the play said that nothing was changed."""
    theatre = story.theatre
    since = story.moment()
    before = story.trees()
    theatre.shell(FIRST, f"setsid sh -c {shlex.quote(MURDER)} >/run/murdered 2>&1 </dev/null &")
    process = theatre.start("enforce", aop_evidence_since=since, aop_confirm_seconds=600, **FAST)
    output = process.communicate(timeout=600)[0]
    state = theatre.shell(FIRST, "cat /run/murdered")
    assert process.returncode != 0, output
    assert f"{FIRST} is as it was, as nothing was changed." not in output, (state, output)
    assert f"{FIRST} is back where it was." in output, (state, output)
    assert story.trees() == before
    served(theatre)


def test_without_a_timer_the_batch_is_relaxed(story: Story) -> None:
    sandbox = story.theatre.sandbox
    before = story.trees()
    since = story.moment()
    with Once(lambda: enforces(story, SECOND), lambda: sandbox.edge_switches(present="none")) as fault:
        played = story.theatre.play("enforce", check=False, aop_evidence_since=since, aop_confirm_seconds=0, **FAST)
    sandbox.edge_switches(present="normal")
    assert fault.done, played.output
    assert played.status != 0
    for host in (FIRST, SECOND):
        assert f"{host} is at log_only again." in played.output, played.output
    assert story.trees() == before
    served(story.theatre)


def test_a_rollback_relaxes_what_is_never_relaxed(story: Story) -> None:
    """Wherever that was said: the way back goes before it."""
    before = story.trees()
    story.enforce(**FAST)
    story.theatre.play("rollback", nginx_never_relax=True)
    assert story.trees() == before
    story.enforce(**FAST)
    variables = story.theatre.inventory.parent / "group_vars" / "all" / "stubborn.yml"
    variables.write_text("aop_never_relax: true\nnginx_never_relax: true\n")
    story.theatre.play("rollback")
    variables.unlink()
    assert story.trees() == before
    served(story.theatre)
