# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules origin_evidence, edge_canary and evidence_gate, run whole, from log to verdict."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS
from ansible_collections.originlock.aop.plugins.modules import edge_canary, evidence_gate, origin_evidence
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    CERTIFICATES,
    DIRECT,
    line,
)
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures.support import run_module

NONCE = "0f" * 16


def gather(path: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return run_module(
        origin_evidence.main,
        check_mode,
        path=str(path),
        hostnames=["app.example.com"],
        certificates=CERTIFICATES,
        nonces=[NONCE],
        **options,
    )


def log_of(directory: Path, *lines: bytes) -> Path:
    log = directory / "aop.log"
    canary = line(path="/.well-known/originlock-canary/" + NONCE)
    log.write_bytes(b"".join(text + b"\n" for text in [*lines, canary, line(hostname="other.example.com")]))
    return log


def test_from_log_to_verdict(tmp_path: Path) -> None:
    found = gather(log_of(tmp_path, *[line()] * 10, line(peer=DIRECT, verify="NONE")))
    assert [(c["source"], c["verification"], c["count"]) for c in found["counts"]] == [
        ("edge", "SUCCESS", 11),
        ("other", "NONE", 1),
    ]
    assert (found["changed"], found["missing_nonces"], found["lines"]) == (False, [], 13)
    arguments: dict[str, Any] = {
        "evidence": {"web1": found},
        "hostnames": [{"name": "app.example.com", "certificate": {"status": "active", "days_left": 90}}],
        "canaries": [{"hostname": "app.example.com", "nonce": NONCE, "status": 404, "error": ""}],
    }
    refused = run_module(evidence_gate.main, **arguments)
    assert refused["failed"]
    assert refused["msg"].startswith("The gate refuses 1 of 1: app.example.com on web1: 11 of 11 requests")
    assert "[direct_callers]" in refused["msg"]
    exceptions = refused["proposed_exceptions"]
    again = gather(tmp_path / "aop.log", exceptions=exceptions)
    arguments.update(evidence={"web1": again}, exceptions=exceptions)
    allowed = run_module(evidence_gate.main, **arguments)
    assert (allowed.get("failed"), allowed["allowed"]) == (None, True)
    assert allowed["table"][1].endswith("may be enforced")


def test_gate_reports_without_failing_and_overrides_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"evidence": {"web1": None}, "hostnames": [{"name": "app.example.com"}]}
    told = run_module(evidence_gate.main, fail=False, **arguments)
    assert (told.get("failed"), told["allowed"], told["verdicts"][0]["refusals"][0]["code"]) == (
        None,
        False,
        "evidence_missing",
    )
    overridden = run_module(evidence_gate.main, override_reason="ticket 12", **arguments)
    assert (overridden["allowed"], overridden["overridden"], overridden["override_reason"]) == (True, 1, "ticket 12")
    # Outside of a real run, Ansible prints warnings instead of returning them.
    assert "Override (ticket 12)" in str(overridden.get("warnings")) + capsys.readouterr().err


def test_gate_fails_where_there_is_nothing_to_judge() -> None:
    told = run_module(evidence_gate.main, fail=False, evidence={}, hostnames=[{"name": "app.example.com"}])
    assert (told["failed"], "allowed" in told) == (True, False)
    assert told["msg"].startswith("There is no origin to judge app.example.com on.")


def test_certificates_are_current_for_hostnames(tmp_path: Path) -> None:
    log = log_of(tmp_path, line())
    options = {"path": str(log), "certificates": [dict(CERTIFICATES[0], hostnames=["other.example.com"])]}
    counts = run_module(origin_evidence.main, **options)["counts"]
    assert {entry["hostname"]: entry["current"] for entry in counts} == {
        "app.example.com": False,
        "other.example.com": True,
    }


def test_default_log_is_one_that_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    closed = str(tmp_path / "file" / "aop.log")
    nginx = dataclasses.replace(SERVERS["nginx"], logs=(str(tmp_path / "none" / "aop.log"), closed))
    monkeypatch.setitem(SERVERS, "nginx", nginx)
    assert f"{closed} can't be read" in run_module(origin_evidence.main, server="nginx")["msg"]


def test_position_in_a_file(tmp_path: Path) -> None:
    log, cursor = log_of(tmp_path, line()), tmp_path / "cursor.json"
    gather(log, check_mode=True, cursor_file=str(cursor))
    assert not cursor.exists()
    assert gather(log, cursor_file=str(cursor))["lines"] == 3
    with open(log, "ab") as stream:
        stream.write(line() + b"\n")
    assert gather(log, cursor_file=str(cursor))["lines"] == 1
    assert json.loads(cursor.read_text())["offset"] == log.stat().st_size
    cursor.write_text("[]")
    assert "holds no position of this module" in gather(log, cursor_file=str(cursor))["msg"]
    assert "can't be kept" in gather(log, cursor_file=str(tmp_path / "no" / "where"))["msg"]


def test_result_is_small(tmp_path: Path) -> None:
    lines = [line(peer=f"203.0.113.{i % 200}", path="/" + "x" * 4000 + str(i), verify="NONE") for i in range(2000)]
    assert len(json.dumps(gather(log_of(tmp_path, *lines)))) < 30000


def test_bad_input_is_told(tmp_path: Path) -> None:
    assert "is no point in time" in gather(tmp_path / "aop.log", since="yesterday")["msg"]
    assert "is out of reach" in gather(tmp_path / "aop.log", since="1764000000000")["msg"]
    assert "neither an address nor" in gather(tmp_path / "aop.log", edge_ranges=["x"])["msg"]
    assert (
        "no valid expiry date"
        in gather(tmp_path / "aop.log", exceptions=[{"source": DIRECT, "hostname": "a", "expires": "x"}])["msg"]
    )
    assert "one of the following is required: server, path" in run_module(origin_evidence.main)["msg"]


def test_canary_sends_nothing_in_check_mode() -> None:
    result = run_module(
        edge_canary.main, True, requests=[{"hostname": "app.example.com"}], connect_to="127.0.0.1:1", timeout=1
    )
    assert (result["sent"], result["requests"], result["changed"]) == (False, [], False)
    real = run_module(edge_canary.main, requests=[{"hostname": "app.example.com"}], connect_to="127.0.0.1:1", timeout=1)
    assert (real["sent"], real["failed_requests"], real.get("failed")) == (True, 1, None)
    none = run_module(edge_canary.main, requests=[{"hostname": "app.example.com", "count": 0}])
    assert (none["sent"], none["nonces"], none.get("failed")) == (False, [], None)
    bad = run_module(edge_canary.main, True, requests=[{"hostname": "app.example.com"}], timeout=-1)
    assert "is no timeout" in bad["msg"]
