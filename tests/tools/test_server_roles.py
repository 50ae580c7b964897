# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server roles are written from one description, and a role that differs from it is found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS

sys.path.insert(0, str(Path(__file__).resolve().parent))
import server_roles

KNOWN = server_roles.described()


def test_every_server_has_its_role() -> None:
    assert set(KNOWN["servers"]) == set(SERVERS)


@pytest.mark.parametrize("server", sorted(KNOWN["servers"]))
def test_defaults_specification_and_call_agree(server: str) -> None:
    made = {str(path): text for path, text in server_roles.files(KNOWN).items()}
    defaults = yaml.safe_load(made[f"{server}/defaults/main.yml"])
    options = yaml.safe_load(made[f"{server}/meta/argument_specs.yml"])["argument_specs"]["main"]["options"]
    traits = KNOWN["servers"][server]
    sources = {**KNOWN["options"], **traits.get("options", {})}
    assert (
        set(defaults)
        == set(options)
        == {f"{server}_{name}" for name in sources if name not in traits.get("without", [])}
    )
    assert {name: options[name]["default"] for name in options} == defaults
    for name, option in options.items():
        source = sources[name.partition("_")[2]]
        assert len(option["description"]) == len(source["description"]), "no comma or colon may cut a sentence"
    called = set(re.findall(rf"\b{server}_\w+", made[f"{server}/tasks/main.yml"])) - {
        f"{server}_package",
        f"{server}_service",
    }
    # Those of this server alone are for its paths.
    called |= set(re.findall(rf"\b{server}_\w+", (server_roles.ROLES / server / "vars" / "main.yml").read_text()))
    assert called >= set(defaults)


def test_an_older_role_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server_roles, "ROLES", tmp_path)
    assert server_roles.main([]) == 0
    assert server_roles.main(["--check"]) == 0
    capsys.readouterr()
    path = tmp_path / "nginx" / "defaults" / "main.yml"
    path.write_text(path.read_text() + "nginx_more: true\n")
    assert server_roles.main(["--check"]) == 1
    assert "roles/nginx/defaults/main.yml differs" in capsys.readouterr().out
    assert server_roles.main([]) == 0
    assert server_roles.main(["--check"]) == 0
