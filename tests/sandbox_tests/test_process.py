# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program itself: start, ready file, stop, help; and that the guide tells all switches."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sandbox.cli import switches_table
from tests.sandbox.client import SandboxError, SandboxProcess, attach

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    command = [sys.executable, "-m", "tests.sandbox", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_help() -> None:
    done = run("--help")
    assert done.returncode == 0
    for option in ("--api-port", "--edge-port", "--control-port", "--edge-source", "--state-dir", "--ready-file"):
        assert option in done.stdout


def test_start_and_stop(tmp_path: Path) -> None:
    with SandboxProcess("--state-dir", str(tmp_path), "--config", "rate_limit=7", "--scale", "50") as sandbox:
        assert sandbox.config()["rate_limit"] == 7
        assert sandbox.call("GET", "/control/clock")["scale"] == 50
        assert json.loads(sandbox.log())["edge"] == sandbox.facts["edge"]
        for name in ("edge-ca.pem", "shared-ca.pem", "foreign-ca.pem"):
            text = (tmp_path / name).read_text(encoding="ascii")
            assert text.startswith("-----BEGIN CERTIFICATE-----")
            assert "PRIVATE" not in text
        process = sandbox.process
    assert process is not None
    assert process.returncode == 0


def test_it_ends_with_whoever_started_it() -> None:
    script = (
        "import os, signal; from tests.sandbox.client import SandboxProcess; s = SandboxProcess().start();"
        "print(s.facts['pid'], flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    pid, end = int(done.stdout), time.monotonic() + 10
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < end, "still running"
        time.sleep(0.05)


def test_attach(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    sandbox = SandboxProcess("--ready-file", str(ready), outlive=True)
    with sandbox:
        assert attach(ready).config() == sandbox.config()


def test_a_taken_port_and_a_wrong_switch_are_told(tmp_path: Path) -> None:
    with SandboxProcess() as sandbox:
        port = str(sandbox.edge[1])
        with pytest.raises(SandboxError, match="address already in use"):
            SandboxProcess("--edge-port", port).start()
    done = run("--config", "nonsense=1")
    assert (done.returncode, "no switch named 'nonsense'" in done.stderr) == (2, True)


def test_the_guide_tells_all_switches() -> None:
    guide = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert switches_table() in guide, "run `python -m tests.sandbox --switches` and put its output into docs/sandbox.md"
