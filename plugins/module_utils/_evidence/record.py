# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of the verification log, read carefully. This is the meaning that the fast path has to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

# The order in which the server roles write the keys: what the server knows first, what a client made up last. Other
# orders are read, too, only slower.
VERDICT: tuple[str, ...] = (
    "status",
    "server",
    "hostname",
    "sni",
    "stage",
    "verify",
    "serial",
    "issuer",
    "fingerprint",
    "tls",
    "resumed",
)
KEYS: tuple[str, ...] = ("time", "peer", *VERDICT, "method", "path", "agent")

SUCCESS = "SUCCESS"
UNTRUSTED = "SUCCESS_UNTRUSTED"
NONE = "NONE"
NONE_RESUMED = "NONE_RESUMED"
FAILED = "FAILED"
GENEROUS = "GENEROUS"
UNKNOWN = "UNKNOWN"
MISDIRECTED = "MISDIRECTED"
VERIFICATIONS: tuple[str, ...] = (SUCCESS, UNTRUSTED, NONE, NONE_RESUMED, FAILED, GENEROUS, UNKNOWN, MISDIRECTED)

# Plain means: nothing in it is escaped, so the text is the value.
_PLAIN = re.compile(("\\{" + ",".join(f'"{key}":"([^"\\\\\n]*)"' for key in KEYS) + "\\}\\s*").encode())
# When a line says it was, in the form that the server roles write.
TIME = re.compile(rb'"time":"([0-9.]+)"')
# Every escape of a text. Apache writes bytes outside of ASCII as \xHH, which JSON doesn't know.
_ESCAPE = re.compile(rb"\\(?:([\"\\/bfnrt]|u[0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))?")


class Record(NamedTuple):
    """One request. All values are text as the server wrote it; absent ones are empty."""

    time: str
    peer: str
    status: str
    server: str
    hostname: str
    sni: str
    stage: str
    verify: str
    serial: str
    issuer: str
    fingerprint: str
    tls: str
    resumed: str
    method: str
    path: str
    agent: str

    def when(self) -> float:
        """Epoch seconds, 0.0 where the time can't be read."""
        return seconds(self.time)


def seconds(text: str) -> float:
    """Epoch seconds of a log's time, 0.0 where it can't be read (``nan`` and ``inf`` can't)."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 < value < 1e11 else 0.0


def parse(line: bytes) -> Record | None:
    """The record of one line, or None where the line has no trustworthy meaning.

    A line with a key twice has none: a value that was written without escaping could have brought the second one.
    A syslog header before the object is skipped. Apache and HAProxy write ``-`` for what is absent.
    """
    plain = _PLAIN.fullmatch(line)
    if plain:
        return Record(*["" if value == b"-" else value.decode("utf-8", "replace") for value in plain.groups()])
    start = line.find(b"{")
    if start < 0:
        return None
    values = _load(line[start:])
    if values is None or "verify" not in values or "hostname" not in values:
        return None
    found = (values.get(key, "") for key in KEYS)
    return Record(*["" if value == "-" else value for value in found])


def _load(text: bytes) -> dict[str, str] | None:
    if b"\\" in text:
        text = _ESCAPE.sub(_repair, text)
    try:
        found = _DECODER.decode(text.decode("utf-8", "replace").rstrip())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _repair(escape: re.Match[bytes]) -> bytes:
    """Keeps what JSON knows, translates Apache's, takes any other backslash for itself. Quotes stay."""
    if escape.group(1):
        return escape.group()
    return rb"\u00" + escape.group(2) if escape.group(2) else rb"\\"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    values = {key: _text(value) for key, value in pairs}
    if len(values) != len(pairs):
        raise ValueError("a key occurs twice")
    return values


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()  # lone surrogates can't be reported


# Raw control characters inside a text are as harmless as they are wrong.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, strict=False)


def verification(record: Record) -> str:
    """One of :data:`VERIFICATIONS`, whoever sent it. SUCCESS only where the server's word can be trusted.

    * Apache with ``optional_no_ca`` and TLS 1.2 says SUCCESS on every resumed session, whatever the certificate was.
    * NONE on a resumed session may be a session from before the certificate was asked for.
    * A server that isn't known to verify (or to say so truly) is not believed.
    """
    verify = record.verify
    if verify == "SUCCESS":
        return SUCCESS if _believed(record) else UNTRUSTED
    if verify == "NONE":
        return NONE_RESUMED if resumed(record.resumed) else NONE
    if verify.startswith("FAILED"):
        return FAILED
    return GENEROUS if verify == "GENEROUS" else UNKNOWN


def _believed(record: Record) -> bool:
    rule = _RULES.get(record.server)
    return rule is not None and rule(record)


# One entry for each server whose SUCCESS means that the chain was verified, with the condition for it.
_RULES: dict[str, Callable[[Record], bool]] = {
    "nginx": lambda record: True,
    "apache": lambda record: record.tls == "TLSv1.3" or record.resumed == "Initial",
}
# These verify nothing at log_only and compare fingerprints: a known SHA-256 is what their SUCCESS is worth.
BY_FINGERPRINT: tuple[str, ...] = ("caddy", "traefik")


# Of such requests NGINX may not have read the Host. It then logs the first name of the server block.
_HOST_NOT_READ = ("000", "400", "408", "414", "505")


def misdirected(record: Record) -> bool:
    """The TLS session is for another name than the request, so its certificate says nothing, and it will be refused.

    Servers answer 421 where they notice, at log_only, too. On NGINX our own rules compare the same two values as here,
    once they enforce; on Apache names may share a session.
    """
    if record.status == "421":
        return True
    judged = record.server == "nginx" and record.status not in _HOST_NOT_READ
    return judged and record.sni.lower() != record.hostname.lower()


def resumed(text: str) -> bool:
    """The TLS session was resumed, in the words of any server."""
    return text.lower() in ("r", "resumed", "true", "1", "yes")


def reason(record: Record) -> str:
    """Why a verification failed, in the server's words, short."""
    return record.verify.partition(":")[2][:100]
