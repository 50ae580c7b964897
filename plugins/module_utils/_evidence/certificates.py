# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate was it: one of the generations that the caller knows, Cloudflare's shared one, or another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.errors import InvalidInput
from .._common.hostnames import plain

NO_CERTIFICATE = "none"
SHARED = "shared"
OTHER = "other"
# The issuer of the certificate that Cloudflare presents for every account (global Authenticated Origin Pulls).
_SHARED_ISSUER = "origin-pull.cloudflare.net"
# A distinguished name as text: its parts stand between commas (a plus in a part of several), escaped ones aside.
_PART = re.compile(r"(?:\\.|[^\\,+])+", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
# OpenSSL's and RFC 4514's names of attributes in small letters; either writes the number for those it has no name for.
_ATTRIBUTES: dict[str, str] = {
    "cn": "2.5.4.3",
    "sn": "2.5.4.4",
    "serialnumber": "2.5.4.5",
    "c": "2.5.4.6",
    "l": "2.5.4.7",
    "st": "2.5.4.8",
    "street": "2.5.4.9",
    "o": "2.5.4.10",
    "ou": "2.5.4.11",
    "title": "2.5.4.12",
    "description": "2.5.4.13",
    "businesscategory": "2.5.4.15",
    "postaladdress": "2.5.4.16",
    "postalcode": "2.5.4.17",
    "telephonenumber": "2.5.4.20",
    "name": "2.5.4.41",
    "gn": "2.5.4.42",
    "initials": "2.5.4.43",
    "generationqualifier": "2.5.4.44",
    "dnqualifier": "2.5.4.46",
    "pseudonym": "2.5.4.65",
    "organizationidentifier": "2.5.4.97",
    "uid": "0.9.2342.19200300.100.1.1",
    "mail": "0.9.2342.19200300.100.1.3",
    "dc": "0.9.2342.19200300.100.1.25",
    "emailaddress": "1.2.840.113549.1.9.1",
    "unstructuredname": "1.2.840.113549.1.9.2",
    "unstructuredaddress": "1.2.840.113549.1.9.8",
    "jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1",
    "jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2",
    "jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3",
}
# ASN.1's kinds of text: UTF8String, NumericString, PrintableString, T61String, IA5String, VisibleString, BMPString.
_ENCODINGS: dict[int, str] = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1E: "utf-16-be",
}


@dataclass(frozen=True)
class Generation:
    """A client certificate that the caller knows.

    The edge should present it for ``hostnames`` (empty: for all), or for none any more if it isn't ``current``.
    """

    label: str
    sha256: str
    sha1: str
    serial: str
    issuer: str
    current: bool
    hostnames: frozenset[str]


def normal_serial(text: str) -> str:
    """Serials are compared without case, colons and leading zeros."""
    return text.replace(":", "").lower().lstrip("0")


def normal_name(text: str) -> tuple[str, ...]:
    """The parts of a distinguished name, whatever their order, the spaces between, their names and their escaping."""
    return tuple(sorted(_part(part) for part in _PART.findall(text)))


def _part(text: str) -> str:
    """``1.2.840.113549.1.9.1=a`` for ``emailAddress=a``. OpenSSL writes ``1.2.3=#0C0161`` for ``1.2.3=a``."""
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if value.startswith("#"):
        value = _decoded(value)
    else:
        value = _ESCAPE.sub(_unescaped, value.encode("utf-8", "replace")).decode("utf-8", "replace").strip()
    return _ATTRIBUTES.get(name.lower(), name) + equals + value


def _unescaped(escape: re.Match[bytes]) -> bytes:
    text = escape.group(1)
    return bytes.fromhex(text.decode()) if len(text) == 2 else text


def _decoded(value: str) -> str:
    """The text of a ``#`` with the hexadecimal digits of its DER encoding, or the same again if that isn't a text."""
    try:
        kind, length, *content = bytes.fromhex(value[1:])
        if length > 0x80:  # the length takes so many bytes of its own
            length, content = int.from_bytes(content[: length - 0x80], "big"), content[length - 0x80 :]
        return bytes(content).decode(_ENCODINGS[kind]).strip() if len(content) == length else value
    except (ValueError, KeyError):
        return value


def generations(values: Sequence[Mapping[str, Any]]) -> list[Generation]:
    """From dicts ``sha256``, ``sha1``, ``serial`` (one needed), ``issuer``, ``label``, ``current``, ``hostnames``.

    Raises :class:`InvalidInput`, also for a label that occurs twice.
    """
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
                hostnames=frozenset(plain(name) for name in value.get("hostnames") or []),
            )
        )
    for label in (NO_CERTIFICATE, SHARED, OTHER):
        if any(generation.label == label for generation in found):
            raise InvalidInput(
                f"The label {label!r} of a certificate has a meaning of its own.", "Choose another label."
            )
    labels = Counter(generation.label for generation in found)
    for label in labels:
        if labels[label] > 1:
            raise InvalidInput(
                f"The label {label!r} is that of two certificates.",
                "Give each of certificates once, with a label of its own.",
            )
    return found


def _digest(value: Any) -> str:
    return str(value or "").replace(":", "").lower()


class Certificates:
    """Names the certificate of a record by fingerprint where there is one, else by serial and issuer."""

    def __init__(self, known: Sequence[Generation]) -> None:
        self.known = list(known)
        self._labels = {generation.label: generation for generation in known}
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

    def current(self, hostname: str, label: str) -> bool:
        """Whether the edge should present this generation for this hostname now."""
        generation = self._labels.get(label)
        if generation is None or not generation.current:
            return False
        return not generation.hostnames or hostname in generation.hostnames

    def accepted(self, hostname: str, label: str, issuer: str) -> bool:
        """Whether a server that verified a certificate and compares its issuer, too, lets it in for this hostname."""
        if self.current(hostname, label):
            return True
        mine = (self._names.get(one) for one in self.known if self.current(hostname, one.label))
        return normal_name(issuer) in mine

    def _issuer_fits(self, generation: Generation, issuer: str) -> bool:
        expected = self._names.get(generation)
        return expected is None or expected == normal_name(issuer)
