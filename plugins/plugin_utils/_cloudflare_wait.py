# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting on the controller, where people can watch it: the module acts, then its C(_info) twin is asked repeatedly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import WaitTimedOut
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.waiting import wait_active
from ansible_collections.originlock.aop.plugins.module_utils._engine.cloudflare import CONNECTION

_COLLECTION = "originlock.aop."
_DEFAULT_TIMEOUT = 300
display = Display()


class LookFailed(Exception):
    """The C(_info) module failed; holds its result."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


class WaitingAction(ActionBase):
    """Base of the action plugins. Subclasses say how their objects are named and asked for."""

    module = ""
    noun = ""
    rows = ""
    key = ""
    asked = ""

    def to_watch(self, result: Mapping[str, Any], statuses: Mapping[str, str | None]) -> list[str]:
        """Names of the objects that are looked at while waiting."""
        return [name for name, status in statuses.items() if status != "active"]

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the module without waiting, then wait here."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        present = args.get("state", "present") == "present"
        wait, timeout = self._settings(args)
        # Deleting waits inside the module; a value that is none of ours is refused there.
        sliced = present and wait and timeout is not None
        result.update(self._module(self.module, dict(args, wait=False) if sliced else args, task_vars))
        if not sliced or timeout is None or result.get("failed") or result.get("skipped") or self._task.check_mode:
            return result
        return self._wait(result, args, timeout, task_vars)

    def _settings(self, args: Mapping[str, Any]) -> Any:
        try:
            return boolean(args.get("wait", True)), float(args.get("wait_timeout", _DEFAULT_TIMEOUT))
        except (TypeError, ValueError):
            return False, None

    def _module(self, name: str, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        done: dict[str, Any] = self._execute_module(
            module_name=_COLLECTION + name, module_args=args, task_vars=task_vars
        )
        return done

    def _wait(self, result: dict[str, Any], args: Mapping[str, Any], timeout: float, task_vars: Any) -> dict[str, Any]:
        rows = {str(row[self.key]): row for row in result[self.rows] if self.wanted(row)}
        statuses: dict[str, str | None] = {name: row.get("status") for name, row in rows.items()}
        watched = self.to_watch(result, statuses)
        seen: dict[str, str | None] = {name: statuses[name] for name in watched}
        connection = {name: value for name, value in args.items() if name in CONNECTION}
        connection["zone"] = result["zone"]["id"]

        def look() -> Mapping[str, str | None]:
            asked = {self.asked: [name for name in seen if seen[name] != "active"]}
            found = self._module(self.module + "_info", dict(connection, **asked), task_vars)
            if found.get("failed"):
                raise LookFailed(found)
            result["api_calls"] += found["api_calls"]
            listed = {str(row[self.key]): row.get("status") for row in found[self.rows]}
            seen.update({name: listed.get(name, seen[name]) for name in asked[self.asked]})
            return seen

        try:
            result["progress"] = wait_active(look, seen, self.noun, timeout, tell=self._tell)
        except WaitTimedOut as error:
            result.update(failed=True, msg=f"{error} {error.remedy}", **error.details())
        except LookFailed as error:
            result.update(failed=True, msg=f"While waiting: {error.result.get('msg')}")
        except AnsibleError as error:
            result.update(failed=True, msg=f"While waiting: {error}")
        for name, status in seen.items():
            rows[name]["status"] = status
        return result

    def wanted(self, row: Mapping[str, Any]) -> bool:
        """Whether the object is one that becomes active."""
        return bool(row.get(self.key))

    def _tell(self, text: str) -> None:
        display.display(f"{self.module}: {text}", color="bright blue")
