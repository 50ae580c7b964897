# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine of the echo double: a directory, with the real engine in processes of its own and a played systemd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.origins.host import WORK, Answer, Fault, Host
from tests.origins.work import perform, tree

ROOT = Path(__file__).resolve().parents[2]
SITES = """# The sites of this machine.
site app.example.com
  # mine
site api.example.com

site www.example.org
"""


class EchoHost(Host):
    """A directory instead of a container."""

    server = "echo"
    soon = 4
    stride = 1
    code = ((str(ROOT / ".collections"), str(ROOT)), "ansible_collections.originlock.aop.plugins.module_utils._origin")
    more_servers = {"echo": "tests.contract.echo"}

    def __init__(self, root: Path) -> None:
        super().__init__("echo", "", "")
        self.root = root
        self.paths = {"root": str(root)}
        self.state, self.temporary = str(root / "state"), str(root / "tmp")
        self.etc, self.aop_log = str(root / "etc"), str(root / "aop.log")  # type: ignore[misc]
        self.process: subprocess.Popen[bytes] | None = None

    def reset(self) -> None:
        self.end()
        for name in ("etc", "units", "tmp"):
            (self.root / name).mkdir()
        (self.root / "etc" / "sites.conf").write_text(SITES)
        shutil.copy(WORK, self.root)
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "echo" / "server.py"), str(self.root)]
        )
        while not (self.root / "api").exists():
            assert self.process.poll() is None
            time.sleep(0.01)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for timer in (self.root / "units").glob("*.timer"):
            subprocess.run(["systemctl", "stop", timer.name], env=self._environment(), check=False)
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def generation(self) -> object:
        return self._loaded()["loads"]

    def driver(self, **work: Any) -> dict[str, Any]:
        if "die_at" in work:
            return super().driver(**work)
        # In this process, as another one takes a third of a second to begin.
        with patch.dict(os.environ, self._environment()), patch.object(tempfile, "tempdir", self.temporary):
            return perform(self.work(**work))

    @property
    def program(self) -> list[str]:
        return [sys.executable, str(self.root / "work.py")]

    def tree(self) -> dict[str, list[Any]]:
        return tree([self.etc, self.state])

    def faults(self) -> dict[str, Fault]:
        site = self.root / "etc" / "sites.conf"
        return {"reload": Fault(lambda: site.write_text(SITES + "late\n") and None, ("it's too late",), live=True)}

    def request(self, sni: str | None, host: str | None, *_target: str, **more: Any) -> Answer:
        """By what it has loaded: at enforce, only the holder of the right certificate is served."""
        protect = self._loaded()["protect"][host]
        right = more.get("identity") and Path(more["identity"]).stem == "valid"
        return Answer(403 if "stage=enforce" in protect and not right else 200)

    def _loaded(self) -> dict[str, Any]:
        from ansible_collections.originlock.aop.plugins.module_utils._origin import restore

        time.sleep(0.05)  # it looks at its files every 20 ms
        loaded: dict[str, Any] = json.loads(restore.api_answer(f"unix:{self.root}/api", "/")[1])
        return loaded

    def _environment(self) -> dict[str, str]:
        path = f"{Path(__file__).parent / 'bin'}:{os.environ['PATH']}"
        return dict(os.environ, PATH=path, UNITS=str(self.root / "units"), TMPDIR=self.temporary)

    def _exec(self, argv: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            list(argv), input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
            env=self._environment(), cwd=self.root,
        )  # fmt: skip
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode())
