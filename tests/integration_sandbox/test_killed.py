# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL between any two API calls, and a second run: the same end, and no second certificate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import Control

from .pki import leaf
from .play import ansible_environment


def start(sandbox: Control, home: Path, name: str, arguments: dict[str, Any]) -> subprocess.Popen[bytes]:
    """The module itself, as Ansible would run it, without Ansible around it."""
    home.mkdir(exist_ok=True)
    document = {"ANSIBLE_MODULE_ARGS": dict(arguments, zone="example.com", wait_timeout=60)}
    (home / "arguments.json").write_text(json.dumps(document), encoding="utf-8")
    module = "ansible_collections.originlock.aop.plugins.modules." + name
    return subprocess.Popen(
        [sys.executable, "-m", module, str(home / "arguments.json")],
        env=ansible_environment(sandbox, str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(sandbox: Control, home: Path, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run it to its end."""
    process = start(sandbox, home, name, arguments)
    out, errors = process.communicate(timeout=120)
    assert out, errors.decode()
    result: dict[str, Any] = json.loads(out)
    assert not result.get("failed"), result
    return result


def killed_after(sandbox: Control, home: Path, name: str, arguments: dict[str, Any], calls: int, lose: bool) -> bool:
    """Kill it while it waits for the answer to call number ``calls + 1``, which is carried out or not (``lose``).

    False if it had ended before that call.
    """
    seen = len(sandbox.journal())
    sandbox.fault({"type": "timeout_after" if lose else "timeout_before"}, skip=calls)
    process = start(sandbox, home, name, arguments)
    end = time.monotonic() + 30
    while process.poll() is None and len(sandbox.journal()) <= seen + calls and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.15)
    killed = process.poll() is None
    if killed:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    sandbox.clear_faults()
    return killed


def listed(sandbox: Control) -> list[dict[str, Any]]:
    """The zone's certificates."""
    path = f"/zones/{sandbox.zone_id}/origin_tls_client_auth/hostnames/certificates"
    sandbox.clock(advance=100)
    return sandbox.api("GET", path)[1]["result"] or []


@pytest.mark.parametrize("lose", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize("lag", [0, 20])
def test_upload(sandbox: Control, tmp_path: Path, lose: bool, lag: int) -> None:
    pairs = [leaf(f"h{number}.example.com") for number in range(2)]
    arguments = {"certificates": [{"certificate": pair.certificate, "private_key": pair.key} for pair in pairs]}
    sandbox.config(list_lag_seconds=lag)
    killed = [killed_after(sandbox, tmp_path, "hostname_certificate", arguments, calls, lose) for calls in range(5)]
    assert all(killed[:3]), "zone, list, first upload"
    result = finish(sandbox, tmp_path, "hostname_certificate", arguments)
    found = listed(sandbox)
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in result["certificates"])
    assert {one["status"] for one in found} == {"active"}
    assert len(found) == 2
    assert not finish(sandbox, tmp_path, "hostname_certificate", arguments)["changed"]


@pytest.mark.parametrize("lose", [False, True], ids=["not carried out", "carried out"])
def test_associate_and_take_away(sandbox: Control, tmp_path: Path, lose: bool) -> None:
    pair = leaf()
    given = {"certificate": pair.certificate, "private_key": pair.key}
    held = finish(sandbox, tmp_path, "hostname_certificate", given)["certificates"][0]["id"]
    names = [f"h{number:03}.example.com" for number in range(100)]
    make = {"hostnames": names, "certificate_id": held}
    killed = [killed_after(sandbox, tmp_path, "hostname_association", make, calls, lose) for calls in range(4)]
    assert all(killed[:3]), "zone, list, write"
    result = finish(sandbox, tmp_path, "hostname_association", make)
    assert {row["status"] for row in result["associations"]} == {"active"}
    assert not finish(sandbox, tmp_path, "hostname_association", make)["changed"]
    void = {"hostnames": names, "state": "absent"}
    for calls in range(3):
        killed_after(sandbox, tmp_path, "hostname_association", void, calls, lose)
    finish(sandbox, tmp_path, "hostname_association", void)
    gone = {"certificate_id": held, "state": "absent"}
    for calls in range(3):
        killed_after(sandbox, tmp_path, "hostname_certificate", gone, calls, lose)
    finish(sandbox, tmp_path, "hostname_certificate", gone)
    assert listed(sandbox) == []
