# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put an origin's files back as they were.

This file stands alone on purpose: a transaction copies it beside its backup, where a systemd timer runs it with the
system's Python when no controller has confirmed in time. It therefore imports nothing of the collection.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

MANIFEST = "manifest.json"
STATE = "state"
LOCK = "lock"
#: Names the files that were left to somebody else: a list of ``path`` and ``backup`` (empty: there was none before).
LEFT = "left.json"

#: States of a transaction whose files may have to be put back.
UNFINISHED = ("open", "live", "reverting")

#: How long the timer's program goes on trying, and its first and longest pause between two attempts.
GIVE_UP_SECONDS = 3600
FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 20
COMMAND_SECONDS = 120
#: How long a server may take to have new processes after it was told to reload.
RELOAD_SECONDS = 20


class Busy(OSError):
    """Somebody else is at work in the state directory; the text says who."""


@contextlib.contextmanager
def alone(root: str, who: str, patience: float) -> Iterator[None]:
    """Keep everybody else out of the state directory ``root`` meanwhile. A lock ends with its process.

    Raises :class:`Busy` if another one holds it for ``patience`` seconds.
    """
    path = os.path.join(root, LOCK)
    descriptor = _lock(path, patience)
    try:
        # For the other one's error. A full disk is no reason not to work.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{who} (process {os.getpid()})".encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.listdir(root) == [LOCK]:
                os.unlink(path)
                os.rmdir(root)
        os.close(descriptor)


def _lock(path: str, patience: float) -> int:
    deadline = time.monotonic() + patience
    while True:
        holder = b""
        # What isn't there (any more) was removed by the last holder as it left: begin anew.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    kept, descriptor = descriptor, -1
                    return kept
            except BlockingIOError:
                holder = os.read(descriptor, 200)
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
        if time.monotonic() >= deadline:
            raise Busy(holder.decode("utf-8", "replace") or "an unknown process")
        time.sleep(0.1)


def write_atomically(path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Replace ``path`` in one step; nobody sees half a file, nobody reads it before its mode is right."""
    temporary = f"{path}.originlock-{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        copy_attributes(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = path
        raise


def copy_attributes(source: str, target: str) -> None:
    """Carry extended attributes (SELinux labels among them) over from the file that is replaced."""
    if not hasattr(os, "listxattr") or not os.path.exists(source):
        return
    try:
        for name in os.listxattr(source):
            os.setxattr(target, name, os.getxattr(source, name))
    except OSError:
        pass


def read_state(folder: str) -> str:
    """The state of the transaction in ``folder``; empty when there is none."""
    try:
        with open(os.path.join(folder, STATE), encoding="ascii") as stream:
            return stream.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write_state(folder: str, state: str) -> None:
    """Note the state of the transaction, durably."""
    path, content = os.path.join(folder, STATE), state.encode("ascii")
    try:
        write_atomically(path, content, 0o600, os.geteuid(), os.getegid())
    except OSError:
        # On a full disk there's no place for a second file, but within the first one.
        if not read_state(folder):
            raise
        with open(path, "r+b") as stream:
            stream.write(content)
            stream.truncate()
            os.fsync(stream.fileno())


def load_manifest(folder: str) -> dict[str, Any]:
    """The manifest of the transaction in ``folder``."""
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as stream:
        manifest: dict[str, Any] = json.load(stream)
    return manifest


def content_of(path: str) -> bytes | None:
    """What is in the file ``path``, or nothing if it isn't there."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def fingerprint(content: bytes | None) -> str:
    """By what a file is known again; empty for one that isn't there."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def restore_files(folder: str) -> list[dict[str, str]]:
    """Put every file back that is as the transaction wrote it; return those that aren't (see ``LEFT``).

    What somebody else has written there since stays, but without the marked lines that the transaction had added.
    """
    manifest = load_manifest(folder)
    left = []
    for entry in manifest["files"]:
        path = entry["path"]
        for half in _halves(path):
            os.unlink(half)
        before = None
        if entry["backup"] is not None:
            with open(os.path.join(folder, entry["backup"]), "rb") as stream:
                before = stream.read()
        found = content_of(path)
        if found == before:
            continue
        if fingerprint(found) != entry["after"]:
            left.append({"path": path, "backup": os.path.join(folder, entry["backup"]) if entry["backup"] else ""})
            if found is not None:
                _take_out(path, found, entry["added"])
        elif before is None:
            os.unlink(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_atomically(path, before, entry["mode"], entry["uid"], entry["gid"])
    for directory in manifest["created_directories"]:
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)
    if left:
        note = json.dumps(left).encode("utf-8")
        write_atomically(os.path.join(folder, LEFT), note, 0o600, os.geteuid(), os.getegid())
    return left


def _take_out(path: str, content: bytes, added: list[str]) -> None:
    lines = content.splitlines(keepends=True)
    kept = [line for line in lines if line.decode("latin-1") not in added]
    if kept != lines:
        status = os.stat(path)
        write_atomically(path, b"".join(kept), status.st_mode & 0o7777, status.st_uid, status.st_gid)


def _halves(path: str) -> list[str]:
    """Half a file, from a run that was killed as it wrote ``path``; a server may include whatever lies there."""
    # No process has a number of more than seven digits; a date has eight.
    name = re.compile(re.escape(path) + r"\.originlock-[0-9]{1,7}\Z")
    found = glob.glob(f"{glob.escape(path)}.originlock-*")
    return [half for half in found if name.match(half) and stat.S_ISREG(os.lstat(half).st_mode)]


def check(folder: str) -> int:
    """Prove that this program runs here and can read the transaction in ``folder``. Changes nothing."""
    for entry in load_manifest(folder)["files"]:
        if entry["backup"] is not None:
            with open(os.path.join(folder, entry["backup"]), "rb") as stream:
                stream.read()
    return 0


def children(parent: int) -> set[int]:
    """The processes of the server whose first one is ``parent``: loggers and the like have another name."""
    program = process_fields(parent)[:1]
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = process_fields(int(name))
            if fields[2:3] == [str(parent)] and fields[:1] == program:
                found.add(int(name))
    return found


def process_fields(pid: int) -> list[str]:
    """Name, state, parent and so on of a process; empty if there's none. The name may hold blanks and brackets."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stream:
            text = stream.read()
    except OSError:
        return []
    name, _bracket, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()]


