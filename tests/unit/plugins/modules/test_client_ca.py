# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module client_ca, run whole."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.originlock.aop.plugins.module_utils._engine import files
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_trust_bundle
from ansible_collections.originlock.aop.plugins.modules import client_ca
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support


def run(directory: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {
        "zone": "example.com",
        "path": str(directory / "ca.pem"),
        "privatekey_path": str(directory / "ca.key"),
        "passphrase": support.PASSPHRASE,
        "key_type": "ECDSA",
        **options,
    }
    if arguments["key_type"] is None:
        del arguments["key_type"]
    result = support.run_module(client_ca.main, check_mode, **arguments)
    assert support.PASSPHRASE not in str(result)
    assert "PRIVATE KEY" not in str(result)
    return result


def put(
    directory: Path, certificate: x509.Certificate | str, key: Any, passphrase: str | None = support.PASSPHRASE
) -> None:
    """A CA from somewhere else."""
    text = certificate if isinstance(certificate, str) else support.pem(certificate)
    (directory / "ca.pem").write_text(text)
    (directory / "ca.key").write_text(key if isinstance(key, str) else support.key_pem(key, passphrase))
    (directory / "ca.key").chmod(0o600)


def refused(directory: Path, **options: Any) -> str:
    """The message of a refusal, which changed no file in either mode."""
    before = support.tree(directory)
    predicted = run(directory, check_mode=True, **options)
    result = run(directory, **options)
    assert support.tree(directory) == before
    assert result["failed"]
    assert predicted["msg"] == result["msg"]
    return str(result["msg"])


def test_made_once(tmp_path: Path) -> None:
    predicted = run(tmp_path, check_mode=True)
    assert predicted["changed"]
    assert list(tmp_path.iterdir()) == []
    assert predicted["certificate"] is None
    made = run(tmp_path)
    assert made["changed"]
    assert made["reasons"] == predicted["reasons"] == ["the CA does not exist"]
    for key in ("subject", "key_type", "key_curve", "key_usage", "is_ca"):
        assert made[key] == predicted[key]
    assert made["diff"]["before"] == {}
    assert made["diff"]["after"]["subject"] == "CN=example.com"
    assert check_trust_bundle(made["certificate"], "b", support.NOW)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    assert "ENCRYPTED" in (tmp_path / "ca.key").read_text()
    before = support.tree(tmp_path)
    for check_mode in (True, False):
        again = run(tmp_path, check_mode=check_mode)
        assert not again["changed"]
        assert again["diff"]["before"] == again["diff"]["after"]
        assert again["certificate"] == made["certificate"]
    assert support.tree(tmp_path) == before


def test_default_is_rsa_4096_for_1826_days(tmp_path: Path) -> None:
    made = run(tmp_path, key_type=None)
    assert (made["key_type"], made["key_size"], made["signature_hash"]) == ("RSA", 4096, "sha256")
    assert 1825 < made["days_left"] <= 1826
    assert made["common_name"] == "example.com"


@support.needs_openssl
def test_openssl_opens_the_key_with_the_passphrase(tmp_path: Path) -> None:
    run(tmp_path, key_type="RSA", key_size=2048)
    environment = dict(os.environ, WORD=support.PASSPHRASE)
    command = ["rsa", "-in", str(tmp_path / "ca.key"), "-noout", "-check", "-passin"]
    assert "RSA key ok" in support.openssl(*command, "env:WORD", env=environment).stdout
    assert support.openssl(*command, "pass:nothing", env=environment).returncode != 0


def test_adopted(tmp_path: Path) -> None:
    put(tmp_path, support.root("Company CA", "ca"), support.ec_key("ca"))
    before = support.tree(tmp_path)
    result = run(tmp_path, key_type="RSA")
    assert result["reasons"] == []
    assert result["subject"] == "CN=Company CA"
    assert result["differences"] == [
        "key_type is ECDSA, wanted RSA",
        "common_name is Company CA, wanted example.com",
    ]
    assert support.tree(tmp_path) == before


def test_key_file_is_closed_again(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "ca.key").chmod(0o644)
    assert run(tmp_path, check_mode=True)["changed"]
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o644
    assert run(tmp_path)["changed"]
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    assert not run(tmp_path)["changed"]


def test_key_without_certificate_is_used(tmp_path: Path) -> None:
    text = support.key_pem(support.ec_key("ca"), support.PASSPHRASE)
    (tmp_path / "ca.key").write_text(text)
    result = run(tmp_path)
    assert result["reasons"] == ["the certificate is missing; the private key exists and is used"]
    assert (tmp_path / "ca.key").read_text() == text
    made = x509.load_pem_x509_certificate(result["certificate"].encode())
    assert made.public_key() == support.ec_key("ca").public_key()


def test_when_to_replace(tmp_path: Path) -> None:
    put(tmp_path, support.certificate("example.com", support.ec_key("ca"), ca=True, days=700), support.ec_key("ca"))
    due = run(tmp_path)
    assert (due["changed"], due["replace_recommended"], due["must_be_replaced"]) == (False, True, False)
    assert "renew_before is 760" in due["replace_reason"]
    assert not run(tmp_path, renew_before=600)["replace_recommended"]
    old = support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1)
    put(tmp_path, old, support.ec_key("ca"))
    late = run(tmp_path)
    assert (late["changed"], late["must_be_replaced"]) == (False, True)
    assert "the CA expired at" in late["replace_reason"]


