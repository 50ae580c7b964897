# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of files that can be taken back: by us, by the next run after a crash, or by a timer without us."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from . import restore
from .errors import OriginError
from .model import Completed, Control, Edit, FileChange, Runner

STATE_DIRECTORY = "/var/lib/originlock-aop"
UNIT = "originlock-aop-revert-%s"
#: For so long, a change that was taken back tells a late confirmation what became of it.
TOLD_SECONDS = 3600


class Transaction:
    """One set of file changes with its backup in ``<root>/<id>``.

    States: ``open`` (files may be half written), ``live`` (written, waits for a confirmation), ``reverting`` (files
    may be half put back, the server wasn't told yet), and at the end ``confirmed``, ``reverted`` (by a run) or
    ``expired`` (reverted by its timer). All work on them is done by whoever holds :func:`restore.alone`. Who finds one
    ``open`` then knows that its run died.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.id = os.path.basename(folder)
        #: Whether a file was touched by :meth:`write`.
        self.written = False

    @classmethod
    def begin(
        cls,
        server: str,
        changes: Sequence[FileChange],
        control: Control,
        root: str = STATE_DIRECTORY,
        own_directories: Sequence[str] = (),
        paths: Mapping[str, str] | None = None,
        stages: Mapping[str, str] | None = None,
        confirm_within: int = 0,
    ) -> Transaction:
        """Back up what ``changes`` would overwrite. Nothing of the server is touched yet.

        ``own_directories`` are removed when the change is kept and they are empty then. ``paths`` is what the driver
        was made with, ``stages`` what the hostnames of the server have before.
        """
        identity = f"{server}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:6]}"
        folder = os.path.join(root, identity)
        os.makedirs(root, mode=0o700, exist_ok=True)
        os.mkdir(folder, 0o700)
        try:
            entries, created = _back_up(folder, changes)
            manifest = {
                "server": server,
                "paths": dict(paths or {}),
                "files": entries,
                "created_directories": sorted(created, key=len, reverse=True),
                "own_directories": list(own_directories),
                "stages": dict(stages or {}),
                "control": control.as_dict(),
                "until": time.time() + confirm_within if confirm_within else 0,
            }
            content = json.dumps(manifest, indent=1).encode("utf-8")
            restore.write_atomically(os.path.join(folder, restore.MANIFEST), content, 0o600, os.geteuid(), os.getegid())
            restore.write_state(folder, "open")
        except BaseException:
            cls(folder).discard()
            raise
        return cls(folder)

    def write(self, changes: Sequence[FileChange]) -> None:
        """Put the new files in place, each in one step; new files before those that refer to them."""
        for change in changes:
            if restore.content_of(os.path.realpath(change.path)) != change.before:
                raise OriginError(
                    f"{change.path} was changed by somebody else while we were at work; nothing was changed",
                    "Run again.",
                )
        for change in sorted(changes, key=lambda item: (item.after is None, item.before is not None)):
            self.written = True
            try:
                _put(change)
            except OSError as error:
                raise OriginError(
                    f"{change.path} can't be written: {error.strerror or error}", "Mend that, then run again."
                ) from error

    def manifest(self) -> dict[str, Any]:
        """What was noted when it began (see :meth:`begin`): ``server``, ``paths``, ``stages``, ``until`` and so on."""
        return restore.load_manifest(self.folder)

    def revert(self) -> None:
        """Put the files back. The server is not told: that's for the caller, who knows whether it must be."""
        # An open one can't be confirmed anyway, and must be put back on a full disk, too.
        if restore.read_state(self.folder) == "live":
            restore.write_state(self.folder, "reverting")
        restore.restore_files(self.folder)

    def left(self) -> list[dict[str, str]]:
        """The files that :meth:`revert` has left to somebody else, each ``path`` with its ``backup``."""
        return restore.left_files(self.folder)

    def arm(self, seconds: int, run: Runner) -> None:
        """Start a timer on this machine that reverts this transaction unless it's confirmed within ``seconds``.

        What the timer will run is run once before, without effect.
        """
        program = os.path.join(self.folder, "revert.py")
        source = _source_of_restore()
        restore.write_atomically(program, source.encode("utf-8"), 0o700, os.geteuid(), os.getegid())
        # The Python that runs this very module: the one in PATH may be too old. It's started by env, which SELinux
        # lets systemd do wherever that Python lies.
        command = (sys.executable or "python3", program)
        proof = run(("/usr/bin/env", "-i", *command, "--check"), {})
        if proof.status != 0:
            reason = proof.output.strip().rpartition("\n")[2]
            raise OriginError(
                f"The program for the revert timer doesn't run on this origin with {command[0]}: {reason}",
                "Name a Python that runs without Ansible's environment in ansible_python_interpreter, "
                "or set confirm_within to 0; then nothing reverts by itself.",
            )
        argv = (
            "systemd-run",
            f"--unit={UNIT % self.id}",
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            "/usr/bin/env",
            # systemd would take a dollar for a variable.
            *(argument.replace("$", "$$") for argument in command),
        )
        try:
            done = run(argv, {})
        except OriginError as error:
            done = Completed(127, str(error))
        if done.status != 0:
            raise OriginError(
                f"The revert timer can't be started: {done.output.strip()}",
                "Set confirm_within to 0 if this machine has no systemd; then nothing reverts by itself.",
            )

    def live(self) -> None:
        """Wait for a confirmation."""
        restore.write_state(self.folder, "live")

    def confirm(self, run: Runner) -> None:
        """Keep the change: note it, stop the timer, remove directories of ours that it emptied, forget the backup."""
        restore.write_state(self.folder, "confirmed")
        self.disarm(run)
        for directory in self.manifest()["own_directories"]:
            if os.path.isdir(directory) and not os.listdir(directory):
                os.rmdir(directory)
        restore.forget(self.folder)

    def reverted(self, run: Runner) -> None:
        """The server runs on the files of before: note it, stop the timer, forget the backup."""
        restore.write_state(self.folder, "reverted")
        self.disarm(run)
        restore.forget(self.folder)

    def disarm(self, run: Runner) -> None:
        """Stop the timer if there is one; a machine without systemd has none.

        One that can't be stopped does nothing: it looks for a transaction that isn't over.
        """
        if os.path.exists(os.path.join(self.folder, "revert.py")):
            with contextlib.suppress(OriginError):
                run(("systemctl", "stop", (UNIT % self.id) + ".timer"), {})

    def discard(self) -> None:
        """Remove every trace."""
        # First, so that half a folder is taken for nothing else.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, restore.STATE))
        shutil.rmtree(self.folder, ignore_errors=True)
        root = os.path.dirname(self.folder)
        if os.path.isdir(root) and not os.listdir(root):
            os.rmdir(root)


