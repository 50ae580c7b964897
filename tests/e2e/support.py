# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the end-to-end tests ask about a theatre and about what a playbook printed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.story.story import LOGS, Story
from tests.story.theatre import HOSTNAMES, Theatre

PAIR = "nginx-trixie,apache-bookworm"
# Small keys and no visitors where neither is what the test is about.
QUICK = {"client_pki_key_type": "ECDSA", "aop_without_visitors": ["*"]}
SWITCHES = {"certificate_deploy_seconds": 0.2, "association_deploy_seconds": 0.2, "void_seconds": 0.2}


def role_tasks(output: str) -> Counter[str]:
    """For each host, the tasks of server roles (and what they import) that were executed; gathering isn't counted."""
    counted: Counter[str] = Counter()
    wanted = False
    for line in output.splitlines():
        if line.startswith("TASK ["):
            wanted = re.match(r"TASK \[originlock\.aop\.(nginx|apache|common) : (?!Gather )", line) is not None
        executed = re.match(r"(?:ok|changed|fatal): \[([^\]]+)\](?! => \(item)", line)
        if wanted and executed:
            counted[executed.group(1)] += 1
    return counted


def refusals(output: str) -> dict[tuple[str, str], str]:
    """What the gate said of each hostname and origin that it refused: the text after ``refused:``."""
    line = next(one for one in output.splitlines() if one.startswith("fatal: [localhost]: FAILED! => "))
    messages = json.loads(line.partition(" => ")[2])["msg"]
    form = r"(\S+) on (\S+): .*? from the edge trusted \(visitors: \d+, canaries: \d+\); refused: (.*)"
    said = [re.match(form, one) for one in messages]
    return {(one.group(1), one.group(2)): one.group(3) for one in said if one is not None}


def codes(text: str) -> list[str]:
    """The codes in a refusal."""
    return re.findall(r"\[(\w+)\]", text)


def certificates(theatre: Theatre) -> list[dict[str, Any]]:
    """The zone's hostname certificates."""
    path = f"/zones/{theatre.sandbox.zone_id}/origin_tls_client_auth/hostnames/certificates"
    return theatre.sandbox.api("GET", path)[1]["result"] or []


def associations(theatre: Theatre) -> list[tuple[str, str, bool]]:
    """Hostname, certificate and enabled of what the zone associates."""
    path = f"/zones/{theatre.sandbox.zone_id}/origin_tls_client_auth/hostnames?per_page=1000"
    listed = theatre.sandbox.api("GET", path)[1]["result"] or []
    return sorted((one["hostname"], one["cert_id"], one["enabled"]) for one in listed)


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """What differs between two answers of ``Story.trees``: for each origin, lines that only one of them has."""
    pairs = {host: set(tree.splitlines()) ^ set(after[host].splitlines()) for host, tree in before.items()}
    return {host: sorted(lines) for host, lines in pairs.items() if lines}


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait until ``condition`` holds; returns how long that took. AssertionError after ``seconds``."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - started


def served(theatre: Theatre) -> None:
    """Each hostname is served through the edge, several times in a row."""
    for hostname in HOSTNAMES * 4:
        visit = theatre.sandbox.visit(hostname)
        assert visit.status == 200, (hostname, visit.status, visit.headers)
        assert f"This is {hostname}.".encode() in visit.body


def enforces(story: Story, host: str) -> bool:
    """Whether the origin has served or refused anything under enforcement: its log says so."""
    story.theatre.sandbox.visit(HOSTNAMES[0])
    path = LOGS[host.partition("-")[0]]
    return bool(story.theatre.shell(host, f'grep -m1 \'"stage":"enforce"\' {path} || true'))


class Once(threading.Thread):
    """Does ``then`` as soon as ``condition`` holds."""

    def __init__(self, condition: Callable[[], bool], then: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._condition = condition
        self._then = then
        self._over = threading.Event()
        self.done = False

    def run(self) -> None:
        while not self._over.is_set():
            if self._condition():
                self._then()
                self.done = True
                return
            time.sleep(0.1)

    def __enter__(self) -> Once:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join(30)
