# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One piece of work of the driver, on the machine where the server runs: JSON comes in, JSON goes out.

``work.py tree FOLDER...`` tells what is in some folders.

A program of its own, which imports the driver's code from where it's told to.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Callable


class Steps:
    """Counts what a run does, and ends it by a signal at one of these steps."""

    def __init__(self, die_at: int | None) -> None:
        self.count = 0
        self.die_at = die_at

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self.count == self.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
            return function(*arguments)

        return call


def perform(work: dict[str, Any]) -> dict[str, Any]:
    """Do what ``work["what"]`` says."""
    engine, restore, command, errors, servers = (
        importlib.import_module(f"{work['base']}.{name}")
        for name in ("apply", "restore", "command", "errors", "servers")
    )
    for name, module in work["more_servers"].items():
        made = importlib.import_module(module).make
        servers.SERVERS[name] = servers.Server(name, made, logs=(), tolerant=True, logs_refusals=False)
    driver, steps = servers.load(work["server"], work["paths"], command.run), Steps(work.get("die_at"))
    driver.validate_live, driver.activate = steps.counted(driver.validate_live), steps.counted(driver.activate)
    kept = restore.write_atomically, engine.PATIENCE_SECONDS
    restore.write_atomically = steps.counted(restore.write_atomically)
    engine.PATIENCE_SECONDS = work.get("patience", engine.PATIENCE_SECONDS)
    try:
        result = _DOES[work["what"]](work, driver)
        return dict(result, steps=steps.count) if work["what"] == "apply" else result
    except errors.OriginError as error:
        return {"error": str(error), "remedy": error.remedy, "details": error.details()}
    finally:
        restore.write_atomically, engine.PATIENCE_SECONDS = kept
        for name in work["more_servers"]:
            del servers.SERVERS[name]


def tree(tops: Sequence[str]) -> dict[str, list[Any]]:
    """Everything below some folders: mode, owner, group, and what it is."""
    out: dict[str, list[Any]] = {}
    for folder, folders, files in (entry for top in tops for entry in os.walk(top)):
        for path in (os.path.join(folder, name) for name in [*folders, *files]):
            status = os.lstat(path)
            if os.path.islink(path):
                what = os.readlink(path)
            elif os.path.isdir(path):
                what = "directory"
            else:
                with open(path, "rb") as stream:
                    what = hashlib.sha256(stream.read()).hexdigest()
            out[path] = [oct(status.st_mode), status.st_uid, status.st_gid, what]
    return out


def _apply(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    engine, model, run = _parts(work, "apply", "model", "command.run")
    wanted = [model.Protection(**entry) for entry in work["wanted"]]
    args = (driver, wanted, model.Options(**work["options"]), run, work["check_mode"], work["confirm_within"])
    outcome: dict[str, Any] = engine.apply(*args, root=work["root"], paths=work["paths"]).as_dict(diff=True)
    return outcome


def _inspect(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    found = driver.discover()
    return {
        "sites": [site.as_dict() for site in driver.inspect(found, work["hostnames"])],
        "lost": [one.as_dict() for one in driver.lost(found)],
    }


def _pending(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    engine, run = _parts(work, "apply", "command.run")
    return {"pending": engine.pending(work.get("other", work["server"]), run, work["root"])}


def _confirm(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    engine, run = _parts(work, "apply", "command.run")
    return {"changed": engine.confirm(work["id"], run, root=work["root"])}


def _revert(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    engine, servers, run = _parts(work, "apply", "servers", "command.run")

    def make(server: str, paths: dict[str, str]) -> Any:
        return servers.load(server, paths, run)

    reverted = engine.revert(make, work["server"], work["id"], run, root=work["root"])
    return {"outcome": reverted.outcome, "left": list(reverted.left)}


def _begin(work: dict[str, Any], driver: Any) -> dict[str, Any]:
    """A change of another server, half done."""
    model, transaction = _parts(work, "model", "transaction")
    change = model.FileChange(work["file"], b"old", b"new")
    begun = transaction.Transaction.begin(work["other"], [change], model.Control(), work["root"])
    begun.write([change])
    return {"id": begun.id}


def _parts(work: dict[str, Any], *names: str) -> list[Any]:
    found = []
    for name in names:
        module, _dot, attribute = name.partition(".")
        part = importlib.import_module(f"{work['base']}.{module}")
        found.append(getattr(part, attribute) if attribute else part)
    return found


_DOES = {
    "apply": _apply,
    "inspect": _inspect,
    "pending": _pending,
    "confirm": _confirm,
    "revert": _revert,
    "begin": _begin,
}


def main() -> None:
    if sys.argv[1:2] == ["tree"]:
        print(json.dumps(tree(sys.argv[2:])))
        return
    work = json.load(sys.stdin)
    sys.path[:0] = work["path"]
    print(json.dumps(perform(work)))


if __name__ == "__main__":
    main()
