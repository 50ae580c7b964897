# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Its driver. The server has no command to check or to reload: a throw-away process checks; it watches its files."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._origin import marks, restore, trust
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError, ValidationFailed
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import (
    MARK,
    NOTHING,
    OFF,
    RELOAD,
    Control,
    Driver,
    FileChange,
    Finding,
    Lost,
    Options,
    Plan,
    Protection,
    Runner,
    Site,
    kept,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.words import Words, size

SERVER = Path(__file__).with_name("server.py")
Loaded = dict[str, Any]


class Echo:
    """See ``Driver`` in _origin/model.py."""

    name = "echo"

    def __init__(self, root: Path, run: Runner) -> None:
        self.root = root
        self.run = run

    def discover(self) -> Loaded:
        try:
            _status, text = restore.api_answer(f"unix:{self.root}/api", "/")
        except OSError as error:
            raise OriginError(f"echo doesn't run: {error}", "Start it.") from None
        loaded: Loaded = json.loads(text)
        loaded["logged"] = size(f"{self.root}/error.log")
        loaded["own"] = {str(path): path.read_bytes() for path in sorted((self.root / "etc" / "aop").glob("*"))}
        return loaded

    def stages(self, discovery: Loaded) -> dict[str, str]:
        return marks.stages(discovery["protect"].values())

    def inspect(self, discovery: Loaded, hostnames: Sequence[str]) -> list[Site]:
        stages = self.stages(discovery)
        names = [name for name in hostnames or sorted(stages) if name in discovery["sites"]]
        return [self._site(discovery, name, stages.get(name, OFF)) for name in names]

    def lost(self, discovery: Loaded) -> list[Lost]:
        left = marks.stages(content.decode() for content in discovery["own"].values())
        return [Lost(name, stage, ()) for name, stage in left.items() if name not in self.stages(discovery)]

    def listeners(self, discovery: Loaded) -> list[str]:
        return ["*:443 ssl"]

    def plan(self, discovery: Loaded, wanted: Sequence[Protection], options: Options) -> Plan:
        before, protect, sites = self.stages(discovery), discovery["protect"], discovery["sites"]
        findings: list[Finding] = []
        for entry in wanted:
            findings += trust.missing(entry, bool(protect.get(entry.name)), options)
            if entry.name not in sites:
                findings.append(Finding("not_served", "error", entry.name, "it isn't served here", "Serve it."))
        if findings:
            return Plan(findings=tuple(findings))
        stages = {entry.name: kept(entry, before.get(entry.name, OFF), options) for entry in wanted}
        pieces: dict[str, list[marks.Piece]] = {}
        files = []
        for entry in wanted:
            path = str(self.root / "etc" / "aop" / entry.name)
            stage, trusted = stages[entry.name], entry.trust_bundle or protect[entry.name].partition("\n")[2]
            content = marks.header(stage, entry.name) + trusted if stage != OFF else ""
            files.append(FileChange(path, discovery["own"].get(path), content.encode() or None))
            site, line = discovery["sites"][entry.name], f"  protect aop/{entry.name}  # {MARK}\n"
            at = sum(map(len, discovery["files"][site["file"]].splitlines(keepends=True)[: site["line"]]))
            known = protect[entry.name] != ""
            if known and not content:
                pieces.setdefault(site["file"], []).append((at, at + len(line), ""))
            elif content and not known:
                pieces.setdefault(site["file"], []).append((at, at, line))
        files += [marks.spliced(path, discovery["files"][path], found) for path, found in pieces.items()]
        after = {entry.name: change.after or b"" for entry, change in zip(wanted, files)}
        return Plan(
            files=tuple(files),
            sites=tuple(self._site(discovery, one, before.get(one, OFF), stages[one], after[one]) for one in stages),
            activation=RELOAD if any(change.changed for change in files) else NOTHING,
            own_directories=(str(self.root / "etc" / "aop"),),
            control=self._control(discovery, {name: content.decode() for name, content in after.items()}),
            undo=self._control(discovery, {name: protect[name] for name in after}),
        )

    def validate(self, discovery: Loaded, plan: Plan) -> None:
        with tempfile.TemporaryDirectory(prefix="originlock-echo-") as copy:
            shutil.copytree(self.root / "etc", Path(copy) / "etc")
            for change in plan.changes:
                path = Path(copy) / Path(change.path).relative_to(self.root)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(change.after or b"")
            done = self.run((sys.executable, str(SERVER), copy, "--check"), {})
            if done.status != 0:
                raise ValidationFailed("echo", done.output.replace(copy, str(self.root)), "nothing was changed")

    def validate_live(self, control: Control) -> None:
        """It has no command for that."""

    def activate(self, kind: str, control: Control) -> None:
        words = Words(control.error_log, control.error_log_end)
        problem = restore.awaited([restore.witness(proof) for proof in control.proofs], 4)
        if problem:
            raise OriginError(f"echo doesn't take it: {problem}.{words.since()}", "Mend what it names.")

    def _control(self, discovery: Loaded, protect: Mapping[str, str]) -> Control:
        has = [json.dumps({name: text})[1:-1] for name, text in protect.items()]
        proof = {"kind": "api", "address": f"unix:{self.root}/api", "path": "/", "contains": has}
        return Control(proofs=(proof,), error_log=str(self.root / "error.log"), error_log_end=discovery["logged"])

    def _site(self, discovery: Loaded, name: str, stage: str, after: str = "", text: bytes | None = None) -> Site:
        site, now = discovery["sites"][name], discovery["protect"][name]
        trusts = trust.fingerprints(now), trust.fingerprints(now if text is None else text.decode())
        return Site(name, site["file"], site["line"], ("*:443",), stage, after or stage, *trusts)


def make(paths: dict[str, str], run: Runner) -> Driver[Loaded]:
    return Echo(Path(paths["root"]), run)
