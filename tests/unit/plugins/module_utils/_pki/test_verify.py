# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust bundles and leaves; and openssl, asked about the same files, agrees."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import (
    check_leaf,
    check_trust_bundle,
    describe,
)
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

NOW = support.NOW
ROOT = support.root()
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


def intermediate(**options: Any) -> x509.Certificate:
    """A CA below ROOT."""
    options.setdefault("key_usage", support.usage("key_cert_sign"))
    return support.certificate("sub.example.com", support.ec_key("sub"), ROOT, support.ec_key("ca"), ca=True, **options)


def below(issuer: x509.Certificate) -> x509.Certificate:
    """A leaf of the intermediate."""
    return support.certificate(
        "app.example.com", support.ec_key("leaf"), issuer, support.ec_key("sub"), purposes=[support.CLIENT]
    )


def bundle_refusal(*certificates: x509.Certificate) -> str:
    with pytest.raises(PkiError) as caught:
        check_trust_bundle(support.pem(*certificates), "the bundle", NOW)
    assert caught.value.remedy
    return str(caught.value)


def leaf_refusal(leaf: x509.Certificate, *bundle: x509.Certificate, **options: Any) -> str:
    with pytest.raises(PkiError) as caught:
        check_leaf(support.pem(leaf), list(bundle or [ROOT]), "the leaf", NOW, **options)
    assert caught.value.remedy
    return str(caught.value)


def test_sound_bundles() -> None:
    assert check_trust_bundle(support.pem(ROOT), "b", NOW) == [ROOT]
    other = support.root("other.example", "other")
    assert check_trust_bundle(support.pem(other, intermediate(), ROOT), "b", NOW)[0] == other


def test_bundle_with_a_leaf() -> None:
    message = bundle_refusal(ROOT, support.leaf())
    assert "the bundle: certificate 2 (CN=app.example.com) is not a CA certificate" in message


def test_bundle_with_an_expired_ca() -> None:
    old = support.certificate("old.example", support.ec_key("old"), ca=True, start=-10, days=-1)
    assert "certificate 2 (CN=old.example) expired at" in bundle_refusal(ROOT, old)


def test_bundle_with_a_future_ca() -> None:
    young = support.certificate("young.example", support.ec_key("old"), ca=True, start=1)
    assert "is not valid before" in bundle_refusal(young)


def test_bundle_without_the_root() -> None:
    message = bundle_refusal(intermediate())
    assert "the bundle lacks the issuer CN=example.com of CN=sub.example.com" in message


def test_bundle_with_a_root_of_the_same_name_but_another_key() -> None:
    assert "lacks the issuer" in bundle_refusal(intermediate(), support.root("example.com", "impostor"))


def test_bundle_with_a_ca_that_may_not_sign() -> None:
    dumb = support.certificate("dumb", support.ec_key("x"), ca=True, key_usage=support.usage("crl_sign"))
    assert "lacks keyCertSign" in bundle_refusal(dumb)


def test_bundle_with_a_ca_for_servers_only() -> None:
    servers = support.certificate("servers", support.ec_key("x"), ca=True, purposes=[support.SERVER])
    assert "may not issue for TLS clients" in bundle_refusal(servers)


def test_bundle_with_a_weak_ca() -> None:
    weak = support.certificate("weak", support.rsa_key(1024), ca=True)
    assert "weak key: RSA with 1024 bits" in bundle_refusal(weak)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"purposes": [support.SERVER]}, "extendedKeyUsage is serverAuth, without clientAuth"),
        ({"key_usage": support.usage("key_encipherment")}, "keyUsage lacks digitalSignature"),
        ({"ca": True, "purposes": None}, "is a CA certificate, not a client certificate"),
        ({"start": -10, "days": -1}, "expired at"),
        ({"start": 2}, "is not valid before"),
        ({"extra": [(UNKNOWN_EXTENSION, True)]}, "critical extension 1.2.3.4.5"),
    ],
)
def test_unfit_leaves(options: dict[str, Any], words: str) -> None:
    message = leaf_refusal(support.leaf(**options))
    assert words in message
    assert "the leaf (CN=app.example.com)" in message


def test_leaf_of_another_ca() -> None:
    message = leaf_refusal(support.leaf(), support.root("other.example", "other"))
    assert "was issued by CN=example.com, which is not in the trust bundle (CN=other.example)" in message


def test_leaf_of_a_ca_with_the_same_name() -> None:
    message = leaf_refusal(support.leaf(), support.root("example.com", "impostor"))
    assert "does not verify with the CA CN=example.com, though that has the issuer's name" in message


def test_leaf_with_a_weak_key() -> None:
    weak = support.certificate("app.example.com", support.rsa_key(1024), ROOT, support.ec_key("ca"))
    assert "weak key: RSA with 1024 bits" in leaf_refusal(weak)


def test_leaf_that_ends_too_early() -> None:
    assert "valid for 10.0 more days only; 30 are needed" in leaf_refusal(support.leaf(days=10), min_days=30)
    check_leaf(support.pem(support.leaf(days=10)), [ROOT], "l", NOW, min_days=9)


