# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS towards origins: one client certificate per connection, sessions, and the CA names that an origin sends.

Two things that the ssl module does not offer directly are done with documented and tested side doors:

* Assigning ``SSLObject.context`` calls ``SSL_set_SSL_CTX``, which swaps the certificate of one connection. So it
  starts without a certificate and gets the right one later; its session stays usable with the context it began with.
* ``SSLContext._msg_callback`` shows handshake messages already decrypted, before they are processed. So the CA names
  of a CertificateRequest are known in time in TLS 1.2 and in TLS 1.3 alike, on the same connection.
"""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..identity import Identity
from .errors import EdgeError

_CERTIFICATE_REQUEST = 13
_TLS13_CA_NAMES = 47
_VERSIONS = {
    "1.2": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    "1.3": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    "any": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED),
}


@dataclass
class Handshake:
    """One connection's wish (certificate, filter, session) and what came of it."""

    identity: Identity | None
    certificate_context: ssl.SSLContext | None
    ca_filter: bool = False
    session: ssl.SSLSession | None = None
    asked: bool = False
    presented: bool = False
    ssl_object: ssl.SSLObject | None = None
    start_context: ssl.SSLContext | None = None

    def certificate_request(self, connection: Any, message: bytes, version: int) -> None:
        """The origin asks: give the certificate, unless its issuer is not among the CA names."""
        self.asked = True
        if self.identity is None or self.certificate_context is None:
            return
        if self.ca_filter:
            names = ca_names(message, tls13=version >= ssl.TLSVersion.TLSv1_3)
            if names and self.identity.certificate.issuer.public_bytes() not in names:
                return
        connection.context = self.certificate_context
        self.presented = True

    def keep_session(self) -> ssl.SSLSession | None:
        """The session of the finished connection, bound to the context it started with."""
        if self.ssl_object is None or self.start_context is None:
            return None
        self.ssl_object.context = self.start_context
        return self.ssl_object.session


#: asyncio wraps the socket in a callback of its own; a context variable reaches it, a context's attribute would race.
CURRENT: ContextVar[Handshake] = ContextVar("handshake")


class _StartContext(ssl.SSLContext):
    """A context without a certificate; the handshake of the running task says what happens next."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        handshake = CURRENT.get()
        kwargs["session"] = handshake.session
        wrapped = super().wrap_bio(*args, **kwargs)
        wrapped.handshake = handshake  # type: ignore[attr-defined]
        handshake.ssl_object, handshake.start_context = wrapped, self
        return wrapped


def _on_message(
    connection: Any, direction: str, version: Any, content_type: Any, message_type: Any, data: bytes
) -> None:
    if message_type == _CERTIFICATE_REQUEST and direction == "read" and int(content_type) == 22:
        connection.handshake.certificate_request(connection, data, int(version))


def ca_names(message: bytes, *, tls13: bool) -> list[bytes]:
    """The CA names (DER) in a CertificateRequest with its 4-byte header (RFC 5246 §7.4.4, RFC 8446 §4.3.2)."""
    body = message[4:]
    if not tls13:
        body = body[1 + body[0]:]  # certificate types
        body = body[2 + int.from_bytes(body[:2], "big"):]  # signature algorithms
        return _names(body)
    body = body[1 + body[0]:]  # request context
    rest = body[2 : 2 + int.from_bytes(body[:2], "big")]
    while len(rest) >= 4:
        kind, length = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if kind == _TLS13_CA_NAMES:
            return _names(rest[4 : 4 + length])
        rest = rest[4 + length:]
    return []


def _names(block: bytes) -> list[bytes]:
    rest = block[2 : 2 + int.from_bytes(block[:2], "big")]
    names = []
    while len(rest) >= 2:
        length = int.from_bytes(rest[:2], "big")
        names.append(rest[2 : 2 + length])
        rest = rest[2 + length:]
    return names


class Contexts:
    """Contexts by what they must do; made once."""

    def __init__(self) -> None:
        self._start: dict[tuple[str, bool, str], ssl.SSLContext] = {}
        self._certificate: dict[tuple[str, bool, str], ssl.SSLContext] = {}

    def start(self, tls: str, strict: bool, origin_ca: str) -> ssl.SSLContext:
        """A context to begin a handshake with."""
        key = (tls, strict, origin_ca)
        if key not in self._start:
            context = _StartContext(ssl.PROTOCOL_TLS_CLIENT)
            _prepare(context, strict, origin_ca)
            context.minimum_version, context.maximum_version = _VERSIONS[tls]
            context.set_alpn_protocols(["http/1.1"])
            context._msg_callback = _on_message  # type: ignore[attr-defined]
            self._start[key] = context
        return self._start[key]

    def certificate(self, identity: Identity, strict: bool, origin_ca: str) -> ssl.SSLContext:
        """A context that holds a client certificate. EdgeError if OpenSSL cannot use it."""
        key = (identity.sha256, strict, origin_ca)
        if key not in self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # The origin's certificate is verified against the store of the context that is current by then.
            _prepare(context, strict, origin_ca)
            try:
                identity.load_into(context)
            except ssl.SSLError as error:
                raise EdgeError(525, f"the client certificate cannot be used: {error.reason}") from error
            self._certificate[key] = context
        return self._certificate[key]


def _prepare(context: ssl.SSLContext, strict: bool, origin_ca: str) -> None:
    context.check_hostname = strict
    context.verify_mode = ssl.CERT_REQUIRED if strict else ssl.CERT_NONE
    if strict and origin_ca:
        context.load_verify_locations(cadata=origin_ca)
    elif strict:
        context.load_default_certs()
