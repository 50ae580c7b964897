# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module client_certificate, run whole."""

from __future__ import annotations

import re
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.originlock.aop.plugins.module_utils._engine import files, pki
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_leaf, parse_bundle
from ansible_collections.originlock.aop.plugins.modules import client_certificate
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

ROOT = support.root()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a CA in it."""
    put_ca(tmp_path, ROOT)
    return tmp_path


def put_ca(directory: Path, certificate: x509.Certificate, key: str = "ca") -> None:
    (directory / "ca.pem").write_text(support.pem(certificate))
    (directory / "ca.key").write_text(support.key_pem(support.ec_key(key), support.PASSPHRASE))


def put(directory: Path, certificate: x509.Certificate | str, key: Any) -> None:
    """A leaf from somewhere else."""
    text = certificate if isinstance(certificate, str) else support.pem(certificate)
    (directory / "app.pem").write_text(text)
    if key is not None:
        (directory / "app.key").write_text(key if isinstance(key, str) else support.key_pem(key))
        (directory / "app.key").chmod(0o600)


def run(directory: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {
        "common_name": "app.example.com",
        "path": str(directory / "app.pem"),
        "privatekey_path": str(directory / "app.key"),
        "ca_path": str(directory / "ca.pem"),
        "ca_privatekey_path": str(directory / "ca.key"),
        "ca_passphrase": support.PASSPHRASE,
        "key_type": "ECDSA",
        **options,
    }
    arguments = {key: value for key, value in arguments.items() if value is not None}
    result = support.run_module(client_certificate.main, check_mode, **arguments)
    assert support.PASSPHRASE not in str(result)
    assert "PRIVATE KEY" not in str(result)
    return result


def refused(directory: Path, **options: Any) -> str:
    """The message of a refusal, which changed no file in either mode."""
    before = support.tree(directory)
    predicted = run(directory, check_mode=True, **options)
    result = run(directory, **options)
    assert support.tree(directory) == before
    assert result["failed"]
    # A second may have passed between the two.
    told = [re.sub(r"until [0-9-]+T[0-9:]+Z", "until then", one["msg"]) for one in (predicted, result)]
    assert told[0] == told[1]
    return str(result["msg"])


def pair_fits(directory: Path) -> bool:
    key = load_pem_private_key((directory / "app.key").read_bytes(), None)
    return bool(key.public_key() == parse_bundle((directory / "app.pem").read_text(), "l")[0].public_key())


def at(monkeypatch: pytest.MonkeyPatch, days: float) -> datetime:
    """Let the module believe that it is so many days later."""
    moment = datetime.now(timezone.utc) + timedelta(days=days)
    monkeypatch.setattr(pki, "utc_now", lambda: moment)
    return moment


def test_issued_once(place: Path) -> None:
    start = support.tree(place)
    predicted = run(place, check_mode=True, csr_path=str(place / "app.csr"))
    assert support.tree(place) == start
    made = run(place, csr_path=str(place / "app.csr"))
    assert made["reasons"] == predicted["reasons"] == ["the certificate does not exist"]
    for key in ("subject", "issuer", "subject_alt_names", "key_type", "extended_key_usage", "authority_key_identifier"):
        assert made[key] == predicted[key]
    assert predicted["certificate"] is None
    assert made["subject_alt_names"] == ["app.example.com"]
    assert made["ca_certificate"] == support.pem(ROOT)
    assert check_leaf(made["certificate"], [ROOT], "l", support.NOW, 728)
    request = x509.load_pem_x509_csr(made["csr"].encode())
    assert request.public_key() == parse_bundle(made["certificate"], "l")[0].public_key()
    assert pair_fits(place)
    assert stat.S_IMODE((place / "app.key").stat().st_mode) == 0o600
    assert "ENCRYPTED" not in (place / "app.key").read_text()
    before = support.tree(place)
    for check_mode in (True, False):
        again = run(place, check_mode=check_mode, csr_path=str(place / "app.csr"))
        assert not again["changed"]
        assert again["diff"]["before"] == again["diff"]["after"]
    assert support.tree(place) == before


@support.needs_openssl
def test_openssl_verifies_the_default(place: Path) -> None:
    made = run(place, key_type=None)
    assert (made["key_type"], made["key_size"]) == ("RSA", 4096)
    result = support.openssl(
        "verify", "-purpose", "sslclient", "-CAfile", str(place / "ca.pem"), str(place / "app.pem")
    )
    assert result.returncode == 0, result.stderr
    key = support.openssl("rsa", "-in", str(place / "app.key"), "-noout", "-check")
    assert "RSA key ok" in key.stdout


def test_adopted(place: Path) -> None:
    put(place, support.leaf(), support.ec_key("leaf"))
    before = support.tree(place)
    for options in ({}, {"key_type": None}, {"ca_privatekey_path": None}, {"regenerate": "never"}):
        assert not run(place, **options)["changed"]
    assert support.tree(place) == before


def test_made_by_the_documented_commands_is_adopted(place: Path) -> None:
    put(place, support.leaf(names=None, purposes=None, key_usage=None), support.ec_key("leaf"))
    assert not run(place)["changed"]


def test_key_without_certificate_is_used(place: Path) -> None:
    text = support.key_pem(support.ec_key("leaf"))
    (place / "app.key").write_text(text)
    assert run(place)["reasons"] == ["the certificate is missing; the private key exists and is used"]
    assert (place / "app.key").read_text() == text
    assert pair_fits(place)


def test_key_without_certificate_of_another_kind(place: Path) -> None:
    (place / "app.key").write_text(support.key_pem(support.rsa_key()))
    (place / "app.key").chmod(0o600)
    assert "has no certificate and is another one than wanted: key_type is RSA, wanted ECDSA" in refused(place)
    assert run(place, key_type=None)["key_size"] == 2048


def test_reused_key_has_to_be_the_wanted_one(place: Path) -> None:
    put(place, support.leaf(), support.ec_key("leaf"))
    options = {"key_type": "RSA", "key_size": 2048, "reuse_privatekey": True}
    assert run(place, check_mode=True, **options)["key_type"] == "RSA"
    assert run(place, **options)["key_type"] == "RSA"
    assert not run(place, **options)["changed"]


def test_certificate_of_ours_without_key(place: Path) -> None:
    put(place, support.leaf(), None)
    assert run(place)["reasons"] == ["its private key is missing"]
    assert pair_fits(place)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"subject_alt_names": ["app.example.com", "b.example.com"]}, "subject_alt_names are app.example.com, wanted"),
        ({"common_name": "b.example.com"}, "common_name is app.example.com, wanted b.example.com"),
        ({"curve": "P-384"}, "curve is P-256, wanted P-384"),
        ({"key_type": "RSA", "key_size": 2048}, "key_type is ECDSA, wanted RSA"),
        ({"regenerate": "always"}, "a new one was asked for"),
    ],
)
def test_issued_anew(place: Path, options: dict[str, Any], reason: str) -> None:
    put(place, support.leaf(), support.ec_key("leaf"))
    assert run(place, check_mode=True, **options)["reasons"][0].startswith(reason)
    made = run(place, **options)
    assert made["reasons"][0].startswith(reason)
    assert made["diff"]["before"]["serial"] != made["diff"]["after"]["serial"]
    assert pair_fits(place)
    if "regenerate" not in options:
        assert not run(place, **options)["changed"]


def test_renewed_in_time_with_a_new_key(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(place)
    at(monkeypatch, 699)
    assert not run(place)["changed"]
    at(monkeypatch, 701)
    assert "renew_before is 30" in run(place, check_mode=True)["reasons"][0]
    second = run(place)
    assert second["changed"]
    assert second["subject_key_identifier"] != first["subject_key_identifier"]
    assert not run(place)["changed"]
    third = run(place, regenerate="always", reuse_privatekey=True)
    assert third["subject_key_identifier"] == second["subject_key_identifier"]
    assert third["serial"] != second["serial"]


def test_renewal_that_is_not_ours_to_make(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place, support.leaf(days=10), support.ec_key("leaf"))
    for options in ({"regenerate": "never"}, {"ca_privatekey_path": None}):
        result = run(place, **options)
        assert not result["changed"]
        assert result["replace_recommended"]
        assert "in 10.0 days" in result["replace_reason"] or "in 9.9" in result["replace_reason"]
    at(monkeypatch, 11)
    assert "it expired at" in refused(place, regenerate="never")
    assert "but the CA's key is not given" in refused(place, ca_privatekey_path=None)


def test_would_outlive_its_ca(place: Path) -> None:
    put_ca(place, support.certificate("example.com", support.ec_key("ca"), ca=True, days=100))
    message = refused(place)
    assert "A certificate for app.example.com valid for 730 days" in message
    assert f"would outlive its CA {place}/ca.pem (CN=example.com), which expires at" in message
    made = run(place, on_ca_expiry="clamp")
    assert made["not_after"] == (support.NOW + timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not run(place, on_ca_expiry="clamp")["changed"]


def test_clamped_near_the_end_is_not_issued_over_and_over(place: Path) -> None:
    put_ca(place, support.certificate("example.com", support.ec_key("ca"), ca=True, days=10))
    assert run(place, on_ca_expiry="clamp")["changed"]
    again = run(place, on_ca_expiry="clamp")
    assert (again["changed"], again["replace_recommended"]) == (False, True)


def test_expired_ca(place: Path) -> None:
    put_ca(place, support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1))
    assert f"The CA {place}/ca.pem (CN=example.com) expired at" in refused(place)
    assert "expired at" in refused(place, on_ca_expiry="clamp")


def test_what_is_no_ca(place: Path) -> None:
    (place / "ca.pem").write_text(support.pem(support.leaf()))
    assert "ca.pem (CN=app.example.com) is not a CA certificate" in refused(place)
    (place / "ca.pem").unlink()
    assert "ca.pem does not exist. Make the CA first (client_ca)." in run(place)["msg"]
    assert not (place / "app.key").exists()


def test_check_mode_before_the_ca_exists(tmp_path: Path) -> None:
    result = run(tmp_path, check_mode=True)
    assert result["changed"]
    assert (result["issuer"], result["ca_certificate"], result["certificate"]) == (None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_ca_passphrase_and_key(place: Path) -> None:
    assert "ca.key does not open with the given passphrase" in refused(place, ca_passphrase="another one entirely")
    assert "ca.key is encrypted and no passphrase is given" in refused(place, ca_passphrase=None)
    put_ca(place, ROOT, "other")
    assert "ca.key does not match the certificate" in refused(place)
    (place / "ca.key").unlink()
    assert "ca.key does not exist" in refused(place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my notes\n", "app.pem: line 1 (before the first block) is neither part of a PEM block nor a comment"),
        (support.key_pem(support.rsa_key()), "is a private key; here only certificates belong"),
        (support.pem(support.root()), "app.pem (CN=example.com) is a CA certificate, not a client certificate"),
        (support.pem(support.leaf(), support.root()), "app.pem holds 2 certificates"),
        ("<html>404</html>", "is neither part of a PEM block"),
    ],
)
def test_foreign_certificate_file(place: Path, text: str, words: str) -> None:
    put(place, text, support.ec_key("leaf"))
    assert words in refused(place)
    assert words in refused(place, regenerate="always")


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (support.leaf(purposes=[support.SERVER]), "leaf", "extendedKeyUsage is serverAuth, without clientAuth"),
        (support.leaf(), "other", "does not match the certificate"),
        (support.leaf(start=2), "leaf", "is not valid before"),
        (
            support.certificate("app.example.com", support.ec_key("leaf"), support.root("b", "b"), support.ec_key("b")),
            "leaf",
            "was not issued by the CA",
        ),
    ],
)
def test_foreign_pair(place: Path, certificate: x509.Certificate, key: str, words: str) -> None:
    put(place, certificate, support.ec_key(key))
    message = refused(place)
    assert words in message
    assert f"{place}/app.pem (CN=app.example.com)" in message
    assert run(place, regenerate="always")["changed"]
    assert pair_fits(place)


def test_weak_key(place: Path) -> None:
    weak = support.certificate("app.example.com", support.rsa_key(1024), ROOT, support.ec_key("ca"))
    put(place, weak, support.rsa_key(1024))
    assert "app.key has a weak key: RSA with 1024 bits" in refused(place)
    put(place, weak, None)
    (place / "app.key").unlink()
    assert "app.pem (CN=app.example.com) has a weak key: RSA with 1024 bits" in refused(place)


@support.needs_openssl
def test_weak_hash(place: Path) -> None:
    (place / "csr").write_text(run(place, csr_path=str(place / "x.csr"))["csr"])
    environment = {"WORD": support.PASSPHRASE, "PATH": "/usr/bin:/bin"}
    signing = ["-CA", str(place / "ca.pem"), "-CAkey", str(place / "ca.key"), "-passin", "env:WORD", "-CAcreateserial"]
    made = support.openssl("x509", "-req", "-in", str(place / "csr"), "-sha1", *signing, env=environment)
    assert made.returncode == 0, made.stderr
    (place / "app.pem").write_text(made.stdout)
    assert "app.pem (CN=app.example.com) is signed with a weak hash: SHA1" in refused(place)


def test_foreign_key_file(place: Path) -> None:
    for text, words in (
        ("my notes", "app.key: line 1"),
        (support.pem(ROOT), "app.key holds no private key"),
        (support.key_pem(support.ec_key("leaf"), "some passphrase"), "app.key is encrypted; Cloudflare takes"),
    ):
        put(place, support.leaf(), text)
        assert words in refused(place)
    (place / "app.key").unlink()
    (place / "app.key").mkdir()
    assert "app.key is a directory" in refused(place)


def test_request(place: Path) -> None:
    put(place, support.leaf(), support.ec_key("leaf"))
    path = place / "app.csr"
    path.write_text("my notes")
    assert "app.csr is not a certificate signing request" in refused(place, csr_path=str(path))
    path.unlink()
    predicted = run(place, check_mode=True, csr_path=str(path))
    result = run(place, csr_path=str(path))
    assert result["reasons"] == predicted["reasons"] == ["the signing request is missing"]
    assert result["certificate"] == predicted["certificate"] == (place / "app.pem").read_text()
    assert result["diff"]["before"] == result["diff"]["after"]
    assert not run(place, csr_path=str(path))["changed"]
    renewed = run(place, regenerate="always", csr_path=str(path))
    assert (
        x509.load_pem_x509_csr(path.read_bytes()).public_key()
        == parse_bundle(renewed["certificate"], "l")[0].public_key()
    )


def test_senseless_options(place: Path) -> None:
    assert "'app.example.com:443' is not a hostname" in refused(place, subject_alt_names=["app.example.com:443"])
    assert "renew_before (30) is not less than valid_days (20)" in refused(place, valid_days=20)
    assert "curve is for ECDSA only" in refused(place, key_type="RSA", curve="P-256")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("cut_at", range(4))
def test_cut_off_anywhere(place: Path, monkeypatch: pytest.MonkeyPatch, existing: bool, cut_at: int) -> None:
    """Whichever step is the last one: the next run ends with a pair that fits, and the one after changes nothing."""
    if existing:
        run(place)
    options = {"regenerate": "always"} if existing else {}
    steps: list[str] = []

    def counted(step: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if len(steps) == cut_at:
                raise KeyboardInterrupt
            steps.append(step.__name__)
            return step(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("stage", "promote"):
            patch.setattr(files, name, counted(getattr(files, name)))
        with pytest.raises(KeyboardInterrupt):
            run(place, **options)
    assert len(steps) == cut_at
    result = run(place)
    assert not result.get("failed"), result
    assert result["changed"] is (not existing or cut_at == 3)
    assert pair_fits(place)
    assert not run(place)["changed"]
    assert not [path for path in place.iterdir() if path.name.endswith(".next")]
