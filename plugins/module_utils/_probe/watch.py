# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS handshake says that C(ssl) doesn't tell: whether a certificate was asked for, of which CAs, and alerts."""

from __future__ import annotations

import re
import ssl
from typing import Any

from .certificate_request import ca_names

_ALERT, _HANDSHAKE = 21, 22
_NEW_SESSION_TICKET, _CERTIFICATE, _CERTIFICATE_REQUEST = 4, 11, 13
_FATAL = 2

# Alerts by the names that OpenSSL uses in its error texts, for a Python without the message callback.
ALERTS = {
    "CLOSE_NOTIFY": 0,
    "UNEXPECTED_MESSAGE": 10,
    "HANDSHAKE_FAILURE": 40,
    "NO_CERTIFICATE": 41,
    "BAD_CERTIFICATE": 42,
    "UNSUPPORTED_CERTIFICATE": 43,
    "CERTIFICATE_REVOKED": 44,
    "CERTIFICATE_EXPIRED": 45,
    "CERTIFICATE_UNKNOWN": 46,
    "ILLEGAL_PARAMETER": 47,
    "UNKNOWN_CA": 48,
    "ACCESS_DENIED": 49,
    "DECODE_ERROR": 50,
    "DECRYPT_ERROR": 51,
    "PROTOCOL_VERSION": 70,
    "INSUFFICIENT_SECURITY": 71,
    "INTERNAL_ERROR": 80,
    "NO_RENEGOTIATION": 100,
    "UNRECOGNIZED_NAME": 112,
    "CERTIFICATE_REQUIRED": 116,
    "NO_APPLICATION_PROTOCOL": 120,
}
ALERT_NAMES = {number: name.lower() for name, number in ALERTS.items()}


class Watch:
    """Listens to one connection. ``asked`` stays None where Python has no message callback."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.asked: bool | None = None
        self.asked_late = False
        self.presented = False
        self.ticket = False
        self.alert = -1
        self.names: tuple[bytes, ...] = ()
        self.done = False
        try:
            # A private attribute since 3.8, and the only way to see a CertificateRequest without an own TLS stack.
            context._msg_callback = self._see  # type: ignore[attr-defined]
            self.asked = False
        except (AttributeError, TypeError):
            pass

    def _see(self, _socket: Any, direction: str, version: int, content: int, kind: int, data: bytes) -> None:
        if int(content) == _ALERT and direction == "read" and len(data) >= 2 and data[0] == _FATAL:
            self.alert = data[1]
        if int(content) != _HANDSHAKE:
            return
        if int(kind) == _CERTIFICATE_REQUEST and direction == "read":
            if self.done:
                self.asked_late = True
            else:
                self.asked = True
            self.names = ca_names(data, int(version) >= int(ssl.TLSVersion.TLSv1_3))
        elif int(kind) == _NEW_SESSION_TICKET and direction == "read":
            self.ticket = True
        elif int(kind) == _CERTIFICATE and direction == "write":
            # An empty list is 3 bytes of length (TLS 1.3: after one byte of context).
            self.presented = len(data) > 9

    def take(self, error: ssl.SSLError) -> None:
        """The alert behind an error, unless it was seen already."""
        if self.alert < 0:
            self.alert = alert_of(error)


def alert_of(error: ssl.SSLError) -> int:
    """The number of the alert that an OpenSSL error tells, -1 where it tells none."""
    reason = error.reason or ""
    found = re.match(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(.+)", reason)
    return ALERTS.get(found.group(1), -1) if found else -1
