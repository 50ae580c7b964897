# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every code of a finding is in docs/findings.md, and every code there is one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

#: The type, and the helpers of drivers that pass their code on.
MAKERS = ("Finding", "finding", "_finding")


def checkout() -> Path:
    return next(parent for parent in Path(__file__).resolve().parents if (parent / "galaxy.yml").exists())


def codes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MAKERS:
            code = node.args[0]
            if isinstance(code, ast.Name) and code.id == "code":
                continue  # the helper itself
            assert isinstance(code, ast.Constant), f"{path}:{node.lineno}: write the code out"
            yield str(code.value)


def test_each_code_is_documented_once() -> None:
    utils = checkout() / "plugins" / "module_utils"
    used = {code for path in (utils / "_origin").rglob("*.py") for code in codes(path)}
    used |= set(codes(utils / "_engine" / "trust.py"))
    table = (checkout() / "docs" / "findings.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = [code for cell in rows for code in re.findall(r"`(\w+)`", cell)]
    assert sorted(documented) == sorted(used)
