# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is this file?"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._pki import classify
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

NOW = support.NOW
CLOUDFLARE = {"COUNTRY_NAME": "US", "ORGANIZATION_NAME": "CloudFlare, Inc."}
SHARED = support.certificate(
    support.name("origin-pull.cloudflare.net", ORGANIZATIONAL_UNIT_NAME="Origin Pull", **CLOUDFLARE),
    support.ec_key("shared"),
    ca=True,
)


def origin_root(unit: str) -> object:
    """The Origin CA's roots are named by their organizational unit and have no common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CloudFlare, Inc."),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
    ]
    return support.certificate(x509.Name(attributes), support.ec_key("origin"), ca=True)


RSA_ROOT = origin_root("CloudFlare Origin SSL Certificate Authority")
ECC_ROOT = origin_root("CloudFlare Origin SSL ECC Certificate Authority")
ORIGIN = support.certificate(
    "CloudFlare Origin Certificate",
    support.ec_key("server"),
    RSA_ROOT,
    support.ec_key("origin"),
    purposes=[support.CLIENT, support.SERVER],
)
KEY = support.key_pem(support.ec_key())


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (support.pem(support.leaf()), "client_certificate", None),
        (support.pem(support.leaf(start=-9, days=-1)), "client_certificate", "expired at"),
        (support.pem(support.root()), "client_ca", "is a CA certificate, not a client certificate"),
        (support.pem(support.leaf(purposes=[support.SERVER])), "server_certificate", "without clientAuth"),
        (support.pem(SHARED), "cloudflare_shared_pull_ca", "lets every Cloudflare account in"),
        (support.pem(RSA_ROOT), "origin_ca_root", "certifies servers"),
        (support.pem(ECC_ROOT), "origin_ca_root", "certifies servers"),
        (support.pem(ORIGIN), "origin_ca_certificate", "it is for the server, not for the edge"),
        (KEY, "private_key", "is a private key, not a certificate"),
        (support.pem(support.leaf(), support.root()), "bundle", "holds 2 certificates"),
        (support.pem(support.leaf()) + KEY, "bundle", "holds a private key as well"),
        ("\n<!DOCTYPE html><html>404</html>", "html", "a download went wrong"),
        ("<HTML><body>", "html", "web page"),
        ("", "unknown", "holds no PEM block"),
        ("hello", "unknown", "neither part of a PEM block nor a comment"),
        (support.pem(support.root())[:-90], "unknown", "has no line -----END"),
    ],
)
def test_kinds(text: str, kind: str, reason: str | None) -> None:
    found = classify.classify(text, "the file", NOW)
    assert found.kind == kind
    assert found.kind in classify.KINDS
    assert found.usable is (reason is None)
    if reason:
        assert reason in " ".join(found.reasons)


def test_leaf_of_the_shared_ca() -> None:
    theirs = support.certificate("cloudflare", support.ec_key("l"), SHARED, support.ec_key("shared"))
    assert "its key is Cloudflare's" in " ".join(classify.classify(support.pem(theirs), "f", NOW).reasons)


def test_binary() -> None:
    der = support.root().public_bytes(serialization.Encoding.DER)
    found = classify.classify_bytes(der, "ca.der", NOW)
    assert found.kind == "unknown"
    assert "in DER form; convert it: openssl x509 -inform der" in found.reasons[0]
    assert classify.classify_bytes(b"\xff\xfe\x00", "x", NOW).reasons == (
        "x is neither text nor a certificate in DER form.",
    )


def test_values() -> None:
    bundle = support.pem(support.leaf(days=10), support.root()) + support.key_pem(support.ec_key(), support.PASSPHRASE)
    values = classify.classify(bundle, "f", NOW).as_dict(NOW)
    assert [entry["kind"] for entry in values["certificates"]] == ["client_certificate", "client_ca"]
    assert values["days_left"] == 10.0
    assert (values["contains_private_key"], values["private_key_encrypted"]) == (True, True)
    assert "PRIVATE" not in str(values).replace("private_key", "")


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_never_stumbles(data: bytes) -> None:
    found = classify.classify_bytes(data, "f", NOW)
    assert found.kind in ("unknown", "html")
    assert not found.usable
    assert found.as_dict(NOW)["reasons"]
