# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what Apache has loaded: its own dumps, the files they name, and our files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import logrotate, marks
from ..errors import OriginError, ValidationFailed
from ..model import MARK, Runner
from ..trust import fingerprints
from . import dumps, tree
from .dumps import Dump, VirtualHost
from .grammar import Section
from .paths import Paths
from .tree import Tree

MINIMUM_VERSION = (2, 4, 19)
#: Files beside the loaded ones (sites-available) that are larger than this are surely no site files.
_DORMANT_LIMIT = 1 << 20


@dataclass(frozen=True, eq=False)
class Discovery:
    """Apache as found. ``own`` are our files by path, ``rotated`` the patterns of other rules of logrotate, ``dormant``
    the files beside the loaded ones that hold our mark. ``remembered`` is for what is asked again for every hostname.
    """

    dump: Dump
    tree: Tree
    paths: Paths
    own: Mapping[str, bytes]
    rotated: Sequence[str]
    dormant: Mapping[str, bytes]
    remembered: dict[str, Any] = field(default_factory=dict)

    def section(self, host: VirtualHost) -> Section | None:
        """The section of a dumped virtual host; with a macro that makes several, the one with its name."""
        if "sections" not in self.remembered:
            index: dict[tuple[str, int], list[Section]] = {}
            for section in self.tree.sections("virtualhost"):
                for line in range(section.line, section.end_line + 1):
                    index.setdefault((section.file, line), []).append(section)
            self.remembered["sections"] = index
        found: list[Section] = self.remembered["sections"].get((os.path.normpath(host.file), host.line), [])
        if len(found) > 1:
            named = [item for item in found if host.name in server_names(item)]
            found = named or found
        return found[0] if found else None

    def stages(self, section: Section) -> dict[str, str]:
        """The stage of each hostname whose snippet this virtual host has loaded; the one that is read last counts."""
        known: dict[int, dict[str, str]] = self.remembered.setdefault("stages", {})
        if id(section) not in known:
            files = dict.fromkeys(node.file for node in section.children)
            known[id(section)] = {
                self.snippets[file][0]: self.snippets[file][1] for file in files if file in self.snippets
            }
        return known[id(section)]

    @property
    def snippets(self) -> dict[str, tuple[str, str]]:
        """Hostname and stage of each snippet of ours on disk, loaded or not."""
        if "snippets" not in self.remembered:
            found = {}
            for path, content in sorted(self.own.items()):
                first = content.partition(b"\n")[0].decode("latin-1")
                for hostname, stage in marks.stages([first]).items():
                    if path in self.paths.snippets(hostname):
                        found[os.path.normpath(path)] = hostname, stage
            self.remembered["snippets"] = found
        known: dict[str, tuple[str, str]] = self.remembered["snippets"]
        return known

    def protected(self) -> dict[str, str]:
        """The strictest stage of each hostname that Apache has loaded in any virtual host."""
        if "protected" not in self.remembered:
            loaded = (entry for section in self.tree.sections("virtualhost") for entry in self.stages(section).items())
            self.remembered["protected"] = marks.strictest(loaded)
        known: dict[str, str] = self.remembered["protected"]
        return known

    def trusts(self, hostname: str) -> tuple[str, ...]:
        """The fingerprints of the CAs in the bundle of ``hostname``."""
        return fingerprints(self.own.get(self.paths.bundle(hostname), b"").decode("latin-1"))


def server_names(section: Section) -> list[str]:
    """The names that a virtual host's own ServerName directives give, in lower case, without scheme and port."""
    names = [item.arguments[0] for item in tree.own(section.children, "servername") if item.arguments]
    return [name.rpartition("://")[2].partition(":")[0].lower() for name in names]


def discover(paths: Paths, run: Runner) -> Discovery:
    """Ask Apache and read the files. Errors: it isn't there, its configuration is broken, it's too old."""
    version = run((paths.control, "-v"), {})
    told = run((paths.control, *dumps.FLAGS), {})
    if told.status != 0:
        raise ValidationFailed("Apache", told.output, "it was broken before we came, and nothing was changed")
    dump = dumps.parse_dump(version.output, told.output)
    if dump.version < MINIMUM_VERSION:
        raise OriginError(
            "Apache {}.{}.{} is too old: its logs can't be added to without replacing those of the sites".format(
                *dump.version
            ),
            "Upgrade to 2.4.19 or newer.",
        )
    environment = _environment(paths, run)
    loaded = tree.build(dump, environment)
    return Discovery(
        dump=dump,
        tree=loaded,
        paths=paths,
        own=_own(paths),
        rotated=logrotate.known(paths.logrotate_directory, os.path.basename(paths.rotation)),
        dormant=_dormant(loaded),
    )


def _environment(paths: Paths, run: Runner) -> dict[str, str]:
    """The variables that Apache is started with, from the file that its start script reads."""
    if not os.path.exists(paths.envvars):
        return dict(os.environ)
    told = run(("sh", "-c", 'set -a; . "$1"; exec env -0', "sh", paths.envvars), {})
    if told.status != 0:
        raise OriginError(f"{paths.envvars} can't be read by a shell: {told.output.strip()}", "Mend it.")
    return dict(entry.split("=", 1) for entry in told.output.split("\0") if "=" in entry)


def _own(paths: Paths) -> dict[str, bytes]:
    found = {path: content for folder in paths.folders for path, content in _directory(folder).items()}
    for path in (paths.log_configuration, paths.rotation):
        content = _read(path)
        if content is not None:
            found[path] = content
    return found


def _directory(path: str) -> dict[str, bytes]:
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    found = {}
    for name in names:
        file = os.path.join(path, name)
        content = _read(file) if os.path.isfile(file) else None
        if content is not None:
            found[file] = content
    return found


def _dormant(loaded: Tree) -> dict[str, bytes]:
    real = {os.path.realpath(name) for name in loaded.sources}
    found = {}
    for directory in sorted({os.path.dirname(name) for name in real}):
        for entry in os.scandir(directory):
            path = os.path.realpath(entry.path)
            if path in real or not entry.is_file() or entry.stat().st_size > _DORMANT_LIMIT:
                continue
            content = _read(path)
            if content is not None and MARK.encode() in content and not marks.is_ours(content):
                found[path] = content
    return found


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
