# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of ours through the edge, each with a nonce that the origins' logs will show."""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from .._common.errors import InvalidInput
from .._common.hostnames import hostname as checked
from .scan import CANARY_PREFIX, NONCE

MAX_REQUESTS = 100000
_MAX_TIMEOUT = 3600.0


@dataclass(frozen=True)
class Canary:
    """One request to be sent. ``connect_to`` is empty or ``host:port``."""

    hostname: str
    nonce: str
    connect_to: str


@dataclass(frozen=True)
class Answer:
    """What came back. ``status`` 0 and an ``error`` where there was no answer; ``ray`` is Cloudflare's CF-Ray."""

    hostname: str
    nonce: str
    status: int
    ray: str
    error: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def plan(requests: Sequence[Mapping[str, Any]], connect_to: str) -> list[Canary]:
    """Canaries for dicts ``hostname``, ``nonces`` (given ones) or ``count`` (new ones, default 1), ``connect_to``."""
    canaries: list[Canary] = []
    for request in requests:
        hostname = checked(str(request["hostname"]))
        nonces = [str(nonce) for nonce in request.get("nonces") or []]
        for nonce in nonces:
            if not NONCE.fullmatch(nonce):
                raise InvalidInput(
                    f"The nonce {nonce!r} for {hostname} isn't valid.", "A nonce is 32 hexadecimal digits."
                )
        count = 1 if request.get("count") is None else int(request["count"])
        if count < 0:
            raise InvalidInput(f"{count} canaries for {hostname} can't be sent.", "Give 0 or more as count.")
        if len(canaries) + (len(nonces) or count) > MAX_REQUESTS:
            raise InvalidInput(f"These are more than {MAX_REQUESTS} canaries.", "Send them in several tasks.")
        nonces = nonces or [secrets.token_hex(16) for _number in range(count)]
        target = str(request.get("connect_to") or connect_to)
        if target:
            _address(target)
        canaries += [Canary(hostname, nonce, target) for nonce in nonces]
    return canaries


def check_timeout(timeout: float) -> None:
    """Raises :class:`InvalidInput` for seconds that nobody can wait."""
    if not 0.0 < timeout <= _MAX_TIMEOUT:
        raise InvalidInput(
            f"{timeout:g} s is no timeout.", f"Give seconds, more than 0 and at most {_MAX_TIMEOUT:g}, as timeout."
        )


def context(ca_path: str, validate: bool) -> ssl.SSLContext:
    """How the edge's certificate is checked. Raises :class:`InvalidInput` for an unusable ``ca_path``."""
    try:
        settings = ssl.create_default_context(cafile=ca_path or None)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(
            f"No CA certificates can be read from {ca_path}: {error}.", "Give a file of PEM certificates."
        ) from error
    if not validate:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings


def send(canaries: Sequence[Canary], settings: ssl.SSLContext, timeout: float, concurrency: int) -> list[Answer]:
    """Sends all, each on a connection of its own, so that balancers spread them. Never raises."""
    with ThreadPoolExecutor(max_workers=max(1, min(concurrency, 64))) as pool:
        return list(pool.map(lambda canary: _send(canary, settings, timeout), canaries))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not host or not 0 < int(port) < 65536:
        raise InvalidInput(f"{text!r} is no address to connect to.", "Write connect_to as host:port, IPv6 in brackets.")
    return host.strip("[]"), int(port)


class _Connection(http.client.HTTPSConnection):
    """Connects somewhere else than the hostname says; SNI and the certificate check keep to the hostname."""

    def __init__(self, canary: Canary, settings: ssl.SSLContext, timeout: float) -> None:
        super().__init__(canary.hostname, 443, timeout=timeout, context=settings)
        self._settings = settings
        self._target = _address(canary.connect_to) if canary.connect_to else (canary.hostname, 443)

    def connect(self) -> None:
        plain = socket.create_connection(self._target, self.timeout)
        try:
            self.sock = self._settings.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _send(canary: Canary, settings: ssl.SSLContext, timeout: float) -> Answer:
    status, ray, error = 0, "", ""
    try:
        with closing(_Connection(canary, settings, timeout)) as connection:
            headers = {
                "User-Agent": "originlock-canary",
                "Accept": "*/*",
                "Connection": "close",
                "Cache-Control": "no-cache",
            }
            connection.request("GET", CANARY_PREFIX + canary.nonce, headers=headers)
            response = connection.getresponse()
            status, ray = response.status, (response.getheader("CF-Ray") or "")[:64]
            error = _meaning(status)
    except ssl.SSLCertVerificationError as failure:
        error = f"the edge's certificate isn't valid for {canary.hostname}: {failure.verify_message}"
    except socket.timeout:
        error = f"no answer within {timeout:g} s"
    except Exception as failure:  # whatever one canary meets, the others have their answers
        error = f"no answer: {failure or type(failure).__name__}"
    return Answer(canary.hostname, canary.nonce, status, ray, error)


# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
_EDGE_ERRORS: dict[int, str] = {
    400: "the origin refused the request, perhaps for want of a certificate",
    403: "forbidden, by a rule at Cloudflare or by the origin",
    421: "misdirected, as the edge's SNI isn't the Host header that the origin got",
    495: "the origin refused the edge's certificate",
    496: "the origin refused the request for want of a certificate",
    520: "the origin closed the connection or gave no valid answer",
    521: "the origin refused the connection",
    522: "the origin didn't accept the connection in time",
    523: "the origin can't be reached",
    524: "the origin didn't answer in time",
    525: "the TLS handshake with the origin failed, perhaps because it wants another certificate",
    526: "the origin's own certificate isn't valid",
    530: "Cloudflare couldn't resolve the origin",
}


def _meaning(status: int) -> str:
    said: str | None = _EDGE_ERRORS.get(status)
    return f"HTTP {status}: {said}" if said else ""
