# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that can be taken back: by us, by the next run, by the timer's program alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import command, marks, restore, transaction
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed, Control, FileChange
from ansible_collections.originlock.aop.plugins.module_utils._origin.transaction import Transaction

CONTROL = Control(("true",), ("true",))


class Commander:
    """Notes what would be run on the origin."""

    def __init__(self, status: int = 0) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.status = status

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        self.calls.append(tuple(argv))
        return Completed(self.status if argv[0] == "systemd-run" else 0, "no such thing")


def really(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
    """Runs what is run on the origin, but for the timer."""
    return Completed(0, "") if argv[0].startswith("system") else command.run(argv, environment)


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
    return Transaction.begin("nginx", changes(place), CONTROL, str(place / "state"))


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
    work.reverted(Commander())
    assert transaction.pending("nginx", str(place / "state")) == []
    assert os.listdir(work.folder) == ["state"]
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


@pytest.mark.parametrize("name", ["backup", "20260131", "old-4711", "4711.bak", ""])
def test_what_others_keep_beside_a_file_stays(place: Path, name: str) -> None:
    (place / "etc" / f"site.originlock-{name}").write_bytes(b"the admin's own")
    before = snapshot(place)
    work = begin(place)
    work.write(changes(place))
    work.revert()
    assert snapshot(place) == before


def test_only_files_are_removed_beside_a_file(place: Path) -> None:
    (place / "etc" / "site.originlock-4711").mkdir()
    (place / "etc" / "site.originlock-4712").symlink_to("elsewhere")
    work = begin(place)
    work.write(changes(place))
    work.revert()
    assert (place / "etc" / "site").read_bytes() == b"old\xff"
    assert (place / "etc" / "site.originlock-4711").is_dir()
    assert (place / "etc" / "site.originlock-4712").is_symlink()


def test_backups_are_private(place: Path) -> None:
    work = begin(place)
    assert os.stat(work.folder).st_mode & 0o777 == 0o700
    assert {os.stat(os.path.join(work.folder, name)).st_mode & 0o777 for name in os.listdir(work.folder)} == {0o600}


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Path) -> None:
    work = begin(place)
    (place / "etc" / "site").write_bytes(b"somebody else's")
    before = snapshot(place)
    with pytest.raises(OriginError, match="site was changed by somebody else while we were at work"):
        work.write(sorted(changes(place), key=lambda change: change.path.endswith("site")))
    assert snapshot(place) == before
    assert not work.written


def test_what_somebody_else_wrote_is_not_put_back(place: Path) -> None:
    work = begin(place)
    work.write(changes(place))
    (place / "etc" / "site").write_bytes(b"somebody else's")
    (place / "etc" / "aop" / "deep" / "file").write_bytes(b"somebody else's")
    work.revert()
    assert (place / "etc" / "site").read_bytes() == b"somebody else's"
    assert (place / "etc" / "gone").read_bytes() == b"to be removed"
    entry, new = work.left()
    assert entry["path"] == str(place / "etc" / "site")
    assert new == {"path": str(place / "etc" / "aop" / "deep" / "file"), "backup": ""}
    work.reverted(Commander())
    assert Path(entry["backup"]).read_bytes() == b"old\xff"
    os.utime(work.folder, (0, 0))
    transaction.clean_up("nginx", str(place / "state"))
    assert Path(entry["backup"]).read_bytes() == b"old\xff"


@pytest.mark.parametrize(
    ("added", "kept"),
    [
        (b"  include aop/a.conf;  # originlock.aop\n", b""),
        (b"  # originlock.aop: hostname=a\n  Include aop/a.conf\n", b""),
        (b"  listen 81;\n", b"  listen 81;\n"),
    ],
)
def test_only_our_include_lines_are_taken_out_of_it(place: Path, added: bytes, kept: bytes) -> None:
    site = place / "etc" / "site"
    site.write_bytes(b"server {\n  listen 80;\n}\n")
    text = site.read_text()
    change = marks.spliced(str(site), text, [(9, 9, added.decode())])
    if kept:
        change = FileChange(str(site), change.before, change.after)
    work = Transaction.begin("nginx", [change], CONTROL, str(place / "state"))
    work.write([change])
    site.write_bytes(site.read_bytes() + b"# a person's\n")
    work.revert()
    assert site.read_bytes() == b"server {\n" + kept + b"  listen 80;\n}\n# a person's\n"
    assert [entry["path"] for entry in work.left()] == [str(site)]


