# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at any moment of onboarding, and a second run: the same end, and one certificate at Cloudflare."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import SandboxError
from tests.story.story import Story
from tests.story.theatre import HOSTNAMES, Theatre

from .support import PAIR, QUICK, SWITCHES, associations, certificates, differences, served, wait_until

NGINX, APACHE = PAIR.split(",")
# Two looks at each thing that becomes active: enough to be killed between them.
DEPLOYING = {"certificate_deploy_seconds": 1.0, "association_deploy_seconds": 1.0}


def end_state(theatre: Theatre) -> dict[str, Any]:
    """What Cloudflare holds and what the edge presents, apart from what is random."""
    held = certificates(theatre)
    ids = {one["id"] for one in held}
    return {
        "certificates": [one["status"] for one in held],
        "associations": [(name, identity in ids, enabled) for name, identity, enabled in associations(theatre)],
        "presented": [theatre.sandbox.presented(name)["source"] for name in HOSTNAMES],
        "files": sorted(str(path.relative_to(theatre.project)) for path in (theatre.project / "pki").rglob("*")),
    }


def kill(theatre: Theatre, process: subprocess.Popen[str]) -> str:
    """SIGKILL to all of a play; returns what it had printed.

    Ansible's workers have sessions of their own, and would go on with their API call. They are known by the address
    of the sandbox in their environment.
    """
    mark = f"CLOUDFLARE_BASE_URL={theatre.sandbox.base_url}".encode()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for entry in Path("/proc").iterdir():
        # A process may end while it's looked at.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
    return process.communicate()[0]


def fresh(theatre: Theatre) -> None:
    theatre.sandbox.reset()
    theatre.prepare_sandbox()
    shutil.rmtree(theatre.project / "pki", ignore_errors=True)


def killed_at(theatre: Theatre, call: int) -> str:
    """Kill onboard as it waits for the answer to API call number ``call`` + 1.

    Returns which call that was (the sandbox's name of it), and nothing if onboard had ended before.
    """
    theatre.sandbox.fault("timeout_before", skip=call)
    seen = theatre.sandbox.journal()
    since = seen[-1]["seq"] if seen else 0
    process = theatre.start("onboard")
    try:
        while process.poll() is None:
            try:
                entry = theatre.sandbox.wait_request(since=since, timeout=0.2, fault="timeout_before")
            except SandboxError:
                continue
            return str(entry["operation"])
        return ""
    finally:
        kill(theatre, process)
        theatre.sandbox.clear_faults()


@pytest.fixture(scope="module")
def office() -> Iterator[Theatre]:
    """The controller and Cloudflare, without origins: they make no API calls."""
    settings = {**QUICK, "aop_canary_required": False}
    with Theatre("e2e-office", "", settings=settings, switches=DEPLOYING) as theatre:
        yield theatre


def test_between_any_two_api_calls(office: Theatre) -> None:
    office.play("onboard")
    calls = [one["operation"] for one in office.sandbox.journal()]
    wanted = end_state(office)
    assert wanted["certificates"] == ["active"]
    assert wanted["associations"] == [(name, True, True) for name in HOSTNAMES]
    first_write = calls.index("H1")

    # Nothing was written before the first upload, so what is left is the same at each of these calls.
    fresh(office)
    early = (0, first_write // 2, first_write - 1)
    assert [killed_at(office, call) for call in early] == [calls[call] for call in early]
    assert not office.sandbox.journal(writes=True)
    office.play("onboard")
    assert end_state(office) == wanted

    killed = []
    for call in range(first_write, len(calls) + 10):
        fresh(office)
        operation = killed_at(office, call)
        if not operation:
            break
        killed.append(operation)
        office.play("onboard")
        assert end_state(office) == wanted, (call, calls)
    print(f"killed at calls {early} and at each from {first_write} on: {' '.join(killed)}")
    # How often it looks whether something is active depends on time; what it writes doesn't.
    assert killed[0] == "H1"
    assert set(killed) >= set(calls[first_write:])
    assert office.play("onboard").changed == 0


# Runs in a container: waits until a change is half done, and kills whoever does it.
MURDER = """
until ls /var/lib/originlock-aop/*/state >/dev/null 2>&1; do sleep 0.01; done
for one in /proc/[0-9]*; do
  case "$(readlink $one/exe)" in */python3*) kill -9 "${one#/proc/}" 2>/dev/null;; esac
done
cat /var/lib/originlock-aop/*/state 2>/dev/null || true
"""


@pytest.mark.parametrize("host", [NGINX, APACHE])
def test_during_an_origins_change(host: str) -> None:
    with Theatre(f"e2e-killed-{host.partition('-')[0]}", host, settings=QUICK, switches=SWITCHES) as theatre:
        story = Story(theatre, print)
        found = story.trees()
        process = theatre.start("onboard")
        state = theatre.shell(host, MURDER)
        output = kill(theatre, process)
        assert "open" in state, (state, output)
        assert theatre.shell(host, "ls -A /var/lib/originlock-aop").strip(), "what was half done is still there"
        for _number in range(3):
            time.sleep(0.2)
            served(theatre)
        played = theatre.play("onboard")
        assert played.changed > 0
        assert len(certificates(theatre)) == 1
        assert [one[0] for one in associations(theatre)] == HOSTNAMES
        assert theatre.play("onboard").changed == 0
        theatre.play("rollback", aop_rollback_to="off")
        assert differences(found, story.trees()) == {}
        wait_until(lambda: not theatre.shell(host, "ls -A /var/lib/originlock-aop 2>/dev/null || true"), 5, "no trace")
