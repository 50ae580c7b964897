# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's access log (JSON) in our format.

A line is ours if the middleware of ours has marked its request, or if it was answered 421 before any middleware. No
client can write a key of such a line: in what it sends, each quote has a backslash before it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import lru_cache

_OURS = b',"request_Originlock-Aop":"'
_CERTIFICATE = b',"request_X-Forwarded-Tls-Client-Cert":"'
_MISDIRECTED = b',"DownstreamStatus":421,'
#: What comes before and after the values that every line has. Traefik sorts its keys.
_VALUES = (
    (b'{"ClientAddr":"', b'","ClientHost":"'),
    (b',"DownstreamStatus":', b","),
    (b',"RequestHost":"', b'","RequestMethod":"'),
    (b'","RequestMethod":"', b'","RequestPath":"'),
    (b'","RequestPath":"', b'","RequestPort":"'),
    (b',"StartUTC":"', b'"'),
)


def adapt(data: bytes) -> bytes:
    """Whole lines as the servers of the roles write them. Lines of other sites are left out, unclear ones stay."""
    return b"".join(map(_adapted, data.splitlines(keepends=True)))


def _adapted(line: bytes) -> bytes:
    if _OURS not in line and _MISDIRECTED not in line:
        return b"" if line.startswith(b'{"ClientAddr":') else line
    try:
        peer, status, host, method, path, when = (_between(line, *marks) for marks in _VALUES)
    except ValueError:
        return line
    tls = _between(line, b',"TLSVersion":"', b'"') if b',"TLSVersion":"' in line else b""
    stage = _between(line, _OURS, b" ") if _OURS in line else b""
    certificates = _between(line, _CERTIFICATE, b'"') if _CERTIFICATE in line else b""
    if stage == b"off":
        return b""
    presented = _fingerprint(certificates.partition(b",")[0]) if certificates else b""
    return (
        b'{"time":"%b","peer":"%b","status":"%b","server":"traefik","hostname":"%b","sni":"","stage":"%b","verify":"%b",'
        b'"serial":"","issuer":"","fingerprint":"%b","tls":"%b","resumed":"","method":"%b","path":"%b","agent":""}\n'
    ) % (
        *(_seconds(when), peer.rpartition(b":")[0].strip(b"[]"), status, host.rstrip(b".").lower(), stage),
        *(b"SUCCESS" if presented else b"NONE", presented, b"TLSv" + tls if tls else b"", method, path),
    )


def _between(line: bytes, before: bytes, after: bytes) -> bytes:
    start = line.index(before) + len(before)
    return line[start : line.index(after, start)]


@lru_cache(maxsize=4096)
def _fingerprint(text: bytes) -> bytes:
    try:
        return b"sha256:" + hashlib.sha256(base64.b64decode(text)).hexdigest().encode()
    except ValueError:
        return b""


def _seconds(text: bytes) -> bytes:
    """Epoch seconds of ``2026-11-28T21:11:36.929978647Z``."""
    whole, _dot, rest = text.rstrip(b"Z").partition(b".")
    return b"%d.%b" % (_epoch(whole), rest[:3] or b"0")


@lru_cache(maxsize=1024)
def _epoch(text: bytes) -> int:
    try:
        return int(datetime.fromisoformat(text.decode("ascii") + "+00:00").timestamp())
    except ValueError:
        return 0
