# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run tasks with the real ansible-playbook and read what each returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.client import Control, environment

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".collections"


@dataclass(frozen=True)
class Play:
    """Results of the tasks, in order, and everything ansible printed."""

    results: list[dict[str, Any]]
    output: str

    @property
    def last(self) -> dict[str, Any]:
        """Result of the last task."""
        return self.results[-1]


def ansible_environment(sandbox: Control, home: str) -> dict[str, str]:
    """Environment for ansible: this checkout's collection, the sandbox, a cache folder of its own."""
    return dict(
        environment(sandbox),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        PYTHONPATH=str(COLLECTIONS),
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_HOME=os.path.join(home, "ansible"),
        XDG_CACHE_HOME=os.path.join(home, "cache"),
    )


def playbook(tasks: Sequence[Mapping[str, Any]], results: str) -> str:
    """The text of a playbook (JSON is YAML). Each task goes on after a failure; the results are written at the end."""
    steps: list[dict[str, Any]] = [
        dict({"name": f"task {number}", "register": f"result_{number}", "ignore_errors": True}, **task)
        for number, task in enumerate(tasks)
    ]
    listed = ", ".join(f"result_{number}" for number in range(len(tasks)))
    content = f"{{{{ [{listed}] | to_json }}}}"
    steps.append(
        {
            "name": "write the results",
            "ansible.builtin.copy": {"content": content, "dest": results, "mode": "0600"},
            "no_log": True,
            "check_mode": False,
            "diff": False,
        }
    )
    return json.dumps(
        [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "vars": {"ansible_python_interpreter": sys.executable},
                "module_defaults": {"group/originlock.aop.cloudflare": {"zone": "example.com"}},
                "tasks": steps,
            }
        ]
    )


def play(
    sandbox: Control,
    *tasks: Mapping[str, Any],
    check: bool = False,
    verbosity: int = 0,
    env: Mapping[str, str] | None = None,
) -> Play:
    """Run the tasks; a task is ``{"hostname_certificate": {...}, "check_mode": True, ...}`` (short names are ours)."""
    named = [
        {key if key in _KEYWORDS or "." in key else "originlock.aop." + key: value for key, value in task.items()}
        for task in tasks
    ]
    with tempfile.TemporaryDirectory(prefix="play-") as folder:
        results = os.path.join(folder, "results.json")
        book = Path(folder, "play.yml")
        book.write_text(playbook(named, results), encoding="utf-8")
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(book), *(["--check"] if check else [])]
        command += ["--diff"] + (["-" + "v" * verbosity] if verbosity else [])
        ran = subprocess.run(
            command,
            env=dict(ansible_environment(sandbox, folder), **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert os.path.exists(results), ran.stdout
        return Play(json.loads(Path(results).read_text(encoding="utf-8")), ran.stdout)


_KEYWORDS = ("check_mode", "diff", "name", "no_log", "ignore_errors", "vars", "environment", "delegate_to")
