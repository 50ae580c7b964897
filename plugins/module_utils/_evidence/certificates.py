# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate was it: one of the generations that the caller knows, Cloudflare's shared one, or another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InvalidInput

NO_CERTIFICATE = "none"
SHARED = "shared"
OTHER = "other"
# The issuer of the certificate that Cloudflare presents for every account (global Authenticated Origin Pulls).
_SHARED_ISSUER = "origin-pull.cloudflare.net"
_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True)
class Generation:
    """A client certificate that the caller knows; not ``current`` if the edge should present it no more."""

    label: str
    sha256: str
    sha1: str
    serial: str
    issuer: str
    current: bool


def normal_serial(text: str) -> str:
    """Serials are compared without case, colons and leading zeros."""
    return text.replace(":", "").lower().lstrip("0")


def normal_name(text: str) -> tuple[str, ...]:
    """The parts of a distinguished name, whatever their order and the spaces between."""
    return tuple(sorted(part.strip() for part in _COMMA.split(text)))


def generations(values: Sequence[Mapping[str, Any]]) -> list[Generation]:
    """From dicts with ``sha256``, ``sha1``, ``serial`` (one of them needed), ``issuer``, ``label``, ``current``."""
    found = []
    for value in values:
        sha256 = _digest(value.get("sha256"))
        sha1 = _digest(value.get("sha1"))
        serial = normal_serial(str(value.get("serial") or ""))
        if not (sha256 or sha1 or serial):
            raise InvalidInput(
                "An entry of certificates has neither sha256 nor sha1 nor serial.",
                "Give what certificate_info returns for the leaf.",
            )
        current = value.get("current")
        found.append(
            Generation(
                label=str(value.get("label") or (sha256 or sha1 or serial)[:16]),
                sha256=sha256,
                sha1=sha1,
                serial=serial,
                issuer=str(value.get("issuer") or ""),
                current=current is None or bool(current),
            )
        )
    for label in (NO_CERTIFICATE, SHARED, OTHER):
        if any(generation.label == label for generation in found):
            raise InvalidInput(
                f"The label {label!r} of a certificate has a meaning of its own.", "Choose another label."
            )
    return found


def _digest(value: Any) -> str:
    return str(value or "").replace(":", "").lower()


class Certificates:
    """Names the certificate of a record by fingerprint where there is one, else by serial and issuer."""

    def __init__(self, known: Sequence[Generation]) -> None:
        self.known = list(known)
        self._names = {generation: normal_name(generation.issuer) for generation in known if generation.issuer}

    def label(self, serial: str, issuer: str, fingerprint: str) -> str:
        """The label of a generation, or ``none``, ``shared``, ``other``."""
        kind, _colon, digest = fingerprint.lower().partition(":")
        number = normal_serial(serial)
        if not (digest or number or issuer):
            return NO_CERTIFICATE
        for generation in self.known:
            expected = {"sha256": generation.sha256, "sha1": generation.sha1}.get(kind, "") if digest else ""
            if expected:
                # A fingerprint decides alone: serial and issuer can be copied by anybody's CA.
                if expected == digest:
                    return generation.label
            elif number and generation.serial == number and self._issuer_fits(generation, issuer):
                return generation.label
        return SHARED if _SHARED_ISSUER in issuer.lower() else OTHER

    def _issuer_fits(self, generation: Generation, issuer: str) -> bool:
        expected = self._names.get(generation)
        return expected is None or expected == normal_name(issuer)
