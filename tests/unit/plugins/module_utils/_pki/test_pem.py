# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM text: every line accounted for."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.verify import dump, parse_bundle
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

ONE = support.pem(support.root())
TWO = ONE + support.pem(support.root("other.example"))


def refusal(text: str) -> str:
    """The message (and remedy) with which a text is refused."""
    with pytest.raises(PkiError) as caught:
        parse_bundle(text, "the bundle")
    return f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (ONE, 1),
        (TWO, 2),
        (TWO.replace("\n", "\r\n"), 2),
        ("# our CA\n\n" + ONE + "\n# the next one\n" + ONE, 2),
        (ONE.rstrip("\n"), 1),
        ("subject=CN = example.com\nissuer=CN = example.com\n" + ONE, 1),
        ("Bag Attributes\n    friendlyName: ca\nsubject=CN=a\n" + ONE, 1),
        ("Certificate:\n    Data:\n        Version: 3 (0x2)\n" + ONE, 1),
        (ONE.replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT"), 1),
    ],
)
def test_accepted(text: str, count: int) -> None:
    assert len(parse_bundle(text, "b")) == count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["the bundle holds no PEM block"]),
        ("  \n# nothing\n", ["the bundle holds no PEM block"]),
        ("hello", ["line 1 (before the first block) is neither part of a PEM block nor a comment"]),
        (ONE + "garbage\n" + ONE, ["(after block 1) is neither"]),
        (ONE + "garbage", ["(after block 1) is neither"]),
        (" " + ONE, ["line 1", "first column"]),
        (ONE.replace("-----BEGIN", "----BEGIN"), ["line 1", "five dashes"]),
        (TWO[:-80], ["block 2", "has no line -----END CERTIFICATE----- of its own"]),
        (ONE + ONE.split("\n", maxsplit=1)[0] + "\n" + ONE, ["block 2", "has no line"]),
        (
            ONE + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            ["block 2", "does not parse as an X.509"],
        ),
        (ONE + "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", ["block 2", "is not base64"]),
        (ONE + "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n", ["block 2", "is not valid base64"]),
        (ONE + support.key_pem(support.ec_key()), ["block 2", "is a private key", "Take the key out"]),
        (ONE.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), ['is a "TRUSTED CERTIFICATE", not a certificate']),
        ("\ufeff" + ONE, ["byte order mark"]),
        ("\0" + ONE, ["NUL bytes"]),
    ],
)
def test_refused_with_the_place(text: str, words: list[str]) -> None:
    message = refusal(text)
    assert "the bundle" in message
    for word in words:
        assert word in message


def test_dump_gives_back_what_was_read() -> None:
    messy = "# c\r\n" + TWO.replace("\n", "\r\n")
    assert dump(parse_bundle(messy, "b")) == TWO


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("-BEGINCRTFAD abc123=+/\n\r\t#\0"), max_size=200))
def test_free_text_is_refused_in_words_or_read(text: str) -> None:
    try:
        parse_bundle(text, "b")
    except PkiError as error:
        refused = str(error)
    else:
        refused = "b"
    assert refused.startswith("b")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(TWO) - 1), st.characters(codec="ascii"))
def test_one_damaged_character_never_loses_a_certificate(position: int, character: str) -> None:
    """Two certificates are read, or the whole text is refused: never one of the two."""
    damaged = TWO[:position] + character + TWO[position + 1 :]
    try:
        count = len(parse_bundle(damaged, "b"))
    except PkiError:
        return
    assert count == 2


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(TWO)), st.integers(0, len(TWO)))
def test_a_cut_text_is_refused_or_ends_between_blocks(start: int, end: int) -> None:
    piece = TWO[start:end]
    try:
        count = len(parse_bundle(piece, "b"))
    except PkiError:
        return
    assert count == piece.count("-----BEGIN CERTIFICATE-----")
