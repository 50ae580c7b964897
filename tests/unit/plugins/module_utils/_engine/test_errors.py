# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How errors leave a module, and that they take no secret with them."""

from __future__ import annotations

import sys
from typing import Any, Callable

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._engine.errors import run
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

KEY = support.key_pem(support.ec_key("leaf"))
LINES = [line for line in KEY.splitlines() if "-----" not in line]


def play(work: Callable[[AnsibleModule], dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    def main() -> None:
        spec = {"text": {"type": "str"}, "texts": {"type": "list", "elements": "dict"}}
        run(AnsibleModule(argument_spec=spec), work)

    return support.run_module(
        main, _ansible_inject_invocation=True, _ansible_tracebacks_for=["error"], _ansible_verbosity=5, **arguments
    )


def defect(_module: AnsibleModule) -> dict[str, Any]:
    raise ValueError("hunter2")


def refusal(_module: AnsibleModule) -> dict[str, Any]:
    try:
        raise ValueError("hunter2")
    except ValueError as error:
        raise InvalidInput("Wrong.", "Correct it.") from error


@pytest.mark.parametrize(
    ("work", "message"),
    [(defect, r"Internal error: ValueError in .*test_errors.py line \d+ \(defect\)"), (refusal, "")],
)
def test_no_traceback_of_what_went_wrong(work: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pending: list[Any] = []
    leave = AnsibleModule.fail_json

    def fail_json(self: AnsibleModule, *arguments: Any, **more: Any) -> None:
        pending.append(sys.exc_info()[1])
        leave(self, *arguments, **more)

    monkeypatch.setattr(AnsibleModule, "fail_json", fail_json)
    result = play(work)
    assert result["failed"]
    assert pending == [None]
    assert "hunter2" not in str(result)
    with pytest.raises(ValueError, match=message or r"Wrong\. Correct it\."):
        raise ValueError(result["msg"])


def test_success() -> None:
    assert play(lambda module: {"changed": False, "seen": module.params["text"]}, text="a")["seen"] == "a"


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": f"before\n{KEY}"},
        {"text": KEY.replace("\n", "\r\n")},
        {"text": KEY.replace("\n", "\\n")},
        {"text": KEY.partition("-----END")[0]},
        {"texts": [{"a": KEY}]},
    ],
)
def test_a_private_key_is_masked_wherever_it_was_given(arguments: dict[str, Any]) -> None:
    def work(module: AnsibleModule) -> dict[str, Any]:
        return {"changed": False, "quoted": repr(module.params), "lines": LINES, "other": "-----BEGIN PRIVATE KEY-----"}

    result = play(work, **arguments)
    assert result["invocation"]
    assert not [line for line in LINES if len(line) >= 16 and line in str(result)]
    assert result["other"] == "-----BEGIN PRIVATE KEY-----"
