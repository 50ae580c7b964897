# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong when talking to Cloudflare. Texts name the object and the remedy, and never hold a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._common.errors import UserError
from .operations import Operation


class CloudflareError(UserError):
    """Base of all."""


class ZoneNotFound(CloudflareError):
    """No zone of this name is visible to the credentials."""


class BudgetExhausted(CloudflareError):
    """The shared rate budget is used up and waiting for it would take longer than allowed."""


class WaitTimedOut(CloudflareError):
    """Something did not become what it should within the time given."""


class ConnectionFailed(CloudflareError):
    """No answer. ``sent`` says whether the request may have reached the server."""

    def __init__(self, operation: Operation, reason: str, sent: bool, retryable: bool = True) -> None:
        super().__init__(
            f"Cannot {operation.what}: {reason}.",
            "Check the network, the proxy settings and api_url, then run again.",
        )
        self.operation = operation
        self.sent = sent
        self.retryable = retryable


class ApiError(CloudflareError):
    """Cloudflare refused. ``codes`` are those of the envelope, with error chains; match them with the operation."""

    def __init__(
        self,
        operation: Operation,
        status: int,
        errors: Sequence[tuple[int, str]],
        ray: str,
        subject: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.errors: list[tuple[int, str]] = list(errors)
        self.codes: list[int] = [code for code, _text in self.errors]
        self.ray = ray
        self.subject = subject
        self.retry_after = retry_after
        said = "; ".join(f"code {code}: {text}" for code, text in self.errors) or "no further explanation"
        about = f" ({subject})" if subject else ""
        super().__init__(
            f"Cannot {operation.what}{about}: HTTP {status}, {said.rstrip('.')} (Ray ID {ray or 'unknown'}).",
            _remedy(operation, status, self.codes),
        )

    def has(self, *codes: int) -> bool:
        """True if one of the codes is among those of the answer."""
        return any(code in self.codes for code in codes)

    @property
    def denied(self) -> bool:
        """True if the credentials are the reason."""
        return self.status in (401, 403) or (self.status == 400 and self.has(*_CREDENTIALS, *_PERMISSION))

    @property
    def unauthenticated(self) -> bool:
        """True if Cloudflare does not know the credentials at all."""
        return self.status == 401 or (self.status in (400, 403) and self.has(*_CREDENTIALS))

    @property
    def route_missing(self) -> bool:
        """True if the API does not know this path."""
        return self.status in (404, 405) or self.has(7000, 7003)

    def details(self) -> dict[str, Any]:
        """Adds the parts of the refusal under ``cloudflare``."""
        known = dict(self.facts)
        known["cloudflare"] = self.summary()
        if self.denied:
            known["missing_permission"] = self.operation.permission
        return known

    def summary(self) -> dict[str, Any]:
        """``http_status``, ``codes``, ``message``, ``ray``, ``operation`` of the refusal."""
        return {
            "http_status": self.status,
            "codes": list(self.codes),
            "message": "; ".join(text for _code, text in self.errors),
            "ray": self.ray,
            "operation": f"{self.operation.method} {self.operation.path}",
        }


class OutcomeUnknown(CloudflareError):
    """A request that must not be repeated blindly got no usable answer: it may or may not have been carried out."""

    def __init__(self, cause: CloudflareError) -> None:
        super().__init__(f"{cause} It is not known whether the request was carried out.", cause.remedy)
        self.cause = cause

    def details(self) -> dict[str, Any]:
        """Those of the cause."""
        return self.cause.details()


_CREDENTIALS = (6003, 6111, 6103, 1000, 1001)
_PERMISSION = (10000, 9109)
_BY_CODE = {
    ("POST", 1406): "The certificate exists already in this zone, perhaps as a zone-level certificate.",
    ("POST", 1408): "Give one PEM certificate and its PEM private key.",
    ("POST", 1412): "Upload the leaf certificate (CA:FALSE), not the CA; the CA belongs on the origins.",
    ("PUT", 1404): "Give certificate_id; it is needed even to void an association.",
    ("PUT", 1415): "The certificate id is wrong, deleted, or belongs to a zone-level certificate; "
    "list the zone's hostname certificates with hostname_certificate_info.",
    ("DELETE", 1433): "Void the associations that use it first (hostname_association with state=absent).",
    ("DELETE", 1434): "It is still being deployed; run again later.",
    ("PATCH", 1007): "The value is not allowed for this setting.",
}


def _remedy(operation: Operation, status: int, codes: Sequence[int]) -> str:
    for code in codes:
        known = _BY_CODE.get((operation.method, code))
        if known:
            return known
    if status == 429:
        return "The account's limit of 1,200 requests per 5 minutes is used up; run again in 5 minutes."
    if status >= 500:
        return "Cloudflare has a problem; see https://www.cloudflarestatus.com and run again."
    if any(code in _CREDENTIALS for code in codes) or status == 401:
        return "The credentials are not valid: check api_token (or api_email and api_key), its expiry and IP filter."
    if 10001 in codes:
        return "The token could not be authenticated: a new one needs a minute to be known everywhere; else check it."
    if 10000 in codes:
        # Cloudflare says the same for a token that it does not know and for one that may not do this.
        return (
            f"The token lacks the permission '{operation.permission}' for this zone, does not include the zone, or is "
            "not valid at all."
        )
    if status == 403 or any(code in _PERMISSION for code in codes):
        return f"The token lacks the permission '{operation.permission}' for this zone, or does not include the zone."
    if any(code in (7000, 7003) for code in codes):
        return "An identifier in the request is probably wrong: check the zone id."
    return "See the Ray ID with Cloudflare's support if the reason is not clear."
