# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the sandbox from a test or a script, and control it. Standard library only.

with SandboxProcess() as sandbox:
    sandbox.dns({"app.example.com": {"addresses": ["127.0.0.1:8443"]}})
    subprocess.run([...], env={**os.environ, **sandbox.env})
    assert sandbox.journal(writes=True) == []
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


class SandboxError(Exception):
    """The sandbox did not start, or its control interface refused a request."""


@dataclass(frozen=True)
class Visit:
    """The edge's answer to a visitor."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class Control:
    """Typed calls of a running sandbox's control interface."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)

    @property
    def base_url(self) -> str:
        """For ``CLOUDFLARE_BASE_URL``."""
        return str(self.facts["base_url"])

    @property
    def token(self) -> str:
        """A token with every permission."""
        return str(self.facts["token"])

    @property
    def zone_id(self) -> str:
        """Id of the default zone ``example.com``."""
        return str(self.facts["zone"]["id"])

    @property
    def account_id(self) -> str:
        """Account of the default zone."""
        return str(self.facts["zone"]["account_id"])

    @property
    def edge(self) -> tuple[str, int]:
        """Host and port where visitors connect."""
        host, _colon, port = str(self.facts["edge"]).rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def edge_ca(self) -> str:
        """Path of the CA that visitors must trust."""
        return str(self.facts["edge_ca"])

    @property
    def env(self) -> dict[str, str]:
        """Environment for programs that talk to the API. Drop CLOUDFLARE_EMAIL and _API_KEY from your own."""
        return {"CLOUDFLARE_BASE_URL": self.base_url, "CLOUDFLARE_API_TOKEN": self.token}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A raw call, e.g. ``call("GET", "/control/zones")``. Raises SandboxError with the sandbox's words."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(str(self.facts["control"]) + path, data=data, method=method)
        try:
            with _opener().open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{method} {path}: {json.load(error).get('error')}") from error

    def api(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """A raw call of the API below ``/client/v4``: status and decoded body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base_url + path, data=data, method=method, headers=headers)
        try:
            with _opener().open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, text.decode(errors="replace")

    def config(self, **switches: Any) -> dict[str, Any]:
        """Set switches; without any, read them."""
        result: dict[str, Any] = self.call("PUT", "/control/config", switches)
        return result

    def codes(self, **errors: Any) -> dict[str, Any]:
        """Change the error table: ``codes(quota={"code": 1499})``."""
        result: dict[str, Any] = self.call("PUT", "/control/codes", errors)
        return result

    def dns(self, records: Mapping[str, Any]) -> dict[str, Any]:
        """Set DNS records; null removes one."""
        result: dict[str, Any] = self.call("PUT", "/control/dns", records)
        return result

    def clock(self, *, scale: float | None = None, advance: float | None = None) -> float:
        """Change speed, or jump ahead; returns simulated time."""
        wish = {name: value for name, value in (("scale", scale), ("advance", advance)) if value is not None}
        return float(self.call("PUT", "/control/clock", wish)["now"])

    def add_zone(self, name: str, **more: Any) -> str:
        """Add a zone; returns its id."""
        return str(self.call("POST", "/control/zones", {"name": name, **more})["id"])

    def change_zone(self, zone: str, **changes: Any) -> None:
        """Change a zone behind the API, e.g. ``settings={"ssl": "strict"}``; effective at once."""
        self.call("PUT", f"/control/zones/{zone}", changes)

    def add_token(self, *permissions: str, **more: Any) -> str:
        """Add a token with these permissions (and no other); returns its value."""
        return str(self.call("POST", "/control/tokens", {"permissions": list(permissions), **more})["value"])

    def fault(
        self,
        action: Any,
        *,
        method: str | None = None,
        path: str | None = None,
        operation: str | None = None,
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """Queue a fault; see docs/sandbox.md for the actions."""
        match = {"method": method, "path_regex": path, "operation": operation}
        self.call("POST", "/control/faults", {"match": match, "action": action, "times": times, "skip": skip})

    def clear_faults(self) -> None:
        """Drop faults that still wait."""
        self.call("DELETE", "/control/faults")

    def drift(self, **change: Any) -> None:
        """Somebody else's change: ``delete_certificate=ID`` or ``repoint={hostname, cert_id, enabled}``."""
        self.call("POST", "/control/drift", change)

    def edge_switches(self, **switches: Any) -> dict[str, Any]:
        """Edge behaviour, e.g. ``edge_switches(present="none")`` or ``hostnames={"a.example.com": {...}}``."""
        result: dict[str, Any] = self.call("PUT", "/control/edge", switches)
        return result

    def identity(self, name: str, certificate: str, private_key: str) -> dict[str, str]:
        """A client certificate for ``present=name``."""
        body = {"certificate": certificate, "private_key": private_key}
        result: dict[str, str] = self.call("PUT", f"/control/identities/{name}", body)
        return result

    def origin_ca(self, pem: str) -> None:
        """What SSL mode strict trusts."""
        self.call("PUT", "/control/origin-ca", {"certificate": pem})

    def presented(self, hostname: str) -> dict[str, Any]:
        """What the edge presents for a hostname now: source, fingerprint (SHA-256 hex or None), serial, ..."""
        result: dict[str, Any] = self.call("GET", f"/control/presented?hostname={hostname}")
        return result

    def journal(self, *, writes: bool = False, since: int = 0) -> list[dict[str, Any]]:
        """API requests after number ``since``."""
        path = f"/control/journal?since={since}&writes={int(writes)}"
        entries: list[dict[str, Any]] = self.call("GET", path)["entries"]
        return entries

    def wait_request(self, *, since: int = 0, timeout: float = 30.0, **facts: Any) -> dict[str, Any]:
        """The first API request after ``since`` with these facts (e.g. ``fault="timeout_before"``); SandboxError."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for entry in self.journal(since=since):
                if all(entry.get(name) == value for name, value in facts.items()):
                    return entry
            time.sleep(0.02)
        raise SandboxError(f"no request with {facts} came within {timeout} seconds")

    def edge_journal(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Visitors' requests and their pulls after number ``since``."""
        entries: list[dict[str, Any]] = self.call("GET", f"/control/edge-journal?since={since}")["entries"]
        return entries

    def reset(self) -> None:
        """Back to one zone, one token, default switches."""
        self.call("POST", "/control/reset")

    @contextmanager
    def visitor(self, hostname: str, timeout: float = 30.0) -> Iterator[http.client.HTTPConnection]:
        """A visitor's keep-alive connection through the edge: ``connection.request("GET", "/")``."""
        connection = _Visitor(hostname, self.edge, self.edge_ca, timeout)
        try:
            yield connection
        finally:
            connection.close()

    def visit(
        self,
        hostname: str,
        path: str = "/",
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Visit:
        """One visitor's request through the edge, on a connection of its own."""
        with self.visitor(hostname, timeout) as connection:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Visit(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


class SandboxProcess(Control):
    """A sandbox of its own, as a context manager; ``arguments`` go to its command line.

    It ends with this process, even if that is killed; with ``outlive`` only ``stop`` ends it.
    """

    def __init__(self, *arguments: str, timeout: float = 20.0, outlive: bool = False) -> None:
        super().__init__({})
        self._outlive = outlive
        self._arguments = arguments
        self._timeout = timeout
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> SandboxProcess:
        """Start it and wait until it listens. Raises SandboxError with its last words."""
        self._directory = tempfile.TemporaryDirectory(prefix="sandbox-client-")
        ready = Path(self._directory.name) / "ready.json"
        if "--ready-file" in self._arguments:
            ready = Path(self._arguments[self._arguments.index("--ready-file") + 1])
            ready.unlink(missing_ok=True)
        log = Path(self._directory.name) / "log"
        command = [sys.executable, "-m", "tests.sandbox", *self._arguments]
        if "--ready-file" not in self._arguments:
            command += ["--ready-file", str(ready)]
        if "--state-dir" not in self._arguments:
            command += ["--state-dir", str(Path(self._directory.name) / "state")]
        with log.open("wb") as stream:
            if self._outlive:
                self.process = subprocess.Popen(
                    command,
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            else:
                # Nobody writes to the pipe: it closes when this process ends, however it ends.
                self.process = subprocess.Popen(
                    [*command, "--exit-on-eof"],
                    cwd=_ROOT,
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                )
        end = time.monotonic() + self._timeout
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                words = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                self.stop()
                raise SandboxError(f"the sandbox did not start: {words}")
            time.sleep(0.02)
        self.facts = json.loads(ready.read_text(encoding="utf-8"))
        return self

    def log(self) -> str:
        """What it wrote to stdout and stderr so far."""
        if self._directory is None:
            return ""
        return (Path(self._directory.name) / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Stop it and remove its files."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Visitor(http.client.HTTPConnection):
    """HTTPS to the edge's address, with SNI and Host of the hostname."""

    def __init__(self, hostname: str, edge: tuple[str, int], ca: str, timeout: float) -> None:
        super().__init__(hostname, 443, timeout=timeout)
        self._edge = edge
        self._context = ssl.create_default_context(cafile=ca)

    def connect(self) -> None:
        plain = socket.create_connection(self._edge, self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        super().putrequest(method, url, skip_host=True, skip_accept_encoding=skip_accept_encoding)
        if not skip_host:
            self.putheader("Host", self.host)


def attach(ready_file: str | Path) -> Control:
    """Speak to a sandbox that somebody else started, by its ready file. Raises OSError, ValueError."""
    return Control(json.loads(Path(ready_file).read_text(encoding="utf-8")))


def _opener() -> urllib.request.OpenerDirector:
    """Never through a proxy of the environment."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def environment(sandbox: Control) -> dict[str, str]:
    """The caller's environment with the sandbox's address and token, and without other Cloudflare credentials."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLOUDFLARE_")}
    return {**kept, **sandbox.env}
