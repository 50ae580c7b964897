# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the layers of the tests, two at a time, and sum up: time, result, and what was not run and why.

``python tests/tools/run_layers.py [--jobs N] [LAYER ...]`` runs all layers, or the named ones; called by ``make test``
and ``make quick``. Most layers wait more than they compute (for servers, for SSH), so two share two cores well. With
``--jobs 1`` the output of the one layer is shown while it runs, otherwise when it has ended.
A layer that runs past its limit is stopped and called too slow; test hosts that a layer leaves behind are taken down.
Ends with the line ``N passed, N failed, N skipped``. Exits 1 if a layer failed, 3 if one was only too slow.
"""

from __future__ import annotations

import argparse
import contextlib
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
sys.path.insert(0, str(ROOT))
from tests.hosts.commands import end_tidily  # noqa: E402

LOGS = ROOT / ".cache" / "logs"
# Two quick ones that fail early, then the longest first; each is a target of the Makefile. Minutes that a layer may
# take: twice as long as on two cores that do nothing else, and some more.
LAYERS = {
    "lint": 15,
    "units": 15,
    "e2e": 75,
    "origins": 75,
    "api": 30,
    "molecule": 30,
    "oldest": 20,
    "units-ansible-test": 20,
    "sanity": 30,
    "tarball": 15,
}
QUICK = ("lint", "units", "story")
_OTHERS = {"story": 15}
# Seconds that a stopped layer gets for taking down its hosts.
_GRACE = 60.0

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
    stopped: str = ""
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
        if self.stopped:
            self.not_run.append(f"what came after it was stopped: {self.stopped}")
        elif code and not self.failed:
            self.failed += 1
        elif not code and not self.passed:
            self.passed += 1

    @property
    def verdict(self) -> str:
        """In one word, or two."""
        if self.failed:
            return "FAILED"
        return "TOO SLOW" if self.stopped else "ok"


class Layer:
    """One ``make`` target in a session of its own, which can be stopped with everything that it started."""

    def __init__(self, name: str) -> None:
        self.result = Result(name)
        self._owner = f"{os.getpid()}-{name}"
        inherited = {
            key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS")
        }
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", name],
            cwd=ROOT,
            env={**inherited, "ORIGINLOCK_OWNER": self._owner},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def stop(self, why: str) -> None:
        """End it: with SIGTERM, so that it can take down its hosts, then with SIGKILL."""
        self.result.stopped = self.result.stopped or why
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE)
            os.killpg(self.process.pid, signal.SIGKILL)

    def sweep(self) -> None:
        """Take down test hosts that are left, after whatever end."""
        subprocess.run([sys.executable, "-m", "tests.hosts", "down", "--owner", self._owner], cwd=ROOT, check=False)


_running: set[Layer] = set()
_interrupted = threading.Event()


def run(layer: str, live: bool = True) -> Result:
    """Run ``make layer``. Its output is kept in ``.cache/logs``, and shown: at once if ``live``, else at the end."""
    heading = f"\n=== {layer} ==="
    print(heading if live else f"{layer}: begins", flush=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    minutes = {**LAYERS, **_OTHERS}[layer]
    started = time.monotonic()
    running = Layer(layer)
    _running.add(running)
    result = running.result
    watchdog = threading.Timer(minutes * 60, running.stop, [f"its limit is {minutes} min"])
    watchdog.start()
    if _interrupted.is_set():
        running.stop("interrupted")
    try:
        with open(LOGS / (layer + ".log"), "w", encoding="utf-8") as log:
            assert running.process.stdout is not None
            for line in running.process.stdout:
                if live:
                    sys.stdout.write(line)
                    sys.stdout.flush()
                log.write(line)
                log.flush()
                result.read(line)
        code = running.process.wait()
    finally:
        watchdog.cancel()
        if running.process.poll() is None:
            running.stop("interrupted")
        running.sweep()
        _running.discard(running)
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
        try:
            while pending:
                pending = wait(pending, timeout=60, return_when=FIRST_COMPLETED).not_done
                running = [waiting[future] for future in pending if future.running()]
                if running:
                    minutes = (time.monotonic() - started) / 60
                    print(f"after {minutes:.1f} min, running: {', '.join(sorted(running))}", flush=True)
        except BaseException:
            _interrupted.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for layer in list(_running):
                layer.stop("interrupted")
            raise
        return [future.result() for future in waiting]


def report(results: list[Result]) -> list[str]:
    """The summary, line by line; the last one is the plain closing line."""
    lines = ["", "=== summary ==="]
    lines.extend(
        f"{each.layer:20} {each.verdict:8} {each.seconds:6.1f} s  "
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
    slow = [result.layer for result in results if result.stopped]
    if slow:
        lines.append(f"too slow, not run to the end: {', '.join(slow)}")
    lines.append(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of: {', '.join(LAYERS)} (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="layers at a time (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    options = parser.parse_args(arguments)
    chosen = options.layers or list(QUICK if options.quick else LAYERS)
    unknown = [layer for layer in chosen if layer not in LAYERS and layer not in _OTHERS]
    if unknown:
        parser.error(f"no such layer: {', '.join(unknown)}")
    end_tidily()
    started = time.monotonic()
    try:
        results = run_all(chosen, max(1, options.jobs))
    except KeyboardInterrupt:
        print("interrupted: the layers were stopped, their test hosts taken down", flush=True)
        return 130
    print(f"all of it took {(time.monotonic() - started) / 60:.1f} min")
    print("\n".join(report(results)), flush=True)
    if any(result.failed for result in results):
        return 1
    return 3 if any(result.stopped for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
