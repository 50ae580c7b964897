# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates for tests."""

from __future__ import annotations

from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.originlock.aop.tests import certificates


def make(ca=False, days=30, password=None):
    """(key, certificate) in PEM format; valid since the beginning of 2026."""
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    made = certificates.certificate("app.example.com", key, ca=ca, start=0, days=days, now=start)
    return certificates.key_pem(key, password.decode() if password else None), certificates.pem(made)