def _processes(pid_file: str) -> set[int]:
    try:
        with open(pid_file, encoding="ascii") as stream:
            return children(int(stream.read().strip()))
    except (OSError, ValueError):
        return set()


def _reloaded(pid_file: str, before: set[int]) -> bool:
    """Whether the server has processes that it didn't have ``before``; a reload may fail after all said it's well."""
    deadline = time.monotonic() + RELOAD_SECONDS
    while time.monotonic() < deadline:
        now = _processes(pid_file)
        # nginx tells which of its workers serve nobody new any more.
        if now - before and not any(_title(pid) == b"nginx: worker process" for pid in now & before):
            return True
        time.sleep(0.05)
    return False


def _title(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().strip(b"\0 ")
    except OSError:
        return b""


def attempt(folder: str) -> str:
    """Take the change in ``folder`` back unless it's over; return what prevents it, or nothing."""
    if read_state(folder) not in UNFINISHED:
        return ""
    write_state(folder, "reverting")
    for entry in restore_files(folder):
        sys.stderr.write(f"originlock.aop: {entry['path']} was changed by somebody else and isn't put back\n")
    commands = load_manifest(folder)["commands"]
    environment = dict(os.environ, **commands["environment"])
    before: set[int] = set()
    for name in ("validate", "reload"):
        before = _processes(commands["pid_file"])
        # The timer runs a copy of this file, where there is no AnsibleModule.
        done = subprocess.call(  # pylint: disable=ansible-bad-function
            commands[name], env=environment, stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS
        )
        if done != 0:
            return f"{name} failed after the files were put back"
    if commands["pid_file"] and not _reloaded(commands["pid_file"], before):
        return f"the files were put back, but the server has no new processes {RELOAD_SECONDS} s after its reload"
    write_state(folder, "expired")
    return ""


def main(folder: str, give_up: float = GIVE_UP_SECONDS, pause: float = FIRST_PAUSE_SECONDS) -> int:
    """Take the change in ``folder`` back unless it was confirmed; used by the timer. Tries again until it's done."""
    deadline = time.monotonic() + give_up
    who = f"the timer of {os.path.basename(folder)}"
    while True:
        try:
            with alone(os.path.dirname(folder), who, deadline - time.monotonic()):
                problem = attempt(folder)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = str(error) or type(error).__name__
        if not problem:
            return 0
        sys.stderr.write(f"originlock.aop: {problem}\n")
        if time.monotonic() + pause > deadline:
            return 1
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    work = check if sys.argv[1:] == ["--check"] else main
    # A program here, whose timer reads the exit status.
    sys.exit(work(os.path.dirname(os.path.abspath(__file__))))  # pylint: disable=ansible-bad-function
