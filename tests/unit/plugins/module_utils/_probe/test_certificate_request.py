# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CA names in the messages of TLS 1.2 and 1.3."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._probe.certificate_request import ca_names, name_text

ONE = x509.Name(
    [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Beispiel Größe"), x509.NameAttribute(NameOID.COMMON_NAME, "One")]
).public_bytes()
TWO = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 64)] * 3).public_bytes()


def _sized(data: bytes, size: int = 2) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _tls12(*names: bytes) -> bytes:
    body = _sized(b"\x01\x40\x02", 1) + _sized(b"\x04\x03\x08\x04") + _sized(b"".join(_sized(n) for n in names))
    return b"\x0d" + _sized(body, 3)


def _tls13(*names: bytes) -> bytes:
    extensions = b"\x00\x0d" + _sized(_sized(b"\x04\x03"))
    if names:
        extensions += b"\x00\x2f" + _sized(_sized(b"".join(_sized(n) for n in names)))
    return b"\x0d" + _sized(b"\x00" + _sized(extensions), 3)


def test_names() -> None:
    for names in ((), (ONE,), (ONE, TWO)):
        assert ca_names(_tls12(*names), False) == names
        assert ca_names(_tls13(*names), True) == names


def test_text() -> None:
    assert name_text(ONE) == "CN=One, O=Beispiel Größe"
    assert name_text(TWO).count("CN=") == 3
    hostile = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\nb\x1b[31m")]).public_bytes()
    assert name_text(hostile) == "CN=a?b?[31m"


@given(st.binary(max_size=200))
def test_hostile_bytes_never_raise(data: bytes) -> None:
    assert isinstance(ca_names(data, True), tuple)
    assert isinstance(ca_names(data, False), tuple)
    assert isinstance(name_text(data), str)


@given(st.integers(0, 80))
def test_cut_short(length: int) -> None:
    for message, is_tls13 in ((_tls13(ONE, TWO), True), (_tls12(ONE, TWO), False)):
        assert ca_names(message[:length], is_tls13) == ()
