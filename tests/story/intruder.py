# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who knows an origin's address and tries every door. Written apart from the product's own probe."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

_TIMEOUT = 8.0
UNPROTECTED = "www.example.org"
NAMES = ("right SNI", "no SNI", "foreign SNI", "session of another site")
CERTIFICATES = ("none", "foreign CA", "expired leaf")
VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Attempt:
    """One try. ``got_in``: the protected page came back; otherwise ``answer`` says what came instead."""

    address: str
    hostname: str
    name: str
    certificate: str
    version: str
    got_in: bool
    answer: str

    def __str__(self) -> str:
        way = f"{self.name}, certificate: {self.certificate}, {self.version}"
        return f"{self.address} {self.hostname} ({way}): {self.answer}"


class Intruder:
    """Makes its certificates once; ``pki`` and ``passphrase`` let it forge an expired leaf of the real CA."""

    def __init__(self, directory: Path, pki: Path | None = None, passphrase: str = "") -> None:
        self._files: dict[str, Path | None] = {"none": None}
        key = support.ec_key("intruder")
        other = support.root("Another CA", "other")
        leaf = support.certificate("app.example.com", key, other, support.ec_key("other"), purposes=[support.CLIENT])
        self._files["foreign CA"] = self._write(directory / "foreign.pem", leaf, key)
        if pki is not None:
            ca = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
            ca_key = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), passphrase.encode())
            old = support.certificate("app.example.com", key, ca, ca_key, start=-9, days=-2, purposes=[support.CLIENT])
            self._files["expired leaf"] = self._write(directory / "expired.pem", old, key)

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate, key: object) -> Path:
        path.touch(0o600)
        path.write_text(support.pem(certificate) + support.key_pem(key))
        return path

    def try_all(self, addresses: list[str], hostname: str) -> list[Attempt]:
        """Every door at every address, 48 tries for two addresses of two TLS versions."""
        ways = itertools.product(addresses, NAMES, (name for name in CERTIFICATES if name in self._files), VERSIONS)
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda way: self.attempt(way[0], hostname, *way[1:]), ways))

    def attempt(self, address: str, hostname: str, name: str, certificate: str, version: str) -> Attempt:
        """One try at ``address``, port 443."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = VERSIONS[version]
        file = self._files[certificate]
        if file is not None:
            context.load_cert_chain(file)
        try:
            answer = self._ask(context, address, hostname, name)
        except (OSError, ssl.SSLError) as error:
            answer = f"{type(error).__name__}: {getattr(error, 'reason', None) or error}"
        return Attempt(address, hostname, name, certificate, version, f"This is {hostname}." in answer, answer[:300])

    def _ask(self, context: ssl.SSLContext, address: str, hostname: str, name: str) -> str:
        session = None
        server_name: str | None = hostname
        if name == "session of another site":
            with self._connected(context, address, UNPROTECTED, None) as tls:
                self._request(tls, UNPROTECTED)
                session = tls.session
        elif name == "no SNI":
            server_name = None
        elif name == "foreign SNI":
            server_name = UNPROTECTED
        with self._connected(context, address, server_name, session) as tls:
            return self._request(tls, hostname)

    @staticmethod
    @contextlib.contextmanager
    def _connected(
        context: ssl.SSLContext, address: str, server_name: str | None, session: ssl.SSLSession | None
    ) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection((address, 443), _TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=server_name, session=session) as tls,
        ):
            yield tls

    @staticmethod
    def _request(tls: ssl.SSLSocket, hostname: str) -> str:
        # With TLS 1.3 a refusal comes after our handshake is done: look before writing, so that it isn't lost.
        tls.settimeout(0.3)
        with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
            early = tls.recv(1)
            return f"closed: {early!r}"
        tls.settimeout(_TIMEOUT)
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {hostname}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := tls.recv(65536):
            answer += chunk
        return answer.decode("latin-1")
