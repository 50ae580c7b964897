# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side of the edge that visitors see: TLS with certificates minted per name, HTTP/1.1 with keep-alive."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import ssl
import time
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from multidict import CIMultiDict

from ..identity import load_pem
from ..minting import Authority, key_pem
from ..world import Record, World
from .choice import Choice, presented
from .errors import TITLES, EdgeError, NoAnswerError
from .pool import Connection, Key, Pool
from .wire import HOP_BY_HOP, Reply, head

_SMALL = 1024 * 1024
_MAX_BODY = 256 * 1024 * 1024
_MAX_NAMES = 5000


class Front:
    """Listens for visitors and pulls from origins for them."""

    def __init__(self, world: World, authority: Authority) -> None:
        self.world = world
        self._pool = Pool(world)
        self._authority = authority
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._turns: dict[str, Any] = {}
        self._runner: web.ServerRunner | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address."""
        default = self._context("sandbox.invalid")
        default.sni_callback = self._on_sni
        server = web.Server(self.handle, request_factory=_request, access_log=None, auto_decompress=False)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=default, shutdown_timeout=0.5, backlog=512)
        await site.start()
        self._tidying = asyncio.create_task(self._tidy())
        address: tuple[str, int] = self._runner.addresses[0][:2]
        return address

    async def stop(self) -> None:
        """Stop listening, close connections to origins."""
        if self._tidying is not None:
            self._tidying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tidying
        if self._runner is not None:
            await self._runner.cleanup()
        self._pool.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One visitor's request."""
        began = time.monotonic()
        hostname = request.host.rpartition("]")[2].partition(":")[0].lower().rstrip(".")
        ray = secrets.token_hex(8) + "-SBX"
        entry = self.world.edge_journal.add(
            time=self.world.clock.now(), hostname=hostname, method=request.method, path=request.rel_url.raw_path,
            ray=ray, origin=None, status=None, origin_status=None, source=None, chosen=None, asked=None,
            presented=None, tls=None, resumed=None, reused=None, retried=False, error=None, milliseconds=None,
        )
        try:
            record, choice = self._target(hostname)
            entry["source"] = choice.source
            entry["chosen"] = choice.identity.sha256 if choice.identity else None
            body = await self._body(request)
            response = await self._pull(request, record, choice, body, ray, entry)
        except EdgeError as error:
            entry["error"] = error.reason
            response = _error_page(error.status, error.reason, ray)
        entry["status"] = response.status
        entry["milliseconds"] = round((time.monotonic() - began) * 1000, 1)
        return response

    def _target(self, hostname: str) -> tuple[Record, Choice]:
        record = self.world.record(hostname)
        if record is None:
            raise EdgeError(530, f"no DNS record for {hostname}")
        zone = self.world.zone_of(hostname)
        if not record.proxied or (zone is not None and zone.paused):
            raise EdgeError(530, f"{hostname} is DNS-only: visitors connect to its origin, not to the edge")
        return record, presented(self.world, hostname)

    async def _body(self, request: web.BaseRequest) -> bytes:
        if request.headers.get("Upgrade"):
            raise EdgeError(501, "the sandbox does not relay upgrades (WebSocket)")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await request.read() if request.body_exists else b""

    async def _pull(
        self, request: web.BaseRequest, record: Record, choice: Choice, body: bytes, ray: str, entry: dict[str, Any]
    ) -> web.StreamResponse:
        secure = choice.source != "ssl_mode"
        message = self._message(request, choice, body, ray)
        addresses = self._turn(record)
        for number, (host, port) in enumerate(addresses, 1):
            address = (host, (port or record.https_port) if secure else record.http_port)
            entry["origin"] = f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
            key = self._pool.key(choice, *address, secure)
            try:
                connection, reply = await self._exchange(key, choice, request.method, message, entry)
            except EdgeError as error:
                if self.world.config.failover and number < len(addresses) and error.status in (521, 522, 525):
                    continue
                raise
            return await self._relay(request, connection, reply, choice, ray, entry)
        raise EdgeError(521, "no origin")

    async def _exchange(
        self, key: Key, choice: Choice, method: str, message: bytes, entry: dict[str, Any]
    ) -> tuple[Connection, Reply]:
        """An answer; a pooled connection that the origin had closed meanwhile costs a second try, never the request."""
        timeout = self.world.config.response_timeout
        connection = self._pool.take(key) if choice.behaviour.connection == "keepalive" else None
        if connection is not None:
            _note(entry, connection, reused=True)
            try:
                return connection, await connection.exchange(method, message, timeout)
            except NoAnswerError:
                connection.close()
                entry["retried"] = True
            except BaseException:
                connection.close()
                raise
        connection = await self._pool.connect(key, choice, self.world.edge_source)
        _note(entry, connection, reused=False)
        try:
            return connection, await connection.exchange(method, message, timeout)
        except NoAnswerError as error:
            connection.close()
            # In TLS 1.3 the client is done before the origin has looked at its certificate.
            status = self.world.config.tls13_abort_status if connection.tls == "TLSv1.3" else 520
            raise EdgeError(status, str(error)) from error
        except BaseException:
            connection.close()
            raise

    async def _relay(
        self, request: web.BaseRequest, connection: Connection, reply: Reply, choice: Choice, ray: str,
        entry: dict[str, Any],
    ) -> web.StreamResponse:
        entry["origin_status"] = reply.status
        dropped = HOP_BY_HOP | {"server", "content-length"}
        if request.method == "HEAD":
            dropped = dropped - {"content-length"}
        headers: CIMultiDict[str] = CIMultiDict(
            (name, value) for name, value in reply.headers if name.lower() not in dropped
        )
        headers["Server"], headers["CF-RAY"] = "cloudflare", ray
        try:
            if reply.length is not None and reply.length <= _SMALL:
                body = b"".join([piece async for piece in reply.body()])
                return web.Response(status=reply.status, reason=reply.reason, headers=headers, body=body or None)
            response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=headers)
            if reply.length is not None:
                response.content_length = reply.length
            elif request.version >= (1, 1):
                response.enable_chunked_encoding()
            await response.prepare(request)
            entry["status"] = reply.status
            try:
                async for piece in reply.body():
                    await response.write(piece)
                await response.write_eof()
            except EdgeError as error:
                # Half of the answer is out: only cutting the connection tells the visitor.
                entry["error"] = error.reason
                if request.transport is not None:
                    request.transport.abort()
            return response
        finally:
            now = presented(self.world, choice.hostname)
            key = self._pool.key(now, connection.key.host, connection.key.port, now.source != "ssl_mode")
            keep = reply.keep and reply.finished and now.behaviour.connection == "keepalive"
            self._pool.give_back(connection, keep, key)

    def _message(self, request: web.BaseRequest, choice: Choice, body: bytes, ray: str) -> bytes:
        visitor = request.remote or ""
        named = {h.strip().lower() for h in request.headers.get("Connection", "").split(",")}
        dropped = HOP_BY_HOP | named | {
            "host", "content-length", "expect", "x-forwarded-for", "x-forwarded-proto", "cf-connecting-ip", "cf-ray",
            "cf-visitor", "cdn-loop",
        }
        forwarded = request.headers.get("X-Forwarded-For")
        headers = [("Host", choice.hostname)]
        headers += [(name, value) for name, value in request.headers.items() if name.lower() not in dropped]
        headers += [
            ("X-Forwarded-For", f"{forwarded}, {visitor}" if forwarded else visitor),
            ("X-Forwarded-Proto", "https"),
            ("CF-Connecting-IP", visitor),
            ("CF-Ray", ray),
            ("CF-Visitor", '{"scheme":"https"}'),
            ("CDN-Loop", "cloudflare; loops=1"),
            ("Connection", "close" if choice.behaviour.connection == "close" else "keep-alive"),
        ]
        if body or request.body_exists or request.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(body))))
        return head(request.method, request.rel_url.raw_path_qs, headers) + body

    def _turn(self, record: Record) -> list[tuple[str, int | None]]:
        """The record's addresses, beginning with the next one in turn."""
        count = len(record.addresses)
        start = next(self._turns.setdefault(record.hostname, itertools.count())) % count
        return record.addresses[start:] + record.addresses[:start]

    def _on_sni(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        if name:
            with contextlib.suppress(ValueError):  # a name that fits no certificate: the default one
                connection.context = self._context(name.lower())

    def _context(self, name: str) -> ssl.SSLContext:
        context = self._contexts.get(name)
        if context is None:
            if len(self._contexts) >= _MAX_NAMES:
                self._contexts.clear()
            certificate = self._authority.server(name, self._key).public_bytes(Encoding.PEM)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            load_pem(context, certificate + self._authority.pem, key_pem(self._key))
            self._contexts[name] = context
        return context

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._pool.tidy()


def _request(
    message: Any, payload: Any, protocol: Any, writer: Any, task: Any
) -> web.BaseRequest:
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=_MAX_BODY
    )


def _note(entry: dict[str, Any], connection: Connection, *, reused: bool) -> None:
    """``presented``: what this connection's handshake really sent; None if the origin did not ask, or resumed."""
    handshake = connection.handshake
    entry["tls"], entry["resumed"], entry["reused"] = connection.tls, connection.resumed, reused
    if handshake is not None:
        entry["asked"] = handshake.asked
        entry["presented"] = handshake.identity.sha256 if handshake.presented and handshake.identity else None


def _error_page(status: int, reason: str, ray: str) -> web.Response:
    title = TITLES.get(status, "Error")
    body = f"<h1>Error {status}</h1><p>{title}</p>"
    text = f"<html><head><title>{status}: {title}</title></head><body>{body}</body></html>"
    headers = {"Server": "cloudflare", "CF-RAY": ray, "X-Sandbox-Reason": reason.replace("\n", " ")[:300]}
    return web.Response(status=status, reason=title, text=text, headers=headers, content_type="text/html")
