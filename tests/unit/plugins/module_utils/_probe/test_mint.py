# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away certificates: each is bad in one way, and in that way only."""

from __future__ import annotations

import stat
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._pki.facts import not_after, not_before
from ansible_collections.originlock.aop.plugins.module_utils._probe import mint
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import BAD
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

CA = support.root()
LEAF = support.leaf()
OURS = mint.Ours(
    support.pem(CA).encode(),
    support.pem(LEAF).encode(),
    support.key_pem(support.ec_key("ca"), "secret").encode(),
    "secret",
)


def _made(directory: Path, ours: mint.Ours = OURS) -> dict[str, list[x509.Certificate]]:
    return {
        identity.kind: x509.load_pem_x509_certificates(Path(identity.certificate).read_bytes())
        for identity in mint.mint("app.example.com", ours, directory)
    }


def _signed_by_ours(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(CA)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_kinds(tmp_path: Path) -> None:
    made = _made(tmp_path)
    assert set(made) == set(BAD)
    now = datetime.now(timezone.utc)
    expired = made["expired"][0]
    assert _signed_by_ours(expired)
    assert not_before(expired) < not_after(expired) < now
    server = made["server_auth"][0]
    assert _signed_by_ours(server)
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [support.SERVER]
    for kind in ("self_signed", "foreign_ca", "same_name_ca"):
        assert not _signed_by_ours(made[kind][0])
        assert not_after(made[kind][0]) > now
        # A server that looks at names and serials only is taken in.
        assert (made[kind][0].subject, made[kind][0].serial_number) == (LEAF.subject, LEAF.serial_number)
    forged = made["same_name_ca"]
    assert forged[0].issuer == CA.subject == forged[1].subject
    assert made["foreign_ca"][0].issuer != CA.subject
    made["foreign_ca"][0].verify_directly_issued_by(made["foreign_ca"][1])
    made["self_signed"][0].verify_directly_issued_by(made["self_signed"][0])


def test_without_our_key_a_foreign_ca_signs(tmp_path: Path) -> None:
    made = _made(tmp_path, mint.Ours(leaf=OURS.leaf))
    assert not _signed_by_ours(made["expired"][0])
    assert made["same_name_ca"][0].issuer == CA.subject  # known from the leaf
    (tmp_path / "nothing").mkdir()
    assert set(_made(tmp_path / "nothing", mint.Ours())) == set(BAD)


def test_files_are_private(tmp_path: Path) -> None:
    _made(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 2 * len(BAD)


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        (mint.Ours(ca=b"<html>"), "The CA certificate is not a PEM certificate."),
        (mint.Ours(leaf=b"nonsense"), "The certificate is not a PEM certificate."),
        (mint.Ours(OURS.ca, OURS.leaf, OURS.ca_key, "wrong"), "the passphrase is wrong"),
        (mint.Ours(OURS.ca, OURS.leaf, OURS.ca_key, ""), "the passphrase is wrong"),
    ],
)
def test_bad_input(tmp_path: Path, ours: mint.Ours, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        mint.mint("app.example.com", ours, tmp_path)
    assert caught.value.remedy
    assert "secret" not in str(caught.value)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mint, "HAS_CRYPTOGRAPHY", False)
    with pytest.raises(UserError, match="cryptography is missing"):
        mint.mint("app.example.com", OURS, tmp_path)


def test_same_issuer() -> None:
    other = support.leaf("api.example.com", "api")
    stranger = support.certificate("x", support.ec_key("x"), support.root("other", "other"), support.ec_key("other"))
    assert mint.same_issuer(OURS.leaf, support.pem(other).encode())
    assert not mint.same_issuer(OURS.leaf, support.pem(stranger).encode())
    assert not mint.same_issuer(OURS.leaf, b"")
