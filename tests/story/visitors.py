# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visitors: bounded, paced requests to the protected hostnames through the edge, counted one by one."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from tests.sandbox.client import Control

_TIMEOUT = 15.0
_CATCH_UP = 5.0


@dataclass
class Tally:
    """What the visitors saw. ``failures`` holds a line for each request that wasn't served as it should be."""

    served: int = 0
    failures: list[str] = field(default_factory=list)
    by_kind: Counter[str] = field(default_factory=Counter)

    @property
    def made(self) -> int:
        return self.served + len(self.failures)


class Visitors:
    """Threads that ask for pages until they are stopped; at most ``limit`` requests in all.

    Half of them keep their connection, the others make one for each request. Each waits after a request so that the
    total is near ``per_second``; what a slow answer cost is made up for, a few seconds of it at most.
    """

    def __init__(
        self,
        sandbox: Control,
        hostnames: list[str],
        per_second: float = 50,
        threads: int = 8,
        limit: int = 60_000,
    ) -> None:
        self.tally = Tally()
        self._sandbox = sandbox
        self._hostnames = hostnames
        self._pause = threads / per_second
        self._left = limit
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(number, number % 2 == 0), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> Tally:
        """End the visits; the last requests are waited for."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_TIMEOUT + 5)
        return self.tally

    def _visit(self, number: int, keep: bool) -> None:
        with ExitStack() as stack:
            # A closed connection object connects again by itself at its next request.
            connections = {
                name: stack.enter_context(self._sandbox.visitor(name, _TIMEOUT)) for name in self._hostnames
            }
            turn, due = number, time.monotonic()
            while not self._stop.is_set():
                with self._lock:
                    if self._left <= 0:
                        return
                    self._left -= 1
                hostname = self._hostnames[turn % len(self._hostnames)]
                self._one(connections[hostname], hostname, keep, turn)
                turn += 1
                now = time.monotonic()
                due = max(due + self._pause, now - _CATCH_UP)
                self._stop.wait(max(0.0, due - now))

    def _one(self, connection: http.client.HTTPConnection, hostname: str, keep: bool, turn: int) -> None:
        kind = "kept" if connection.sock is not None else "new"
        problem = ""
        try:
            connection.request("GET", f"/?visit={turn}", headers={} if keep else {"Connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or f"This is {hostname}.".encode() not in body:
                problem = f"{answer.status} {body[:120]!r}"
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem or not keep:
            connection.close()
        with self._lock:
            if problem:
                moment = time.strftime("%H:%M:%S")
                self.tally.failures.append(f"{moment} {hostname} ({kind} connection): {problem}")
            else:
                self.tally.served += 1
                self.tally.by_kind[kind] += 1
