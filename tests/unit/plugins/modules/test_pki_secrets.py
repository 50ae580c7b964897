# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI modules in a real playbook at -vvvv: the real secrets are looked for everywhere they must not be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.modules import client_ca
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
COLLECTIONS = Path(client_ca.__file__).parents[5]
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    passphrase: "{{ lookup('env', 'CA_WORD') }}"
    pki: "{{ lookup('env', 'PKI_DIRECTORY') }}"
  tasks:
    - originlock.aop.client_ca:
        zone: example.com
        key_type: ECDSA
        path: "{{ pki }}/ca.pem"
        privatekey_path: "{{ pki }}/ca.key"
        passphrase: "{{ passphrase }}"
    - originlock.aop.client_certificate:
        common_name: app.example.com
        key_type: ECDSA
        path: "{{ pki }}/app.pem"
        privatekey_path: "{{ pki }}/app.key"
        ca_path: "{{ pki }}/ca.pem"
        ca_privatekey_path: "{{ pki }}/ca.key"
        ca_passphrase: "{{ passphrase }}"
    - originlock.aop.client_certificate_pipe:
        common_name: app.example.com
        key_type: ECDSA
        certificate_content: "{{ lookup('file', pki ~ '/app.pem') }}"
        privatekey_content: "{{ lookup('file', pki ~ '/app.key') }}"
        ca_path: "{{ pki }}/ca.pem"
        ca_privatekey_path: "{{ pki }}/ca.key"
        ca_passphrase: "{{ passphrase }}"
      when: not ansible_check_mode
    - originlock.aop.certificate_info:
        content: "{{ lookup('file', pki ~ '/app.key') }}"
      when: not ansible_check_mode
    - originlock.aop.client_certificate:
        common_name: b.example.com
        path: "{{ pki }}/b.pem"
        privatekey_path: "{{ pki }}/b.key"
        ca_path: "{{ pki }}/ca.pem"
        ca_privatekey_path: "{{ pki }}/ca.key"
        ca_passphrase: "{{ passphrase }} and more"
      ignore_errors: true
"""


class CommandLines(threading.Thread):
    """Collects what every process on the machine shows of itself."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.stop.wait(0.01):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        self.seen.add(Path(entry.path, "cmdline").read_bytes())
                    except OSError:
                        continue


@pytest.mark.skipif(not PLAYBOOK.exists() or shutil.which("ps") is None, reason="needs ansible-playbook on Linux")
def test_no_secret_leaves_the_files(tmp_path: Path) -> None:
    for name in ("pki", "home", "temp"):
        (tmp_path / name).mkdir()
    (tmp_path / "play.yml").write_text(PLAY)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temp"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "PKI_DIRECTORY": str(tmp_path / "pki"),
        "CA_WORD": support.PASSPHRASE,
    }
    command = [str(PLAYBOOK), "-i", "localhost,", "--diff", "-vvvv", str(tmp_path / "play.yml")]
    watcher = CommandLines()
    watcher.start()
    outputs = []
    for arguments in (["--check"], [], []):
        result = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        outputs.append(result.stdout + result.stderr)
    watcher.stop.set()
    watcher.join()

    assert "changed=2" in outputs[1], outputs[1][-3000:]
    assert "changed=0" in outputs[2], outputs[2][-3000:]
    assert "does not open with the given passphrase" in outputs[2]
    keys = [(tmp_path / "pki" / name).read_text().splitlines() for name in ("ca.key", "app.key")]
    secrets = [support.PASSPHRASE, *(line for lines in keys for line in lines[1:-1])]
    left = {
        path: path.read_bytes() for name in ("home", "temp") for path in (tmp_path / name).rglob("*") if path.is_file()
    }
    for secret in secrets:
        assert not any(secret in output for output in outputs)
        assert not any(secret.encode() in line for line in watcher.seen)
        assert not [path for path, content in left.items() if secret.encode() in content]
    assert any(b"ansible-playbook" in line for line in watcher.seen)
    assert "<localhost> EXEC" in outputs[1]
