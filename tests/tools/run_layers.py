# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the layers of the tests, two at a time, and sum up: time, result, and what was not run and why.

``python tests/tools/run_layers.py [--jobs N] [LAYER ...]`` runs all layers, or the named ones; called by ``make test``.
Most layers wait more than they compute (for servers, for SSH), so two share two cores well. With ``--jobs 1`` the
output of the one layer is shown while it runs, otherwise when it has ended.
Ends with the line ``N passed, N failed, N skipped`` and exits 1 if a layer failed.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "logs"
# Two quick ones that fail early, then the longest first; each is a target of the Makefile.
LAYERS = ("lint", "units", "e2e", "origins", "api", "molecule", "units-ansible-test", "sanity", "tarball")
_LIMIT = 30 * 60.0

_COUNTS = re.compile(r"^(?:=+ )?(?=.*\bin \d)((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
_SKIPS = (
    re.compile(r"^SKIPPED \[\d+\] (.*)$"),  # pytest -ra
    re.compile(r"^WARNING: ((?:Skipping|Required program).*)$"),  # ansible-test
    re.compile(r"^NOT RUN: (.*)$"),  # ours
)
_SHOWING = threading.Lock()
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Result:
    """What one layer did; ``passed`` and ``failed`` count tests where the layer counts them, else the layer itself."""

    layer: str
    code: int = 0
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    not_run: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take counts and reasons from one line of output."""
        line = _COLOUR.sub("", line).strip()
        counts = _COUNTS.match(line)
        if counts:
            for number, kind in _COUNT.findall(counts.group(1)):
                if kind in ("passed", "xpassed"):
                    self.passed += int(number)
                elif kind in ("failed", "error", "errors"):
                    self.failed += int(number)
                else:
                    self.skipped += int(number)
        for pattern in _SKIPS:
            found = pattern.match(line)
            if found and found.group(1) not in self.not_run:
                self.not_run.append(found.group(1))

    def close(self, code: int, seconds: float) -> None:
        self.code, self.seconds = code, seconds
        if code and not self.failed:
            self.failed += 1
        elif not code and not self.passed:
            self.passed += 1


def run(layer: str, live: bool = True) -> Result:
    """Run ``make layer``. Its output is kept in ``.cache/logs``, and shown: at once if ``live``, else at the end."""
    result = Result(layer)
    heading = f"\n=== {layer} ==="
    print(heading if live else f"{layer}: begins", flush=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    environment = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS")
    }
    with open(LOGS / (layer + ".log"), "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["make", "--no-print-directory", layer],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        watchdog = threading.Timer(_LIMIT, _stop, [process, result])
        watchdog.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if live:
                    sys.stdout.write(line)
                    sys.stdout.flush()
                log.write(line)
                log.flush()
                result.read(line)
            code = process.wait()
        finally:
            watchdog.cancel()
            if process.poll() is None:
                _stop(process, result)
    result.close(code, time.monotonic() - started)
    if not live:
        output = (LOGS / (layer + ".log")).read_text(encoding="utf-8", errors="replace")
        with _SHOWING:
            print(f"{heading}\n{output}{layer}: ended with {code} after {result.seconds:.0f} s", flush=True)
    return result


def run_all(layers: list[str], jobs: int) -> list[Result]:
    """Run the layers, ``jobs`` at a time, and say every minute what is still running."""
    if jobs == 1:
        return [run(layer) for layer in layers]
    with ThreadPoolExecutor(jobs) as pool:
        started = time.monotonic()
        waiting = {pool.submit(run, layer, False): layer for layer in layers}
        pending = set(waiting)
        while pending:
            pending = wait(pending, timeout=60, return_when=FIRST_COMPLETED).not_done
            running = [waiting[future] for future in pending if future.running()]
            if running:
                minutes = (time.monotonic() - started) / 60
                print(f"after {minutes:.1f} min, running: {', '.join(sorted(running))}", flush=True)
        return [future.result() for future in waiting]


def _stop(process: subprocess.Popen[str], result: Result) -> None:
    result.not_run.append(f"stopped before its end (limit {int(_LIMIT / 60)} min)")
    os.killpg(process.pid, signal.SIGKILL)


def report(results: list[Result]) -> list[str]:
    """The summary, line by line; the last one is the plain closing line."""
    lines = ["", "=== summary ==="]
    lines.extend(
        f"{each.layer:20} {'FAILED' if each.code else 'ok':6} {each.seconds:6.1f} s  "
        f"{each.passed:5} passed {each.failed:3} failed {each.skipped:3} skipped"
        for each in results
    )
    left_out = [layer for layer in LAYERS if layer not in {result.layer for result in results}]
    reasons = [f"{layer}: layer not asked for" for layer in left_out]
    reasons += [f"{result.layer}: {reason}" for result in results for reason in result.not_run]
    lines.append("not run: nothing was left out" if not reasons else "not run:")
    lines.extend("  " + reason for reason in reasons)
    lines.append(f"the layers' times add up to {sum(result.seconds for result in results) / 60:.1f} min")
    passed, failed, skipped = (
        sum(getattr(result, name) for result in results) for name in ("passed", "failed", "skipped")
    )
    lines.append(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of: {', '.join(LAYERS)} (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="layers at a time (default: %(default)s)")
    options = parser.parse_args(arguments)
    chosen = options.layers or list(LAYERS)
    unknown = [layer for layer in chosen if layer not in LAYERS]
    if unknown:
        parser.error(f"no such layer: {', '.join(unknown)}")
    started = time.monotonic()
    results = run_all(chosen, max(1, options.jobs))
    print(f"all of it took {(time.monotonic() - started) / 60:.1f} min")
    print("\n".join(report(results)), flush=True)
    return 1 if any(result.code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
