# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run other programs: podman above all, as root and with settings that work on this machine."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "hosts"
# Rootless containers have no addresses that the host can reach, so podman runs as root.
SUDO: list[str] = [] if os.geteuid() == 0 else ["sudo"]
# Who brings things up: whoever started this program may take down by this name what is left.
OWNER = "originlock.owner"
_FALLBACK = CACHE / "containers.conf"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class HostsError(Exception):
    """Something the user can act on; told without a traceback."""


def say(text: str) -> None:
    """Progress goes to stderr: stdout is for the answer."""
    print(text, file=sys.stderr, flush=True)


def end_tidily() -> None:
    """Let SIGTERM, SIGINT and SIGHUP end this program with a KeyboardInterrupt, so that it takes down what it made.

    Further ones are ignored from then on: they would interrupt the cleaning up.
    """
    endings = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        endings.append(signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    for ending in endings:
        signal.signal(ending, interrupt)


def owned() -> list[str]:
    """Options for what podman makes: a label with the owner that ORIGINLOCK_OWNER names, if any."""
    owner = os.environ.get("ORIGINLOCK_OWNER")
    return ["--label", f"{OWNER}={owner}"] if owner else []


def need(*programs: str) -> None:
    """Fail with the remedy when a program is missing."""
    missing = [name for name in programs if not shutil.which(name, path=_PATH)]
    if missing:
        raise HostsError(f"missing: {', '.join(missing)}. Install them with 'make system' (Debian, Ubuntu).")


def run(
    command: Sequence[str], *, check: bool = True, timeout: float = 600, stdin: int | None = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """Run ``command``; its output is kept, and shown when it fails and ``check`` is set."""
    done = subprocess.run(list(command), stdin=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise HostsError(f"'{' '.join(command)}' failed ({done.returncode}):\n{output}")
    return done


def _podman_command() -> list[str]:
    if _FALLBACK.exists():
        return [*SUDO, "env", f"CONTAINERS_CONF={_FALLBACK}", "podman"]
    return [*SUDO, "podman"]


def podman(*arguments: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    return run([*_podman_command(), *arguments], check=check, timeout=timeout)


def podman_json(*arguments: str) -> Any:
    """Output of a podman command that prints JSON; an empty list where it fails or prints nothing."""
    done = podman(*arguments, check=False)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else []


def _try_out(image: str) -> subprocess.CompletedProcess[str]:
    """Run and build: podman starts containers in two ways, and either can fail alone."""
    done = podman("run", "--rm", "--network=none", image, "true", check=False)
    if done.returncode:
        return done
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Containerfile").write_text(f"FROM {image}\nRUN true\n")
        done = podman("build", "-q", "--no-cache", "--network=none", folder, check=False)
    if done.returncode == 0:
        podman("rmi", "-f", done.stdout.split()[-1], check=False)
    return done


def settle_runtime(image: str) -> None:
    """Find out once whether plain podman can start ``image`` here, and write a fallback configuration if it can't.

    Restricted machines (no CAP_SYS_RESOURCE, hybrid cgroups) refuse crun and podman's default limits, but run
    containers under runc with limits no higher than our own.
    """
    settled = CACHE / "runtime-settled"
    if settled.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    done = _try_out(image)
    if done.returncode:
        if not shutil.which("runc", path=_PATH):
            raise HostsError("podman can't start a container, and runc (which may help) is missing:\n" + done.stderr)
        limit = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        _FALLBACK.write_text(
            '[engine]\nruntime = "runc"\n'
            f'[containers]\ndefault_ulimits = ["nofile={limit}:{limit}", "nproc=1000:1000"]\n'
        )
        say(f"plain podman can't start containers here; using runc with lower limits ({_FALLBACK})")
        again = _try_out(image)
        if again.returncode:
            _FALLBACK.unlink()
            raise HostsError("podman can't start a container, not with runc either:\n" + done.stderr + again.stderr)
    settled.touch()