def test_a_link_stays_a_link(place: Path) -> None:
    (place / "etc" / "enabled").symlink_to("site")
    change = FileChange(str(place / "etc" / "enabled"), b"old\xff", b"new")
    work = Transaction.begin("nginx", [change], CONTROL, str(place / "state"))
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
        ("nginx-died-early", "", 60, False),
        ("nginx-kept", "confirmed", 60, False),
        ("nginx-open", "open", 3700, True),
        ("nginx-live", "live", 3700, True),
        ("nginx-reverting", "reverting", 3700, True),
        ("nginx-reverted", "reverted", 3700, False),
        ("nginx-reverted", "reverted", 60, True),
        ("nginx-expired", "expired", 3700, False),
        ("nginx-expired", "expired", 60, True),
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
    control = Control(("true",), ("touch", str(marker)))
    work = Transaction.begin("nginx", changes(place), control, str(place / "state"))
    work.write(changes(place))
    commander = Commander()
    work.arm(60, commander)
    _proof, call = commander.calls
    assert call[:3] == ("systemd-run", f"--unit=originlock-aop-revert-{work.id}", "--on-active=60")
    assert transaction.find(work.id, str(place / "state"))[1] == "open"  # type: ignore[index]
    subprocess.run(call[call.index("/usr/bin/env") :], check=True, cwd="/", env={})
    assert snapshot(place) == before
    assert marker.exists()
    assert transaction.find(work.id, str(place / "state"))[1] == "expired"  # type: ignore[index]


