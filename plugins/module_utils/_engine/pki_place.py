# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a key and its certificate are kept: in two files, or nowhere.

Two files cannot be renamed at once. So both are staged, the certificate is renamed first, the key second; if that is
cut off in between, the staged key is still there, matches the new certificate and is put into its
place by the next run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.originlock.aop.plugins.module_utils._engine import files


@dataclass(frozen=True)
class Pair:
    """PEM texts. ``staged_key`` is the key of an interrupted replacement."""

    key: str | None = None
    certificate: str | None = None
    staged_key: str | None = None


class Place(Protocol):
    """Keeps a pair; ``key_label`` and ``label`` name its halves in errors."""

    key_label: str
    label: str

    def read(self) -> Pair:
        """What is there."""

    def write(self, key: str | None, certificate: str) -> None:
        """Replace the certificate, and the key unless it is None."""

    def finish(self) -> None:
        """Complete an interrupted replacement."""

    def tidy(self) -> None:
        """Remove what an interrupted run left and nobody needs."""


class FilePlace:
    """A key file and a certificate file."""

    def __init__(self, key_path: str, path: str) -> None:
        self._key_path, self._path = key_path, path
        self.key_label, self.label = key_path, path
        if os.path.realpath(key_path) == os.path.realpath(path):
            raise files.FileProblem(f"path and privatekey_path are the same file, {path}.", "Give two paths.")

    def read(self) -> Pair:
        """What the two files hold. Raises FileProblem."""
        return Pair(
            key=files.read_text(self._key_path, "The private key"),
            certificate=files.read_text(self._path, "The certificate"),
            staged_key=files.read_text(files.staged_path(self._key_path), "The staged private key"),
        )

    def write(self, key: str | None, certificate: str) -> None:
        """Stage both, then rename both."""
        try:
            if key is not None:
                files.stage(self._key_path, key)
            files.stage(self._path, certificate, files.default_public_mode())
        except files.FileProblem:
            self.tidy()
            raise
        files.promote(self._path)
        if key is not None:
            files.promote(self._key_path)

    def finish(self) -> None:
        """The second rename."""
        files.promote(self._key_path)

    def tidy(self) -> None:
        """Remove staged files."""
        for path in (self._key_path, self._path):
            files.discard(path)

    def keep_copies(self, tail: str, with_key: bool) -> list[str]:
        """Second names for the files that are about to be replaced."""
        paths = [self._path, self._key_path] if with_key else [self._path]
        return [copy for copy in (files.keep_copy(path, tail) for path in paths) if copy]


class MemoryPlace:
    """Texts given by the caller, and the new ones handed back to it."""

    key_label = "privatekey_content"
    label = "certificate_content"

    def __init__(self, key: str | None, certificate: str | None) -> None:
        self._pair = Pair(key, certificate)
        self.new_key: str | None = None

    def read(self) -> Pair:
        """What was given or made."""
        return self._pair

    def write(self, key: str | None, certificate: str) -> None:
        """Remember the new texts."""
        self.new_key = key if key is not None else self.new_key
        self._pair = Pair(key if key is not None else self._pair.key, certificate)

    def finish(self) -> None:
        """Nothing is ever cut off here."""

    def tidy(self) -> None:
        """Nothing is ever left here."""
