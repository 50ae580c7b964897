# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing files that hold keys and certificates.

A new file is written beside its place, readable by its owner alone from the first byte, flushed to the disk and renamed
into its place: whoever looks sees the old content or the new one, never a part.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from typing import Any

from .._common.errors import UserError

MAXIMUM_BYTES = 1024 * 1024
SECRET_MODE = 0o600


class FileProblem(UserError):
    """A file that cannot be read or written."""


def read_bytes(path: str, label: str) -> bytes | None:
    """The content of a regular file, None where there is none. ``label`` says in errors what it should be.

    Raises FileProblem for directories, devices, unreadable and very large files.
    """
    try:
        # A FIFO in the place would otherwise block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileProblem(
            f"{label} {path} cannot be read: {error.strerror}.",
            "Run as a user who may read it, or choose another path.",
        ) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise FileProblem(f"{label} {path} is a directory.", "Give the path of a file.")
        if not stat.S_ISREG(status.st_mode):
            raise FileProblem(f"{label} {path} is not a regular file.", "Choose another path.")
        if status.st_size > MAXIMUM_BYTES:
            raise FileProblem(f"{label} {path} is too large ({status.st_size} bytes).", "Choose another path.")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAXIMUM_BYTES)
    finally:
        os.close(descriptor)


def read_text(path: str, label: str) -> str | None:
    """read_bytes for what has to be text. Raises FileProblem."""
    data = read_bytes(path, label)
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise FileProblem(f"{label} {path} is not a text in PEM format.", "Convert it to PEM.") from None


@contextlib.contextmanager
def locked(*paths: str) -> Iterator[None]:
    """Keep other runs away from the directories of ``paths``, waiting for those that are there.

    A task delegated to the controller without C(run_once) runs once per host, at the same time and for the same files.
    """
    with contextlib.ExitStack() as stack:
        for directory in sorted({os.path.dirname(os.path.realpath(path)) for path in paths}):
            try:
                descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue  # no directory, nobody to keep away
            stack.callback(os.close, descriptor)
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def staged_path(path: str) -> str:
    """Where the next content of a file waits to be renamed into its place."""
    target = os.path.realpath(path)
    return os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.next")


def stage(path: str, text: str, new_mode: int | None = None) -> str:
    """Write the next content of ``path`` beside it and return where. Nothing else is touched.

    The file keeps owner and group of the one that it will replace. Without ``new_mode`` it holds a secret and stays
    0600; with it, it keeps the mode of its predecessor or, where there is none, gets ``new_mode``.
    Raises FileProblem.
    """
    target, staged = os.path.realpath(path), staged_path(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(staged, flags, SECRET_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            _take_over(descriptor, target, new_mode)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
    except OSError as error:
        directory = os.path.dirname(target)
        if not os.path.isdir(directory):
            raise FileProblem(f"The directory {directory} does not exist.", "Create it first.") from None
        raise FileProblem(f"{path} cannot be written: {error.strerror}.", "Nothing was changed.") from None
    return staged


def _take_over(descriptor: int, target: str, new_mode: int | None) -> None:
    """Owner and group (and mode, unless it is a secret) of ``target`` for an open, still empty file."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        if new_mode is not None:
            os.fchmod(descriptor, new_mode)
        return
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.fchown(descriptor, status.st_uid, status.st_gid)
    if new_mode is not None:
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def promote(path: str) -> None:
    """Rename what is staged for ``path`` into its place and have the directory remember it. Raises FileProblem."""
    target = os.path.realpath(path)
    try:
        os.replace(staged_path(path), target)
    except OSError as error:
        raise FileProblem(f"{path} cannot be replaced: {error.strerror}.", "Solve this and run again.") from None
    directory = os.open(os.path.dirname(target), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def discard(path: str) -> None:
    """Remove what is staged for ``path``, if anything."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(staged_path(path))


def keep_copy(path: str, tail: str) -> str | None:
    """A second name for a file that is about to be replaced; None where there is no file."""
    target = os.path.realpath(path)
    copy = f"{target}.{tail}"
    try:
        os.link(target, copy)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileProblem(f"{target} cannot be kept as {copy}: {error.strerror}.", "Nothing was changed.") from None
    return copy


def default_public_mode() -> int:
    """The mode that a program's new files usually get."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def apply_attributes(module: Any, path: str, mode: Any) -> bool:
    """The file options of a module (owner, group, SELinux, attributes) for ``path``, with a mode of its own.

    Returns whether anything differs; honours check mode.
    """
    arguments = module.load_file_common_arguments(module.params, path=os.path.realpath(path))
    arguments["mode"] = mode
    return bool(module.set_fs_attributes_if_different(arguments, False))
