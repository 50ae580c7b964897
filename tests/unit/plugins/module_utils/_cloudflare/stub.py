# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny API whose answers are scripted, on a real socket."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.budget import Budget
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import Client, Credentials

TOKEN = "t0ken-with-a-long-secret-value"


class Stub:
    """``answers`` are used up in order (the last one stays): (status, body, headers), or "drop" to hang up."""

    def __init__(self, url):
        self.url = url
        self.answers = []
        self.requests = []
        self.slept = []
        self.lock = threading.Lock()

    def say(self, *answers):
        """Script the next answers."""
        self.answers = list(answers)

    def take(self):
        """The next answer."""
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def client(self, **more):
        """A client that does not really sleep: its clock goes forward by what it would have slept."""

        def sleep(seconds):
            self.slept.append(seconds)

        blocked = [0.0]
        budget = Budget(None, 0, sleep=blocked.append, clock=lambda: sum(blocked))
        options = {"retries": 3, "timeout": 2, "sleep": sleep, "clock": lambda: sum(self.slept), "budget": budget}
        return Client(Credentials(token=TOKEN), self.url, **dict(options, **more))


def ok(result=None, **more):
    """A successful envelope."""
    return 200, dict({"success": True, "errors": [], "messages": [], "result": result}, **more), {}


def refused(status, code, text="no", **headers):
    """A failed envelope without a result member."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"success": False, "errors": [{"code": code, "message": text}], "messages": []}
    return status, body, dict({"cf-ray": "8a1b2c3d4e5f-FRA"}, **named)


@contextmanager
def serving():
    """A stub that serves."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            with stub.lock:
                stub.requests.append((self.command, self.path, json.loads(body) if body else None, dict(self.headers)))
            said = stub.take()
            if said == "drop":
                self.close_connection = True
                self.connection.close()
                return
            status, content, headers = said
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *args):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_address[1]}/client/v4")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