def test_replace_the_certificate_only(tmp_path: Path) -> None:
    first = run(tmp_path)
    predicted = run(tmp_path, check_mode=True, replace="certificate", zone="ignored.example")
    assert (predicted["changed"], predicted["subject"]) == (True, first["subject"])
    second = run(tmp_path, replace="certificate", zone="ignored.example")
    assert second["subject"] == first["subject"]
    assert second["serial"] != first["serial"]
    assert second["subject_key_identifier"] == first["subject_key_identifier"]
    assert [Path(path).read_text() for path in second["backup_files"]] == [first["certificate"]]


def test_replace_the_ca(tmp_path: Path) -> None:
    first = run(tmp_path)
    old_key = (tmp_path / "ca.key").read_text()
    second = run(tmp_path, replace="key")
    assert second["subject_key_identifier"] != first["subject_key_identifier"]
    assert [Path(path).read_text() for path in second["backup_files"]] == [first["certificate"], old_key]
    assert not run(tmp_path)["changed"]


def test_put_into_place(tmp_path: Path) -> None:
    given = {
        "certificate_content": support.pem(support.root()),
        "privatekey_content": support.key_pem(support.ec_key("ca")),
    }
    assert run(tmp_path, check_mode=True, **given)["serial_decimal"] == str(support.root().serial_number)
    result = run(tmp_path, **given)
    assert result["changed"]
    assert result["certificate"] == given["certificate_content"]
    key = load_pem_private_key((tmp_path / "ca.key").read_bytes(), support.PASSPHRASE.encode())
    assert key.private_numbers() == support.ec_key("ca").private_numbers()
    assert not run(tmp_path, **given)["changed"]
    other = {
        "certificate_content": support.pem(support.root("other", "other")),
        "privatekey_content": support.key_pem(support.ec_key("other")),
    }
    assert "holds another CA than the one given (CN=other)" in refused(tmp_path, **other)
    mixed = {**other, "privatekey_content": given["privatekey_content"]}
    assert "privatekey_content does not match the certificate certificate_content" in refused(tmp_path, **mixed)


@pytest.mark.parametrize("options", [{}, {"replace": "key"}])
def test_cut_off_between_the_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    if options:
        run(tmp_path)
    promoted: list[str] = []
    promote = files.promote

    def cut(path: str) -> None:
        if promoted:
            raise KeyboardInterrupt
        promoted.append(path)
        promote(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "promote", cut)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, **options)
    expected = (tmp_path / "ca.pem").read_text()
    assert run(tmp_path, check_mode=True)["reasons"] == ["an interrupted replacement has to be completed"]
    result = run(tmp_path)
    assert (result["changed"], result["certificate"]) == (True, expected)
    assert not run(tmp_path)["changed"]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".next")]


def test_passphrases(tmp_path: Path) -> None:
    assert "No passphrase is given for the key of the CA" in refused(tmp_path, passphrase=None)
    assert "shorter than 8" in refused(tmp_path, passphrase="x7!")
    run(tmp_path)
    assert "ca.key does not open with the given passphrase" in refused(tmp_path, passphrase="a wrong passphrase")
    assert "No passphrase is given" in refused(tmp_path, passphrase=None)
    message = refused(tmp_path, passphrase=None, allow_unencrypted_key=True)
    assert "ca.key is encrypted and no passphrase is given" in message


