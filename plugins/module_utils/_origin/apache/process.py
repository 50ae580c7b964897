# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running server: does it live, has it taken the new configuration, does it answer.

A graceful reload with a configuration that passes the check can still end the whole server (a trust bundle that can't
be read, a log directory that's gone), some moments after the command said that all is well. So it's watched.
"""

from __future__ import annotations

import os
import time
from typing import Callable

from ..errors import OriginError
from ..model import Completed, Control, Runner
from ..restore import children, handshake_problem, process_fields, process_number
from ..words import Words
from .paths import Paths

#: Seconds to wait for the new generation of processes, and for which the server must live on after that.
DEADLINE = 20.0
SETTLE = 1.0
_PAUSE = 0.05


class Server:
    """Apache as a set of processes."""

    def __init__(
        self, paths: Paths, run: Runner, control: Control, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths = paths
        self._run = run
        self._proofs = control.proofs
        self._words = Words(control.error_log)
        self._clock = clock

    def activate(self) -> None:
        """Let the server take the configuration on disk; start it if it's dead. Errors: it doesn't live or answer."""
        parent = self._parent()
        if parent is None:
            self._start()
            before: set[int] = set()
        else:
            before = children(parent)
            self._tell()
        self._watch(parent, before)
        for proof in self._proofs:
            problem = handshake_problem(proof) if proof["kind"] == "tls" else ""
            if problem:
                where = f"{proof['address']} port {proof['port']}"
                raise self._failed(f"Apache lives, but gives no TLS for {proof['server_name']} at {where}: {problem}")

    def _tell(self) -> None:
        active = self._systemd("is-active", "--quiet", self._unit()).status == 0 if _has_systemd() else False
        if active:
            done = self._systemd("reload", self._unit())
        else:
            done = self._run((self._paths.control, "-k", "graceful"), {})
        if done.status != 0:
            if self._parent() is None:
                raise self._died()
            raise self._failed(f"Apache can't be told to reload: {done.output.strip()}")

    def _start(self) -> None:
        if _has_systemd():
            done = self._systemd("restart", self._unit())
        else:
            done = self._run((self._paths.control, "-k", "start"), {})
        if done.status != 0:
            raise self._failed(f"Apache doesn't start: {done.output.strip()}")

    def _watch(self, parent: int | None, before: set[int]) -> None:
        """Wait for processes that weren't there before, then see that the parent lives on."""
        deadline = self._clock() + DEADLINE
        while True:
            now = self._parent()
            if parent is not None and now != parent:
                raise self._died()
            if now is not None and children(now) - before:
                break
            if self._clock() > deadline:
                raise self._failed(f"Apache has no new processes {DEADLINE:.0f} s after the reload")
            time.sleep(_PAUSE)
        settled = self._clock() + SETTLE
        while self._clock() < settled:
            if self._parent() != now or not children(now) - before:
                raise self._died()
            time.sleep(_PAUSE)

    def _died(self) -> OriginError:
        return self._failed("Apache ended when it read the new configuration, although it had called it correct")

    def _failed(self, message: str) -> OriginError:
        """With what Apache wrote since we told it something."""
        words = self._words.since()
        return OriginError(f"{message}.{words}", "Mend what it names." if words else "Look at its error log.")

    def _parent(self) -> int | None:
        pid = process_number(self._proofs[0]["pid_file"])
        return pid if pid and process_fields(pid)[1:2] not in ([], ["Z"], ["X"]) else None

    def _unit(self) -> str:
        return self._paths.service + ".service"

    def _systemd(self, *arguments: str) -> Completed:
        return self._run(("systemctl", *arguments), {})


def _has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")
