# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller's side of C(origin_site) hands to the module on the origin: each PEM once, and what it verified.

It goes in the hidden option C(_handed): ``pem`` (texts by key), ``issuers`` (names of the CAs by the same key) and
``untrusted`` (why a certificate isn't trusted, by hostname). The hostnames have keys in place of PEM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .._common.hostnames import plain
from .._origin.model import Protection

_KEY = "pem:"


def pack(
    hostnames: Sequence[Mapping[str, Any]], issuers: Callable[[str], list[str]], untrusted: Mapping[str, str]
) -> dict[str, Any]:
    """The options ``hostnames`` and ``_handed`` of the module. ``issuers`` names the CAs of a bundle."""
    keys: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    short = []
    for entry in hostnames:
        texts = {part: entry.get(part) or "" for part in ("trust_bundle", "certificate")}
        handed = {part: keys.setdefault(text, f"{_KEY}{len(keys)}") if text else "" for part, text in texts.items()}
        if handed["trust_bundle"] and handed["trust_bundle"] not in named:
            named[handed["trust_bundle"]] = issuers(texts["trust_bundle"])
        short.append({**entry, **handed})
    told = {"pem": {key: text for text, key in keys.items()}, "issuers": named, "untrusted": dict(untrusted)}
    return {"hostnames": short, "_handed": told}


def unpack(hostnames: Sequence[Mapping[str, Any]], handed: Mapping[str, Any]) -> list[Protection]:
    """What is wanted, from the parameters of the module."""
    pem: Mapping[str, str] = handed.get("pem") or {}
    issuers: Mapping[str, Sequence[str]] = handed.get("issuers") or {}
    untrusted: Mapping[str, str] = handed.get("untrusted") or {}
    return [
        Protection(
            plain(entry["name"]),
            entry["stage"],
            pem.get(entry["trust_bundle"], entry["trust_bundle"]),
            pem.get(entry["certificate"], entry["certificate"]),
            tuple(issuers.get(entry["trust_bundle"], ())),
            untrusted.get(entry["name"], ""),
        )
        for entry in hostnames
    ]
