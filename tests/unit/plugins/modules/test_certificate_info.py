# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module certificate_info, run whole."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import pki
from ansible_collections.originlock.aop.plugins.modules import certificate_info
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support


def run(**options: Any) -> dict[str, Any]:
    for check_mode in (True, False):
        result = support.run_module(certificate_info.main, check_mode, **options)
        assert not result.get("changed")
    return result


def test_file_and_verification(tmp_path: Path) -> None:
    path, ca = tmp_path / "app.pem", tmp_path / "ca.pem"
    path.write_text(support.pem(support.leaf()))
    ca.write_text(support.pem(support.root()))
    found = run(path=str(path), verify_against_path=str(ca))
    assert (found["kind"], found["usable_as_client_certificate"], found["reasons"]) == ("client_certificate", True, [])
    assert (found["verified"], found["verify_reason"]) == (True, None)
    assert found["certificates"][0]["subject"] == "CN=app.example.com"
    assert 364 < found["days_left"] <= 365
    other = run(path=str(path), verify_against=support.pem(support.root("other", "other")))
    assert other["verified"] is False
    assert "which is not in the trust bundle (CN=other)" in other["verify_reason"]
    assert run(path=str(path))["verified"] is None


def test_content_with_a_key_is_not_shown() -> None:
    key = support.key_pem(support.ec_key())
    found = run(content=support.pem(support.leaf()) + key)
    assert (found["kind"], found["contains_private_key"], found["private_key_encrypted"]) == ("bundle", True, False)
    assert key.split("\n")[1] not in str(found)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", "unknown"), ("<!doctype html>", "html"), (support.key_pem(support.ec_key()), "private_key")],
)
def test_oddities_do_not_fail(text: str, kind: str) -> None:
    found = run(content=text, verify_against=support.pem(support.root()))
    assert (found["kind"], found["verified"]) == (kind, False)
    assert found["verify_reason"] == "content holds no certificate."


def test_missing_and_broken(tmp_path: Path) -> None:
    assert f"The file {tmp_path}/none does not exist" in run(path=str(tmp_path / "none"))["msg"]
    assert "is a directory" in run(path=str(tmp_path))["msg"]
    assert "verify_against holds no PEM block" in run(content="x", verify_against="")["msg"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "LIBRARY_PROBLEM", "ImportError: no")
    result = support.run_module(certificate_info.main, content="x")
    assert "cryptography >= 41" in result["msg"]
    assert result["failed"]


def test_everything_imports_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is imported in one place, which survives its absence."""
    import importlib
    import sys

    real = builtins.__import__

    def fake(name: str, *arguments: Any, **more: Any) -> Any:
        if name.split(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *arguments, **more)

    package = "ansible_collections.originlock.aop.plugins.module_utils"
    kept = {
        name: module
        for name, module in sys.modules.items()
        if name.startswith((package + "._pki", package + "._engine.pki"))
    }
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", fake)
    for name in ("pki_authority", "pki_leaf", "pki_info"):
        importlib.import_module(f"{package}._engine.{name}")
    library = importlib.import_module(f"{package}._pki.library")
    assert library.LIBRARY_PROBLEM
    monkeypatch.undo()
    sys.modules.update(kept)
