# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy as the engine drives it: read, plan, check, activate."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .. import logrotate, restore
from ..command import check
from ..errors import OriginError
from ..marks import is_ours
from ..model import NOTHING, Control, FileChange, Lost, Options, Plan, Protection, Runner, Site
from . import planning, process, render, staging
from .binds import binds
from .config import parse
from .survey import ROTATION_FILE, UNIT, Discovery, Paths, read_certificates, read_lists, without_ours


class HAProxyDriver:
    """Driver of HAProxy (see :class:`~..model.Driver`)."""

    name = "haproxy"

    def __init__(self, paths: Paths, run: Runner) -> None:
        self.paths = paths
        self.run = run

    def discover(self) -> Discovery:
        """How HAProxy was started, what its files say, and what of it is ours."""
        running = process.find(self.paths, self.run)
        texts = {file: _read(file).decode("latin-1") for file in running.files}
        bare: dict[str, str] = {}
        blocks: dict[str, list[tuple[int, int]]] = {}
        marked: set[tuple[str, int]] = set()
        for file, text in texts.items():
            bare[file], blocks[file], lines = without_ours(text, self.paths.directory)
            marked |= {(file, line) for line in lines}
        configuration = parse(bare, running.environment)
        found = Discovery(configuration, texts, running, self.paths, blocks, frozenset(marked))
        own, strangers = _own_files(found)
        return replace(
            found,
            certificates=read_certificates(configuration),
            lists=read_lists(configuration),
            own=own,
            strangers=strangers,
            rotated=logrotate.known(self.paths.logrotate_directory, ROTATION_FILE),
        )

    def stages(self, discovery: Discovery) -> dict[str, str]:
        """The strictest stage of each hostname that a section has loaded."""
        return discovery.protected()

    def inspect(self, discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
        """Where each hostname is served and at which stage."""
        return planning.sites(discovery, hostnames)

    def lost(self, discovery: Discovery) -> list[Lost]:
        """The hostnames that files of ours name and no section protects."""
        return planning.lost(discovery)

    def listeners(self, discovery: Discovery) -> list[str]:
        """The sockets of all sections with HTTP that others can reach."""
        found = set()
        for bind in (bind for section in discovery.sections if section.http for bind in binds(section)):
            for address in bind.addresses:
                if not address.inner and not address.is_local:
                    found.add(f"{address}{'' if address.quic else ' ssl' if bind.tls else ' plain'}")
        return sorted(found)

    def plan(self, discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
        """What would be changed and what speaks against it."""
        made = planning.make(discovery, wanted, options)
        files = {change.path: change for change in made.changes}
        control = self.control(discovery, files, undo=False)
        return replace(made, control=control, undo=self.control(discovery, files, undo=True))

    def validate(self, discovery: Discovery, plan: Plan) -> None:
        """Let HAProxy check the configuration as it would be."""
        staging.validate(discovery, plan, self.run)

    def validate_live(self, control: Control) -> None:
        """Let HAProxy check what is on disk."""
        check("HAProxy", control, self.run)

    def activate(self, kind: str, control: Control) -> None:
        """Let the master start a process with what is on disk, and see that it does."""
        if kind == NOTHING:
            return
        witnesses = [restore.witness(proof) for proof in control.proofs]
        done = self.run(control.reload, control.environment)
        problem = done.output.strip() if done.status else restore.awaited(witnesses, restore.RELOAD_SECONDS)
        if problem:
            raise OriginError(f"HAProxy keeps its old configuration: {problem}", "Mend what it names, and run again.")

    def control(self, found: Discovery, changes: Mapping[str, FileChange], undo: bool) -> Control:
        """How this HAProxy is checked and told. The program of its log comes before that, and goes after it."""
        script = f"systemctl reload {self.paths.service}"
        if any(path.startswith(self.paths.unit_directory + "/") for path in changes):
            socket = changes.get(posixpath.join(self.paths.unit_directory, UNIT + ".socket"))
            if socket is None or (socket.before if undo else socket.after) is not None:
                log = f"systemctl daemon-reload && systemctl stop {UNIT}.service && systemctl restart {UNIT}.socket"
                script = f"{log} && {script}"
            else:
                # A run that died may not have let systemd know them.
                script += f" && {{ systemctl stop --quiet {UNIT}.socket {UNIT}.service; systemctl daemon-reload; }}"
        return Control(
            validate=found.process.check(),
            reload=("/bin/sh", "-c", script),
            proofs=({"kind": "children", "pid_file": found.process.pid_file},),
            environment=found.process.environment,
        )


def make(paths: Mapping[str, str], run: Runner) -> HAProxyDriver:
    """The driver with the paths of this distribution (keys as in :class:`Paths`, all optional)."""
    known = {key: value for key, value in paths.items() if key in Paths.__dataclass_fields__ and value}
    return HAProxyDriver(Paths(**known), run)


def _own_files(found: Discovery) -> tuple[dict[str, bytes], list[str]]:
    """Files with our mark (path to content), and files without it in places of ours."""
    own: dict[str, bytes] = {}
    strangers: list[str] = []
    places = [posixpath.join(found.paths.logrotate_directory, ROTATION_FILE), *render.units(found, "")]
    if os.path.isdir(found.paths.directory):
        places += [found.in_directory(name) for name in sorted(os.listdir(found.paths.directory))]
    for path in places:
        if os.path.isfile(path):
            content = _read(path)
            if is_ours(content) or content == render.pattern().encode():
                own[path] = content
            else:
                strangers.append(path)
    return own, strangers


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
