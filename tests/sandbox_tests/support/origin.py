# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS origin for tests: keep-alive, client certificates as wanted, and it notes what it saw."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import ssl
import tempfile
import threading
from typing import Any

from .pki import Pair, Pki


class Origin:
    """``verify``: none, optional, require; ``page``: refuse as nginx does, with a 400 page instead of an alert."""

    def __init__(
        self, pki: Pki, hostname: str = "app.example.com", *, verify: str = "none", trust: str | None = None,
        page: bool = False, tls: str = "any", server: Pair | None = None, plain: bool = False,
    ) -> None:
        self.seen: list[dict[str, Any]] = []
        self.page = page
        self.close_after = 0
        self.drop_next = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.origin = self
        leaf = server or pki.leaf(hostname, server=True)
        self._server.context = None if plain else _context(leaf, verify, trust, tls)
        self.port = self._server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        return self._server.accepted

    def close_all(self) -> None:
        """Close every open connection, as a reload does."""
        self._server.close_all()

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    origin: Origin
    context: ssl.SSLContext | None
    accepted = 0

    def __init__(self, *args: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.accepted += 1
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as real servers do
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                request.close()
                return
        self.open.add(request)
        super().process_request_thread(request, client_address)
        self.open.discard(request)

    def close_all(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Aborted connections are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment
    server: _Server
    count = 0

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        tls = self.connection if isinstance(self.connection, ssl.SSLSocket) else None
        peer = (tls.getpeercert() or {}) if tls else {}
        facts = {
            "method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
            "serial": peer.get("serialNumber"), "tls": tls.version() if tls else None,
            "resumed": tls.session_reused if tls else None, "peer": self.client_address[0], "body": body.decode(),
            "sni": getattr(tls, "sni", None),
        }
        origin = self.server.origin
        self.count += 1
        if origin.drop_next > 0 and self.count > 1:
            # The race of a reload: the request is on its way while the idle connection is being closed.
            origin.drop_next -= 1
            self.close_connection = True
            return
        origin.seen.append(facts)
        if origin.page and not peer:
            self._answer(400, b"<html>No required SSL certificate was sent</html>", "text/html")
        elif self.path.startswith("/chunked"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b"hello ", b"world"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path.startswith("/big"):
            self._answer(200, b"x" * 5_000_000, "application/octet-stream")
        elif self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif self.path.startswith("/empty"):
            self.send_response(204)
            self.end_headers()
        else:
            self._answer(200, json.dumps(facts).encode(), "application/json")

    do_POST = do_PUT = do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _context(server: Pair, verify: str, trust: str | None, tls: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor, path = tempfile.mkstemp()
    with open(descriptor, "w", encoding="ascii") as stream:
        stream.write(server.certificate + server.private_key)
    context.load_cert_chain(path)
    os.unlink(path)
    if tls == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}[verify]
    if trust:
        context.load_verify_locations(cadata=trust)

    def on_sni(connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        connection.sni = name

    context.sni_callback = on_sni
    return context
