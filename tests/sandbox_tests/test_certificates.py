# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""H1-H4 and Z1-Z4."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from support.api import Api
from support.pki import Pair, Pki, make_key

from tests.sandbox.client import SandboxProcess


@pytest.mark.parametrize(
    "options",
    [{"kind": k} for k in ("rsa2048", "p256", "p384", "p521")] + [{"server": True}, {"name": "other.test"}],
    ids=str,
)
def test_accepts(api: Api, pki: Pki, options: dict[str, Any]) -> None:
    api.upload(pki.leaf(**options))


def test_accepts_a_self_signed_leaf_and_unknown_members(api: Api) -> None:
    own = Pki("self")
    leaf = own._sign(own.name, own.key)
    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pair = Pair(leaf.public_bytes(Encoding.PEM).decode(), key.decode(), leaf)
    api.ok("POST", api.certificates, {**pair.body, "bundle_method": "ubiquitous"})


@pytest.mark.parametrize(
    ("change", "code", "switch"),
    [
        ({"certificate": "no PEM"}, 1408, {}),
        ({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, 1408, {}),
        ({"certificate": ""}, 1400, {}),
        ({"private_key": None}, 1400, {}),
        ({"private_key": "rubbish"}, 1410, {}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refuses_bodies(
    api: Api, pki: Pki, sandbox: SandboxProcess, change: dict[str, Any], code: int, switch: dict[str, Any]
) -> None:
    assert api.error("POST", api.certificates, {**pki.leaf().body, **change}) == (400, code)


@pytest.mark.parametrize(
    ("options", "code", "accepted_by"),
    [
        ({"ca": True}, 1412, None),
        ({"kind": "rsa1024"}, 1419, {"refuse_weak": False}),
        ({"days": (-9, -1)}, 1420, {"refuse_expired": False}),
        ({"kind": "ed25519"}, 1418, {"accept_ed25519": True}),
        ({"password": b"secret"}, 1411, None),
    ],
    ids=str,
)
def test_refuses_certificates(
    api: Api, pki: Pki, sandbox: SandboxProcess, options: dict[str, Any], code: int, accepted_by: dict[str, Any] | None
) -> None:
    pair = pki.leaf(**options)
    assert api.error("POST", api.certificates, pair.body) == (400, code)
    if accepted_by:
        sandbox.config(**accepted_by)
        api.upload(pair)


def test_refuses_sha1(api: Api, sandbox: SandboxProcess, tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-sha1", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "leaf",
               "-subj", "/CN=a", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    body = {"certificate": (tmp_path / "leaf").read_text(), "private_key": (tmp_path / "key").read_text()}
    assert api.error("POST", api.certificates, body) == (400, 1419)
    sandbox.config(refuse_weak=False)
    assert api.ok("POST", api.certificates, body)["signature"] == "SHA1WithRSA"


def test_mldsa_on_wish(api: Api, sandbox: SandboxProcess) -> None:
    try:
        key = mldsa.MLDSA44PrivateKey.generate()
    except UnsupportedAlgorithm as error:
        pytest.skip(f"this OpenSSL has no ML-DSA: {error}")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example.com")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    leaf = builder.sign(key, None)
    body = {
        "certificate": leaf.public_bytes(Encoding.PEM).decode(),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    assert api.error("POST", api.certificates, body) == (400, 1418)
    sandbox.config(accept_mldsa=True)
    assert api.ok("POST", api.certificates, body)["signature"] == "ML-DSA-44"


def test_not_yet_valid_is_accepted_unless_switched(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    api.upload(pki.leaf(days=(5, 50)))
    sandbox.config(refuse_not_yet_valid=True)
    assert api.error("POST", api.certificates, pki.leaf(days=(5, 50)).body) == (400, 1421)


def test_key_of_another_certificate(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    body = {"certificate": pki.leaf().certificate, "private_key": pki.leaf().private_key}
    assert api.error("POST", api.certificates, body) == (400, 1409)
    sandbox.codes(key_mismatch={"http": 422, "code": 1499, "message": "mine"})
    status, answer = api.call("POST", api.certificates, body)
    assert (status, answer["errors"]) == (422, [{"code": 1499, "message": "mine"}])


def test_chain(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    leaf = pki.leaf()
    body = {"certificate": leaf.certificate + pki.pem, "private_key": leaf.private_key}
    assert api.error("POST", api.certificates, body) == (400, 1422)
    sandbox.config(chain="first")
    assert api.ok("POST", api.certificates, body)["certificate"] == leaf.certificate


def test_same_again_is_1406_until_deleted_then_has_its_old_id(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    leaf = pki.leaf()
    first = api.active(leaf)
    again = {"certificate": leaf.certificate.replace("\n", "\r\n"), "private_key": leaf.private_key}
    assert api.error("POST", api.certificates, again) == (400, 1406)
    api.ok("DELETE", f"{api.certificates}/{first}")
    assert api.error("POST", api.certificates, leaf.body) == (400, 1406), "also while it is being deleted"
    sandbox.clock(advance=3)
    assert api.upload(leaf) == first
    sandbox.config(revive_deleted=False)
    sandbox.clock(advance=3)
    api.ok("DELETE", f"{api.certificates}/{first}")
    sandbox.clock(advance=3)
    assert api.upload(leaf) != first


def test_stores_are_apart_unless_switched(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    one, two = pki.leaf(), pki.leaf()
    api.upload(one)
    api.upload(one, store="zone")
    sandbox.config(dedup_across_stores=True)
    api.upload(two)
    assert api.error("POST", api.base, two.body) == (400, 1406)


def test_quota(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    pairs = [pki.leaf() for _number in range(11)]
    ids = [api.upload(pair) for pair in pairs[:10]]
    assert api.error("POST", api.certificates, pairs[10].body) == (400, 1445)
    sandbox.clock(advance=3)
    api.ok("DELETE", f"{api.certificates}/{ids[0]}")
    assert api.error("POST", api.certificates, pairs[10].body) == (400, 1445), "it counts until it is gone"
    sandbox.clock(advance=3)
    api.upload(pairs[10])
    for _attempt in range(12):
        api.upload(pki.leaf(), store="zone")


def test_life_of_a_certificate(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    sandbox.config(certificate_initial="initializing", certificate_deploy_seconds=100)
    certificate = api.upload(pki.leaf())
    path = f"{api.certificates}/{certificate}"

    def status() -> str:
        return str(api.ok("GET", path)["status"])

    assert status() == "initializing"
    assert api.error("DELETE", path) == (400, 1434)
    sandbox.clock(advance=50)
    assert status() == "pending_deployment"
    assert api.error("DELETE", path) == (400, 1434)
    sandbox.clock(advance=60)
    assert status() == "active"
    assert api.ok("DELETE", path, {})["status"] == "pending_deletion"
    assert api.error("DELETE", path) == (400, 1414)
    sandbox.clock(advance=3)
    assert status() == "deleted"
    assert api.ok("GET", api.certificates) is None
    assert api.error("DELETE", path) == (400, 1415)


@pytest.mark.parametrize("outcome", ["deployment_timed_out", "stuck"])
def test_deployments_that_fail(api: Api, pki: Pki, sandbox: SandboxProcess, outcome: str) -> None:
    sandbox.config(certificate_outcome=outcome)
    certificate = api.active(pki.leaf())
    expected = "pending_deployment" if outcome == "stuck" else outcome
    assert api.ok("GET", f"{api.certificates}/{certificate}")["status"] == expected
    api.put(certificate, "a.example.com")
    sandbox.clock(advance=60)
    assert api.ok("GET", f"{api.hostnames}/a.example.com")["status"] == expected
    assert sandbox.presented("a.example.com")["source"] == "none"


def test_deletions_that_fail(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    sandbox.config(delete_outcome="deletion_timed_out")
    certificate = api.active(pki.leaf())
    api.ok("DELETE", f"{api.certificates}/{certificate}")
    sandbox.clock(advance=3)
    assert api.ok("GET", f"{api.certificates}/{certificate}")["status"] == "deletion_timed_out"


def test_list_lag_and_shapes(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    sandbox.config(list_lag_seconds=30, id_style="uuid")
    certificate = api.upload(pki.leaf())
    assert len(certificate) == 36
    assert api.ok("GET", api.certificates) is None
    sandbox.config(empty_list="array")
    assert api.ok("GET", api.certificates) == []
    assert api.ok("GET", f"{api.certificates}/{certificate}")["id"] == certificate
    sandbox.clock(advance=31)
    assert [c["id"] for c in api.ok("GET", api.certificates)] == [certificate]


@pytest.mark.parametrize(
    ("style", "kind", "text"),
    [
        ("SHA256WithRSA", "rsa2048", "SHA256WithRSA"),
        ("SHA256-RSA", "rsa2048", "SHA256-RSA"),
        ("SHA256WithRSA", "p256", "ECDSAWithSHA256"),
        ("SHA256-RSA", "p256", "ECDSA-SHA256"),
    ],
)
def test_spelling_of_signatures(api: Api, sandbox: SandboxProcess, style: str, kind: str, text: str) -> None:
    sandbox.config(signature_style=style)
    ca = Pki()
    ca.key = make_key(kind)
    certificate = api.associate(ca.leaf(), "a.example.com")
    assert api.ok("GET", f"{api.certificates}/{certificate}")["signature"] == text
    assert api.ok("GET", f"{api.hostnames}/a.example.com")["signature"] == text


@pytest.mark.parametrize(
    ("order", "text"), [("rfc4514", "O=Example,CN=Client CA,C=NL"), ("cn_first", "CN=Client CA,O=Example,C=NL")]
)
def test_order_of_the_issuers_names(api: Api, sandbox: SandboxProcess, order: str, text: str) -> None:
    sandbox.config(issuer_order=order)
    ca = Pki()
    parts = ((NameOID.COUNTRY_NAME, "NL"), (NameOID.COMMON_NAME, "Client CA"), (NameOID.ORGANIZATION_NAME, "Example"))
    ca.name = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    assert api.ok("GET", f"{api.certificates}/{api.upload(ca.leaf())}")["issuer"] == text


def test_unknown_ids(api: Api) -> None:
    unknown = "0" * 32
    assert api.error("GET", f"{api.certificates}/{unknown}") == (404, 1551)
    assert api.error("DELETE", f"{api.certificates}/{unknown}") == (404, 1551)
    assert api.error("GET", f"{api.base}/{unknown}") == (404, 1552)


def test_zone_certificates(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    sandbox.config(zone_conflict_seconds=5)
    certificate = api.upload(pki.leaf(), store="zone")
    assert api.error("POST", api.base, pki.leaf().body) == (409, 1417)
    sandbox.clock(advance=6)
    shown = api.ok("GET", f"{api.base}/{certificate}")
    assert "enabled" not in shown
    assert "serial_number" in shown
    api.ok("DELETE", f"{api.base}/{certificate}")
    sandbox.clock(advance=6)
    assert api.error("DELETE", f"{api.base}/{certificate}") == (400, 1416)
    sandbox.config(zone_enabled_field=True)
    assert api.ok("GET", f"{api.base}/{certificate}")["enabled"] is False


def test_keys_are_nowhere(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    leaf = pki.leaf()
    secret = leaf.private_key.splitlines()[1]
    certificate = api.upload(leaf)
    api.put(certificate, "a.example.com")
    for path in (api.certificates, f"{api.certificates}/{certificate}", f"{api.hostnames}/a.example.com"):
        assert "private" not in str(api.ok("GET", path)).lower()
    shown = str(sandbox.journal()) + str(sandbox.presented("a.example.com")) + sandbox.log()
    assert secret not in shown
    assert sandbox.token not in str(sandbox.journal())
