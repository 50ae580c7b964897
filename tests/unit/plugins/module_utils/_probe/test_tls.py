# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request over one connection, against a TLS server of the standard library on the loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._probe import tls, watch
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    FOREIGN_CA,
    NOBODY,
    PLAIN,
    VALID,
    Case,
    Identity,
    Listener,
    Outcome,
    Settings,
)
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

SETTINGS = Settings(connect_timeout=2, timeout=2)
PAGE = b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 4\r\n\r\npage"


class Server:
    """Answers every connection with ``answer``, after its request was read; None closes, b"" says nothing."""

    def __init__(self, context: ssl.SSLContext | None, answer: bytes | None = PAGE) -> None:
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.hellos: list[bytes] = []
        self._answer = answer
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        if context:
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            connection.settimeout(5)
            with contextlib.suppress(OSError), contextlib.closing(connection):
                self._one(connection)

    def _one(self, connection: Any) -> None:
        if self._context is not None:
            self.hellos.append(connection.recv(65536, socket.MSG_PEEK))
            connection = self._context.wrap_socket(connection, server_side=True)
        with contextlib.closing(connection):
            self.requests.append(connection.recv(65536))
            if self._answer == b"":
                connection.recv(1)
            elif self._answer is not None:
                connection.sendall(self._answer)
                if isinstance(connection, ssl.SSLSocket):
                    connection.unwrap()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    server = support.certificate("server", support.ec_key("server"))
    foreign = support.certificate("x", support.ec_key("x"), support.root("other", "other"), support.ec_key("other"))
    for name, certificate, key in (
        ("server", server, "server"),
        ("leaf", support.leaf(), "leaf"),
        ("foreign", foreign, "x"),
        ("ca", support.root(), "ca"),
    ):
        (directory / (name + ".crt")).write_text(support.pem(certificate))
        (directory / (name + ".key")).write_text(support.key_pem(support.ec_key(key)))
    return directory


