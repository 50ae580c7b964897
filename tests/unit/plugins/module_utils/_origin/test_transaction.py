# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that can be taken back: by us, by the next run, by the timer's program alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import restore, transaction
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Commands, Completed, FileChange
from ansible_collections.originlock.aop.plugins.module_utils._origin.transaction import Transaction

COMMANDS = Commands(("true",), ("true",))


class Commander:
    """Notes what would be run on the origin."""

    def __init__(self, status: int = 0) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.status = status

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        self.calls.append(tuple(argv))
        return Completed(self.status, "no such thing")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "site").write_bytes(b"old\xff")
    os.chmod(tmp_path / "etc" / "site", 0o640)
    (tmp_path / "etc" / "gone").write_bytes(b"to be removed")
    return tmp_path


def changes(place: Path) -> list[FileChange]:
    etc = place / "etc"
    return [
        FileChange(str(etc / "site"), b"old\xff", b"new"),
        FileChange(str(etc / "aop" / "deep" / "file"), None, b"mine", 0o600),
        FileChange(str(etc / "gone"), b"to be removed", None),
    ]


def snapshot(place: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(place)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted((place / "etc").rglob("*"))
    }


def begin(place: Path) -> Transaction:
    return Transaction.begin("nginx", changes(place), COMMANDS, str(place / "state"))


def test_written_and_taken_back(place: Path) -> None:
    before = snapshot(place)
    work = begin(place)
    assert snapshot(place) == before
    assert transaction.pending("nginx", str(place / "state"))[0][1] == "open"
    work.write(changes(place))
    assert (place / "etc" / "site").read_bytes() == b"new"
    assert (place / "etc" / "site").stat().st_mode & 0o777 == 0o640
    assert (place / "etc" / "aop" / "deep" / "file").stat().st_mode & 0o777 == 0o600
    assert not (place / "etc" / "gone").exists()
    work.revert()
    assert snapshot(place) == before
    assert transaction.pending("nginx", str(place / "state")) == []
    work.discard()
    assert not (place / "state").exists()


@pytest.mark.parametrize("written", range(4))
def test_a_run_that_died_half_way(place: Path, written: int) -> None:
    before = snapshot(place)
    work = begin(place)
    work.write(changes(place)[:written])
    (found, state), *others = transaction.pending("nginx", str(place / "state"))
    assert (found.id, state, others) == (work.id, "open", [])
    found.revert()
    assert snapshot(place) == before


def test_a_run_that_died_within_a_file(place: Path) -> None:
    before = snapshot(place)
    work = begin(place)
    work.write(changes(place)[:1])
    for change in changes(place):
        if Path(change.path).parent.is_dir():
            Path(change.path + ".originlock-4711").write_bytes(b"ha")
    assert snapshot(place) != before
    work.revert()
    assert snapshot(place) == before


def test_backups_are_private(place: Path) -> None:
    work = begin(place)
    assert os.stat(work.folder).st_mode & 0o777 == 0o700
    assert {os.stat(os.path.join(work.folder, name)).st_mode & 0o777 for name in os.listdir(work.folder)} == {0o600}


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Path) -> None:
    work = begin(place)
    (place / "etc" / "site").write_bytes(b"somebody else's")
    with pytest.raises(OriginError, match="site was changed by somebody else while we were at work"):
        work.write(changes(place))
    assert (place / "etc" / "site").read_bytes() == b"somebody else's"


def test_a_link_stays_a_link(place: Path) -> None:
    (place / "etc" / "enabled").symlink_to("site")
    change = FileChange(str(place / "etc" / "enabled"), b"old\xff", b"new")
    work = Transaction.begin("nginx", [change], COMMANDS, str(place / "state"))
    work.write([change])
    assert (place / "etc" / "enabled").is_symlink()
    assert (place / "etc" / "site").read_bytes() == b"new"
    work.revert()
    assert (place / "etc" / "site").read_bytes() == b"old\xff"


def test_only_its_own_server_is_pending(place: Path) -> None:
    begin(place)
    assert transaction.pending("apache", str(place / "state")) == []
    assert transaction.pending("nginx", str(place / "nowhere")) == []


@pytest.mark.parametrize(
    ("name", "state", "age", "stays"),
    [
        ("nginx-died-early", "", 3700, False),
        ("nginx-at-work", "", 60, True),
        ("nginx-kept", "confirmed", 3700, False),
        ("nginx-open", "open", 3700, True),
        ("nginx-live", "live", 3700, True),
        ("nginx-reverted", "reverted", 3700, False),
        ("nginx-reverted", "reverted", 60, True),
        ("apache-died-early", "", 3700, True),
    ],
)
def test_remains(tmp_path: Path, name: str, state: str, age: int, stays: bool) -> None:
    folder = tmp_path / "state" / name
    folder.mkdir(parents=True)
    (folder / "0.before").write_bytes(b"a backup that isn't whole")
    if state:
        restore.write_state(str(folder), state)
    moment = time.time() - age
    os.utime(folder, (moment, moment))
    transaction.clean_up("nginx", str(tmp_path / "state"))
    assert folder.exists() is stays
    transaction.clean_up("nginx", str(tmp_path / "nowhere"))


def test_the_timer_reverts_without_the_collection(place: Path) -> None:
    before = snapshot(place)
    marker = place / "reloaded"
    commands = Commands(("true",), ("touch", str(marker)))
    work = Transaction.begin("nginx", changes(place), commands, str(place / "state"))
    work.write(changes(place))
    commander = Commander()
    work.arm(60, commander)
    (call,) = commander.calls
    assert call[:3] == ("systemd-run", f"--unit=originlock-aop-revert-{work.id}", "--on-active=60")
    assert transaction.find(work.id, str(place / "state"))[1] == "live"  # type: ignore[index]
    subprocess.run([sys.executable, "-I", call[-1]], check=True, cwd="/")
    assert snapshot(place) == before
    assert marker.exists()
    assert transaction.find(work.id, str(place / "state"))[1] == "reverted"  # type: ignore[index]


def test_a_confirmed_change_is_left_alone_by_the_timer(place: Path) -> None:
    work = begin(place)
    work.write(changes(place))
    work.arm(60, Commander())
    restore.write_state(work.folder, "confirmed")
    after = snapshot(place)
    assert restore.main(work.folder) == 0
    assert snapshot(place) == after


def test_the_timer_tells_when_the_old_files_do_not_work(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = Transaction.begin("nginx", changes(place), Commands(("false",), ("true",)), str(place / "state"))
    restore.write_state(work.folder, "live")
    assert restore.main(work.folder) == 1
    assert "validate failed after the files were put back" in capsys.readouterr().err


def test_confirming_stops_the_timer_and_forgets(place: Path) -> None:
    work = begin(place)
    work.write(changes(place))
    commander = Commander()
    work.arm(60, commander)
    work.confirm(commander)
    assert commander.calls[-1] == ("systemctl", "stop", f"originlock-aop-revert-{work.id}.timer")
    assert not (place / "state").exists()


def test_no_systemd(place: Path) -> None:
    work = begin(place)
    with pytest.raises(OriginError, match="The revert timer can't be started: no such thing"):
        work.arm(60, Commander(1))


def test_nobody_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"whole")

    def fail(*_arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        restore.write_atomically(str(target), b"half", 0o644, os.geteuid(), os.getegid())
    assert target.read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["file"]
