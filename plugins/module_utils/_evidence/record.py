# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of the verification log, read carefully. This is the meaning that the fast path has to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

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


class ServerTraits(Protocol):
    """What must be known of a server to read its log.

    ``believed``: its SUCCESS means that the chain was verified where all values of one of these are those of the
    record. ``by_fingerprint``: it verifies nothing at log_only and compares fingerprints, so a known SHA-256 is what
    its SUCCESS is worth. ``compares_names``: once it enforces, it refuses a request for another name than that of the
    TLS session. With a status in ``host_unread`` it may have logged a name that nobody asked for. ``foreign_status``:
    its answer to verified certificates of a CA that isn't the hostname's, as that of another zone; empty if it has
    none of its own.
    """

    @property
    def believed(self) -> Sequence[Mapping[str, str]]: ...
    @property
    def by_fingerprint(self) -> bool: ...
    @property
    def compares_names(self) -> bool: ...
    @property
    def host_unread(self) -> Sequence[str]: ...
    @property
    def foreign_status(self) -> str: ...


def verification(record: Record, server: ServerTraits | None) -> str:
    """One of :data:`VERIFICATIONS`, whoever sent it. SUCCESS only where the server's word can be trusted.

    * NONE on a resumed session may be a session from before the certificate was asked for.
    * A server that isn't known to verify (or to say so truly) is not believed.
    """
    verify = record.verify
    if verify == "SUCCESS":
        conditions = server.believed if server is not None else ()
        held = (all(getattr(record, key) == value for key, value in each.items()) for each in conditions)
        return SUCCESS if any(held) else UNTRUSTED
    if verify == "NONE":
        return NONE_RESUMED if resumed(record.resumed) else NONE
    if verify.startswith("FAILED"):
        return FAILED
    return GENEROUS if verify == "GENEROUS" else UNKNOWN


def misdirected(record: Record, server: ServerTraits | None) -> bool:
    """The TLS session is for another name than the request, so its certificate says nothing, and it will be refused.

    Servers answer 421 where they notice, at log_only, too. On others names may share a session.
    """
    if record.status == "421":
        return True
    judged = server is not None and server.compares_names and record.status not in server.host_unread
    return judged and record.sni.lower() != record.hostname.lower()


def resumed(text: str) -> bool:
    """The TLS session was resumed, in the words of any server."""
    return text.lower() in ("r", "resumed", "true", "1", "yes")


def reason(record: Record) -> str:
    """Why a verification failed, in the server's words, short."""
    return record.verify.partition(":")[2][:100]
