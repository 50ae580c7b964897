# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a change, and that whatever fails on the way leaves the origin as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import apply as engine
from ansible_collections.originlock.aop.plugins.module_utils._origin import transaction
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import (
    OriginError,
    Refused,
    ValidationFailed,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import (
    ENFORCE,
    LOG_ONLY,
    OFF,
    Commands,
    Completed,
    FileChange,
    Finding,
    Options,
    Plan,
    Protection,
    Site,
    stricter,
)


class Server:
    """A server with one file; it notes what is asked of it, and fails where it's told to."""

    name = "nginx"

    def __init__(self, path: Path, after: bytes | None = b"new") -> None:
        self.path = path
        self.after = after
        self.calls: list[str] = []
        self.failing: dict[str, BaseException] = {}
        self.findings: tuple[Finding, ...] = ()
        self.directories: tuple[str, ...] = ()

    def note(self, what: str) -> None:
        self.calls.append(f"{what} on {self.path.read_bytes().decode()}")
        error = self.failing.pop(what, None)
        if error is not None:
            raise error

    def discover(self) -> str:
        self.note("discover")
        return "discovery"

    def inspect(self, discovery: Any, hostnames: Sequence[str]) -> list[Site]:
        return []

    def plan(self, discovery: Any, wanted: Sequence[Protection], options: Options) -> Plan:
        change = FileChange(str(self.path), self.path.read_bytes(), self.after)
        return Plan((change,), findings=self.findings, activation="reload", own_directories=self.directories)

    def validate(self, discovery: Any, plan: Plan) -> None:
        self.note("validate")

    def validate_live(self) -> None:
        self.note("validate_live")

    def activate(self, kind: str) -> None:
        self.note(f"activate {kind}")

    def commands(self) -> Commands:
        return Commands(("true",), ("true",))


def run(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
    return Completed(3 if "is-active" in argv else 0, "")


@pytest.fixture
def server(tmp_path: Path) -> Server:
    path = tmp_path / "site"
    path.write_bytes(b"old")
    return Server(path)


@pytest.fixture
def bring(server: Server, tmp_path: Path) -> Callable[..., engine.Outcome]:
    def call(**more: Any) -> engine.Outcome:
        return engine.apply(server, [], Options(), run, root=str(tmp_path / "state"), **more)

    return call


def test_the_order(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    outcome = bring()
    assert server.calls == [
        "discover on old",
        "validate on old",
        "validate_live on new",
        "activate reload on new",
    ]
    assert outcome.as_dict()["changed"] is True
    assert outcome.as_dict()["diff"] == [
        {"before_header": str(server.path), "after_header": str(server.path), "before": "old", "after": "new"}
    ]
    assert not (tmp_path / "state").exists()


def test_nothing_to_do(server: Server, bring: Callable[..., engine.Outcome]) -> None:
    server.after = b"old"
    outcome = bring()
    assert server.calls == ["discover on old"]
    assert (outcome.changed, outcome.as_dict()["reload"]) == (False, "none")


def test_check_mode_validates_and_stops(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    assert bring(check_mode=True).as_dict()["changed"] is True
    assert server.calls == ["discover on old", "validate on old"]
    assert not (tmp_path / "state").exists()


def test_errors_refuse_and_warnings_do_not(server: Server, bring: Callable[..., engine.Outcome]) -> None:
    server.findings = (Finding("w", "warning", "a", "looks odd", "Look."),)
    assert bring().changed
    server.findings += (Finding("e", "error", "app.example.com", "has a door", "Close it.", "/f", 7),)
    server.after = b"newer"
    with pytest.raises(Refused) as caught:
        bring()
    assert str(caught.value) == "Refused, nothing was changed: app.example.com: has a door (/f:7). Close it."
    assert [finding["code"] for finding in caught.value.details()["findings"]] == ["e"]
    assert server.path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("failing", "calls"),
    [
        ("validate", []),
        ("validate_live", ["validate_live on new"]),
        (
            "activate reload",
            ["validate_live on new", "activate reload on new", "validate_live on old", "activate reload on old"],
        ),
    ],
)
def test_what_fails_is_taken_back(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path, failing: str, calls: list[str]
) -> None:
    server.failing = {failing: ValidationFailed("nginx", "its words", "nothing was changed")}
    with pytest.raises(ValidationFailed, match="its words"):
        bring()
    assert server.calls[2:] == calls
    assert server.path.read_bytes() == b"old"
    assert not (tmp_path / "state").exists()


def test_an_interruption_is_taken_back_too(server: Server, bring: Callable[..., engine.Outcome]) -> None:
    server.failing = {"activate reload": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        bring()
    assert server.path.read_bytes() == b"old"


def test_the_old_files_do_not_work_either(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def activate(kind: str) -> None:
        raise OriginError("no reload", "")

    monkeypatch.setattr(server, "activate", activate)
    with pytest.raises(OriginError, match="no reload. The old files are back, but the server doesn't accept"):
        bring()
    assert server.path.read_bytes() == b"old"
    assert not (tmp_path / "state").exists()


def test_a_run_that_died_is_taken_back_first(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path
) -> None:
    change = FileChange(str(server.path), b"old", b"half")
    work = transaction.Transaction.begin("nginx", [change], server.commands(), str(tmp_path / "state"))
    work.write([change])
    assert bring(check_mode=True).recovered == [work.id]
    assert server.path.read_bytes() == b"half"
    server.calls.clear()
    outcome = bring()
    assert outcome.recovered == [work.id]
    assert server.calls[:3] == ["validate_live on old", "activate reload on old", "discover on old"]
    assert server.path.read_bytes() == b"new"


def test_a_change_waits_for_its_confirmation(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path
) -> None:
    outcome = bring(confirm_within=60)
    root = str(tmp_path / "state")
    assert transaction.find(outcome.transaction, root) is not None

    def running(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        return Completed(0, "")

    with pytest.raises(OriginError, match="waits for its confirmation"):
        engine.apply(server, [], Options(), running, root=root)
    assert engine.confirm(outcome.transaction, run, check_mode=True, root=root) is True
    assert engine.confirm(outcome.transaction, run, root=root) is True
    assert engine.confirm(outcome.transaction, run, root=root) is False
    assert server.path.read_bytes() == b"new"


def test_a_change_is_taken_back_on_wish(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    outcome = bring(confirm_within=60)
    root = str(tmp_path / "state")
    assert engine.revert(server, outcome.transaction, run, root=root) is True
    assert server.path.read_bytes() == b"old"
    assert engine.revert(server, outcome.transaction, run, root=root) is False


def test_a_late_confirmation(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    outcome = bring(confirm_within=60)
    root = str(tmp_path / "state")
    found = transaction.find(outcome.transaction, root)
    assert found is not None
    found[0].revert()
    with pytest.raises(OriginError, match="was reverted by its timer: nobody confirmed it in time"):
        engine.confirm(outcome.transaction, run, root=root)


def test_empty_directories_of_ours_go(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    (tmp_path / "aop").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    server.directories = (str(tmp_path / "aop"), str(tmp_path / "full"), str(tmp_path / "never-there"))
    bring()
    assert not (tmp_path / "aop").exists()
    assert (tmp_path / "full" / "x").exists()


def test_empty_directories_of_ours_go_when_the_change_is_confirmed(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path
) -> None:
    (tmp_path / "aop" / "plain").mkdir(parents=True)
    server.directories = (str(tmp_path / "aop" / "plain"), str(tmp_path / "aop"))
    outcome = bring(confirm_within=60)
    assert (tmp_path / "aop" / "plain").exists()
    assert engine.confirm(outcome.transaction, run, root=str(tmp_path / "state"))
    assert not (tmp_path / "aop").exists()


def test_remains_of_dead_runs_go(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    remains = tmp_path / "state" / "nginx-20260101T000000-aaaaaa"
    remains.mkdir(parents=True)
    os.utime(remains, (0, 0))
    bring(check_mode=True)
    assert remains.exists()
    bring()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("one", "two", "result"), [(OFF, LOG_ONLY, LOG_ONLY), (ENFORCE, LOG_ONLY, ENFORCE)])
def test_stricter(one: str, two: str, result: str) -> None:
    assert {stricter(one, two), stricter(two, one)} == {result}
