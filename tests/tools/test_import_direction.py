# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of import directions fails where it should, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import import_direction  # noqa: E402

OURS = "from ansible_collections.originlock.aop.plugins."
GOOD = {
    "modules/thing.py": "from ansible.module_utils.basic import AnsibleModule\n"
    + OURS
    + "module_utils._engine.pki import work\n",
    "module_utils/_engine/pki.py": "import ansible\nfrom .._pki import keys\nfrom .errors import run\n",
    "module_utils/_engine/errors.py": "import traceback\n",
    "module_utils/_pki/__init__.py": "",
    "module_utils/_pki/keys.py": "import cryptography\nfrom . import pem\nfrom .pem import Block\n",
    "module_utils/_pki/pem.py": "import base64\n",
    "module_utils/_origin/model.py": "import json\n",
}


def tree(tmp_path: Path, **bad: str) -> list[str]:
    files: dict[str, str] = {**GOOD, **bad}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return import_direction.check(tmp_path)


def test_good_tree_is_quiet(tmp_path: Path) -> None:
    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("modules/bad.py", OURS + "modules.thing import main\n", "takes only module_utils along"),
        ("module_utils/_engine/bad.py", "from ...action.other import thing\n", "must not know of plugins"),
        ("module_utils/_origin/bad.py", "from .._pki import keys\n", "don't import each other"),
        (
            "module_utils/_origin/deep/bad.py",
            "def late():\n    from ..._pki.keys import Key\n",
            "don't import each other",
        ),
        ("module_utils/_pki/bad.py", OURS + "module_utils._engine.errors import run\n", "nor _engine"),
        ("module_utils/_pki/bad.py", "from ansible.module_utils.basic import AnsibleModule\n", "without Ansible"),
        ("module_utils/_pki/bad.py", "import ansible.errors\n", "without Ansible"),
        ("module_utils/_pki/bad.py", "import ansible_collections.community.crypto.plugins\n", "without Ansible"),
        ("module_utils/_engine/bad.py", OURS + "modules.thing import main\n", "must not know of plugins"),
        ("module_utils/_origin/bad.py", "import cryptography.x509\n", "only the standard library"),
        (
            "module_utils/_origin/bad.py",
            "import importlib\nx = importlib.import_module('.y', 'z')\n",
            "would be missing",
        ),
    ],
)
def test_wrong_direction(tmp_path: Path, name: str, text: str, words: str) -> None:
    found = tree(tmp_path, **{name: text})
    assert len(found) == 1
    assert words in found[0]
    assert name in found[0]


def test_circle(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        **{"module_utils/_pki/pem.py": "from .far import x\n", "module_utils/_pki/far.py": "from . import keys\n"},
    )
    assert len(found) == 1
    assert found[0].startswith("circle: ")
    assert all(part in found[0] for part in ("_pki.keys", "_pki.pem", "_pki.far"))


def test_command_line(tmp_path: Path) -> None:
    tree(tmp_path, **{"module_utils/_pki/bad.py": "import ansible\n"})
    done = subprocess.run(
        [sys.executable, str(HERE / "import_direction.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "bad.py:1: ansible" in done.stdout
