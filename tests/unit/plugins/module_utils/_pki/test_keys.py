# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._pki import keys
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support


def refusal(text: str, passphrase: str | None = None) -> str:
    with pytest.raises(PkiError) as caught:
        keys.load(text, passphrase, "ca.key")
    assert caught.value.remedy
    assert passphrase is None or passphrase not in f"{caught.value} {caught.value.remedy}"
    return str(caught.value)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (keys.KeySpec(size=2048), ("RSA", 2048, None)),
        (keys.KeySpec("ECDSA"), ("ECDSA", 256, "P-256")),
        (keys.KeySpec("ECDSA", curve="P-384"), ("ECDSA", 384, "P-384")),
    ],
)
def test_generated_as_predicted(spec: keys.KeySpec, expected: tuple[str, int, str | None]) -> None:
    assert spec.predicted() == expected
    assert keys.key_kind(keys.generate(spec)) == expected
    assert spec.differences(*expected) == []


def test_default_is_rsa_4096() -> None:
    assert keys.KeySpec().predicted() == ("RSA", 4096, None)


def test_any_key_fits_where_nothing_is_asked() -> None:
    assert keys.KeySpec().differences("ECDSA", 256, "P-256") == []
    assert keys.KeySpec("ECDSA").differences("RSA", 4096, None) == ["key_type is RSA, wanted ECDSA"]
    assert keys.KeySpec("RSA", 4096).differences("RSA", 2048, None) == ["key_size is 2048, wanted 4096"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (keys.KeySpec("ECDSA", size=4096), "key_size is for RSA only"),
        (keys.KeySpec("RSA", curve="P-256"), "curve is for ECDSA only"),
        (keys.KeySpec(curve="P-256"), "curve is for ECDSA only"),
        (keys.KeySpec(size=1024), "key_size 1024 is out of range"),
        (keys.KeySpec(size=65536), "key_size 65536 is out of range"),
    ],
)
def test_senseless_specs(spec: keys.KeySpec, words: str) -> None:
    with pytest.raises(PkiError, match=words):
        spec.check()


def test_round_trip_with_passphrase() -> None:
    key = support.ec_key()
    text = keys.dump(key, support.PASSPHRASE)
    assert keys.is_encrypted(text)
    loaded = keys.load(text, support.PASSPHRASE, "ca.key")
    assert loaded.private_numbers() == key.private_numbers()


def test_refusals() -> None:
    plain, locked = support.key_pem(support.ec_key()), keys.dump(support.ec_key(), support.PASSPHRASE)
    assert refusal(locked, "a wrong passphrase") == "ca.key does not open with the given passphrase."
    assert refusal(locked) == "ca.key is encrypted and no passphrase is given."
    assert refusal(plain, support.PASSPHRASE) == "ca.key is not encrypted, though a passphrase is given."
    assert refusal(support.pem(support.root())) == "ca.key holds no private key (but: CERTIFICATE)."
    assert refusal(plain + plain) == "ca.key holds 2 private keys."
    assert "is neither part of a PEM block" in refusal("just a text")
    assert refusal(support.key_pem(support.rsa_key(1024))) == "ca.key has a weak key: RSA with 1024 bits."
    assert refusal(support.key_pem(ed25519.Ed25519PrivateKey.generate())) == "ca.key is an Ed25519 key."
    assert "does not parse" in refusal("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


def test_old_openssl_forms_are_read() -> None:
    encryption = serialization.BestAvailableEncryption(support.PASSPHRASE.encode())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption)
    text = support.rsa_key().private_bytes(*form).decode()
    assert "Proc-Type: 4,ENCRYPTED" in text
    assert keys.load(text, support.PASSPHRASE, "k").private_numbers() == support.rsa_key().private_numbers()
    assert refusal(text) == "ca.key is encrypted and no passphrase is given."


def test_passphrase_for_a_new_key() -> None:
    keys.check_new_passphrase("8 chars!")
    with pytest.raises(PkiError, match="shorter than 8"):
        keys.check_new_passphrase("short")
    with pytest.raises(PkiError, match="longer than 1023 bytes"):
        keys.check_new_passphrase("\u00e4" * 600)


@support.needs_openssl
def test_openssl_opens_it_and_says_aes_256(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    path.write_text(keys.dump(support.rsa_key(), support.PASSPHRASE))
    environment = dict(os.environ, WORD=support.PASSPHRASE, WRONG="something else")
    check = ["rsa", "-in", str(path), "-noout", "-check", "-passin"]
    assert support.openssl(*check, "env:WORD", env=environment).stdout.strip() == "RSA key ok"
    assert support.openssl(*check, "env:WRONG", env=environment).returncode != 0
    assert "aes-256-cbc" in support.openssl("asn1parse", "-in", str(path)).stdout


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.one_of(st.none(), st.text(max_size=20)))
def test_no_text_makes_it_stumble(text: str, passphrase: str | None) -> None:
    with pytest.raises(PkiError):
        keys.load(text, passphrase, "k")
    with pytest.raises(PkiError):
        keys.load(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n", passphrase, "k")