def _context(files: Path, verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.crt", files / "server.key")
    context.load_verify_locations(files / "ca.crt")
    context.verify_mode = verify
    return context


@contextlib.contextmanager
def _server(context: ssl.SSLContext | None, answer: bytes | None = PAGE) -> Iterator[Server]:
    server = Server(context, answer)
    try:
        yield server
    finally:
        server.close()


def _case(server: Server, version: str = "1.3", **values: Any) -> Case:
    listener = Listener("127.0.0.1", server.port)
    return replace(Case("app.test", "web1", listener, version, "app.test", host="app.test"), **values)


def _who(files: Path, kind: str) -> Identity:
    name = {VALID: "leaf", FOREIGN_CA: "foreign"}[kind]
    return Identity(kind, str(files / (name + ".crt")), str(files / (name + ".key")))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(
    ("verify", "kind", "asked", "expected"),
    [
        (ssl.CERT_NONE, "none", False, 200),
        (ssl.CERT_OPTIONAL, "none", True, 200),
        (ssl.CERT_REQUIRED, VALID, True, 200),
        (ssl.CERT_REQUIRED, "none", True, "none"),
        (ssl.CERT_REQUIRED, FOREIGN_CA, True, "unknown_ca"),
    ],
)
def test_verdicts(files: Path, version: str, verify: ssl.VerifyMode, kind: str, asked: bool, expected: object) -> None:
    """Ten times each: the alert of TLS 1.3 comes after the handshake and must never be lost."""
    alerts = {"none": 40 if version == "1.2" else 116, "unknown_ca": 48}
    with _server(_context(files, verify)) as server:
        for _turn in range(10):
            identity = NOBODY if kind == "none" else _who(files, kind)
            outcome = tls.exchange(_case(server, version, identity=kind), identity, SETTINGS)
            assert (outcome.asked, outcome.presented) == (asked, kind != "none" and asked)
            if expected == 200:
                assert (outcome.end, outcome.status, outcome.body, outcome.server) == ("response", 200, b"page", "test")
            else:
                assert (outcome.end, outcome.alert) == ("alert", alerts[str(expected)])


def test_without_the_private_callback(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it isn't known whether a certificate was asked for, and alerts are read from the error."""

    class Bare:
        __slots__ = ()

    class Blind(watch.Watch):
        def __init__(self, context: ssl.SSLContext) -> None:
            super().__init__(Bare())  # type: ignore[arg-type]

    monkeypatch.setattr(tls, "Watch", Blind)
    with _server(_context(files, ssl.CERT_REQUIRED)) as server:
        outcome = tls.exchange(_case(server), NOBODY, SETTINGS)
    assert (outcome.end, outcome.alert, outcome.asked) == ("alert", 116, None)


@pytest.mark.parametrize(
    ("reason", "number"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", 116),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", 40),
        ("TLSV1_ALERT_UNKNOWN_CA", 48),
        ("TLSV1_UNRECOGNIZED_NAME", 112),
        ("WRONG_VERSION_NUMBER", -1),
        ("SSLV3_ALERT_SOMETHING_NEW", -1),
    ],
)
def test_alerts_in_errors(reason: str, number: int) -> None:
    error = ssl.SSLError(1, "x")
    error.reason = reason
    assert watch.alert_of(error) == number


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_session_of_another_name(files: Path, version: str) -> None:
    with _server(_context(files, ssl.CERT_NONE)) as server:
        outcome = tls.exchange(_case(server, version, resume_from="open.test"), NOBODY, SETTINGS)
        # By the bytes: over TLS 1.2 OpenSSL tells a server the name of the session instead.
        assert [b"open.test" in hello for hello in server.hellos] == [True, False]
        assert [b"app.test" in hello for hello in server.hellos] == [False, True]
        assert b"Host: open.test" in server.requests[0]
        assert b"Host: app.test" in server.requests[1]
    assert (outcome.status, outcome.resumed) == (200, True)


def test_no_session_to_resume(files: Path) -> None:
    context = _context(files, ssl.CERT_REQUIRED)
    with _server(context) as server:
        outcome = tls.exchange(_case(server, resume_from=""), NOBODY, SETTINGS)
    assert outcome.end == "no_session"


def test_names_and_forms(files: Path) -> None:
    with _server(_context(files, ssl.CERT_NONE)) as server:
        tls.exchange(_case(server, sni=""), NOBODY, SETTINGS)
        tls.exchange(_case(server, sni="other.test", form="absolute", path="/x"), NOBODY, SETTINGS)
        tls.exchange(_case(server, sni="APP.TEST"), NOBODY, SETTINGS)
        assert server.names == [None, "other.test", "APP.TEST"]
        assert server.requests[1].startswith(b"GET https://app.test/x HTTP/1.1\r\nHost: other.test\r\n")


def test_http2(files: Path) -> None:
    from ansible_collections.originlock.aop.plugins.module_utils._probe import http2

    answer = http2.frame(http2.SETTINGS, 0, 0, b"") + http2.frame(http2.HEADERS, 4, 1, b"\x08\x03421")
    answer += http2.frame(http2.DATA, 1, 1, b"not here")
    context = _context(files, ssl.CERT_NONE)
    context.set_alpn_protocols(["h2"])
    with _server(context, answer) as server:
        outcome = tls.exchange(_case(server, form="h2"), NOBODY, SETTINGS)
        assert server.requests[0].startswith(http2.PREFACE)
    assert (outcome.status, outcome.body, outcome.alpn) == (421, b"not here", "h2")


def test_what_is_not_offered(files: Path) -> None:
    with _server(_context(files, ssl.CERT_NONE)) as server:
        assert tls.exchange(_case(server, form="h2"), NOBODY, SETTINGS).end == "not_offered"
    for only, asked in ((ssl.TLSVersion.TLSv1_3, "1.2"), (ssl.TLSVersion.TLSv1_2, "1.3")):
        context = _context(files, ssl.CERT_NONE)
        context.minimum_version = context.maximum_version = only
        with _server(context) as server:
            assert tls.exchange(_case(server, asked), NOBODY, SETTINGS).end == "not_offered"
    with _server(None) as server:
        assert tls.exchange(_case(server), NOBODY, SETTINGS).end in ("not_offered", "closed", "reset")


def test_no_answer(files: Path) -> None:
    with _server(_context(files, ssl.CERT_NONE), None) as server:
        assert tls.exchange(_case(server), NOBODY, SETTINGS).end in ("closed", "reset")
    with _server(_context(files, ssl.CERT_NONE), b"") as server:
        outcome = tls.exchange(_case(server), NOBODY, replace(SETTINGS, timeout=0.3))
        assert (outcome.end, outcome.detail) == ("timeout", "no answer in time")
    with _server(None, b"") as server:  # a handshake that never ends
        assert tls.exchange(_case(server), NOBODY, replace(SETTINGS, timeout=0.3)).end == "timeout"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    case = Case("app.test", "web1", Listener("127.0.0.1", port), sni="app.test", host="app.test")
    assert tls.exchange(case, NOBODY, SETTINGS) == Outcome("refused", detail="connection refused")


def test_what_a_cache_says() -> None:
    with _server(None, PAGE.replace(b"Server: test", b"CF-Cache-Status: HIT")) as server:
        case = _case(server, "", sni="", listener=Listener("127.0.0.1", server.port, PLAIN))
        assert tls.exchange(case, NOBODY, SETTINGS).cache == "HIT"


def test_plain() -> None:
    with _server(None, b"HTTP/1.1 301 x\r\nLocation: https://app.test/\r\nContent-Length: 0\r\n\r\n") as server:
        case = _case(server, "", sni="", listener=Listener("127.0.0.1", server.port, PLAIN))
        outcome = tls.exchange(case, NOBODY, SETTINGS)
        assert b"Host: app.test" in server.requests[0]
    assert (outcome.status, outcome.location, outcome.asked) == (301, "https://app.test/", None)
