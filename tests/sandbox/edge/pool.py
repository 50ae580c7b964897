# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to origins, kept alive per hostname, address and certificate."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

from ..world import World
from .choice import Choice, presented
from .errors import EdgeError, NoAnswerError
from .tls import CURRENT, Contexts, Handshake
from .wire import Reply, read_reply


class Key(NamedTuple):
    """What must be equal for a connection to be used again; everything but the address is the hostname's policy."""

    hostname: str
    host: str
    port: int
    secure: bool
    strict: bool
    fingerprint: str | None
    tls: str
    ca_filter: bool
    generation: int


@dataclass
class Connection:
    """An open connection to an origin."""

    key: Key
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    handshake: Handshake | None
    tls: str | None = None
    resumed: bool = False
    used: int = 0
    idle_since: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        """As far as can be known without using it."""
        return not self.reader.at_eof() and not self.writer.is_closing() and self.reader.exception() is None

    async def exchange(self, method: str, request: bytes, timeout: float) -> Reply:
        """Send a request, read the answer's head. NoAnswerError if not a byte came back."""
        self.used += 1
        try:
            self.writer.write(request)
            await self.writer.drain()
        except OSError:
            # The origin may have answered (an error page, an alert) before it closed: look at what it said.
            pass
        try:
            return await asyncio.wait_for(read_reply(self.reader, method), timeout)
        except asyncio.TimeoutError as error:
            raise EdgeError(524, "the origin did not answer in time") from error

    def close(self) -> None:
        """Close without waiting."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.close()


class Pool:
    """All connections to origins."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._contexts = Contexts()
        self._idle: dict[str, list[Connection]] = {}
        self._sessions: dict[tuple[str, str, int, str, bool], deque[ssl.SSLSession]] = {}
        self._generation = world.generation

    def key(self, choice: Choice, host: str, port: int, secure: bool) -> Key:
        """The key for a pull now."""
        if self._generation != self.world.generation:  # after a reset nothing is resumed
            self._generation = self.world.generation
            self._sessions.clear()
        fingerprint = choice.identity.sha256 if choice.identity else None
        behaviour = choice.behaviour
        return Key(
            choice.hostname, host, port, secure, choice.ssl_mode == "strict", fingerprint, behaviour.tls,
            behaviour.ca_filter, self.world.generation,
        )

    def take(self, key: Key) -> Connection | None:
        """An idle connection; those of the hostname with another policy (an old certificate) are closed."""
        idle = self._idle.get(key.hostname)
        if not idle:
            return None
        kept, found = [], None
        for connection in reversed(idle):
            if not connection.alive or not _same_policy(connection.key, key):
                connection.close()
            elif found is None and connection.key == key:
                found = connection
            else:
                kept.append(connection)
        kept.reverse()
        self._idle[key.hostname] = kept
        return found

    def give_back(self, connection: Connection, keep: bool, now_key: Key) -> None:
        """After an answer: keep it for the next pull, if nothing has changed meanwhile."""
        self._remember_session(connection)
        if not keep or not connection.alive or not _same_policy(connection.key, now_key):
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self._idle.setdefault(connection.key.hostname, []).append(connection)

    async def connect(self, key: Key, choice: Choice, source: str | None) -> Connection:
        """A fresh connection. EdgeError 521, 522, 525 or 526."""
        plain = await self._dial(key, source)
        if not key.secure:
            reader, writer = await asyncio.open_connection(sock=plain, limit=256 * 1024)
            return Connection(key, reader, writer, None)
        origin_ca = self.world.origin_ca if key.strict else ""
        try:
            handshake = Handshake(
                choice.identity,
                self._contexts.certificate(choice.identity, key.strict, origin_ca) if choice.identity else None,
                key.ca_filter,
            )
            context = self._contexts.start(key.tls, key.strict, origin_ca)
            if choice.behaviour.resume:
                kept = self._sessions.get(self._session_key(key))
                handshake.session = kept[-1] if kept else None
            CURRENT.set(handshake)
            reader, writer = await asyncio.open_connection(
                sock=plain, ssl=context, server_hostname=key.hostname, limit=256 * 1024,
                ssl_handshake_timeout=self.world.config.connect_timeout, ssl_shutdown_timeout=1.0,
            )
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise EdgeError(526, f"the origin's certificate: {error.verify_message}") from error
        except EdgeError:
            plain.close()
            raise
        except (OSError, EOFError) as error:  # alerts, resets, handshake timeouts
            plain.close()
            raise EdgeError(525, f"TLS handshake: {getattr(error, 'reason', None) or error or 'aborted'}") from error
        ssl_object = handshake.ssl_object
        connection = Connection(key, reader, writer, handshake)
        if ssl_object is not None:
            connection.tls, connection.resumed = ssl_object.version(), bool(ssl_object.session_reused)
        return connection

    async def _dial(self, key: Key, source: str | None) -> socket.socket:
        loop = asyncio.get_running_loop()
        try:
            version = ip_address(key.host).version
        except ValueError as error:
            raise EdgeError(530, f"{key.host} is not an IP address") from error
        plain = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if source is not None and (":" in source) == (version == 6):
                plain.bind((source, 0))
            await asyncio.wait_for(loop.sock_connect(plain, (key.host, key.port)), self.world.config.connect_timeout)
        except ConnectionRefusedError as error:
            plain.close()
            raise EdgeError(521, "connection refused") from error
        except (asyncio.TimeoutError, OSError) as error:
            plain.close()
            raise EdgeError(522, f"no connection: {error or 'timed out'}") from error
        except BaseException:
            plain.close()
            raise
        return plain

    def tidy(self) -> None:
        """Close idle connections that are old, dead, or whose hostname has another certificate by now."""
        oldest = time.monotonic() - self.world.config.pool_idle_seconds
        for hostname in list(self._idle):
            idle = self._idle.pop(hostname)
            choice = presented(self.world, hostname)
            kept = []
            for connection in idle:
                key = self.key(choice, connection.key.host, connection.key.port, connection.key.secure)
                if connection.alive and connection.idle_since >= oldest and key == connection.key:
                    kept.append(connection)
                else:
                    connection.close()
            if kept:
                self._idle[hostname] = kept

    def close(self) -> None:
        """Close all that is idle."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    @staticmethod
    def _session_key(key: Key) -> tuple[str, str, int, str, bool]:
        # Not by certificate: a session made before an association is resumed after it, as a real edge might.
        return (key.hostname, key.host, key.port, key.tls, key.strict)

    def _remember_session(self, connection: Connection) -> None:
        if connection.handshake is None or connection.used > 1:
            return
        if not self.world.edge.of(connection.key.hostname).resume:
            return
        with contextlib.suppress(ValueError, ssl.SSLError):
            session = connection.handshake.keep_session()
            if session is not None and (session.has_ticket or session.id):
                self._sessions.setdefault(self._session_key(connection.key), deque(maxlen=4)).append(session)


def _same_policy(one: Key, other: Key) -> bool:
    return one[:1] + one[3:] == other[:1] + other[3:]


__all__ = ["Connection", "EdgeError", "Key", "NoAnswerError", "Pool"]
