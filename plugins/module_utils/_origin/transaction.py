# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of files that can be taken back: by us, by the next run after a crash, or by a timer without us."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Sequence

from . import restore
from .errors import OriginError
from .model import Commands, FileChange, Runner

STATE_DIRECTORY = "/var/lib/originlock-aop"
UNIT = "originlock-aop-revert-%s"
#: A folder without a state that is older than this belongs to nobody who is still at work.
ABANDONED_SECONDS = 3600


class Transaction:
    """One set of file changes with its backup in ``<root>/<id>``.

    States: ``open`` (files may be half written), ``live`` (written, waits for a confirmation), ``confirmed``,
    ``reverted``. A transaction found ``open`` belongs to a run that died and is taken back by the next one.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.id = os.path.basename(folder)

    @classmethod
    def begin(
        cls,
        server: str,
        changes: Sequence[FileChange],
        commands: Commands,
        root: str = STATE_DIRECTORY,
        own_directories: Sequence[str] = (),
    ) -> Transaction:
        """Back up what ``changes`` would overwrite. Nothing of the server is touched yet.

        ``own_directories`` are removed when the change is kept and they are empty then.
        """
        identity = "{}-{}-{}".format(server, time.strftime("%Y%m%dT%H%M%S", time.gmtime()), uuid.uuid4().hex[:6])
        folder = os.path.join(root, identity)
        os.makedirs(root, mode=0o700, exist_ok=True)
        os.mkdir(folder, 0o700)
        entries: list[dict[str, object]] = []
        created: list[str] = []
        for number, change in enumerate(changes):
            path = os.path.realpath(change.path)
            entry: dict[str, object] = {"path": path, "backup": None, "mode": 0, "uid": 0, "gid": 0}
            if change.before is None:
                created.extend(_missing_parents(path, created))
            else:
                status = os.stat(path)
                entry.update(backup=f"{number}.before", mode=status.st_mode & 0o7777)
                entry.update(uid=status.st_uid, gid=status.st_gid)
                target = os.path.join(folder, f"{number}.before")
                restore.write_atomically(target, change.before, 0o600, os.geteuid(), os.getegid())
            entries.append(entry)
        manifest = {
            "server": server,
            "files": entries,
            "created_directories": sorted(created, key=len, reverse=True),
            "own_directories": list(own_directories),
            "commands": {
                "validate": list(commands.validate),
                "reload": list(commands.reload),
                "environment": dict(commands.environment),
            },
        }
        content = json.dumps(manifest, indent=1).encode("utf-8")
        restore.write_atomically(os.path.join(folder, restore.MANIFEST), content, 0o600, os.geteuid(), os.getegid())
        restore.write_state(folder, "open")
        return cls(folder)

    def write(self, changes: Sequence[FileChange]) -> None:
        """Put the new files in place, each in one step; new files before those that refer to them."""
        for change in sorted(changes, key=lambda item: (item.after is None, item.before is not None)):
            path = os.path.realpath(change.path)
            if _read(path) != change.before:
                raise OriginError(f"{change.path} was changed by somebody else while we were at work", "Run again.")
            if change.after is None:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            mode, uid, gid = change.mode, 0, 0
            if change.before is not None:
                status = os.stat(path)
                mode, uid, gid = status.st_mode & 0o7777, status.st_uid, status.st_gid
            elif os.geteuid() != 0:
                uid, gid = os.geteuid(), os.getegid()
            restore.write_atomically(path, change.after, mode, uid, gid)

    def revert(self) -> None:
        """Put the files back. The server is not told: that's for the caller, who knows whether it must be."""
        restore.restore_files(self.folder)
        restore.write_state(self.folder, "reverted")

    def arm(self, seconds: int, run: Runner) -> None:
        """Start a timer on this machine that reverts this transaction unless it's confirmed within ``seconds``."""
        program = os.path.join(self.folder, "revert.py")
        source = _source_of_restore()
        restore.write_atomically(program, source.encode("utf-8"), 0o700, os.geteuid(), os.getegid())
        restore.write_state(self.folder, "live")
        argv = (
            "systemd-run",
            "--unit=%s" % (UNIT % self.id),
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            "/usr/bin/env",
            "python3",
            program,
        )
        done = run(argv, {})
        if done.status != 0:
            restore.write_state(self.folder, "open")
            raise OriginError(
                f"The revert timer can't be started: {done.output.strip()}",
                "Set confirm_within to 0 if this machine has no systemd; then nothing reverts by itself.",
            )

    def confirm(self, run: Runner) -> None:
        """Keep the change: note it, stop the timer, remove directories of ours that it emptied, forget the backup."""
        restore.write_state(self.folder, "confirmed")
        self.disarm(run)
        for directory in restore.load_manifest(self.folder).get("own_directories", ()):
            if os.path.isdir(directory) and not os.listdir(directory):
                os.rmdir(directory)
        self.discard()

    def disarm(self, run: Runner) -> None:
        """Stop the timer if there is one; a machine without systemd has none."""
        if os.path.exists(os.path.join(self.folder, "revert.py")):
            run(("systemctl", "stop", (UNIT % self.id) + ".timer"), {})

    def discard(self) -> None:
        """Forget the backup."""
        shutil.rmtree(self.folder, ignore_errors=True)
        root = os.path.dirname(self.folder)
        if os.path.isdir(root) and not os.listdir(root):
            os.rmdir(root)


def pending(server: str, root: str = STATE_DIRECTORY) -> list[tuple[Transaction, str]]:
    """Transactions of ``server`` that are neither confirmed nor reverted, newest first, each with its state."""
    if not os.path.isdir(root):
        return []
    found = []
    for name in sorted(os.listdir(root), reverse=True):
        folder = os.path.join(root, name)
        state = restore.read_state(folder)
        if name.startswith(server + "-") and state in ("open", "live"):
            found.append((Transaction(folder), state))
    return found


def clean_up(server: str, root: str = STATE_DIRECTORY) -> None:
    """Remove what runs left that died before they touched a file, or after their change was confirmed or reverted.

    For a while, a reverted change tells a late confirmation what became of it.
    """
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else ():
        folder = os.path.join(root, name)
        if not name.startswith(server + "-") or restore.read_state(folder) not in ("", "confirmed", "reverted"):
            continue
        if time.time() - os.stat(folder).st_mtime > ABANDONED_SECONDS:
            Transaction(folder).discard()


def find(identity: str, root: str = STATE_DIRECTORY) -> tuple[Transaction, str] | None:
    """The transaction ``identity`` with its state, or nothing."""
    folder = os.path.join(root, os.path.basename(identity))
    state = restore.read_state(folder)
    return (Transaction(folder), state) if state else None


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _missing_parents(path: str, known: Sequence[str]) -> list[str]:
    missing = []
    parent = os.path.dirname(path)
    while parent and not os.path.isdir(parent) and parent not in known:
        missing.append(parent)
        parent = os.path.dirname(parent)
    return missing


def _source_of_restore() -> str:
    loader = getattr(restore, "__loader__", None)
    source = loader.get_source(restore.__name__) if loader is not None else None
    if not source:
        raise OriginError("The program for the revert timer can't be read", "Set confirm_within to 0.")
    # Ansible's own import hook answers in bytes.
    return source.decode("utf-8") if isinstance(source, bytes) else str(source)
