# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, on real servers: packed, with files of keys, leaving nothing behind."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.origins.probe_farm import farm as farms
from tests.origins.probe_farm import support
from tests.origins.probe_farm.material import Material

PASSPHRASE = "correct-horse-battery-2208"


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[farms.Farm, Material]]:
    for directory in support.temporary():
        os.chmod(directory, 0o755)
        material = support.farm_material(directory)
        key = serialization.load_pem_private_key(material.read("app.key"), None)
        form, lock = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(PASSPHRASE.encode())
        (directory / "locked.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
        names = ["good", "default_other_ca", "second_listener"]
        farm = farms.start(farms.image("nginx", "trixie"), "nginx", names, material, directory)
        try:
            yield farm, material
        finally:
            farm.stop()


def _run(
    stage: tuple[farms.Farm, Material], scenario: str, tmp_path: Path, **options: Any
) -> tuple[dict[str, Any], str]:
    farm, material = stage
    ports = farm.ports[scenario]
    origin = {"name": "web1", "addresses": ["127.0.0.1", "::1"], "ports": [ports["P"]], "plain_ports": [ports["H"]]}
    if scenario == "second_listener":
        origin["listeners"] = [f"*:{ports['Q']} ssl"]
    arguments = {
        "origins": [origin],
        "hostnames": [{"name": "app.test"}],
        "certificate": material.path("app.crt"),
        "private_key": material.path("locked.key"),
        "private_key_passphrase": PASSPHRASE,
        "ca_certificate": material.path("ca.crt"),
        "ca_private_key": material.path("ca.key"),
        "foreign_sni": ["open.test"],
        "rate": 400,
        **options,
    }
    # The arguments go by a file: on a command line everybody could read them.
    book = tmp_path / "probe.yml"
    task = {"originlock.aop.origin_probe": arguments, "register": "probe"}
    keep = {"ansible.builtin.copy": {"content": "{{ probe | to_json }}", "dest": str(tmp_path / "result.json")}}
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, keep]}]))
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "-vvvv",
        "-i",
        "localhost,",
        "-c",
        "local",
        str(book),
    ]
    command += ["-e", "ansible_python_interpreter=" + sys.executable]
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads((tmp_path / "result.json").read_text()), done.stdout + done.stderr


def test_good(stage: tuple[farms.Farm, Material], tmp_path: Path) -> None:
    found, output = _run(stage, "good", tmp_path)
    assert (found["as_expected"], found["changed"], found["holes"], found["findings"]) == (True, False, [], [])
    assert found["table"][1].split()[:5] == ["app.test", "web1", "enforce", "enforced", "leaf"]
    assert PASSPHRASE not in output
    assert "PRIVATE KEY" not in output
    assert glob.glob(str(tmp_path / "**" / "originlock-probe-*"), recursive=True) == []


def test_a_certificate_of_another_ca(stage: tuple[farms.Farm, Material], tmp_path: Path) -> None:
    _farm, material = stage
    staff = {"name": "staff", "certificate": material.path("staff.crt"), "private_key": material.path("staff.key")}
    found, _output = _run(stage, "default_other_ca", tmp_path, other_certificates=[staff])
    assert found["as_expected"] is False
    assert {hole["code"] for hole in found["holes"]} == {"default_server_other_ca", "session_resumption"}
    assert {row["class"] for row in found["rows"]} == {"open"}


def test_quick(stage: tuple[farms.Farm, Material], tmp_path: Path) -> None:
    found, _output = _run(stage, "second_listener", tmp_path, depth="quick")
    assert {hole["code"] for hole in found["holes"]} == {"second_listener"}
    assert found["summary"][0]["requests"] <= 4 * 24 + 4
