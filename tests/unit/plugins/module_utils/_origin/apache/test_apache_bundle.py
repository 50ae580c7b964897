# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of any size are read in a time that grows with their size alone."""

from __future__ import annotations

import time

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import bundle

OLD_KEY = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF

AAAA
-----END RSA PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-----BEGIN A-----\n" * 60_000, "no PEM block"),
        ("-----BEGIN A-----\n" + "-" * 1_000_000, "no PEM block"),
        (f"-----BEGIN CERTIFICATE-----\n{' ' * 1_000_000}x\n-----END CERTIFICATE-----\n", "certificate 1 .* read"),
    ],
)
def test_a_megabyte(text: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        raise ValueError(bundle.problem(text))
    bundle.normalise(text)
    assert time.process_time() - start < 10


def test_dashes_within_a_block() -> None:
    assert bundle.problem(OLD_KEY) == "the trust bundle holds RSA PRIVATE KEY, which has no place there"


def test_a_block_without_an_end_before_a_whole_one() -> None:
    text = "-----BEGIN CERTIFICATE-----\nAAAA\n"
    assert bundle.problem(f"{text}{text}-----END CERTIFICATE-----\n") == "a block of the trust bundle has no end"


def test_blanks_at_line_ends_make_no_difference() -> None:
    block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert bundle.normalise("# a\n" + block.replace("A\n", "A \t\r\n") + block) == block
