# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let nginx check a configuration that isn't there yet, from a copy that leaves everything live untouched."""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
from collections.abc import Mapping, Sequence

from ..errors import ValidationFailed
from ..model import FileChange, Runner
from .dump import has_glob, included
from .survey import Discovery
from .syntax import Directive, parse, quote


def validate(found: Discovery, changes: Sequence[FileChange], log_path: str, run: Runner) -> None:
    """Run ``nginx -t`` on the whole configuration as it would be with ``changes``.

    Errors: :class:`ValidationFailed` with nginx's words, in which the copies carry the names of the real files.
    """
    root = tempfile.mkdtemp(prefix="originlock-aop-")
    try:
        names = _write(found, changes, log_path, root)
        main = root + found.dump.main
        done = run((found.paths.binary, "-t", "-c", main), {})
        if done.status != 0:
            output = done.output.replace(main, found.dump.main)
            for real, copy in names.items():
                output = output.replace(copy, real)
            raise ValidationFailed("nginx", output, "nothing was changed")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _write(found: Discovery, changes: Sequence[FileChange], log_path: str, root: str) -> dict[str, str]:
    files, data = _after(found, changes)
    copies = os.path.join(root, "originlock")
    os.mkdir(copies, 0o700)
    names = {name: os.path.join(copies, f"{number}.conf") for number, name in enumerate(files)}
    replaced: dict[str, str] = {}
    for number, (name, content) in enumerate(data.items()):
        copy = os.path.join(copies, f"{number}.data")
        with open(copy, "wb") as stream:
            stream.write(content)
        replaced[quote(name)] = quote(copy)
        names[name] = copy
    # nginx -t opens logs, and would so create ours.
    replaced[f"access_log {quote(log_path)} "] = "access_log /dev/null "
    _mirror(found.dump.main, root)
    for name, text in files.items():
        if found.is_ours(name) or name not in found.dump.files:
            for old, new in replaced.items():
                text = text.replace(old, new)
        text = _redirect_includes(text, name, found.dump.prefix, names, files, copies)
        copy = root + name if name == found.dump.main else names[name]
        with open(copy, "w", encoding="latin-1", newline="") as stream:
            stream.write(text)
    return names


def _after(found: Discovery, changes: Sequence[FileChange]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Configuration files (text) and other files of ours (bytes) as they would be."""
    files = dict(found.dump.files)
    data: dict[str, bytes] = {}
    aliases: dict[str, list[str]] = {}
    for name in files:
        aliases.setdefault(found.real.get(name, name), []).append(name)
    for change in changes:
        if posixpath.dirname(change.path) == found.paths.logrotate_directory:
            continue
        if change.path.endswith(".pem"):
            if change.after is not None:
                data[change.path] = change.after
            continue
        for name in aliases.get(found.real.get(change.path, change.path), [change.path]):
            if change.after is None:
                files.pop(name, None)
            else:
                files[name] = change.after.decode("latin-1")
    return files, data


def _mirror(main: str, root: str) -> None:
    """Links to everything around the main file, so that relative names in directives mean what they mean live."""
    level = "/"
    for part in [*posixpath.dirname(main).strip("/").split("/"), posixpath.basename(main)]:
        os.makedirs(root + level, mode=0o700, exist_ok=True)
        for entry in os.listdir(level):
            target = root + posixpath.join(level, entry)
            if entry != part and not os.path.lexists(target):
                os.symlink(posixpath.join(level, entry), target)
        level = posixpath.join(level, part)


def _redirect_includes(
    text: str, name: str, prefix: str, names: Mapping[str, str], files: Mapping[str, str], copies: str
) -> str:
    for one in reversed(_includes(parse(text, name))):
        pattern = one.args[0]
        targets = [names[target] for target in included(pattern, prefix, files)]
        if not targets and not has_glob(pattern):
            targets = [os.path.join(copies, "missing", posixpath.basename(pattern))]
        replacement = " ".join(f"include {quote(target)};" for target in targets)
        text = text[: one.start] + replacement + text[one.end :]
    return text


def _includes(directives: Sequence[Directive]) -> list[Directive]:
    out = []
    for one in directives:
        if one.name == "include" and one.args and not one.is_block:
            out.append(one)
        out.extend(_includes(one.block))
    return out
