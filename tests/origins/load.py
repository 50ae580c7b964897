# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visitors who make requests all the time, to see whether one of them notices a change."""

from __future__ import annotations

import socket
import threading
import time

from .host import Host, client_context

APP = "app.example.com"


class Load:
    """Threads that make requests with a valid certificate all the time, some on kept-alive connections."""

    def __init__(self, host: Host, identity: str) -> None:
        self.host = host
        self.identity = identity
        self.failures: list[str] = []
        self.served = 0
        #: Kept-alive connections that were closed between two requests.
        self.closed = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(keep,)) for keep in (False, False, True, True)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_error: object) -> None:
        time.sleep(0.3)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, keep: bool) -> None:
        context = client_context(self.identity)
        while not self._stop.is_set():
            try:
                plain = socket.create_connection((self.host.address, 443), timeout=10)
                with plain, context.wrap_socket(plain, server_hostname=APP) as stream:
                    self._requests(stream, keep)
            except OSError as error:
                self.failures.append(repr(error))

    def _requests(self, stream: socket.socket, keep: bool) -> None:
        request = f"GET / HTTP/1.1\r\nHost: {APP}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
        answered = 0
        while not self._stop.is_set():
            try:
                stream.sendall(request)
                data = stream.recv(65536)
                while data and b"</p>\n" not in data:
                    piece = stream.recv(65536)
                    if not piece:
                        break
                    data += piece
            except OSError:
                data = b""
            if not data:
                # An idle connection that the server closes is retried by every client; a first request isn't idle.
                if answered:
                    self.closed += 1
                else:
                    self.failures.append("closed without an answer")
                return
            if not data.startswith(b"HTTP/1.1 200"):
                self.failures.append(data[:40].decode())
            answered += 1
            self.served += 1
            if not keep or b"connection: close" in data.lower():
                return
