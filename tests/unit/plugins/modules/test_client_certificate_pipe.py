# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module client_certificate_pipe, run whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_leaf
from ansible_collections.originlock.aop.plugins.modules import client_certificate_pipe
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support


def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {
        "common_name": "app.example.com",
        "ca_content": support.pem(support.root()),
        "ca_privatekey_content": support.key_pem(support.ec_key("ca"), support.PASSPHRASE),
        "ca_passphrase": support.PASSPHRASE,
        "key_type": "ECDSA",
        **options,
    }
    arguments = {key: value for key, value in arguments.items() if value is not None}
    result = support.run_module(client_certificate_pipe.main, check_mode, **arguments)
    assert support.PASSPHRASE not in str(result)
    return result


def test_issued_and_kept(tmp_path: Path) -> None:
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        made = run()
    finally:
        os.chdir(before)
    assert list(tmp_path.iterdir()) == []
    leaf = check_leaf(made["certificate"], [support.root()], "l", support.NOW)
    assert load_pem_private_key(made["privatekey"].encode(), None).public_key() == leaf.public_key()
    assert "PRIVATE KEY" not in str(made["diff"])
    given = {"certificate_content": made["certificate"], "privatekey_content": made["privatekey"]}
    again = run(**given)
    assert (again["changed"], again["privatekey"], again["certificate"]) == (False, None, made["certificate"])
    assert made["privatekey"].split("\n")[1] not in str(again)


def test_check_mode_makes_nothing() -> None:
    result = run(check_mode=True)
    assert (result["changed"], result["privatekey"], result["certificate"]) == (True, None, None)
    assert result["subject"] == "CN=app.example.com"


def test_renewed_with_the_key_when_told() -> None:
    given = {
        "certificate_content": support.pem(support.leaf(days=10)),
        "privatekey_content": support.key_pem(support.ec_key("leaf")),
    }
    assert run(**given)["privatekey"]
    kept = run(**given, reuse_privatekey=True)
    assert (kept["changed"], kept["privatekey"]) == (True, None)
    leaf = check_leaf(kept["certificate"], [support.root()], "l", support.NOW, 700)
    assert leaf.public_key() == support.ec_key("leaf").public_key()


def test_files_for_the_ca(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(support.pem(support.root()))
    (tmp_path / "ca.key").write_text(support.key_pem(support.ec_key("ca"), support.PASSPHRASE))
    paths = {"ca_path": str(tmp_path / "ca.pem"), "ca_privatekey_path": str(tmp_path / "ca.key")}
    assert run(ca_content=None, ca_privatekey_content=None, **paths)["changed"]


def test_refusals() -> None:
    leaf, key = support.pem(support.leaf()), support.key_pem(support.ec_key("leaf"))
    message = run(certificate_content=leaf, privatekey_content=support.key_pem(support.ec_key("other")))["msg"]
    assert "The key privatekey_content does not match the certificate certificate_content" in message
    message = run(certificate_content="notes", privatekey_content=key)["msg"]
    assert message.startswith("certificate_content: line 1 (before the first block)")
    message = run(ca_passphrase="a wrong passphrase")["msg"]
    assert "ca_privatekey_content does not open with the given passphrase" in message
    assert "one of the following is required: ca_path, ca_content" in run(ca_content=None)["msg"]
    assert "but the CA's key is not given" in run(ca_privatekey_content=None)["msg"]
