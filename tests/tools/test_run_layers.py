# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of `make test` counts what was run and says what was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_layers


def result(layer: str, output: str, code: int) -> run_layers.Result:
    found = run_layers.Result(layer)
    for line in output.splitlines():
        found.read(line)
    found.close(code, 1.5)
    return found


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Makefile with a layer that ends tidily, and one that doesn't, instead of the real ones."""
    tidy = "trap 'echo took hosts down; exit 1' TERM; echo began; for i in $$(seq 300); do sleep 0.1; done"
    stubborn = "trap '' TERM; echo began; echo '==== 4 passed in 1.00s ===='; for i in $$(seq 300); do sleep 0.1; done"
    failing = "echo '==== 2 failed, 1 passed in 1.00s ===='; sleep 30"
    rules = {"tidy": tidy, "stubborn": stubborn, "failing": failing}
    text = "SHELL := /bin/bash\n" + "".join(f"{name}:\n\t@{rule}\n" for name, rule in rules.items())
    (tmp_path / "Makefile").write_text(text)
    monkeypatch.setattr(run_layers, "ROOT", tmp_path)
    monkeypatch.setattr(run_layers, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(run_layers, "LAYERS", dict.fromkeys(rules, 1 / 60))
    monkeypatch.setattr(run_layers, "_GRACE", 2.0)
    swept: list[str] = []
    monkeypatch.setattr(run_layers.Layer, "sweep", lambda layer: swept.append(layer.result.layer))
    monkeypatch.setattr(run_layers, "swept", swept, raising=False)
    return tmp_path


def test_a_layer_past_its_limit_is_too_slow_and_may_end_tidily(layers: Path) -> None:
    found = run_layers.run("tidy", live=False)
    assert "took hosts down" in (layers / "logs/tidy.log").read_text()
    assert (found.failed, found.verdict) == (0, "TOO SLOW")
    assert run_layers.swept == ["tidy"]
    lines = run_layers.report([found])
    assert "too slow, not run to the end: tidy" in lines
    assert lines[-1] == "0 passed, 0 failed"


def test_a_layer_that_does_not_end_is_killed(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    assert run_layers.main(["stubborn"]) == 3
    assert time.monotonic() - started < 10
    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 0 failed"
    assert run_layers.swept == ["stubborn"]


def test_a_layer_that_had_failed_before_it_was_stopped_has_failed(layers: Path) -> None:
    assert run_layers.main(["failing"]) == 1


def test_an_interrupted_run_stops_its_layers(layers: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(run_layers.__file__).parent)!r}); import run_layers, pathlib\n"
        f"run_layers.ROOT = pathlib.Path({str(layers)!r}); run_layers.LOGS = run_layers.ROOT / 'logs'\n"
        "run_layers.LAYERS = {'tidy': 5, 'stubborn': 5}; run_layers._GRACE = 1.0\n"
        "run_layers.Layer.sweep = lambda layer: print('swept', layer.result.layer, flush=True)\n"
        "sys.exit(run_layers.main([]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    logs = [layers / "logs" / f"{name}.log" for name in ("tidy", "stubborn")]
    end = time.monotonic() + 20
    while not all(log.exists() and "began" in log.read_text() for log in logs):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _nothing = process.communicate(timeout=20)
    assert process.returncode == 130
    assert {"swept tidy", "swept stubborn"} <= set(output.splitlines())
    assert output.splitlines()[-1] == "interrupted: the layers were stopped, their test hosts taken down"


def test_counts_of_pytest_in_both_forms() -> None:
    loud = result("units", "===== 3 failed, 120 passed, 2 skipped, 1 error in 4.21s =====\n", 1)
    assert (loud.passed, loud.failed, loud.skipped) == (120, 4, 2)
    quiet = result("api", "\x1b[32m13 passed\x1b[0m in 0.65s\n", 0)
    assert (quiet.passed, quiet.failed, quiet.skipped) == (13, 0, 0)


def test_long_runs_have_a_clock_behind() -> None:
    assert result("e2e", "==== 7 passed, 1 warning in 93.10s (0:01:33) ====\n", 0).passed == 7


def test_prose_is_not_counted() -> None:
    assert result("molecule", "3 passed the check in time\nnginx: 5 failed attempts in 3s\n", 0).passed == 1


def test_layer_without_counts_counts_itself() -> None:
    assert (result("lint", "lint: clean\n", 0).passed, result("lint", "", 2).failed) == (1, 1)


def test_layer_that_dies_after_its_tests_passed_has_failed() -> None:
    died = result("units", "== 5 passed in 1.00s ==\n", 139)
    assert (died.passed, died.failed) == (5, 1)


def test_summary_names_what_was_not_run_and_why() -> None:
    output = (
        "SKIPPED [1] tests/unit/x.py:3: no openssl here\nWARNING: Skipping tests for Python 3.14\n1 skipped in 0.1s\n"
    )
    lines = run_layers.report([result("units", output, 0), result("lint", "", 1)])
    text = "\n".join(lines)
    assert "units: tests/unit/x.py:3: no openssl here" in text
    assert "units: Skipping tests for Python 3.14" in text
    assert "molecule: layer not asked for" in text
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
