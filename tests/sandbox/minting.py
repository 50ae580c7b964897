# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's own CAs: for visitors of the edge, for the shared pull certificate, and a foreign one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests import certificates

from .identity import Identity


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """An unencrypted PKCS#8 PEM."""
    return certificates.key_pem(key).encode()


@dataclass
class Authority:
    """A CA on P-256 that signs leaves."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @staticmethod
    def make(name: str) -> Authority:
        """A new CA, valid for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = certificates.usage("digital_signature", "key_cert_sign", "crl_sign")
        made = certificates.certificate(
            name, key, ca=True, start=-400, days=3650, key_usage=usage, extra=certificates.identifiers(key), now=_now()
        )
        return Authority(made, key)

    @property
    def pem(self) -> bytes:
        """The CA certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def client(self, name: str, days: tuple[float, float] = (-1, 365)) -> Identity:
        """A client certificate with its own key; ``days`` = validity relative to now."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Identity.of(self._leaf(name, key, days, ExtendedKeyUsageOID.CLIENT_AUTH, dns=False), key_pem(key))

    def server(self, hostname: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        """A server certificate for a hostname, with a key that may be shared by many."""
        return self._leaf(hostname, key, (-1, 90), ExtendedKeyUsageOID.SERVER_AUTH, dns=True)

    def _leaf(
        self, name: str, key: ec.EllipticCurvePrivateKey, days: tuple[float, float], purpose: x509.ObjectIdentifier,
        dns: bool,
    ) -> x509.Certificate:
        return certificates.certificate(
            name[:64], key, self.certificate, self.key, start=days[0], days=days[1],
            key_usage=certificates.usage("digital_signature"), purposes=[purpose], names=[name] if dns else None,
            extra=certificates.identifiers(key, self.key), now=_now(),
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)
