# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is stands in one place. Where documentation has to repeat it, it's the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS

ROOT = Path(__file__).resolve().parents[5]
PLUGINS = ROOT / "plugins"
#: Names of servers, also of those that aren't there yet: nobody shall prepare for them elsewhere.
NAMES = {"nginx", "apache", "haproxy", "caddy", "traefik", *SERVERS}


def words(path: Path) -> set[str]:
    """Every whole text of a program that isn't documentation, and every name in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            found.add(node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value)
        elif isinstance(node, ast.Name):
            found.update(re.split(r"[_\d]+", node.id))
        elif isinstance(node, ast.alias):
            found.update(node.name.split("."))
    return {word.lower() for word in found}


#: Folders that a server has of its own.
FOLDERS = (
    "plugins/module_utils/_origin/{}",
    "roles/{}",
    "tests/hosts/servers/{}",
    "extensions/molecule/{}",
    "tests/origins/{}",
)


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_has_its_folders(name: str) -> None:
    assert [folder for folder in FOLDERS if not (ROOT / folder.format(name)).is_dir()] == []


def test_only_the_entry_names_servers() -> None:
    """A further server is its folders and its entry."""
    naming = set()
    for path in sorted(PLUGINS.rglob("*.py")):
        place = path.relative_to(PLUGINS)
        if not NAMES.isdisjoint(place.parts):
            continue
        if words(path) & NAMES:
            naming.add(str(place))
    assert naming == {"module_utils/_origin/servers.py"}


def test_neither_playbooks_nor_shared_roles_name_servers() -> None:
    name = re.compile(rf"(?<![\w.-])({'|'.join(sorted(NAMES))})(_\w|['\"])")
    naming = {
        str(path.relative_to(ROOT)): found.group()
        for folder in ("playbooks", "roles")
        for path in sorted((ROOT / folder).rglob("*.yml"))
        for found in name.finditer(path.read_text(encoding="utf-8"))
        if NAMES.isdisjoint(path.relative_to(ROOT).parts)
    }
    assert naming == {}


def documented(module: str) -> dict[str, Any]:
    text = (PLUGINS / "modules" / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'^DOCUMENTATION = r"""\n(.*?)^"""', text, re.MULTILINE | re.DOTALL)
    assert found is not None
    options: dict[str, Any] = yaml.safe_load(found.group(1))["options"]
    return options


@pytest.mark.parametrize("module", ["origin_site", "origin_site_info", "origin_evidence"])
def test_documentation_names_the_servers_that_there_are(module: str) -> None:
    assert documented(module)["server"]["choices"] == sorted(SERVERS)


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_traits_fit_together(name: str) -> None:
    server = SERVERS[name]
    assert server.logs or server.adapt is None
    assert bool(server.believed) is not server.by_fingerprint, "a server either verifies or compares fingerprints"
    assert not server.remedies or server.header