def test_leaf_with_its_ca_in_the_same_file() -> None:
    with pytest.raises(PkiError, match=r"the leaf holds 2 certificates; exactly one"):
        check_leaf(support.pem(support.leaf(), ROOT), [ROOT], "the leaf", NOW)


def test_leaf_of_an_expired_ca() -> None:
    old = support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1)
    assert "the leaf: its issuer CN=example.com expired" in leaf_refusal(support.leaf(), old)


def test_leaf_below_a_root_renewed_with_the_same_key() -> None:
    """The old root is still in the bundle; the young one counts."""
    old = support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1)
    leaf = support.leaf()
    assert check_leaf(support.pem(leaf), [old, ROOT], "l", NOW) == leaf


def test_path_length() -> None:
    short = support.certificate("example.com", support.ec_key("ca"), ca=True, path_length=0)
    assert "allows 0 CAs below it, there are 1" in leaf_refusal(below(intermediate()), short, intermediate())


CASES: dict[str, tuple[x509.Certificate, list[x509.Certificate]]] = {
    "ours": (support.leaf(), [ROOT]),
    "documented openssl commands": (support.leaf(purposes=None, key_usage=None, names=None), [ROOT]),
    "no basicConstraints": (support.leaf(ca=None), [ROOT]),
    "client and server": (support.leaf(purposes=[support.CLIENT, support.SERVER]), [ROOT]),
    "server only": (support.leaf(purposes=[support.SERVER]), [ROOT]),
    "any purpose only": (support.leaf(purposes=[x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), [ROOT]),
    "encipherment only": (support.leaf(key_usage=support.usage("key_encipherment")), [ROOT]),
    "expired": (support.leaf(start=-10, days=-1), [ROOT]),
    "future": (support.leaf(start=2), [ROOT]),
    "weak": (support.certificate("app", support.rsa_key(1024), ROOT, support.ec_key("ca")), [ROOT]),
    "foreign": (support.leaf(), [support.root("other.example", "other")]),
    "same name": (support.leaf(), [support.root("example.com", "impostor")]),
    "two CAs": (support.leaf(), [support.root("other.example", "other"), ROOT]),
    "critical unknown": (support.leaf(extra=[(UNKNOWN_EXTENSION, True)]), [ROOT]),
    "unknown": (support.leaf(extra=[(UNKNOWN_EXTENSION, False)]), [ROOT]),
    "intermediate": (below(intermediate()), [intermediate(), ROOT]),
    "intermediate without root": (below(intermediate()), [intermediate()]),
    "intermediate for servers": (
        below(intermediate(purposes=[support.SERVER])),
        [intermediate(purposes=[support.SERVER]), ROOT],
    ),
    "expired root": (
        support.leaf(),
        [support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1)],
    ),
}


@support.needs_openssl
@pytest.mark.parametrize("case", CASES)
def test_openssl_agrees(case: str, tmp_path: Path) -> None:
    leaf, bundle = CASES[case]
    (tmp_path / "leaf.pem").write_text(support.pem(leaf))
    (tmp_path / "ca.pem").write_text(support.pem(*bundle))
    files = ["-no-CApath", "-no-CAstore", "-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "leaf.pem")]
    theirs = support.openssl("verify", "-purpose", "sslclient", "-auth_level", "2", *files)
    try:
        check_leaf(support.pem(leaf), bundle, "l", NOW)
    except PkiError as error:
        ours = str(error)
    else:
        ours = ""
    assert (ours == "") == (theirs.returncode == 0), f"ours: {ours!r}, theirs: {theirs.stdout}{theirs.stderr}"


def test_describe() -> None:
    leaf = support.leaf(names=["app.example.com", "api.example.com"])
    facts = describe(leaf)
    assert (facts.subject, facts.issuer) == ("CN=app.example.com", "CN=example.com")
    assert facts.names == ("app.example.com", "api.example.com")
    assert int(facts.serial_hex, 16) == int(facts.serial_decimal) == leaf.serial_number
    assert facts.serial_hex == facts.serial_hex.upper()
    assert len(facts.serial_hex) % 2 == 0
    assert (facts.key_type, facts.key_size, facts.key_curve) == ("ECDSA", 256, "P-256")
    assert facts.as_dict()["not_after"] == (NOW + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert describe(ROOT).is_ca
    assert describe(ROOT).self_signed
    assert not facts.self_signed


@support.needs_openssl
def test_openssl_tells_the_same_fingerprints_and_serial(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_text(support.pem(support.leaf()))
    facts = describe(_read(tmp_path))
    for digest, ours in (("-sha256", facts.sha256), ("-sha1", facts.sha1)):
        theirs = support.openssl("x509", "-in", str(tmp_path / "leaf.pem"), "-noout", "-fingerprint", digest).stdout
        assert theirs.strip().split("=")[1].replace(":", "").lower() == ours
    theirs = support.openssl("x509", "-in", str(tmp_path / "leaf.pem"), "-noout", "-serial").stdout
    assert theirs.strip() == f"serial={facts.serial_hex}"


def _read(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "leaf.pem").read_bytes())
