# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pace, retries and limits."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    NOBODY,
    PLAIN,
    Case,
    Identity,
    Listener,
    Outcome,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.runner import Runner

CASE = Case("app.example.com", "web1", Listener("192.0.2.1", 443))


class Server:
    """Answers from a script, and remembers."""

    def __init__(self, *ends: str, seconds: float = 0.0) -> None:
        self.ends = list(ends)
        self.times: list[float] = []
        self.most = 0
        self._now = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def ask(self, case: Case, identity: Identity, settings: Settings) -> Outcome:
        with self._lock:
            self.times.append(time.monotonic())
            self._now += 1
            self.most = max(self.most, self._now)
            end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1
        return Outcome(end)


def _cases(count: int) -> list[tuple[Case, Identity]]:
    return [(replace(CASE, path=f"/{number}"), NOBODY) for number in range(count)]


def _run(server: Server, work: list[tuple[Case, Identity]], **settings: float) -> list[Outcome]:
    values = {"rate": 10000.0, "retries": 2, **settings}
    return list(Runner(Settings(**values), server.ask).run(work).values())  # type: ignore[arg-type]


def test_lost_connections_are_tried_again_and_counted() -> None:
    assert _run(Server("closed", "reset", "closed"), _cases(1)) == [Outcome("closed", attempts=3)]
    assert _run(Server("closed", "response"), _cases(1)) == [Outcome("response", attempts=1)]
    # Not all of them lost: no proof of a refusal.
    assert _run(Server("timeout", "closed", "closed"), _cases(1)) == [Outcome("closed", attempts=1)]
    assert _run(Server("alert"), _cases(1)) == [Outcome("alert", attempts=1)]


def test_a_dead_listener_is_asked_once() -> None:
    server = Server("refused")
    assert {outcome.end for outcome in _run(server, _cases(40), workers=2)} == {"refused"}
    assert len(server.times) <= 2
    other = (replace(CASE, listener=Listener("192.0.2.1", 443, PLAIN)), NOBODY)
    _run(server, [*_cases(3), other], workers=1)
    assert len(server.times) <= 4


def test_one_lost_packet_does_not_make_a_listener_dead() -> None:
    assert {outcome.end for outcome in _run(Server("unreachable", "response"), _cases(5), workers=1)} == {"response"}
    for retries, tries in (2, 2), (1, 2), (0, 1):
        server = Server("unreachable")
        outcomes = _run(server, _cases(5), workers=1, retries=retries)
        assert ({outcome.end for outcome in outcomes}, len(server.times)) == ({"unreachable"}, tries)


def test_a_listener_for_something_else_is_out_of_reach_at_once() -> None:
    for kind, end in ("tls", "unreachable"), ("plain", "unreachable"), ("quic", "timeout"):
        beside = Listener("192.0.2.1", 8443, kind, other=True)
        server = Server(end)
        work = [(replace(case, listener=beside), identity) for case, identity in _cases(5)]
        assert {outcome.end for outcome in _run(server, work, workers=1)} == {end}
        assert len(server.times) == 1
    # One that stands and says nothing may be open.
    server = Server("timeout")
    _run(server, [(replace(CASE, listener=Listener("192.0.2.1", 8443, other=True)), NOBODY)])
    assert len(server.times) == 3


def test_never_more_at_once_than_workers() -> None:
    server = Server("response", seconds=0.01)
    _run(server, _cases(30), workers=3)
    assert server.most == 3


def test_pace_per_origin() -> None:
    server = Server("response")
    _run(server, _cases(11), rate=50.0, workers=8)
    assert server.times[-1] - server.times[0] >= 0.19
    server = Server("response")
    mixed = [(replace(case, origin=f"web{number}"), identity) for number, (case, identity) in enumerate(_cases(11))]
    _run(server, mixed, rate=5.0, workers=8)
    assert server.times[-1] - server.times[0] < 1.0


def test_a_resumed_session_counts_as_two_connections() -> None:
    server = Server("response")
    work = [(replace(case, resume_from=""), identity) for case, identity in _cases(6)]
    _run(server, work, rate=50.0)
    assert server.times[-1] - server.times[0] >= 0.19


def test_time_limit() -> None:
    server = Server("response", seconds=0.05)
    outcomes = _run(server, _cases(40), workers=1, time_limit=0.2)
    assert 1 <= len(server.times) < 20
    assert [outcome.end for outcome in outcomes].count("skipped") == 40 - len(server.times)
    assert "time limit" in outcomes[-1].detail


def test_nothing_to_do() -> None:
    assert Runner(Settings(), Server("response").ask).run([]) == {}
