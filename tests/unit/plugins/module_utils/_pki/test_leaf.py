# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots and client certificates as they are made, and what openssl says about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.originlock.aop.plugins.module_utils._pki import authority, keys, leaf
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import describe, not_after, not_before
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import check_leaf, check_trust_bundle
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

NOW = support.NOW
ROOT_SPEC = authority.AuthoritySpec("example.com", 1826, 760, "sha256", keys.KeySpec())
SPEC = leaf.LeafSpec("app.example.com", ("app.example.com",), 730, 30, "sha256", keys.KeySpec())
CA = authority.build_root(support.ec_key("ca"), ROOT_SPEC, NOW)


def issue(spec: leaf.LeafSpec = SPEC, ca: x509.Certificate = CA, now: Any = NOW) -> x509.Certificate:
    return leaf.issue(support.ec_key("leaf"), spec, ca, support.ec_key("ca"), "ca.pem", now)


def test_root_extensions() -> None:
    found = describe(CA)
    assert (found.is_ca, found.self_signed, found.signature_hash) == (True, True, "sha256")
    assert found.key_usage == ("keyCertSign", "cRLSign")
    assert CA.extensions.get_extension_for_class(x509.BasicConstraints).critical
    assert CA.extensions.get_extension_for_class(x509.KeyUsage).critical
    assert found.subject_key_identifier
    assert not_after(CA) == NOW + timedelta(days=1826)
    assert NOW - timedelta(hours=2) < not_before(CA) < NOW
    assert check_trust_bundle(support.pem(CA), "b", NOW) == [CA]


def test_leaf_extensions() -> None:
    spec = replace(SPEC, names=("app.example.com", "*.api.example.com"))
    certificate = issue(spec)
    found = describe(certificate)
    assert found.names == spec.names
    assert (found.key_usage, found.extended_key_usage) == (("digitalSignature",), ("clientAuth",))
    for kind in (x509.BasicConstraints, x509.KeyUsage):
        assert certificate.extensions.get_extension_for_class(kind).critical
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert found.authority_key_identifier == describe(CA).subject_key_identifier
    assert found.subject_key_identifier
    assert not_after(certificate) == NOW + timedelta(days=730)
    assert check_leaf(support.pem(certificate), [CA], "l", NOW) == certificate


def test_predictions_hold() -> None:
    unknown = {"serial", "serial_decimal", "fingerprint_sha256", "fingerprint_sha1"}
    unknown.add("subject_key_identifier")
    for predicted, made in (
        (authority.predicted(replace(ROOT_SPEC, key=keys.KeySpec("ECDSA")), NOW), describe(CA).as_dict()),
        (leaf.predicted(replace(SPEC, key=keys.KeySpec("ECDSA")), CA, NOW), describe(issue()).as_dict()),
    ):
        assert predicted.keys() == made.keys()
        assert {key: value for key, value in predicted.items() if key not in unknown} == {
            key: value for key, value in made.items() if key not in unknown
        }


def test_serials_are_random_and_long() -> None:
    serials = {issue().serial_number for attempt in range(50)}
    assert len(serials) == 50
    assert max(serial.bit_length() for serial in serials) > 128
    assert all(0 < serial.bit_length() < 160 for serial in serials)


@pytest.mark.parametrize(("digest", "kind"), [("sha384", hashes.SHA384), ("sha512", hashes.SHA512)])
def test_other_hashes(digest: str, kind: type[hashes.HashAlgorithm]) -> None:
    assert isinstance(issue(replace(SPEC, digest=digest)).signature_hash_algorithm, kind)


def test_never_before_its_ca() -> None:
    young = support.certificate("example.com", support.ec_key("ca"), ca=True, start=-0.01, days=1826)
    assert not_before(issue(ca=young)) == not_before(young)


def test_never_outlives_its_ca() -> None:
    short = support.certificate("example.com", support.ec_key("ca"), ca=True, days=100)
    with pytest.raises(PkiError) as caught:
        issue(ca=short)
    assert "app.example.com valid for 730 days" in str(caught.value)
    assert "would outlive its CA ca.pem (CN=example.com), which expires at" in str(caught.value)
    assert "on_ca_expiry to clamp" in caught.value.remedy
    assert not_after(issue(replace(SPEC, clamp=True), short)) == not_after(short)


