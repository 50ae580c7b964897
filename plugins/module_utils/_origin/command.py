# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands of the origin: no shell, no input, English messages, bounded time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from .errors import OriginError, ProgramMissing, ValidationFailed
from .model import Completed, Control, Runner

TIMEOUT_SECONDS = 120


def run(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
    """Run ``argv`` and return its exit status with stdout and stderr together. Errors: the program is missing."""
    merged = dict(os.environ, LC_ALL="C", **environment)
    merged["PATH"] = f"{merged.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        # Like all of the domain this knows no AnsibleModule, whose run_command is bound to it.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(argv),
            env=merged,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        remedy = "Install it, or correct its path in the role's variables."
        raise ProgramMissing(f"{argv[0]} isn't there", remedy) from None
    except subprocess.TimeoutExpired:
        message = f"{' '.join(argv)} gave no answer within {TIMEOUT_SECONDS} s"
        raise OriginError(message, "Look at the server.") from None
    return Completed(done.returncode, done.stdout.decode("utf-8", "replace"))


def check(title: str, control: Control, run: Runner) -> None:
    """Let the server check the configuration on disk, if it has a command for that. Errors: it refuses it."""
    done = run(control.validate, control.environment) if control.validate else Completed(0, "")
    if done.status != 0:
        raise ValidationFailed(title, done.output, "the files of before are put back")
