# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the whole configuration as it would be, for Caddy to check as the user that it runs as."""

from __future__ import annotations

import os
import posixpath
import pwd
from collections.abc import Mapping

from .caddyfile import files_of
from .lexer import tokens
from .rendering import quote
from .survey import Discovery


class Stage:
    """The copy below ``root``. ``changed``: files as they would be (None: gone), by path; the others are as found."""

    def __init__(self, found: Discovery, changed: Mapping[str, bytes | None], log_path: str, root: str) -> None:
        self.found = found
        self.root = root
        self.log_path = log_path
        self.files = {path: text.encode("latin-1") for path, text in found.caddyfile.files.items()}
        for path, content in changed.items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        self.placed: dict[str, str] = {}

    def build(self) -> str:
        """Write it; return the path of the main file."""
        # Caddy reads it as its own user, and nobody else does: site files may hold secrets.
        main = self._place(self.found.caddyfile.main)
        owner = pwd.getpwnam(self.found.process.user)
        for folder, folders, names in os.walk(self.root):
            for name in [".", *folders, *names]:
                os.chown(os.path.join(folder, name), owner.pw_uid, owner.pw_gid)
        return main

    def translate(self, words: str) -> str:
        """What Caddy said, with the places that the user knows."""
        for path, copy in sorted(self.placed.items(), key=lambda item: -len(item[1])):
            words = words.replace(copy, path)
        return words

    def _place(self, path: str) -> str:
        """Write the copy of one file, with its imports leading to copies; return its path."""
        if path in self.placed:
            return self.placed[path]
        folder = os.path.join(self.root, str(len(self.placed)))
        os.mkdir(folder, 0o700)
        copy = self.placed[path] = os.path.join(folder, posixpath.basename(path))
        text = self.files[path].decode("latin-1")
        if path.startswith(self.found.directory + "/"):
            # What else of ours is named in there: the bundle, and the log, which a check must not create.
            text = text.replace(self.log_path, os.path.join(self.root, "aop.log"))
            bundle = posixpath.join(posixpath.dirname(path), "ca.pem")
            if bundle in self.files and not path.endswith(".pem"):
                text = text.replace(bundle, self._place(bundle))
        else:
            text = self._with_imports(path, text)
        self._write(copy, text.encode("latin-1"))
        return copy

    def _with_imports(self, path: str, text: str) -> str:
        words = tokens(text, path, self.found.process.environment)
        for number in range(len(words) - 1, 0, -1):
            word, before = words[number], words[number - 1]
            first = number < 2 or words[number - 2].line != before.line
            if before.text == "import" and not before.quoted and first and word.line == before.line:
                pattern = posixpath.join(posixpath.dirname(path), word.text)
                if "/" in word.text or "*" in word.text or pattern in self.files:
                    text = text[: word.start] + quote(self._imported(pattern)) + text[word.end :]
        return text

    def _imported(self, pattern: str) -> str:
        """Where an import leads in the copy: one file, or a directory with the files that the pattern finds."""
        known = sorted({*files_of(pattern)} & self.files.keys()) + self._new(pattern)
        if len(known) == 1:
            return self._place(known[0])
        folder = os.path.join(self.root, f"import-{len(os.listdir(self.root))}")
        os.mkdir(folder, 0o700)
        for number, path in enumerate(known):
            os.symlink(self._place(path), os.path.join(folder, f"{number:06}"))
        return os.path.join(folder, "*")

    def _new(self, pattern: str) -> list[str]:
        """Files of ours that aren't there yet."""
        start = pattern[:-1] if pattern.endswith("*") else pattern
        return [path for path in self.files if path.startswith(start) and not os.path.exists(path)]

    def _write(self, path: str, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
