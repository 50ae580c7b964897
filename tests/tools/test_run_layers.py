# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of `make test` counts what was run and says what was not."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_layers


def result(layer: str, output: str, code: int) -> run_layers.Result:
    found = run_layers.Result(layer)
    for line in output.splitlines():
        found.read(line)
    found.close(code, 1.5)
    return found


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
