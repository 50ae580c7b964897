# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away certificate authorities and client certificates, good ones and all the bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests import certificates


class Authority:
    """A client CA with a P-256 key."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificates.certificate(name, self.key, ca=True)

    @property
    def pem(self) -> str:
        return certificates.pem(self.certificate)

    def leaf(
        self, name: str, usage: Any | None = certificates.CLIENT, days: tuple[int, int] = (-1, 30)
    ) -> tuple[str, str]:
        """Certificate and key of a client, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = certificates.certificate(
            name, key, self.certificate, self.key, start=days[0], days=days[1], purposes=[usage] if usage else None
        )
        return certificates.pem(made), certificates.key_pem(key)


class Clients:
    """Files with certificate and key by kind: valid, foreign, expired, early, server_only, and their CA."""

    def __init__(self, directory: Path) -> None:
        self.ca = Authority("example.com client CA")
        self.other_ca = Authority("somebody else's CA")
        self.certificates: dict[str, str] = {}
        self.files: dict[str, str] = {}
        made = {
            "valid": self.ca.leaf("app.example.com"),
            "foreign": self.other_ca.leaf("app.example.com"),
            "expired": self.ca.leaf("app.example.com", days=(-30, -1)),
            "early": self.ca.leaf("app.example.com", days=(5, 30)),
            "server_only": self.ca.leaf("app.example.com", usage=certificates.SERVER),
        }
        for kind, (certificate, key) in made.items():
            file = directory / f"{kind}.pem"
            file.write_text(certificate + key, encoding="ascii")
            self.certificates[kind] = certificate
            self.files[kind] = str(file)

    def wanted(self, name: str, stage: str) -> dict[str, str]:
        """What the driver is asked for."""
        return {"name": name, "stage": stage, "trust_bundle": self.ca.pem, "certificate": self.certificates["valid"]}
