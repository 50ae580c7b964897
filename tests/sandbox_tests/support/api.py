# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API in the tests' words."""

from __future__ import annotations

from typing import Any

from tests.sandbox.client import Control

from .pki import Pair


class Api:
    """Calls for the default zone; ``ok`` methods fail the test unless the API agrees."""

    def __init__(self, sandbox: Control) -> None:
        self.sandbox = sandbox
        self.base = f"/zones/{sandbox.zone_id}/origin_tls_client_auth"
        self.certificates = self.base + "/hostnames/certificates"
        self.hostnames = self.base + "/hostnames"

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Any call."""
        return self.sandbox.api(method, path, body, token)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """``result`` of a call that must succeed."""
        status, answer = self.call(method, path, body)
        assert status in (200, 201), (status, answer)
        assert answer["success"] is True
        assert answer["errors"] == []
        return answer.get("result")

    def error(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, int]:
        """HTTP status and first code of a call that must fail."""
        status, answer = self.call(method, path, body, token)
        assert status >= 400, answer
        assert answer["success"] is False
        return status, answer["errors"][0]["code"]

    def upload(self, pair: Pair, *, store: str = "hostname") -> str:
        """Upload; the id."""
        return str(self.ok("POST", self.certificates if store == "hostname" else self.base, pair.body)["id"])

    def active(self, pair: Pair, *, store: str = "hostname") -> str:
        """Upload and let time pass until it is active; the id."""
        certificate = self.upload(pair, store=store)
        self.sandbox.clock(advance=3)
        return certificate

    def put(self, certificate: str, *hostnames: str, enabled: bool | None = True) -> Any:
        """Associate."""
        items = [{"hostname": name, "cert_id": certificate, "enabled": enabled} for name in hostnames]
        return self.ok("PUT", self.hostnames, {"config": items})

    def associate(self, pair: Pair, *hostnames: str) -> str:
        """Upload, associate, let time pass until both are deployed; the certificate's id."""
        certificate = self.active(pair)
        self.put(certificate, *hostnames)
        self.sandbox.clock(advance=3)
        return certificate