def test_unencrypted_only_when_said(tmp_path: Path) -> None:
    put(tmp_path, support.root(), support.ec_key("ca"), None)
    assert "ca.key is not encrypted, though a passphrase is given" in refused(tmp_path)
    assert "No passphrase is given" in refused(tmp_path, passphrase=None)
    assert not run(tmp_path, passphrase=None, allow_unencrypted_key=True).get("failed")


def test_mismatch(tmp_path: Path) -> None:
    put(tmp_path, support.root(), support.ec_key("other"))
    message = refused(tmp_path)
    assert f"The key {tmp_path}/ca.key does not match the certificate {tmp_path}/ca.pem (CN=example.com)" in message
    assert "Nothing was changed" in message


def test_certificate_without_key(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(support.pem(support.root()))
    assert "(CN=example.com) is there, its key" in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my notes\n", "ca.pem: line 1 (before the first block) is neither part of a PEM block nor a comment"),
        ("", "ca.pem holds no PEM block"),
        (support.key_pem(support.rsa_key()), "is a private key; here only certificates belong"),
        (support.pem(support.leaf()), "(CN=app.example.com) is not a CA certificate"),
        (support.pem(support.root(), support.root("b", "b")), "holds 2 certificates; exactly one"),
        (support.pem(support.certificate("weak", support.rsa_key(1024), ca=True)), "weak key: RSA with 1024 bits"),
    ],
)
def test_foreign_certificate_file(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, text, support.ec_key("ca"))
    assert words in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my notes\n", "ca.key: line 1 (before the first block) is neither part of a PEM block nor a comment"),
        (support.pem(support.root()), "ca.key holds no private key (but: CERTIFICATE)"),
        (support.key_pem(support.rsa_key(1024), support.PASSPHRASE), "ca.key has a weak key: RSA with 1024 bits"),
    ],
)
def test_foreign_key_file(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, support.root(), text)
    assert words in refused(tmp_path)
    (tmp_path / "ca.pem").unlink()
    assert words in refused(tmp_path)


@support.needs_openssl
def test_weak_hash(tmp_path: Path) -> None:
    paths = ["-keyout", str(tmp_path / "ca.key"), "-out", str(tmp_path / "ca.pem")]
    made = support.openssl("req", "-x509", "-sha1", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", *paths)
    assert made.returncode == 0, made.stderr
    options = {"passphrase": None, "allow_unencrypted_key": True}
    assert "(CN=old) is signed with a weak hash: SHA1" in refused(tmp_path, **options)


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").mkdir()
    assert f"The certificate {tmp_path}/ca.pem is a directory" in refused(tmp_path)
    result = run(tmp_path, path=str(tmp_path / "none" / "ca.pem"), privatekey_path=str(tmp_path / "none" / "ca.key"))
    assert f"The directory {tmp_path}/none does not exist" in result["msg"]
    assert "are the same file" in run(tmp_path, privatekey_path=str(tmp_path / "ca.pem"))["msg"]


def test_senseless_options(tmp_path: Path) -> None:
    assert "renew_before (760) is not less than valid_days (100)" in refused(tmp_path, valid_days=100)
    assert "key_size is for RSA only" in refused(tmp_path, key_size=2048)
    assert "zone must have 1 to 64" in refused(tmp_path, zone="a" * 65)
    assert "common_name must have 1 to 64" in refused(tmp_path, common_name="\u00e4" * 33)
    assert "valid_days is 9999999" in refused(tmp_path, valid_days=9999999)


def test_check_mode_before_the_directory_exists(tmp_path: Path) -> None:
    paths = {"path": str(tmp_path / "none" / "ca.pem"), "privatekey_path": str(tmp_path / "none" / "ca.key")}
    assert run(tmp_path, check_mode=True, **paths)["changed"]


def test_nothing_is_left_where_the_certificate_cannot_be_written(tmp_path: Path) -> None:
    assert "does not exist" in run(tmp_path, path=str(tmp_path / "none" / "ca.pem"))["msg"]
    assert list(tmp_path.iterdir()) == []


def test_many_at_the_same_time_make_one_ca(tmp_path: Path) -> None:
    """As with delegate_to and without run_once."""
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    workers = [context.Process(target=lambda: answers.put(run(tmp_path))) for number in range(4)]
    for worker in workers:
        worker.start()
    results = [answers.get(timeout=60) for worker in workers]
    for worker in workers:
        worker.join()
    assert sorted(result["changed"] for result in results) == [False, False, False, True]
    assert len({result["serial"] for result in results}) == 1
    assert not run(tmp_path)["changed"]
