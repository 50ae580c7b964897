# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves and keys, checked before anything is sent."""

from __future__ import annotations

import hashlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.pem import fingerprint, read_leaf
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.pairs import make


def test_leaf():
    key, pem = make()
    leaf = read_leaf("subject=/CN=x\n" + pem.replace("\n", "\r\n"), "junk before\n" + key)
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    assert leaf.sha256 == hashlib.sha256(der).hexdigest() == fingerprint(pem)
    assert leaf.expires_on == "2026-01-31T00:00:00Z"
    assert leaf.certificate == pem
    assert leaf.key == key
    assert key not in repr(leaf)


def test_refusals():
    key, pem = make()
    other, _pem = make()
    encrypted, its_pem = make(password=b"secret-word")
    ca_key, ca = make(ca=True)
    for certificate, private, text in [
        ("<html>", key, "HTML page"),
        ("hello", key, "not a PEM"),
        (pem + pem, key, "holds 2 certificates"),
        (pem.replace(pem[70:90], "A" * 20), key, "cannot be parsed"),
        (ca, ca_key, r"only leaf certificates \(code 1412\)"),
        (pem, other, "does not belong"),
        (its_pem, encrypted, "is encrypted"),
        (pem, pem, "not in PEM format"),
        (pem, key.replace(key[40:60], "B" * 20), "cannot be parsed|does not belong"),
    ]:
        with pytest.raises(InvalidInput, match=text) as caught:
            read_leaf(certificate, private)
        assert caught.value.remedy
        assert key[60:80] not in str(caught.value)


def test_fingerprint_of_nothing():
    assert fingerprint(None) is None
    assert fingerprint("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----") is None


@pytest.mark.parametrize("line", ["-----BEGIN CERTIFICATE-----\n", "-----BEGIN RSA PRIVATE KEY-----\n"])
def test_a_megabyte_of_beginnings(line):
    """A quadratic expression takes minutes."""
    _key, pem = make()
    text = line * (1_000_000 // len(line))
    start = time.process_time()
    with pytest.raises(InvalidInput, match="not a PEM certificate"):
        read_leaf(text, None)
    with pytest.raises(InvalidInput, match="not in PEM format"):
        read_leaf(pem, text)
    assert time.process_time() - start < 10
