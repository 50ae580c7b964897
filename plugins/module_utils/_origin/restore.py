# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put an origin's files back as they were.

This file stands alone on purpose: a transaction copies it beside its backup, where a systemd timer runs it with the
system's Python when no controller has confirmed in time. It therefore imports nothing of the collection.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import time
from typing import Any

MANIFEST = "manifest.json"
STATE = "state"


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
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
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
    """The state of the transaction in ``folder``: open, live, confirmed or reverted; empty when there is none."""
    try:
        with open(os.path.join(folder, STATE), encoding="ascii") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


def write_state(folder: str, state: str) -> None:
    """Note the state of the transaction, durably."""
    write_atomically(os.path.join(folder, STATE), state.encode("ascii"), 0o600, os.geteuid(), os.getegid())


def load_manifest(folder: str) -> dict[str, Any]:
    """The manifest of the transaction in ``folder``."""
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as stream:
        manifest: dict[str, Any] = json.load(stream)
    return manifest


def restore_files(folder: str) -> list[str]:
    """Put every file of the manifest back; return the paths that were touched."""
    manifest = load_manifest(folder)
    touched = []
    for entry in manifest["files"]:
        path = entry["path"]
        # Half a file, from a run that was killed as it wrote; a server may include whatever lies there.
        for half in glob.glob(f"{glob.escape(path)}.originlock-*"):
            os.unlink(half)
            touched.append(half)
        if entry["backup"] is None:
            if os.path.lexists(path):
                os.unlink(path)
                touched.append(path)
            continue
        with open(os.path.join(folder, entry["backup"]), "rb") as stream:
            content = stream.read()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_atomically(path, content, entry["mode"], entry["uid"], entry["gid"])
        touched.append(path)
    for directory in manifest["created_directories"]:
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)
    return touched


def main(folder: str) -> int:
    """Revert the transaction in ``folder`` unless it was confirmed; used by the timer."""
    if read_state(folder) != "live":
        return 0
    restore_files(folder)
    commands = load_manifest(folder)["commands"]
    environment = dict(os.environ, **commands["environment"])
    for name in ("validate", "reload"):
        # The timer runs a copy of this file, where there is no AnsibleModule.
        done = subprocess.call(  # pylint: disable=ansible-bad-function
            commands[name], env=environment, stdin=subprocess.DEVNULL
        )
        if done != 0:
            sys.stderr.write(f"originlock.aop: {name} failed after the files were put back\n")
            return 1
    write_state(folder, "reverted")
    with open(os.path.join(folder, "reverted-at"), "w", encoding="ascii") as stream:
        stream.write(f"{int(time.time())}\n")
    return 0


if __name__ == "__main__":
    # A program here, whose timer reads the exit status.
    sys.exit(main(os.path.dirname(os.path.abspath(__file__))))  # pylint: disable=ansible-bad-function