def test_the_timer_uses_the_python_of_the_module(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = place / "a folder" / "python3.11"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    work = Transaction.begin("nginx", changes(place), CONTROL, str(place / "our state"))
    work.write(changes(place))
    after = snapshot(place)
    commander = Commander()
    work.arm(60, commander)
    proof, call = commander.calls
    timer = ("/usr/bin/env", str(python), os.path.join(work.folder, "revert.py"))
    assert call[-3:] == timer
    assert proof[-3:] == (*timer[1:], "--check")
    subprocess.run(proof, check=True, cwd="/")
    assert snapshot(place) == after
    assert restore.read_state(work.folder) == "open"


@pytest.mark.parametrize("python", ["", None])
def test_a_python_that_does_not_say_where_it_is(
    place: Path, monkeypatch: pytest.MonkeyPatch, python: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    commander = Commander()
    begin(place).arm(60, commander)
    assert commander.calls[-1][-2] == "python3"


def test_a_program_that_does_not_run_is_not_armed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_source_of_restore", lambda: "from __future__ import of_tomorrow\n")
    work = begin(place)
    commands: list[str] = []

    def run(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        commands.append(argv[0])
        return really(argv, environment)

    with pytest.raises(OriginError, match="doesn't run on this origin with .*: .*of_tomorrow") as caught:
        work.arm(60, run)
    assert "Python" in caught.value.remedy
    assert "systemd-run" not in commands
    assert restore.read_state(work.folder) == "open"


def test_a_backup_that_is_gone_is_not_armed(place: Path) -> None:
    work = begin(place)
    os.unlink(os.path.join(work.folder, "0.before"))
    with pytest.raises(OriginError, match="doesn't run on this origin with .*: .*0.before"):
        work.arm(60, really)


def test_a_confirmed_change_is_left_alone_by_the_timer(place: Path) -> None:
    work = begin(place)
    work.write(changes(place))
    work.arm(60, Commander())
    restore.write_state(work.folder, "confirmed")
    after = snapshot(place)
    assert restore.main(work.folder) == 0
    assert snapshot(place) == after


def test_the_timer_tells_when_the_old_files_do_not_work(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = Transaction.begin("nginx", changes(place), Control(("false",), ("true",)), str(place / "state"))
    work.live()
    assert restore.main(work.folder, give_up=0) == 1
    assert "validate failed after the files were put back" in capsys.readouterr().err
    assert restore.read_state(work.folder) == "reverting"


def test_the_timer_tries_again(place: Path) -> None:
    before, gate, tries = snapshot(place), place / "gate", place / "tries"
    check = (
        "sh",
        "-c",
        f"echo >> {tries}; test -e {gate} || {{ test $(wc -l < {tries}) -lt 3 || touch {gate}; false; }}",
    )
    work = Transaction.begin("nginx", changes(place), Control(check, ("true",)), str(place / "state"))
    work.write(changes(place))
    work.live()
    assert restore.main(work.folder, give_up=10, pause=0.01) == 0
    assert tries.read_text().count("\n") == 4
    assert snapshot(place) == before
    assert restore.read_state(work.folder) == "expired"


# Stands for a server: a process that keeps a child, and has a new one instead after a SIGHUP.
SERVER = """
import os, signal, sys, time

def worker(*_of_the_signal):
    global child
    if child:
        os.kill(child, signal.SIGKILL)
        os.wait()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(0)

child, parent = 0, os.getpid()
signal.signal(signal.SIGHUP, worker)
worker()
with open(sys.argv[1] + ".new", "w") as stream:
    stream.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    time.sleep(1)
"""


@pytest.mark.parametrize("signal", ["HUP", "0"])
def test_the_timer_looks_whether_the_reload_was_carried_out(
    place: Path, signal: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restore, "RELOAD_SECONDS", 0.5)
    pid_file = place / "server.pid"
    with subprocess.Popen([sys.executable, "-c", SERVER, str(pid_file)]) as process:
        try:
            while not pid_file.exists():
                time.sleep(0.01)
            (first,) = restore.children(process.pid)
            reload = ("sh", "-c", f"kill -{signal} {process.pid}")
            # What is new since before the reload doesn't count.
            busy = ("sh", "-c", f"kill -HUP {process.pid}; sleep 0.3")
            control = Control(busy, reload, ({"kind": "children", "pid_file": str(pid_file)},))
            work = Transaction.begin("nginx", changes(place), control, str(place / "state"))
            work.live()
            carried_out = signal == "HUP"
            assert restore.main(work.folder, give_up=0) == (0 if carried_out else 1)
            assert ("no new processes 0.5 s after its reload" in capsys.readouterr().err) is not carried_out
            assert restore.read_state(work.folder) == ("expired" if carried_out else "reverting")
            assert restore.children(process.pid) != {first}
        finally:
            process.kill()


def test_the_timer_works_on_a_full_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as there's place for what it puts back: the states don't need any."""
    before = snapshot(place)
    work = begin(place)
    work.write(changes(place))
    work.live()
    atomically = restore.write_atomically

    def full(path: str, *more: Any) -> None:
        if path.startswith(work.folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        atomically(path, *more)

    monkeypatch.setattr(restore, "write_atomically", full)
    assert restore.main(work.folder, give_up=0) == 0
    assert snapshot(place) == before
    assert restore.read_state(work.folder) == "expired"


def test_the_timer_tries_again_when_a_program_is_missing_or_hangs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restore, "COMMAND_SECONDS", 0.1)
    for check, words in ((("/nowhere/nginx",), "/nowhere/nginx"), (("sleep", "5"), "timed out")):
        work = Transaction.begin("nginx", changes(place), Control(check, ("true",)), str(place / "state"))
        work.live()
        assert restore.main(work.folder, give_up=0) == 1
        assert words in capsys.readouterr().err
        assert restore.read_state(work.folder) == "reverting"


def test_one_at_a_time(place: Path) -> None:
    root = str(place / "state")
    holder = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import restore\n"
        "with restore.alone(sys.argv[2], 'a run for nginx', 5):\n    print('in', flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", holder, os.path.dirname(restore.__file__), root]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        words = rf"^a run for nginx \(process {process.pid}\)$"
        with pytest.raises(restore.Busy, match=words), restore.alone(root, "another", 0.2):
            raise AssertionError("two at a time")
        process.kill()
    with restore.alone(root, "another", 5):
        assert os.listdir(root) == ["lock"]
    assert not os.path.exists(root)


def test_one_at_a_time_while_the_directory_comes_and_goes(place: Path) -> None:
    root, inside, most = str(place / "state"), [0], [0]

    def work() -> None:
        for _number in range(20):
            with restore.alone(root, "a thread", 30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not os.path.exists(root)


def test_confirming_stops_the_timer_and_forgets(place: Path) -> None:
    work = begin(place)
    work.write(changes(place))
    commander = Commander()
    work.arm(60, commander)
    work.confirm(commander)
    assert commander.calls[-1] == ("systemctl", "stop", f"originlock-aop-revert-{work.id}.timer")
    assert os.listdir(work.folder) == ["state"]
    assert restore.read_state(work.folder) == "confirmed"


def test_a_backup_that_fails_leaves_nothing(place: Path) -> None:
    gone = FileChange(str(place / "etc" / "not-there"), b"it was", b"new")
    with pytest.raises(FileNotFoundError):
        Transaction.begin("nginx", [gone], CONTROL, str(place / "state"))
    assert not (place / "state").exists()


def test_a_full_disk_is_told_with_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    work = begin(place)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OriginError, match="/etc/aop/deep/file can't be written: No space left on device"):
        work.write(changes(place))


def test_no_systemd(place: Path) -> None:
    work = begin(place)
    with pytest.raises(OriginError, match="The revert timer can't be started: no such thing"):
        work.arm(60, Commander(1))


def test_programs_of_systemd_are_missing(place: Path) -> None:
    def run(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        if argv[0].startswith("system"):
            raise OriginError(f"{argv[0]} isn't there", "Install it.")
        return Completed(0, "")

    work = begin(place)
    with pytest.raises(OriginError, match="The revert timer can't be started: systemd-run isn't there") as caught:
        work.arm(60, run)
    assert "confirm_within" in caught.value.remedy
    assert restore.read_state(work.folder) == "open"
    work.disarm(run)


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