def pending(server: str, root: str = STATE_DIRECTORY) -> list[tuple[Transaction, str]]:
    """Transactions of ``server`` that aren't over, newest first, each with its state."""
    found = [(Transaction(folder), restore.read_state(folder)) for folder in reversed(_folders(server, root))]
    return [(work, state) for work, state in found if state in restore.UNFINISHED]


def clean_up(server: str, root: str = STATE_DIRECTORY, no_trace: bool = False) -> None:
    """Remove what runs left that died before they touched a file, and notes of changes that are over.

    Those of a change that was taken back stay for a while (unless ``no_trace``), to tell a late confirmation what
    became of it. What somebody else's files were before stays.
    """
    for folder in _folders(server, root):
        work, state = Transaction(folder), restore.read_state(folder)
        young = not no_trace and time.time() - os.stat(folder).st_mtime <= TOLD_SECONDS
        if state in restore.UNFINISHED or work.left() or (young and state in ("reverted", "expired")):
            continue
        work.discard()


def _folders(server: str, root: str) -> list[str]:
    names = sorted(os.listdir(root)) if os.path.isdir(root) else []
    return [os.path.join(root, name) for name in names if name.startswith(server + "-")]


def find(identity: str, root: str = STATE_DIRECTORY) -> tuple[Transaction, str] | None:
    """The transaction ``identity`` with its state, or nothing."""
    folder = os.path.join(root, os.path.basename(identity))
    state = restore.read_state(folder)
    return (Transaction(folder), state) if state else None


def _back_up(folder: str, changes: Sequence[FileChange]) -> tuple[list[dict[str, Any]], list[str]]:
    """Copy what is there into ``folder``; entries of the manifest, and the directories that will be made."""
    entries: list[dict[str, Any]] = []
    created: list[str] = []
    for number, change in enumerate(changes):
        path = os.path.realpath(change.path)
        entry: dict[str, Any] = {"path": path, "backup": None, "mode": 0, "uid": 0, "gid": 0}
        entry.update(after=restore.fingerprint(change.after), edits=[_plain(edit) for edit in change.edits])
        if change.before is None:
            created.extend(_missing_parents(path, created))
        else:
            status = os.stat(path)
            entry.update(backup=f"{number}.before", mode=status.st_mode & 0o7777)
            entry.update(uid=status.st_uid, gid=status.st_gid)
            target = os.path.join(folder, f"{number}.before")
            restore.write_atomically(target, change.before, 0o600, os.geteuid(), os.getegid())
        entries.append(entry)
    return entries, created


def _plain(edit: Edit) -> dict[str, list[str]]:
    return {"old": [line.decode("latin-1") for line in edit.old], "new": [line.decode("latin-1") for line in edit.new]}


def _put(change: FileChange) -> None:
    path = os.path.realpath(change.path)
    if change.after is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    mode, uid, gid = change.mode, 0, 0
    if change.before is not None:
        status = os.stat(path)
        mode, uid, gid = status.st_mode & 0o7777, status.st_uid, status.st_gid
    elif os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
    restore.write_atomically(path, change.after, mode, uid, gid)


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
