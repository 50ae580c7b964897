# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a change, and that whatever fails on the way leaves the origin as it was."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import apply as engine
from ansible_collections.originlock.aop.plugins.module_utils._origin import restore, transaction
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import (
    OriginError,
    ProgramMissing,
    Refused,
    ValidationFailed,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import (
    ENFORCE,
    LOG_ONLY,
    OFF,
    STAGES,
    Completed,
    Control,
    FileChange,
    Finding,
    Lost,
    Options,
    Plan,
    Protection,
    Site,
    kept,
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
        self.protected: dict[str, str] = {}
        self.hooks: dict[str, Callable[[], object]] = {}
        self.control = Control(("true",), ("true",))
        self.made_with: tuple[str, dict[str, str]] = ("", {})
        self.wanted: list[Protection] = []
        self.trusts: tuple[str, ...] = ()

    def note(self, what: str) -> None:
        self.calls.append(f"{what} on {self.path.read_bytes().decode()}")
        self.hooks.pop(what, lambda: None)()
        error = self.failing.pop(what, None)
        if error is not None:
            raise error

    def discover(self) -> str:
        self.note("discover")
        return "discovery"

    def inspect(self, discovery: Any, hostnames: Sequence[str]) -> list[Site]:
        return []

    def stages(self, discovery: Any) -> Mapping[str, str]:
        return self.protected

    def lost(self, discovery: Any) -> list[Lost]:
        return []

    def listeners(self, discovery: Any) -> Sequence[str]:
        return ["*:443 ssl"]

    def plan(self, discovery: Any, wanted: Sequence[Protection], options: Options) -> Plan:
        self.wanted = list(wanted)
        change = FileChange(str(self.path), self.path.read_bytes(), self.after)
        sites = tuple(
            Site(entry.name, "site", 1, (), before, kept(entry, before, options), self.trusts, (entry.trust_bundle,))
            for entry, before in ((entry, self.protected.get(entry.name, OFF)) for entry in wanted)
        )
        return Plan(
            (change,),
            sites,
            self.findings,
            activation="reload",
            own_directories=self.directories,
            control=self.control,
        )

    def validate(self, discovery: Any, plan: Plan) -> None:
        self.note("validate")

    def validate_live(self, control: Control) -> None:
        self.note("validate_live")

    def activate(self, kind: str, control: Control) -> None:
        self.note(f"activate {kind}")

    def made(self, server: str, paths: Mapping[str, str]) -> Server:
        """Instead of a new driver."""
        self.made_with = (server, dict(paths))
        return self


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
    assert outcome.as_dict(diff=True)["diff"] == [
        {"before_header": str(server.path), "after_header": str(server.path), "before": "old", "after": "new"}
    ]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("loaded", STAGES)
@pytest.mark.parametrize("asked", STAGES)
def test_the_stage_of_a_site(asked: str, loaded: str) -> None:
    entry = Protection("a.example.com", asked, "bundle")
    assert kept(entry, loaded, Options()) == asked
    relaxes, tightens = STAGES.index(asked) < STAGES.index(loaded), STAGES.index(asked) > STAGES.index(loaded)
    assert kept(entry, loaded, Options(never_relax=True)) == (loaded if relaxes and asked != OFF else asked)
    assert kept(entry, loaded, Options(relax_only=True)) == (loaded if tightens else asked)
    assert kept(Protection("a.example.com", asked), loaded, Options()) == (
        OFF if (asked, loaded) == (LOG_ONLY, OFF) else asked
    )


@pytest.mark.parametrize(
    ("certificate", "untrusted", "words"),
    [
        ("old", "the client certificate isn't signed by a CA of the trust bundle.", "stays so, but the client certif"),
        ("", "", "its client certificate isn't given"),
    ],
)
def test_what_stays_enforced_is_judged_as_enforced(
    server: Server, tmp_path: Path, certificate: str, untrusted: str, words: str
) -> None:
    wish = Protection("a.example.com", LOG_ONLY, "new CA", certificate, untrusted=untrusted)
    server.protected = {"a.example.com": ENFORCE}
    for check_mode in (True, False):
        with pytest.raises(Refused, match=words) as caught:
            engine.apply(server, [wish], Options(never_relax=True), run, check_mode, root=str(tmp_path / "state"))
        assert [finding["code"] for finding in caught.value.details()["findings"]] == ["edge_not_trusted"]
    assert server.path.read_bytes() == b"old"
    server.protected = {"a.example.com": LOG_ONLY}
    assert engine.apply(server, [wish], Options(never_relax=True), run, root=str(tmp_path / "state")).changed


@pytest.mark.parametrize("stage", [LOG_ONLY, ENFORCE])
@pytest.mark.parametrize(
    ("certificate", "untrusted", "words"),
    [
        (
            "old",
            "the client certificate isn't signed by a CA of the trust bundle.",
            "no longer trust the CA old CA, but the",
        ),
        ("", "", "no longer trust the CA old CA, but its client certificate isn't given"),
    ],
)
def test_a_ca_that_the_edge_needs_stays(
    server: Server, tmp_path: Path, stage: str, certificate: str, untrusted: str, words: str
) -> None:
    server.protected = {"a.example.com": LOG_ONLY}
    server.trusts = ("old CA",)
    wish = Protection("a.example.com", stage, "new CA", certificate, untrusted=untrusted)
    with pytest.raises(Refused, match=words) as caught:
        engine.apply(server, [wish], Options(), run, root=str(tmp_path / "state"))
    assert [finding["code"] for finding in caught.value.details()["findings"]] == ["edge_not_trusted"]
    assert server.path.read_bytes() == b"old"
    # The edge's certificates are all of the new one: nothing is lost with the old one.
    assert engine.apply(
        server, [replace(wish, certificate="new", untrusted="")], Options(), run, root=str(tmp_path / "state")
    ).changed


@pytest.mark.parametrize("check_mode", [True, False])
def test_texts_of_files_are_told_only_when_asked_for(
    server: Server, bring: Callable[..., engine.Outcome], check_mode: bool
) -> None:
    server.path.write_bytes(b"proxy_set_header Authorization hunter2;")
    assert "hunter2" not in str(bring(check_mode=check_mode).as_dict())


def test_a_machine_without_systemd_is_left_as_it_was(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path
) -> None:
    def bare(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        if argv[0].startswith("system"):
            raise OriginError(f"{argv[0]} isn't there", "Install it.")
        return Completed(0, "")

    with pytest.raises(OriginError, match="The revert timer can't be started"):
        engine.apply(server, [], Options(), bare, root=str(tmp_path / "state"), confirm_within=60)
    assert server.path.read_bytes() == b"old"
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
    def activate(kind: str, control: Control) -> None:
        raise OriginError("no reload", "")

    monkeypatch.setattr(server, "activate", activate)
    with pytest.raises(OriginError, match="no reload. The old files are back, but the server doesn't accept"):
        bring()
    assert server.path.read_bytes() == b"old"
    # So it isn't over: the next run tries again, also one that changes nothing else, and says so while it can't.
    server.after = b"old"
    with pytest.raises(OriginError, match="are back, but the server doesn't run on them yet: no reload"):
        bring()
    monkeypatch.undo()
    server.calls.clear()
    assert len(bring().recovered) == 1
    assert server.calls == ["validate_live on old", "activate reload on old", "discover on old"]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("confirm_within", [0, 60])
def test_a_second_error_does_not_hide_the_first(
    server: Server, bring: Callable[..., engine.Outcome], monkeypatch: pytest.MonkeyPatch, confirm_within: int
) -> None:
    def full(_folder: str) -> list[dict[str, str]]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server.failing = {"validate_live": ValidationFailed("nginx", "its words", "it isn't live")}
    monkeypatch.setattr(restore, "restore_files", full)
    with pytest.raises(OriginError, match="its words. It can't be undone: .*No space left") as caught:
        bring(confirm_within=confirm_within)
    assert caught.value.details()["validator_output"] == "its words"
    monkeypatch.undo()
    assert len(bring().recovered) == 1


def test_a_full_disk_is_no_defect_of_ours(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OriginError, match=r"/state/nginx-.*: No space left on device"):
        bring()
    assert server.path.read_bytes() == b"old"
    assert not (tmp_path / "state").exists()


def test_without_systemd_nothing_is_touched(server: Server, tmp_path: Path) -> None:
    def bare(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        if argv[0] in ("systemctl", "systemd-run"):
            raise ProgramMissing(f"{argv[0]} isn't there", "")
        return Completed(0, "")

    root = str(tmp_path / "state")
    with pytest.raises(OriginError, match="revert timer can't be started: systemd-run isn't there"):
        engine.apply(server, [], Options(), bare, root=root, confirm_within=60)
    assert server.calls == ["discover on old", "validate on old"]
    assert not (tmp_path / "state").exists()
    # One that somebody left there is no reason to stop either: without systemctl there's no timer.
    change = FileChange(str(server.path), b"old", b"unconfirmed")
    work = transaction.Transaction.begin("nginx", [change], server.control, root)
    work.write([change])
    work.live()
    assert engine.apply(server, [], Options(), bare, root=root).recovered == [work.id]
    assert server.path.read_bytes() == b"new"


def test_the_timer_runs_before_a_file_is_touched(server: Server, tmp_path: Path) -> None:
    seen = []

    def watch(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        seen.append((argv[0], server.path.read_bytes()))
        return Completed(0, "")

    engine.apply(server, [], Options(), watch, root=str(tmp_path / "state"), confirm_within=60)
    assert ("systemd-run", b"old") in seen


def test_somebody_elses_edit_survives(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    server.hooks = {"validate": lambda: server.path.write_bytes(b"a person's")}
    with pytest.raises(OriginError, match="was changed by somebody else while we were at work; nothing was changed"):
        bring()
    assert server.path.read_bytes() == b"a person's"
    assert not (tmp_path / "state").exists()
    server.path.write_bytes(b"old")
    server.hooks = {"validate_live": lambda: server.path.write_bytes(b"a person's")}
    server.failing = {"validate_live": ValidationFailed("nginx", "its words", "it isn't live")}
    with pytest.raises(
        OriginError, match="its words.*site was changed by somebody else meanwhile.* is in (.*)\\."
    ) as caught:
        bring()
    assert server.path.read_bytes() == b"a person's"
    assert Path(str(caught.value).rpartition(" is in ")[2][:-1]).read_bytes() == b"old"


def test_a_living_run_is_not_taken_for_a_dead_one(
    server: Server, bring: Callable[..., engine.Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.1)
    errors = []

    def another() -> None:
        for check_mode in (True, False):
            with pytest.raises(OriginError, match="at work on this origin: a run for nginx") as caught:
                bring(check_mode=check_mode)
            errors.append(caught.value)

    server.hooks = {"validate_live": another}
    assert bring().changed
    assert len(errors) == 2
    assert server.path.read_bytes() == b"new"


def test_a_run_that_died_is_taken_back_first(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path
) -> None:
    change = FileChange(str(server.path), b"old", b"half")
    work = transaction.Transaction.begin("nginx", [change], server.control, str(tmp_path / "state"))
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
    assert engine.revert(server.made, "nginx", outcome.transaction, run, root=root).outcome == "confirmed"
    assert server.path.read_bytes() == b"new"
    server.after = b"new"
    bring()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("identity", ["nginx-20260101T000000-aaaaaa", "", "lock"])
def test_an_unknown_change(server: Server, tmp_path: Path, identity: str) -> None:
    root = str(tmp_path / "state")
    with pytest.raises(OriginError, match="There is no change"):
        engine.confirm(identity, run, root=root)
    assert engine.revert(server.made, "nginx", identity, run, root=root).outcome == "nothing"


def test_a_change_is_taken_back_on_wish(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    outcome = bring(confirm_within=60, paths={"control": "httpd"})
    root = str(tmp_path / "state")
    predicted = engine.revert(server.made, "nginx", outcome.transaction, run, check_mode=True, root=root)
    assert predicted.outcome == "reverted"
    assert server.path.read_bytes() == b"new"
    assert engine.revert(server.made, "nginx", outcome.transaction, run, root=root).outcome == "reverted"
    assert server.made_with == ("nginx", {"control": "httpd"})
    assert server.path.read_bytes() == b"old"
    assert engine.revert(server.made, "nginx", outcome.transaction, run, root=root).outcome == "already_reverted"
    with pytest.raises(OriginError, match="was taken back by another run"):
        engine.confirm(outcome.transaction, run, root=root)


@pytest.mark.parametrize("failing", ["validate_live", "activate reload"])
def test_a_revert_that_fails_is_tried_again(
    server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path, failing: str
) -> None:
    outcome = bring(confirm_within=60)
    root = str(tmp_path / "state")
    calls = []

    def noted(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        calls.append(tuple(argv[:2]))
        return run(argv, environment)

    server.failing = {failing: OriginError("not now", "Mend it.")}
    with pytest.raises(OriginError, match="the server doesn't run on them yet: not now"):
        engine.revert(server.made, "nginx", outcome.transaction, noted, root=root)
    assert ("systemctl", "stop") not in calls, "its timer may succeed"
    with pytest.raises(OriginError, match="is being taken back"):
        engine.confirm(outcome.transaction, run, root=root)
    server.calls.clear()
    if failing == "validate_live":
        assert engine.revert(server.made, "nginx", outcome.transaction, noted, root=root).outcome == "reverted"
    else:
        server.after = b"old"
        assert bring().recovered == [outcome.transaction]
    assert server.calls[:2] == ["validate_live on old", "activate reload on old"]


def test_a_confirmation_that_meets_the_timer_at_work(server: Server, tmp_path: Path) -> None:
    root, marker = str(tmp_path / "state"), tmp_path / "checked"
    server.control = Control(("touch", str(marker)), ("sleep", "0.5"))
    outcome = engine.apply(server, [], Options(), run, root=root, confirm_within=60)
    timer = threading.Thread(target=restore.main, args=(os.path.join(root, outcome.transaction),))
    timer.start()
    while not marker.exists():
        time.sleep(0.01)
    with pytest.raises(OriginError, match="was reverted by its timer"):
        engine.confirm(outcome.transaction, run, root=root)
    timer.join()
    assert server.path.read_bytes() == b"old"


def test_a_late_confirmation(server: Server, bring: Callable[..., engine.Outcome], tmp_path: Path) -> None:
    outcome = bring(confirm_within=60)
    root = str(tmp_path / "state")
    found = transaction.find(outcome.transaction, root)
    assert found is not None
    assert restore.main(found[0].folder, give_up=0) == 0
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
