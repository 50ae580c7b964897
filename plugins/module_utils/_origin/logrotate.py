# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logs the machine rotates already."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from .globs import glob_expression
from .model import MARK

_MAIN = "/etc/logrotate.conf"
_SCRIPTS = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")
_WORD = re.compile(r""""([^"]+)"|'([^']+)'|([^\s{}"']+)""")


def known(directory: str, own: str) -> tuple[str, ...]:
    """The patterns of the logs that logrotate rotates by its main file and those in ``directory``, ``own`` apart."""
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    found: list[str] = []
    for path in [_MAIN, *(os.path.join(directory, name) for name in names if name != own)]:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as stream:
                found += patterns(stream.read())
    return tuple(found)


def patterns(text: str) -> list[str]:
    """The patterns of logs in one file of logrotate."""
    found = []
    inside = script = False
    for line in text.splitlines():
        stripped = line.strip()
        first = stripped.split(None, 1)[0] if stripped else ""
        if first in _SCRIPTS:
            script = True
        elif first == "endscript":
            script = False
        elif not script and not stripped.startswith("#"):
            if not inside:
                words = ["".join(groups) for groups in _WORD.findall(stripped.partition("{")[0])]
                found += [word for word in words if word.startswith("/")]
            inside = (inside or "{" in stripped) and "}" not in stripped
    return found


def covers(rotated: Sequence[str], path: str) -> bool:
    """Whether one of these patterns is for the log ``path``."""
    return any(glob_expression(pattern).match(path) for pattern in rotated)


def rule(log_path: str, reopen: str) -> str:
    """A file of ours for a log that no other rule covers; ``reopen`` (shell) lets the server open its logs anew."""
    return (
        f"# {MARK} log rotation. Generated; changes are overwritten.\n{log_path} {{\n"
        "    daily\n    rotate 14\n    missingok\n    notifempty\n    compress\n    delaycompress\n    sharedscripts\n"
        f"    postrotate\n        {reopen}\n    endscript\n}}\n"
    )
