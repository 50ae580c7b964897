# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates of the scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests import certificates

NAMES = ("app.test", "open.test", "staff.test")


@dataclass(frozen=True)
class Material:
    """Files: ca (ours), staff-ca, app (our leaf), staff (a leaf of the other CA), server; each as .crt and .key."""

    directory: Path

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def read(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()


def make(directory: Path) -> Material:
    ours = _certificate(directory, "ca", "Our AOP CA")
    staff = _certificate(directory, "staff-ca", "Staff CA")
    _certificate(directory, "app", "app.test", ours, certificates.CLIENT)
    _certificate(directory, "staff", "somebody", staff, certificates.CLIENT)
    _certificate(directory, "server", "open.test", None, certificates.SERVER)
    return Material(directory)


def _certificate(
    directory: Path, file: str, name: str, issuer: tuple[Any, Any] | None = None, usage: Any = None
) -> tuple[Any, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    ca, ca_key = issuer or (None, None)
    purposes, names = ([usage], list(NAMES)) if usage else (None, None)
    made = certificates.certificate(name, key, ca, ca_key, ca=usage is None, days=30, purposes=purposes, names=names)
    (directory / (file + ".crt")).write_text(certificates.pem(made))
    (directory / (file + ".key")).write_text(certificates.key_pem(key))
    return made, key