def test_expired_and_future_ca() -> None:
    old = support.certificate("example.com", support.ec_key("ca"), ca=True, start=-10, days=-1)
    with pytest.raises(PkiError, match=r"The CA ca.pem \(CN=example.com\) expired at"):
        issue(replace(SPEC, clamp=True), old)
    future = support.certificate("example.com", support.ec_key("ca"), ca=True, start=1)
    with pytest.raises(PkiError, match="is not valid before"):
        issue(ca=future)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"common_name": ""}, "common_name must have 1 to 64"),
        ({"common_name": "a" * 65}, "common_name must have 1 to 64"),
        ({"names": ()}, "subject_alt_names is empty"),
        ({"names": ("https://app.example.com",)}, "is not a hostname"),
        ({"names": ("app.example.com:443",)}, "is not a hostname"),
        ({"names": ("caf\u00e9.example",)}, "is not a hostname"),
        ({"names": ("*",)}, "is not a hostname"),
        ({"names": ("192.0.2.1",)}, "is an address"),
        ({"names": ("2001:db8::1",)}, "is an address"),
        ({"names": ("a..b",)}, "is not a hostname"),
        ({"names": ("-a.example",)}, "is not a hostname"),
        ({"valid_days": 0}, "valid_days is 0"),
        ({"renew_before": 730}, "is not less than valid_days"),
    ],
)
def test_bad_specs(change: dict[str, Any], words: str) -> None:
    with pytest.raises(PkiError, match=words):
        replace(SPEC, **change).check()


def test_differences() -> None:
    assert leaf.reasons(issue(), SPEC) == []
    assert leaf.reasons(issue(), replace(SPEC, names=("APP.example.com",))) == []
    assert leaf.reasons(issue(), replace(SPEC, names=("b.example.com",))) == [
        "subject_alt_names are app.example.com, wanted b.example.com"
    ]
    assert leaf.reasons(issue(), replace(SPEC, common_name="x")) == ["common_name is app.example.com, wanted x"]
    assert leaf.reasons(support.leaf(names=None), SPEC) == []


def test_time_for_the_next_one() -> None:
    assert leaf.judge(issue(), SPEC, NOW).reason is None
    assert leaf.judge(issue(), SPEC, NOW + timedelta(days=699)).reason is None
    due = leaf.judge(issue(), SPEC, NOW + timedelta(days=701))
    assert (due.replace_recommended, due.must_be_replaced) == (True, False)
    assert "in 29.0 days (renew_before is 30)" in (due.reason or "")
    assert leaf.judge(issue(), SPEC, NOW + timedelta(days=731)).must_be_replaced


@support.needs_openssl
@pytest.mark.parametrize(
    "kind", [keys.KeySpec("RSA", 2048), keys.KeySpec("ECDSA"), keys.KeySpec("ECDSA", curve="P-384")]
)
def test_openssl_verifies_it_for_clients(kind: keys.KeySpec, tmp_path: Path) -> None:
    ca_key, key = keys.generate(kind), keys.generate(kind)
    ca = authority.build_root(ca_key, ROOT_SPEC, NOW)
    certificate = leaf.issue(key, SPEC, ca, ca_key, "ca", NOW)
    for name, text in (("ca", support.pem(ca)), ("leaf", support.pem(certificate))):
        (tmp_path / name).write_text(text)
    verify = ["verify", "-x509_strict", "-CAfile", str(tmp_path / "ca"), "-purpose"]
    result = support.openssl(*verify, "sslclient", str(tmp_path / "leaf"))
    assert result.returncode == 0, result.stderr
    assert support.openssl(*verify, "sslserver", str(tmp_path / "leaf")).returncode != 0
    text = support.openssl("x509", "-in", str(tmp_path / "leaf"), "-noout", "-text").stdout
    for words in ("Version: 3", "CA:FALSE", "TLS Web Client Authentication", "DNS:app.example.com"):
        assert words in text


@support.needs_openssl
def test_openssl_reads_the_request(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    request = leaf.build_request(support.ec_key("leaf"), SPEC)
    (tmp_path / "csr").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    result = support.openssl("req", "-in", str(tmp_path / "csr"), "-noout", "-verify", "-text")
    assert result.returncode == 0
    assert "DNS:app.example.com" in result.stdout


def test_root_renewed_with_the_same_key_keeps_what_it_issued() -> None:
    renewed = authority.build_root(support.ec_key("ca"), ROOT_SPEC, NOW + timedelta(days=900), CA.subject)
    certificate = issue()
    later = NOW + timedelta(days=901)
    assert renewed != CA
    with pytest.raises(PkiError, match="expired"):
        check_leaf(support.pem(certificate), [renewed], "l", later)
    fresh = leaf.issue(support.ec_key("leaf"), SPEC, CA, support.ec_key("ca"), "ca", NOW + timedelta(days=800))
    assert check_leaf(support.pem(fresh), [renewed], "l", later) == fresh
