# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA names in a CertificateRequest, and names in words."""

from __future__ import annotations

_ATTRIBUTES = {
    "550403": "CN",
    "550406": "C",
    "550407": "L",
    "550408": "ST",
    "55040a": "O",
    "55040b": "OU",
    "2a864886f70d010901": "emailAddress",
}
_CERTIFICATE_AUTHORITIES = 47


def ca_names(message: bytes, is_tls13: bool) -> tuple[bytes, ...]:
    """DER distinguished names in a CertificateRequest handshake message (RFC 5246 7.4.4, RFC 8446 4.3.2).

    A message that isn't understood has no names: the probe goes on without them.
    """
    try:
        return tuple(_tls13(message[4:]) if is_tls13 else _tls12(message[4:]))
    except (IndexError, ValueError):
        return ()


def _tls12(body: bytes) -> list[bytes]:
    offset = 1 + body[0]
    offset += 2 + _number(body, offset, 2)
    return _names(body[offset:])


def _tls13(body: bytes) -> list[bytes]:
    offset = 1 + body[0]
    end = offset + 2 + _number(body, offset, 2)
    offset += 2
    while offset < end:
        kind, length = _number(body, offset, 2), _number(body, offset + 2, 2)
        offset += 4
        if kind == _CERTIFICATE_AUTHORITIES:
            return _names(body[offset : offset + length])
        offset += length
    return []


def _names(data: bytes) -> list[bytes]:
    end = 2 + _number(data, 0, 2)
    offset, found = 2, []
    while offset < end:
        length = _number(data, offset, 2)
        offset += 2
        if offset + length > len(data):
            raise ValueError("message ends early")
        found.append(data[offset : offset + length])
        offset += length
    return found


def _number(data: bytes, offset: int, size: int) -> int:
    piece = data[offset : offset + size]
    if len(piece) < size:
        raise ValueError("message ends early")
    return int.from_bytes(piece, "big")


def name_text(name: bytes) -> str:
    """``CN=Example CA, O=Example``; for a name that isn't understood its hexadecimal beginning."""
    try:
        parts = []
        for relative in _inside(_inside(name)[0][1]):
            for attribute in _inside(relative[1]):
                oid, value = _inside(attribute[1])[:2]
                key = _ATTRIBUTES.get(oid[1].hex(), oid[1].hex())
                encoding = "utf-16-be" if value[0] == 0x1E else "utf-8"
                text = value[1].decode(encoding, "replace")
                parts.append(f"{key}={''.join(c if c.isprintable() else '?' for c in text)}")
        return ", ".join(reversed(parts))
    except (IndexError, ValueError):
        return name[:16].hex()


def _inside(data: bytes) -> list[tuple[int, bytes]]:
    """The DER elements in ``data`` as (tag, content)."""
    found, offset = [], 0
    while offset < len(data):
        tag, length = data[offset], data[offset + 1]
        offset += 2
        if length & 0x80:
            size = length & 0x7F
            length = _number(data, offset, size)
            offset += size
        found.append((tag, data[offset : offset + length]))
        offset += length
    return found
