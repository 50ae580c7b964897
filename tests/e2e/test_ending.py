# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever ends a demo or a layer of the tests: no host stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.hosts import fleet, network
from tests.hosts.commands import ROOT, podman

from .support import wait_until


def up(prefix: str) -> list[str]:
    """Containers of a prefix."""
    return [entry["container"] for entry in fleet.running() if entry["prefix"] == prefix]


def left(prefix: str) -> list[str]:
    """Containers, networks, keys and projects of a prefix."""
    networks = podman("network", "ls", "-q").stdout.split()
    found = up(prefix) + [name for name in networks if name == network.network_name(prefix)]
    found += [str(path) for path in (fleet.run_directory(prefix),) if path.exists()]
    return found + [str(path) for path in Path(tempfile.gettempdir()).glob(f"originlock-{prefix}-*")]


def default_signals() -> None:
    """As a shell in the foreground leaves them."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_that_is_terminated_takes_its_hosts_down(number: signal.Signals) -> None:
    prefix = f"e2e-{number.name.lower()}"
    demo = subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--prefix", prefix],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=default_signals,
    )
    try:
        # In the middle of bringing hosts up, or while a playbook is running.
        if number is signal.SIGTERM:
            wait_until(lambda: up(prefix), 60, "the first host")
        else:
            assert demo.stdout is not None
            for line in demo.stdout:
                if "ONBOARD" in line:
                    break
        demo.send_signal(number)
        output, _nothing = demo.communicate(timeout=120)
    finally:
        demo.kill()
    assert demo.returncode == 130, output
    assert "Interrupted. Everything that was running was taken down." in output
    assert left(prefix) == []


def test_what_a_killed_layer_left_is_taken_down_by_its_owner() -> None:
    prefix, owner = "e2e-owner", f"{os.getpid()}-e2e-owner"
    command = [sys.executable, "-m", "tests.hosts"]
    environment = {**os.environ, "ORIGINLOCK_OWNER": owner}
    bringing_up = subprocess.Popen(
        [*command, "up", "--prefix", prefix, "--hosts", "nginx-trixie"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: up(prefix), 60, "the host")
    finally:
        bringing_up.kill()
        bringing_up.wait()
    assert left(prefix)
    subprocess.run([*command, "down", "--owner", "somebody else"], cwd=ROOT, check=True)
    assert left(prefix)
    subprocess.run([*command, "down", "--owner", owner], cwd=ROOT, check=True)
    assert left(prefix) == []
