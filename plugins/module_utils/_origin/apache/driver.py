# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache as a driver: what the engine asks of every server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace

from ..command import check
from ..errors import OriginError, ValidationFailed
from ..model import NOTHING, Control, Lost, Options, Plan, Proof, Protection, Runner, Site
from . import bundle, discovery, grammar, matching, planning, process
from .discovery import Discovery
from .grammar import Directive
from .paths import Paths
from .staging import Stage

_PID_FILE = "/var/run/apache2/apache2.pid"


class Apache:
    """The driver; see :class:`..model.Driver`."""

    name = "apache"

    def __init__(self, paths: Paths, run: Runner) -> None:
        self._paths = paths
        self._run = run

    def discover(self) -> Discovery:
        """Read what is loaded, from Apache's own dumps."""
        return discovery.discover(self._paths, self._run)

    def stages(self, discovery: Discovery) -> dict[str, str]:
        """The strictest stage of each hostname that a virtual host has loaded."""
        return discovery.protected()

    def inspect(self, discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
        """The sites of ``hostnames``, or all that are protected."""
        return planning.inspect(discovery, hostnames)

    def lost(self, discovery: Discovery) -> list[Lost]:
        """The hostnames whose snippets protect nothing."""
        return planning.lost(discovery)

    def listeners(self, discovery: Discovery) -> list[str]:
        """Where it listens for others."""
        there = [one for one in matching.endpoints(discovery) if not one.local and one.port.isdigit()]
        return sorted(f"{one.label} {'ssl' if matching.speaks_tls(discovery, one.group) else 'plain'}" for one in there)

    def plan(self, discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
        """The whole change set; touches nothing."""
        made = planning.plan(discovery, wanted, options)
        undo = self._control(discovery)
        knocks = _knocks(discovery, made.sites)
        return replace(made, control=replace(undo, proofs=(*undo.proofs, *knocks)), undo=undo)

    def validate(self, discovery: Discovery, plan: Plan) -> None:
        """Let Apache check the configuration as it would be, and check what Apache doesn't."""
        for change in plan.changes:
            if change.path.endswith(".pem") and change.after is not None:
                problem = bundle.problem(change.after.decode("latin-1"))
                if problem:
                    raise OriginError(f"{change.path}: {problem}", "Nothing was changed; give another trust bundle.")
        root = tempfile.mkdtemp(prefix="originlock-apache-")
        try:
            stage = Stage(discovery, {change.path: change.after for change in plan.files}, root)
            done = self._run((self._paths.control, "-t", "-f", stage.build()), {})
            if done.status != 0:
                raise ValidationFailed("Apache", stage.translate(done.output), "nothing was changed")
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def validate_live(self, control: Control) -> None:
        """Let Apache check what is on disk."""
        check("Apache", control, self._run)

    def activate(self, kind: str, control: Control) -> None:
        """Reload (or start) it and see that it lives and answers."""
        if kind != NOTHING:
            process.Server(self._paths, self._run, control).activate()

    def _control(self, discovery: Discovery) -> Control:
        """How this Apache is checked and told; it's started if it's dead."""
        root, dump = discovery.dump.server_root, discovery.dump
        return Control(
            validate=(self._paths.control, "-t"),
            reload=("systemctl", "reload-or-restart", self._paths.service + ".service"),
            proofs=({"kind": "children", "pid_file": os.path.join(root, dump.pid_file or _PID_FILE)},),
            error_log=os.path.join(root, dump.error_log),
        )


def _knocks(discovery: Discovery, sites: Sequence[Site]) -> list[Proof]:
    """One handshake for each site and address that this machine can reach by itself."""
    found: dict[tuple[str, str, str], Proof] = {}
    listeners = matching.listeners(discovery)
    nodes = grammar.walk(discovery.tree.nodes)
    proxied = any(isinstance(node, Directive) and node.key == matching.PROXY_PROTOCOL for node in nodes)
    for site in sites:
        for label in site.listeners:
            address, _colon, port = label.rpartition(":")
            if address == "*":
                bound = [each for each, number in listeners if number == port and each != "*"]
                address = bound[0] if bound else "127.0.0.1"
            if port.isdigit():
                where = {"address": address.strip("[]"), "port": int(port), "server_name": site.hostname}
                found.setdefault((address, port, site.hostname), {"kind": "tls", **where, "proxied": proxied})
    # A thousand hostnames at one address are one generation of processes; a few handshakes tell.
    return list(found.values())[:20]
