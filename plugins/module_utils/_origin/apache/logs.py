# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verification log: a file of ours at server level, and its rotation."""

from __future__ import annotations

import fnmatch
import os
import re

from .. import logrotate
from ..model import FileChange, Finding
from . import rendering, sites
from .discovery import Discovery
from .filesystem import path_matches
from .sites import Stages
from .tree import INCLUDES


class Log:
    """The verification log of all ``stages`` at ``log_path`` (empty: where it is, else in the log directory)."""

    def __init__(self, discovery: Discovery, stages: Stages, log_path: str) -> None:
        self._discovery = discovery
        self._stages = stages.strictest
        self._mixed = stages.mixed
        self._place = self._configuration()
        before = self._before(self._place) or self._before(discovery.paths.log_configuration) or b""
        known = rendering.log_path_in(before.decode("utf-8", "replace"))
        self._path = log_path or known or os.path.join(discovery.paths.log_directory, "aop.log")

    def findings(self) -> list[Finding]:
        """Why there can't be such a log."""
        if not self._stages:
            return []
        found = []
        if not self._place:
            found.append(
                Finding(
                    "log_configuration", "error", ", ".join(sorted(self._stages)),
                    f"Apache includes neither {self._discovery.paths.log_configuration} nor any directory where our "
                    "log could be configured",
                    f"Put IncludeOptional {self._discovery.paths.log_configuration} into its main configuration.",
                    self._discovery.dump.files[0],
                )
            )  # fmt: skip
        if "log_config" not in self._discovery.dump.modules:
            found.append(
                Finding(
                    "no_log_module", "error", ", ".join(sorted(self._stages)), "Apache has mod_log_config not loaded",
                    "Load it.",
                )
            )  # fmt: skip
        writable = os.path.isdir(os.path.dirname(self._path)) and not os.path.isdir(self._path)
        if not writable or re.search(r'["\s]', self._path):
            found.append(
                Finding(
                    "log_path", "error", ", ".join(sorted(self._stages)),
                    f"the verification log {self._path} can't be written, and Apache would die of it",
                    "Make its directory, or choose another log_path without blanks.",
                )
            )  # fmt: skip
        return found

    def files(self) -> list[FileChange]:
        """Configuration and, where the distribution doesn't do it, rotation."""
        paths = self._discovery.paths
        changes = []
        for place in dict.fromkeys((self._place, paths.log_configuration)):
            before = self._before(place)
            after: bytes | None = None
            if self._stages and place == self._place:
                proxied = [name for name in self._stages if sites.behind_proxy(self._discovery, name)]
                after = rendering.log(self._stages, self._path, self._discovery.dump, proxied, self._mixed).encode()
            if place and (before is not None or after is not None):
                changes.append(FileChange(place, before, after))
        before = self._discovery.own.get(paths.rotation)
        covered = logrotate.covers(self._discovery.rotated, self._path)
        wanted = self._stages and os.path.isdir(paths.logrotate_directory) and not covered
        reopen = f"systemctl reload {paths.service}.service > /dev/null 2>&1 || true"
        after = logrotate.rule(self._path, reopen).encode() if wanted else None
        if before is not None or after is not None:
            changes.append(FileChange(paths.rotation, before, after))
        return changes

    def _before(self, place: str) -> bytes | None:
        return self._discovery.own.get(place, self._discovery.tree.sources.get(place))

    def _configuration(self) -> str:
        """The first place that is included at server level: the distribution's, else beside other files."""
        tree = self._discovery.tree
        patterns = [tree.absolute(item.arguments[-1]) for item in tree.directives(*INCLUDES) if item.arguments]
        wanted = self._discovery.paths.log_configuration
        if any(path_matches(wanted, pattern) for pattern in patterns):
            return wanted
        for pattern in patterns:
            directory, name = os.path.split(pattern)
            if os.path.isdir(directory) and fnmatch.fnmatchcase(os.path.basename(wanted), name):
                return os.path.join(directory, os.path.basename(wanted))
        return ""
