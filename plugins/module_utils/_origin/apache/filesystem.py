# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as they are, with an overlay of files as they would be; and Apache's way to find what an include names."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping

_WILD = frozenset("*?[")


class Files:
    """The file system with ``overlay`` on it: bytes replace or add a file, ``None`` takes it away."""

    def __init__(self, overlay: Mapping[str, bytes | None] | None = None) -> None:
        self._overlay = {os.path.normpath(path): content for path, content in (overlay or {}).items()}

    def read(self, path: str) -> bytes | None:
        """The content of ``path``; nothing if there's no such file."""
        for name in (os.path.normpath(path), os.path.realpath(path)):
            if name in self._overlay:
                return self._overlay[name]
        try:
            with open(path, "rb") as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""
        path = os.path.normpath(path)
        if path in self._overlay:
            return self._overlay[path] is not None
        return self.is_directory(path) or os.path.exists(path)

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory."""
        if os.path.isdir(path):
            return True
        inside = os.path.normpath(path) + "/"
        return any(content is not None and name.startswith(inside) for name, content in self._overlay.items())

    def names(self, directory: str) -> list[str]:
        """The names in ``directory``, in Apache's order."""
        directory = os.path.normpath(directory)
        found = set(os.listdir(directory)) if os.path.isdir(directory) else set()
        inside = "/" if directory == "/" else directory + "/"
        for path, content in self._overlay.items():
            if path.startswith(inside):
                name, slash, _rest = path[len(inside) :].partition("/")
                if content is not None:
                    found.add(name)
                elif not slash:
                    found.discard(name)
        return sorted(found)

    def resolve(self, pattern: str) -> list[str]:
        """The files that ``Include pattern`` reads, in Apache's order; ``pattern`` is absolute.

        Source: ``ap_process_fnmatch_configs`` in server/config.c: wildcards in every part of the path, hidden names
        only if the pattern names the dot, directories with everything below.
        """
        paths = ["/"]
        for part in [part for part in pattern.split("/") if part]:
            if _WILD.isdisjoint(part):
                paths = [os.path.join(path, part) for path in paths]
                continue
            paths = [
                os.path.join(path, name)
                for path in paths
                if self.is_directory(path)
                for name in self.names(path)
                if matches(name, part)
            ]
        return [file for path in paths if self.exists(path) for file in self._below(path)]

    def _below(self, path: str) -> list[str]:
        if not self.is_directory(path):
            return [path]
        return [file for name in self.names(path) for file in self._below(os.path.join(path, name))]


def matches(name: str, pattern: str) -> bool:
    """Whether one part of a path matches one part of a pattern."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern)


def path_matches(path: str, pattern: str) -> bool:
    """Whether an include of ``pattern`` reads ``path``, were it there."""
    parts, wanted = os.path.normpath(path).split("/"), os.path.normpath(pattern).split("/")
    if len(wanted) > len(parts):
        return False
    # A directory is included with everything below it.
    return all(matches(part, want) for part, want in zip(parts, wanted))


def reaches(pattern: str, directory: str) -> bool:
    """Whether an include of ``pattern`` could read something in ``directory``."""
    parts, wanted = os.path.normpath(directory).split("/"), os.path.normpath(pattern).split("/")
    return all(matches(part, want) for part, want in zip(parts, wanted))
