# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an origin trusts, and what must not become of that. Who is refused for it: test_apply.py."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.model import (
    ENFORCE,
    LOG_ONLY,
    OFF,
    Options,
    Protection,
    Site,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.trust import fingerprints, missing, untrusted


def pem(body: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def test_fingerprints_are_of_the_der_sorted_and_each_once() -> None:
    one, two = hashlib.sha256(b"AB").hexdigest(), hashlib.sha256(b"BB").hexdigest()
    text = "# a comment\r\n" + pem("QkI=") + pem("QUI=\r") + pem("QUI=") + pem("Q") + "-----BEGIN CERTIFICATE-----\n"
    assert fingerprints(text) == tuple(sorted((one, two)))
    assert fingerprints("") == ()


@pytest.mark.parametrize(
    ("stage", "bundle", "protected", "options", "refused"),
    [
        (LOG_ONLY, "", False, Options(), True),
        (ENFORCE, " \n", False, Options(), True),
        (LOG_ONLY, "", True, Options(), False),
        (LOG_ONLY, "", False, Options(relax_only=True), False),
        (LOG_ONLY, "x", False, Options(), False),
        (OFF, "", False, Options(), False),
    ],
)
def test_who_needs_a_bundle(stage: str, bundle: str, protected: bool, options: Options, refused: bool) -> None:
    found = [one.code for one in missing(Protection("a.test", stage, bundle), protected, options)]
    assert found == (["bad_trust_bundle"] if refused else [])


def test_a_site_that_is_opened_loses_no_ca() -> None:
    opened = Site("a.test", "f", 1, (), ENFORCE, OFF, ("old",), ())
    wish = Protection("a.test", LOG_ONLY, "new")
    assert list(untrusted([opened], [wish])) == []
    assert list(untrusted([opened], [Protection("a.test", OFF)])) == []
    replaced = Site("a.test", "f", 1, (), LOG_ONLY, LOG_ONLY, ("old",), ("new",))
    assert [one.code for one in untrusted([opened, replaced], [wish])] == ["edge_not_trusted"]
    added = Site("a.test", "f", 1, (), LOG_ONLY, LOG_ONLY, ("old",), ("new", "old"))
    assert list(untrusted([added], [wish])) == []
