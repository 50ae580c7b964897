# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: the tarball, put into an empty place without network and used by its full names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NAME = "originlock.aop"
# The first part of each path in the tarball, or the whole path; a trailing slash is a folder.
ALLOWED = (
    "MANIFEST.json",
    "FILES.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "changelogs/",
    "docs/",
    "extensions/",
    "meta/",
    "playbooks/",
    "plugins/",
    "roles/",
)
SUFFIXES = {".py", ".yml", ".yaml", ".md", ".rst", ".json", ".j2", ".txt", ".html", ".conf", ".service", ".timer", ""}
# A header alone may stand in documentation; with a line of base64 after it, it is somebody's key.
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40,}")
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    pki: "{{ playbook_dir }}/pki"
    aop_pki_dir: "{{ playbook_dir }}/zones"
    aop_ca_passphrase: correct horse battery staple
    client_pki_key_type: ECDSA
    aop_zones:
      - name: example.com
        hostnames: [app.example.com, api.example.com]
  tasks:
    - ansible.builtin.file:
        path: "{{ pki }}"
        state: directory
        mode: "0700"
    - originlock.aop.client_ca:
        zone: example.com
        path: "{{ pki }}/ca.pem"
        privatekey_path: "{{ pki }}/ca.key"
        passphrase: "{{ aop_ca_passphrase }}"
        key_type: ECDSA
    - originlock.aop.client_certificate:
        common_name: app.example.com
        path: "{{ pki }}/leaf.pem"
        privatekey_path: "{{ pki }}/leaf.key"
        ca_path: "{{ pki }}/ca.pem"
        ca_privatekey_path: "{{ pki }}/ca.key"
        ca_passphrase: "{{ aop_ca_passphrase }}"
        key_type: ECDSA
    - originlock.aop.certificate_info:
        path: "{{ pki }}/leaf.pem"
        verify_against_path: "{{ pki }}/ca.pem"
      register: leaf
    - ansible.builtin.assert:
        that: [leaf.kind == 'client_certificate', leaf.usable_as_client_certificate]
    - ansible.builtin.include_role:
        name: originlock.aop.client_pki
      vars:
        client_pki_ask_cloudflare: false
"""


def call(arguments: list[str], cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    call(["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT)], folder, dict(os.environ))
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def empty_place(tmp_path_factory: pytest.TempPathFactory, tarball: Path) -> Path:
    """A folder with nothing but the installed collection."""
    place = tmp_path_factory.mktemp("installed")
    command = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(place / "collections"), str(tarball)]
    call(command, place, environment(place))
    return place


def environment(place: Path) -> dict[str, str]:
    """Without anything of this checkout but the Python that Ansible runs on."""
    return {
        "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(place / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def test_holds_only_what_users_need(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
        names = [member.name for member in members]
        strangers = [name for name in names if not any(name == a or (name + "/").startswith(a) for a in ALLOWED)]
        assert strangers == []
        files = [member for member in members if member.isfile()]
        assert len(files) > 50
        assert [member.name for member in files if Path(member.name).suffix not in SUFFIXES] == []
        assert [member.name for member in members if not (member.isfile() or member.isdir())] == []
        assert [name for name in names if "__pycache__" in name or "/." in name] == []
        with_key = [f.name for f in files if KEY.search(archive.extractfile(f).read())]  # type: ignore[union-attr]
        assert with_key == []
        assert sum(member.size for member in files) < 5_000_000


def test_every_plugin_and_role_explains_itself(empty_place: Path) -> None:
    installed = empty_place / "collections/ansible_collections/originlock/aop"
    plugins = ROOT / "plugins"
    modules = sorted(path.stem for path in (plugins / "modules").glob("[!_]*.py"))
    filters = sorted(path.stem for path in (plugins / "filter").glob("*.yml"))
    roles = sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
    assert modules
    assert (installed / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    for kind, names in (("module", modules), ("filter", filters), ("role", roles)):
        wanted = [f"{NAME}.{name}" for name in names]
        shown = json.loads(call(["ansible-doc", "-t", kind, "--json", *wanted], empty_place, environment(empty_place)))
        assert sorted(shown) == wanted
        for name, text in shown.items():
            assert text.get("doc") or text.get("entry_points"), name


def test_modules_and_a_role_run_and_run_again(empty_place: Path) -> None:
    (empty_place / "site.yml").write_text(PLAYBOOK)
    first = call(["ansible-playbook", "site.yml"], empty_place, environment(empty_place))
    assert re.search(r"changed=[1-9]", first), first
    second = call(["ansible-playbook", "site.yml"], empty_place, environment(empty_place))
    assert "changed=0" in second, second


def test_playbooks_are_found_by_name(empty_place: Path) -> None:
    playbooks = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
    assert playbooks
    for name in playbooks:
        command = ["ansible-playbook", "--syntax-check", "-i", "localhost,", f"{NAME}.{name}"]
        call(command, empty_place, environment(empty_place))
