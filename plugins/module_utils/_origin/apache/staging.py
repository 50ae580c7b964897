# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole configuration as it would be, in a private directory, for Apache's own check."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from . import grammar
from .discovery import Discovery
from .filesystem import Files
from .grammar import Directive, Node, Section
from .tree import INCLUDES


class Stage:
    """Copies of every file that would be loaded below ``root``; their include lines lead to the copies.

    Line numbers stay what they are, and :meth:`translate` gives the validator's words their real file names back.
    """

    def __init__(self, discovery: Discovery, overlay: Mapping[str, bytes | None], root: str) -> None:
        self._discovery = discovery
        self._files = Files(overlay)
        self._root = root
        self._copies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._includes = 0

    def build(self) -> str:
        """Write the copies; return the path of the main file."""
        return self._copy(self._discovery.dump.files[0])

    def translate(self, output: str) -> str:
        """Apache's words with the real names in place of the copies'."""
        for name in sorted(self._names, key=len, reverse=True):
            output = output.replace(name, self._names[name])
        return output

    def _copy(self, path: str) -> str:
        real = os.path.realpath(path)
        if real in self._copies:
            return self._copies[real]
        target = os.path.join(self._root, f"{len(self._copies):05d}-{os.path.basename(path)}")
        self._copies[real] = target
        self._names[target] = path
        content = (self._files.read(path) or b"").decode("latin-1")
        if path.startswith(self._discovery.paths.own_directory + "/"):
            content = self._own_files(content)
        _write(target, self._rewritten(content, path).encode("latin-1"))
        return target

    def _own_files(self, content: str) -> str:
        """Our snippets name a bundle that isn't in place yet."""

        def staged(found: re.Match[str]) -> str:
            bundle = self._files.read(found.group(1))
            if bundle is None:
                return found.group(0)
            target = os.path.join(self._root, "bundle-" + os.path.basename(found.group(1)))
            self._names[target] = found.group(1)
            _write(target, bundle)
            return f'"{target}"'

        return re.sub(f'"({re.escape(self._discovery.paths.own_directory)}/[^"]+)"', staged, content)

    def _rewritten(self, content: str, path: str) -> str:
        pieces = []
        for node in _followed(grammar.parse(content, path), ()):
            patterns = self._discovery.tree.patterns(node.arguments[-1])
            if len(patterns) != 1:
                # Its variables have another value each time, or it isn't read at all: it goes on naming live files.
                continue
            found = self._files.resolve(*patterns)
            if found or node.key == "includeoptional":
                pieces.append((node, self._directory(found)))
        for node, directory in reversed(pieces):
            # A continued line becomes one line; the others stay as empty ones, so that numbers don't move.
            text = f'IncludeOptional "{directory}/*"' + "\n" * content.count("\n", node.start, node.end)
            content = content[: node.start] + text + content[node.end :]
        return content

    def _directory(self, files: list[str]) -> str:
        """A directory whose files are those of one include line, in their order."""
        self._includes += 1
        directory = os.path.join(self._root, f"include-{self._includes:05d}")
        os.mkdir(directory, 0o700)
        for number, file in enumerate(files):
            link = os.path.join(directory, f"{number:05d}-{os.path.basename(file)}")
            os.symlink(self._copy(file), link)
            self._names[link] = file
        return directory


def _followed(nodes: tuple[Node, ...], parameters: tuple[str, ...]) -> list[Directive]:
    """The include lines that can be followed; those with a macro's parameter can't."""
    found: list[Directive] = []
    for node in nodes:
        if isinstance(node, Section):
            inner = node.arguments[1:] if node.key == "macro" else ()
            found.extend(_followed(node.children, parameters + inner))
        elif node.key in INCLUDES and node.arguments and not any(name in node.text for name in parameters):
            found.append(node)
    return found


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
