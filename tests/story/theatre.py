# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place where the story plays: origins in containers, the sandbox as Cloudflare, a project as users have it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hosts import fleet
from tests.hosts.commands import podman
from tests.sandbox.client import SandboxProcess, environment

from .visitors import Visitors

ROOT = Path(__file__).resolve().parents[2]
HOSTNAMES = ["api.example.com", "app.example.com"]
FLEET = "nginx-bookworm,nginx-trixie,apache-bookworm,apache-trixie"
# The Python whose ansible-core plays the playbooks.
PLAYER = os.environ.get("ORIGINLOCK_PLAYER", sys.executable)
PASSPHRASE = "correct horse battery staple 4711"


@dataclass(frozen=True)
class Played:
    """A playbook that was run: how it ended, what it printed, and the counts of its recap."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        return self._count("changed=")

    @property
    def failed(self) -> int:
        return self._count("failed=") + self._count("unreachable=")

    def _count(self, word: str) -> int:
        recap = self.output.rpartition("PLAY RECAP")[2]
        return sum(int(part[len(word) :]) for part in recap.split() if part.startswith(word))


class Theatre:
    """Origins, sandbox and project of one story. Use as a context manager; ``keep`` leaves all of it running.

    ``hosts`` may be empty: the sandbox alone. ``settings`` are variables of the project beside the usual ones,
    ``switches`` those of the sandbox.
    """

    def __init__(
        self,
        prefix: str,
        hosts: str = FLEET,
        keep: bool = False,
        settings: dict[str, Any] | None = None,
        switches: dict[str, Any] | None = None,
    ) -> None:
        self.prefix = prefix
        self.keep = keep
        self._hosts = hosts
        self._settings = settings or {}
        self._switches = switches or {}
        self._stack = ExitStack()
        self.project = Path(tempfile.mkdtemp(prefix=f"originlock-{prefix}-"))
        self.inventory = self.project / "inventory" / "hosts.json"
        self.sandbox = SandboxProcess()
        self.fleet: dict[str, Any] = {}
        self.extra_environment: dict[str, str] = {}

    def __enter__(self) -> Theatre:
        try:
            self._raise_curtain()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.keep or kind is KeyboardInterrupt:
            self.close()

    def _raise_curtain(self) -> None:
        self.inventory.parent.mkdir(parents=True)
        source = ()
        if self._hosts:
            self._stack.callback(fleet.down, self.prefix)
            self.fleet = fleet.up(self.prefix, fleet.parse_hosts(self._hosts), True, self.inventory)
            source = ("--edge-source", self.fleet["edge_addresses"][0])
        else:
            self.fleet = {"hosts": {}}
            self.inventory.write_text(json.dumps({"aop_origins": {"hosts": {}}}))
        self.sandbox = self._stack.enter_context(SandboxProcess(*source, outlive=self.keep))
        self.prepare_sandbox()
        variables = self.inventory.parent / "group_vars" / "all"
        variables.mkdir(parents=True)
        settings = {
            "aop_zones": [{"name": "example.com", "hostnames": HOSTNAMES}],
            "aop_pki_dir": str(self.project / "pki"),
            "aop_ca_passphrase": PASSPHRASE,
            "aop_edge_connect_to": "{}:{}".format(*self.sandbox.edge),
            "aop_edge_ca_path": str(self.sandbox.edge_ca),
            **({} if self._hosts else {"aop_hosts": "!all"}),
            **self._settings,
        }
        (variables / "aop.yml").write_text(json.dumps(settings, indent=2) + "\n")

    def prepare_sandbox(self) -> None:
        """DNS records and switches; again after a reset."""
        self.sandbox.dns({name: self.record() for name in HOSTNAMES if self._hosts})
        self.sandbox.config(**self._switches)

    def record(self, *names: str) -> dict[str, Any]:
        """The DNS record of a hostname on the named origins (all of them by default), proxied."""
        hosts = self.fleet["hosts"]
        return {"addresses": [hosts[name]["address"] for name in names or sorted(hosts)], "proxied": True}

    def close(self) -> None:
        """Take everything down that this theatre brought up."""
        self._stack.close()
        shutil.rmtree(self.project, ignore_errors=True)

    def visitors(self, per_second: float = 50) -> Visitors:
        """Visitors of the protected hostnames, to be used as a context manager."""
        return Visitors(self.sandbox, HOSTNAMES, per_second)

    def environment(self) -> dict[str, str]:
        """What a user's shell would hold: the token and where the API is."""
        return {
            **environment(self.sandbox),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            **self.extra_environment,
        }

    def play(self, name: str, *arguments: str, check: bool = True, **variables: Any) -> Played:
        """Run the playbook ``originlock.aop.<name>``. With ``check``, a failure is an error with the output."""
        process = self.start(name, *arguments, **variables)
        try:
            output, _nothing = process.communicate(timeout=900)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        played = Played(process.returncode, output)
        if check and played.status != 0:
            raise AssertionError(f"{name} ended with {played.status}:\n{output}")
        return played

    def start(self, name: str, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own, so that all of it can be killed."""
        argv = [PLAYER, "-m", "ansible", "playbook", "-i", str(self.inventory), f"originlock.aop.{name}"]
        if variables:
            argv += ["-e", json.dumps(variables)]
        return subprocess.Popen(
            [*argv, *arguments],
            env=self.environment(),
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def shell(self, host: str, command: str) -> str:
        """Run ``command`` on an origin and return what it printed."""
        return podman("exec", self.fleet["hosts"][host]["container"], "sh", "-c", command, timeout=60).stdout
