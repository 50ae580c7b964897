# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller hands to an origin comes out there as it went in, and each PEM travels once."""

from __future__ import annotations

import json

from ansible_collections.originlock.aop.plugins.module_utils._engine import handed
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Protection

CA, LEAF = "-----BEGIN ca-----\n", "-----BEGIN leaf-----\n"


def test_there_and_back() -> None:
    wanted = [
        {"name": f"{one}.Example.com.", "stage": "log_only", "trust_bundle": CA, "certificate": LEAF} for one in "abc"
    ]
    wanted.append({"name": "d.example.com", "stage": "off"})
    parsed: list[str] = []

    def issuers(bundle: str) -> list[str]:
        parsed.append(bundle)
        return ["CN=ours"]

    packed = handed.pack(wanted, issuers, {"b.Example.com.": "It has expired."})
    text = json.dumps(packed)
    assert (text.count("BEGIN ca"), text.count("BEGIN leaf")) == (1, 1)
    assert parsed == [CA]
    # As the module's specification completes them.
    there = [{"trust_bundle": "", "certificate": "", **entry} for entry in packed["hostnames"]]
    assert handed.unpack(there, packed["_handed"]) == [
        Protection("a.example.com", "log_only", CA, LEAF, ("CN=ours",)),
        Protection("b.example.com", "log_only", CA, LEAF, ("CN=ours",), "It has expired."),
        Protection("c.example.com", "log_only", CA, LEAF, ("CN=ours",)),
        Protection("d.example.com", "off"),
    ]


def test_without_the_controllers_side() -> None:
    there = [{"name": "a.example.com", "stage": "log_only", "trust_bundle": CA, "certificate": ""}]
    assert handed.unpack(there, {}) == [Protection("a.example.com", "log_only", CA)]
