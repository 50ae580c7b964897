# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request over one connection, read-first, with what its handshake showed.

After a TLS 1.3 handshake the server's verdict on the certificate is still on its way, and a client that writes at once
may lose it to a reset. So the client listens first: until a session ticket shows that the handshake was accepted, or
for a short pause.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from dataclasses import dataclass

from . import http1, http2
from .model import NONE, PLAIN, Case, Identity, Outcome, Settings
from .watch import Watch

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_WRONG_VERSION = ("UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "WRONG_VERSION_NUMBER", "NO_PROTOCOLS_AVAILABLE")
_PROTOCOL_VERSION, _NO_APPLICATION_PROTOCOL = 70, 120


@dataclass
class _Answer:
    response: http1.Response | None = None
    end: str = "closed"
    detail: str = ""


def exchange(case: Case, identity: Identity, settings: Settings) -> Outcome:
    """Do what the case says. Errors of the network and of TLS are outcomes, not exceptions."""
    if case.listener.kind == PLAIN:
        return _plain(case, settings)
    context = _context(case, identity)
    session: ssl.SSLSession | None = None
    if case.resume_from is not None:
        session = _session(context, case, settings)
        if session is None:
            return Outcome(end="no_session", tls=case.tls, detail="the first connection left no session")
    outcome, _session_after = _secure(context, case, case.sni, session, settings)
    return outcome


def _context(case: Case, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The origin is the accused here, not a peer to trust: nothing secret is sent to it.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = _VERSIONS[case.tls]
    # An origin with an old key or cipher can be a hole all the same.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if case.form == "h2":
        context.set_alpn_protocols(["h2"])
    if identity.kind != NONE:
        # A passphrase is always given, or OpenSSL would ask the terminal for one.
        context.load_cert_chain(identity.certificate, identity.private_key or None, identity.passphrase or "")
    return context


def _session(context: ssl.SSLContext, case: Case, settings: Settings) -> ssl.SSLSession | None:
    """A session of the site ``case.resume_from``, ready to be taken elsewhere."""
    name = case.resume_from or ""
    host = name or "unknown.invalid"
    outcome, session = _secure(context, case, name, None, settings, Request(case.path, host, "h1"))
    if outcome.end in ("refused", "unreachable"):
        return None
    return session


@dataclass(frozen=True)
class Request:
    """What is said on the connection once it stands."""

    path: str
    host: str
    form: str
    line_host: str = ""

    def http1(self) -> bytes:
        """The request in HTTP/1.1."""
        if self.form == "absolute":
            return http1.request(f"https://{self.line_host}{self.path}", self.host)
        return http1.request(self.path, self.host)


def request_of(case: Case) -> Request:
    """With the absolute form, the protected name stands in the request line and the SNI's name in Host."""
    if case.form == "absolute":
        return Request(case.path, case.sni or "unknown.invalid", case.form, case.host)
    return Request(case.path, case.host, case.form)


def _connect(case: Case, settings: Settings) -> tuple[socket.socket | None, Outcome | None]:
    try:
        plain = socket.create_connection((case.listener.address, case.listener.port), settings.connect_timeout)
    except ConnectionRefusedError:
        return None, Outcome(end="refused", detail="connection refused")
    except OSError as error:
        return None, Outcome(end="unreachable", detail="no connection: %s" % (error.strerror or error))
    plain.settimeout(settings.timeout)
    return plain, None


def _plain(case: Case, settings: Settings) -> Outcome:
    connection, failure = _connect(case, settings)
    if connection is None:
        return failure or Outcome(end="unreachable")
    with contextlib.closing(connection):
        answer = _talk(connection, request_of(case), b"", settings)
    return _outcome(case, answer, None)


def _secure(
    context: ssl.SSLContext,
    case: Case,
    sni: str,
    session: ssl.SSLSession | None,
    settings: Settings,
    request: Request | None = None,
) -> tuple[Outcome, ssl.SSLSession | None]:
    plain, failure = _connect(case, settings)
    if plain is None:
        return failure or Outcome(end="unreachable"), None
    watch = Watch(context)
    with contextlib.closing(plain):
        try:
            secure = context.wrap_socket(
                plain, server_hostname=sni or None, session=session, do_handshake_on_connect=False
            )
        except (ValueError, OSError) as error:
            return Outcome(end="error", tls=case.tls, detail=str(error)), None
        with contextlib.closing(secure):
            try:
                secure.do_handshake()
            except (OSError, ValueError) as error:
                return _outcome(case, _failed(error, watch), watch), None
            watch.done = True
            alpn, resumed = secure.selected_alpn_protocol() or "", bool(secure.session_reused)
            if case.form == "h2" and request is None and alpn != "h2":
                return _outcome(case, _Answer(end="not_offered", detail="HTTP/2 is not offered"), watch), None
            answer, early = _listen(secure, watch, settings)
            if answer is None:
                answer = _talk(secure, request or request_of(case), early, settings, watch)
            after = None if answer.end in ("alert", "reset") else secure.session
    return _outcome(case, answer, watch, alpn, resumed), after


def _listen(secure: ssl.SSLSocket, watch: Watch, settings: Settings) -> tuple[_Answer | None, bytes]:
    """Wait for the server's verdict. An answer if there is one already, and bytes that came early (HTTP/2 settings)."""
    if secure.version() != "TLSv1.3":
        return None, b""
    until = time.monotonic() + settings.pause
    secure.setblocking(False)
    try:
        while not watch.ticket:
            left = until - time.monotonic()
            if left <= 0 or not _readable(secure, left):
                break
            try:
                data = secure.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                continue
            return (None, data) if data else (_Answer(), b"")
    except (OSError, ValueError) as error:
        return _failed(error, watch), b""
    finally:
        secure.settimeout(settings.timeout)
    return None, b""


def _readable(secure: ssl.SSLSocket, seconds: float) -> bool:
    if secure.pending():
        return True
    poll = select.poll()
    poll.register(secure, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _failed(error: Exception, watch: Watch | None) -> _Answer:
    """An error as an end."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        if watch is not None:
            watch.take(error)
            if watch.alert in (_PROTOCOL_VERSION, _NO_APPLICATION_PROTOCOL) or error.reason in _WRONG_VERSION:
                return _Answer(end="not_offered", detail=(error.reason or "").lower().replace("_", " "))
            if watch.alert > 0:
                return _Answer(end="alert")
        return _Answer(end="error", detail=(error.reason or str(error)).lower().replace("_", " "))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return _Answer(end="timeout", detail="no answer in time")
    if isinstance(error, ConnectionError):
        return _Answer(end="reset", detail="connection reset")
    return _Answer(end="closed", detail="connection closed without an answer")


def _talk(
    connection: socket.socket, request: Request, early: bytes, settings: Settings, watch: Watch | None = None
) -> _Answer:
    """Send the request and read the response, up to the limit of its body or the end of time."""
    reader = http2.Reader() if request.form == "h2" else None
    first = http2.opening() + http2.request(request.path, request.host) if reader else request.http1()
    problem: _Answer | None = None
    try:
        connection.sendall(first)
    except (OSError, ValueError) as error:
        problem = _failed(error, watch)  # what the server had said before is still to be read
    heard = _Heard(reader)
    until = time.monotonic() + settings.timeout
    try:
        more = early
        while not heard.take(more, connection) and time.monotonic() < until:
            more = connection.recv(65536)
            if not more:
                break
    except (OSError, ValueError) as error:
        problem = _failed(error, watch)
    return heard.answer() or problem or _Answer(detail="connection closed without an answer")


class _Heard:
    """What the server has said so far, in HTTP/2 where there is a ``reader``."""

    def __init__(self, reader: http2.Reader | None) -> None:
        self._reader = reader
        self._data = b""
        self._response: http1.Response | None = None

    def take(self, data: bytes, connection: socket.socket) -> bool:
        """Take more of it, and answer what HTTP/2 wants answered. True if that is all."""
        reader = self._reader
        if reader is None:
            self._data += data
            self._response = http1.parse(self._data) if self._data else None
            found = self._response
            return found is not None and (found.complete or len(found.body) >= http1.BODY_LIMIT)
        reader.feed(data)
        if reader.answers and not reader.ended:
            answers, reader.answers = reader.answers, b""
            connection.sendall(answers)
        return reader.ended

    def answer(self) -> _Answer | None:
        """The response as an end, or why there is none; None where nobody knows."""
        reader = self._reader
        response = self._response if reader is None else reader.response
        if response is not None and (reader is None or response.status):
            return _Answer(response, "response")
        if reader is None or not reader.error:
            return None
        if reader.error == http2.ONLY_HTTP1:
            return _Answer(end="not_offered", detail="not over HTTP/2")
        return _Answer(end="closed", detail=reader.error)


def _outcome(case: Case, answer: _Answer, watch: Watch | None, alpn: str = "", resumed: bool = False) -> Outcome:
    response = answer.response
    headers = response.headers if response else {}
    return Outcome(
        end=answer.end,
        status=response.status if response else 0,
        body=response.body if response else b"",
        location=headers.get("location", ""),
        server=headers.get("server", ""),
        alt_svc=headers.get("alt-svc", ""),
        cache=headers.get("cf-cache-status", ""),
        alert=watch.alert if watch and answer.end == "alert" else -1,
        asked=watch.asked if watch else None,
        asked_late=bool(watch and watch.asked_late),
        ca_names=watch.names if watch else (),
        presented=bool(watch and watch.presented),
        resumed=resumed,
        tls=case.tls if watch else "",
        alpn=alpn,
        detail=answer.detail,
    )
