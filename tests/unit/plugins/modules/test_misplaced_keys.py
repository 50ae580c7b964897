# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key within a certificate's option is refused, and shown nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.modules import (
    client_ca,
    client_certificate_pipe,
    hostname_certificate,
)
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

KEY = support.key_pem(support.ec_key("leaf"))
BOTH = support.pem(support.leaf()) + KEY
CLOUDFLARE = {"zone": "example.com", "api_token": "t" * 20, "api_url": "http://127.0.0.1:9/", "retries": 0}
PIPE = {"common_name": "app.example.com", "key_type": "ECDSA"}
CA = {"zone": "example.com", "passphrase": support.PASSPHRASE, "privatekey_content": support.key_pem(support.ec_key())}


@pytest.mark.parametrize(
    ("module", "arguments", "named"),
    [
        (hostname_certificate, {**CLOUDFLARE, "certificate": BOTH}, "certificate"),
        (hostname_certificate, {**CLOUDFLARE, "certificates": [{"certificate": BOTH}]}, "certificate 1 of the list"),
        (client_certificate_pipe, {**PIPE, "ca_path": "/nowhere", "certificate_content": BOTH}, "certificate_content"),
        (client_certificate_pipe, {**PIPE, "ca_content": BOTH}, "ca_content"),
        (client_ca, {**CA, "certificate_content": BOTH}, "certificate_content"),
    ],
)
def test_refused_and_masked(tmp_path: Path, module: Any, arguments: dict[str, Any], named: str) -> None:
    if module is client_ca:
        arguments = {**arguments, "path": str(tmp_path / "ca.pem"), "privatekey_path": str(tmp_path / "ca.key")}
    result = support.run_module(module.main, _ansible_inject_invocation=True, **arguments)
    assert result["msg"].startswith(f"{named} holds a private key")
    assert "Give the certificate alone" in result["msg"]
    assert "invocation" in result
    assert not [line for line in KEY.splitlines()[1:-1] if line in str(result)]
    assert list(tmp_path.iterdir()) == []


def test_masked_also_where_something_else_is_wrong() -> None:
    arguments = {**CLOUDFLARE, "api_url": "ftp://x", "certificate": BOTH}
    result = support.run_module(hostname_certificate.main, _ansible_inject_invocation=True, **arguments)
    assert "api_url" in result["msg"]
    assert not [line for line in KEY.splitlines()[1:-1] if line in str(result)]
