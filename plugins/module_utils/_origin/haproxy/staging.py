# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let HAProxy check the configuration as it would be, from a copy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping

from ..errors import ValidationFailed
from ..model import Plan, Runner
from .survey import Discovery


def validate(found: Discovery, plan: Plan, run: Runner) -> None:
    """Errors: HAProxy refuses it. Names of copies in its words are those of the real files again."""
    after = {change.path: change.after for change in plan.files}
    with tempfile.TemporaryDirectory(prefix="originlock-aop-") as root:
        own = os.path.join(root, "own")
        os.mkdir(own)
        for path, content in after.items():
            if content is not None and os.path.dirname(path) == found.paths.directory:
                _write(os.path.join(own, os.path.basename(path)), _moved(found, content, own))
        names: dict[str, str] = {}
        arguments = [
            _copy(found, root, number, argument, after, own, names)
            for number, argument in enumerate(found.process.arguments)
        ]
        done = run(found.process.check(arguments), found.process.environment)
        output = done.output
    for copy in sorted(names, key=len, reverse=True):
        output = output.replace(copy, names[copy])
    if done.status != 0:
        raise ValidationFailed("HAProxy", output.replace(own, found.paths.directory), "nothing was changed")


def _copy(
    found: Discovery,
    root: str,
    number: int,
    argument: str,
    after: Mapping[str, bytes | None],
    own: str,
    names: dict[str, str],
) -> str:
    """A copy of a file, or of a directory with its files; ``names``: what each stands for."""
    files = [file for file in found.process.files if file == argument or os.path.dirname(file) == argument.rstrip("/")]
    directory = os.path.join(root, str(number))
    os.mkdir(directory)
    for file in files:
        content = after.get(file) or found.texts[file].encode("latin-1")
        copy = os.path.join(directory, os.path.basename(file))
        names[copy] = file
        _write(copy, _moved(found, content, own))
    return os.path.join(directory, os.path.basename(files[0])) if files == [argument] else directory


def _moved(found: Discovery, content: bytes, own: str) -> bytes:
    return content.replace(found.paths.directory.encode() + b"/", own.encode() + b"/")


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as stream:
        stream.write(content)
