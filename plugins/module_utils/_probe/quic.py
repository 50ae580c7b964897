# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/3, where the library aioquic is there. Without it these listeners are reported as not probed, never left out."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from .http1 import AGENT, BODY_LIMIT
from .model import NONE, Case, Identity, Outcome, Settings

try:
    from aioquic.asyncio.client import connect
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import DataReceived, HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.events import ConnectionTerminated

    HAS_AIOQUIC = True
except ImportError:
    HAS_AIOQUIC = False
    QuicConnectionProtocol = object

# CRYPTO_ERROR (RFC 9001, 4.8): TLS alerts are 0x100 and the alert's number.
_CRYPTO_ERROR = 0x100


def problem() -> str:
    """Why HTTP/3 can't be probed here, or empty."""
    return "" if HAS_AIOQUIC else "the library aioquic is missing on the controller"


class _Client(QuicConnectionProtocol):  # type: ignore[misc]
    """Sends one GET and keeps what comes back."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.error: int | None = None
        self.over = asyncio.Event()
        self._http: Any = None

    def ask(self, path: str, host: str) -> None:
        """Send the request."""
        self._http = H3Connection(self._quic)
        stream = self._quic.get_next_available_stream_id()
        fields = (
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", host),
            (":path", path),
            ("user-agent", AGENT),
        )
        self._http.send_headers(stream, [(name.encode(), value.encode()) for name, value in fields], end_stream=True)
        self.transmit()

    def quic_event_received(self, event: Any) -> None:
        """Called by the library."""
        if isinstance(event, ConnectionTerminated):
            self.error = event.error_code
            self.over.set()
        if self._http is None:
            return
        for happened in self._http.handle_event(event):
            if isinstance(happened, HeadersReceived):
                self.headers.update((name.decode(), value.decode("latin-1")) for name, value in happened.headers)
                self.status = int(self.headers.get(":status", "0"))
            elif isinstance(happened, DataReceived):
                self.body += happened.data
            if getattr(happened, "stream_ended", False) or len(self.body) >= BODY_LIMIT:
                self.over.set()


def exchange(case: Case, identity: Identity, settings: Settings) -> Outcome:
    """One request over HTTP/3."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, server_name=case.sni or None
    )
    if identity.kind != NONE:
        configuration.load_cert_chain(identity.certificate, identity.private_key, identity.passphrase or None)
    try:
        return asyncio.run(_exchange(case, configuration, settings))
    except (ConnectionError, asyncio.TimeoutError):
        return Outcome(end="timeout", detail="no answer over UDP")
    except OSError as error:
        return Outcome(end="error", detail="no UDP socket: %s" % (error.strerror or error))


async def _exchange(case: Case, configuration: Any, settings: Settings) -> Outcome:
    # What goes wrong is in the outcome; the library's own waiters would tell it to the terminal once more.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    async with connect(
        case.listener.address,
        case.listener.port,
        configuration=configuration,
        create_protocol=_Client,
        wait_connected=False,
    ) as client:
        client.transmit()
        try:
            await asyncio.wait_for(client.wait_connected(), settings.connect_timeout)
            client.ask(case.path, case.host)
            await asyncio.wait_for(client.over.wait(), settings.timeout)
        except ConnectionError:
            pass
        if client.status:
            return Outcome(
                end="response",
                status=client.status,
                body=client.body[:BODY_LIMIT],
                location=client.headers.get("location", ""),
                server=client.headers.get("server", ""),
            )
        if client.error is not None and _CRYPTO_ERROR < client.error < _CRYPTO_ERROR + 256:
            return Outcome(end="alert", alert=client.error - _CRYPTO_ERROR)
        return Outcome(end="closed", detail="connection closed without an answer")
