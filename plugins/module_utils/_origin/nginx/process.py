# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running nginx: find it, reload it, replace it by fresh processes, and see that it really happened."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Callable

from ..errors import OriginError
from ..model import Runner
from ..restore import process_fields, process_number, process_title
from ..words import Words

_PATIENCE_SECONDS = 20.0
_DRAIN_SECONDS = 30.0
WORKER = "nginx: worker process"
_UNIT = re.compile(r"/([^/\n]+\.service)(?:/|$)", re.MULTILINE)


@dataclass(frozen=True)
class Nginx:
    """A running nginx, known by its pid file. ``proc`` and the functions stand for the machine in tests."""

    pid_file: str
    error_log: str
    service: str
    run: Runner
    proc: str = "/proc"
    kill: Callable[[int, int], None] = field(default=os.kill)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def master(self) -> int:
        """The process id of the master, or 0 if it doesn't run."""
        pid = process_number(self.pid_file)
        return pid if pid and "nginx: master" in self._title(pid) else 0

    def need_master(self) -> int:
        """The master's process id. Errors: it doesn't run."""
        pid = self.master()
        if not pid:
            raise OriginError(
                f"nginx doesn't run (by its pid file {self.pid_file})",
                f"Start it (systemctl start {self.service}) and run again.",
            )
        return pid

    def reload(self) -> None:
        """Let the master read its configuration again, and wait until new workers serve and the old ones don't."""
        master = self.need_master()
        before = self._serving(master)
        words = Words(self.error_log)
        self.kill(master, signal.SIGHUP)
        if not self._wait(lambda: self._renewed(master, before)):
            if not self.master():
                raise OriginError(f"nginx ended when it was reloaded.{words.since()}", "Look at the server.")
            raise OriginError(
                f"nginx took the reload signal but kept its old configuration.{words.since()}",
                "Mend what it names and run again.",
            )

    def replace(self) -> None:
        """Start fresh processes beside the old ones, hand over the listening sockets, end the old ones gracefully.

        Shared memory (TLS sessions, ticket keys) is new then, and no connection is refused meanwhile. Where the
        service manager would lose the server (it's not told about pid changes), the service is restarted.
        """
        old = self.need_master()
        if not self._may_replace(old):
            self.restart()
            return
        words = Words(self.error_log)
        self.kill(old, signal.SIGUSR2)
        if not self._wait(lambda: self._successor(old) != 0):
            raise OriginError(
                f"nginx didn't start new processes beside the old ones, which go on.{words.since()}",
                "Restart nginx by hand at a quiet moment, then run again.",
            )
        before = self._serving(old)
        self.kill(old, signal.SIGQUIT)
        # The old master stays as long as a connection of its workers does; they accept no new ones.
        if not self._wait(lambda: not self._still_serving(old, before)):
            raise OriginError(f"the old nginx processes didn't stop serving.{words.since()}", "Look at the server.")
        self._wait(lambda: not self._title(old), _DRAIN_SECONDS)
        if not self.master():
            raise OriginError(f"nginx isn't there after its replacement.{words.since()}", "Look at the server.")

    def restart(self) -> None:
        """Restart the service and wait until it serves. Errors: it isn't nginx's own."""
        words = Words(self.error_log)
        old = self.master()
        unit = self._unit(old)
        shown = self.run(("systemctl", "show", "-p", "MainPID", unit), {})
        if not old or shown.output.strip() != f"MainPID={old}":
            raise OriginError(
                f"nginx must be restarted, but the main process of {unit} isn't nginx's master ({old})",
                "End an upgrade that is under way. Else run nginx by a systemd unit of its own, or remove "
                "ssl_session_cache shared: (a reload will do then), and run again.",
            )
        done = self.run(("systemctl", "restart", unit), {})
        if done.status != 0 or not self._wait(lambda: self.master() not in (0, old)):
            raise OriginError(
                f"nginx doesn't come up after a restart: {done.output.strip()}{words.since()}",
                "Look at the server at once.",
            )

    def _may_replace(self, master: int) -> bool:
        if not self._no_replacement_pending():
            return False
        unit = self._unit(master)
        if master == 1:
            return False
        if not _UNIT.search(self._group(master)):
            return True  # nobody watches it
        shown = self.run(("systemctl", "show", "-p", "Type", "-p", "PIDFile", unit), {})
        if shown.status != 0:
            return False
        values = dict(line.partition("=")[::2] for line in shown.output.splitlines())
        return values.get("Type") == "forking" and _same(values.get("PIDFile", ""), self.pid_file)

    def _no_replacement_pending(self) -> bool:
        """Whether nothing is left of an earlier replacement; nginx would ignore a second one meanwhile.

        Old processes that serve nobody new and only wait for their last connections are ended.
        """
        old = process_number(self.pid_file + ".oldbin")
        if not old or "nginx: master" not in self._title(old):
            return True
        if not self._has_workers(old) or self._serving(old):
            return False  # somebody is in the middle of an upgrade by hand
        self.kill(old, signal.SIGTERM)
        return self._wait(lambda: not self._title(old))

    def _has_workers(self, master: int) -> bool:
        pids = [int(name) for name in os.listdir(self.proc) if name.isdigit()]
        return any(self._parent(pid) == master and self._title(pid).startswith(WORKER) for pid in pids)

    def _unit(self, master: int) -> str:
        found = _UNIT.findall(self._group(master)) if master else []
        return str(found[-1]) if found else self.service

    def _successor(self, old: int) -> int:
        """The new master once it has workers."""
        new = self.master()
        return new if new not in (0, old) and self._serving(new) else 0

    def _renewed(self, master: int, before: set[int]) -> bool:
        now = self._serving(master)
        return bool(now - before) and not now & before

    def _still_serving(self, master: int, workers: Iterable[int]) -> bool:
        return any(pid in self._serving(master, set(workers)) for pid in workers)

    def _serving(self, master: int, among: set[int] | None = None) -> set[int]:
        """The workers of ``master`` that accept connections. Orphans count if they're in ``among``."""
        serving = set()
        for name in os.listdir(self.proc):
            if not name.isdigit():
                continue
            pid = int(name)
            title = self._title(pid)
            if not title.startswith(WORKER) or "shutting down" in title:
                continue
            if self._parent(pid) == master or (among and pid in among):
                serving.add(pid)
        return serving

    def _parent(self, pid: int) -> int:
        fields = process_fields(pid, self.proc)
        return int(fields[2]) if len(fields) > 2 else 0

    def _title(self, pid: int) -> str:
        return process_title(pid, self.proc)

    def _group(self, pid: int) -> str:
        try:
            with open(os.path.join(self.proc, str(pid), "cgroup"), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            return ""

    def _wait(self, condition: Callable[[], bool], patience: float = _PATIENCE_SECONDS) -> bool:
        for _attempt in range(int(patience / 0.05)):
            if condition():
                return True
            self.sleep(0.05)
        return condition()


def _same(one: str, other: str) -> bool:
    return bool(one) and os.path.realpath(one) == os.path.realpath(other)
