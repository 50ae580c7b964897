# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API keeps: certificates, associations and values that take effect later.

Nothing here runs on timers. A status is a question about a moment: what had been scheduled by then?
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .clock import rfc3339
from .identity import Identity

INITIALIZING = "initializing"
PENDING = "pending_deployment"
ACTIVE = "active"
PENDING_DELETION = "pending_deletion"
DELETED = "deleted"
TIMED_OUT = "deployment_timed_out"
DELETION_TIMED_OUT = "deletion_timed_out"
STATUSES = (INITIALIZING, PENDING, ACTIVE, PENDING_DELETION, DELETED, TIMED_OUT, DELETION_TIMED_OUT)

T = TypeVar("T")


class Phases:
    """A schedule of statuses."""

    def __init__(self, now: float, status: str) -> None:
        self._steps = [(now, status)]

    def then(self, moment: float, status: str) -> Phases:
        """Schedule a status; whatever was scheduled at or after that moment is dropped."""
        self._steps = [step for step in self._steps if step[0] < moment] + [(moment, status)]
        return self

    def at(self, now: float) -> str:
        """The status at a moment."""
        found = self._steps[0][1]
        for moment, status in self._steps:
            if moment > now:
                break
            found = status
        return found

    def since(self, now: float) -> float:
        """When the status of that moment began."""
        return max((moment for moment, _status in self._steps if moment <= now), default=self._steps[0][0])


@dataclass
class Certificate:
    """An uploaded certificate. ``identity`` holds the key; it never leaves the process."""

    id: str
    store: str  # "hostname" or "zone"
    identity: Identity
    pem: str
    expires_on: float
    issuer: str
    serial_number: str
    signature: str
    uploaded_on: float
    phases: Phases
    visible_at: float
    deployed_at: float | None = None  # None: it will never be at the edge

    def status(self, now: float) -> str:
        """The certificate's status at a moment."""
        return self.phases.at(now)

    def deployed(self, now: float) -> bool:
        """Whether the edge has it: from activation until it is really deleted."""
        return self.deployed_at is not None and self.deployed_at <= now and self.status(now) != DELETED

    def as_result(self, now: float) -> dict[str, Any]:
        """The certificate object of the API."""
        return {
            "id": self.id,
            "certificate": self.pem,
            "expires_on": rfc3339(self.expires_on),
            "issuer": self.issuer,
            "serial_number": self.serial_number,
            "signature": self.signature,
            "status": self.status(now),
            "uploaded_on": rfc3339(self.uploaded_on),
        }


@dataclass
class Association:
    """A hostname's certificate. ``prior`` is what the edge had before the last change."""

    hostname: str
    certificate: Certificate
    enabled: bool | None
    created_at: float
    updated_at: float
    phases: Phases
    prior: tuple[Certificate, bool] | None = None
    history: list[Certificate] = field(default_factory=list)

    def status(self, now: float) -> str:
        """Pending as long as its certificate is; ``deleted`` once a void has settled."""
        status = self.phases.at(now)
        if status == ACTIVE and self.certificate.status(now) in (INITIALIZING, PENDING):
            return PENDING
        if status == ACTIVE and self.certificate.status(now) == TIMED_OUT:
            return TIMED_OUT
        return status

    def gone(self, now: float) -> bool:
        """A void that has settled: as if it had never been."""
        return self.enabled is None and self.phases.at(now) == DELETED

    def effective(self, now: float, switch: str) -> tuple[Certificate, bool] | None:
        """What the edge has at a moment: (certificate, enabled), or None as if there were no association.

        ``switch`` is the switch ``association_switch``. A certificate that was deleted out of band leaves nothing.
        """
        if self.enabled is None:
            return None if self.gone(now) else self._between(now, switch, None)
        if self.status(now) == ACTIVE:
            return (self.certificate, self.enabled) if self.certificate.deployed(now) else None
        return self._between(now, switch, (self.certificate, self.enabled))

    def _between(
        self, now: float, switch: str, target: tuple[Certificate, bool] | None
    ) -> tuple[Certificate, bool] | None:
        if switch == "new" and (target is None or target[0].deployed(now)):
            return target
        if switch == "none" and target is not None and self.prior is not None:
            return (target[0], False)
        if self.prior is not None and not self.prior[0].deployed(now):
            return None
        return self.prior

    def short(self, now: float) -> dict[str, Any]:
        """The six fields of the list of associations."""
        return {
            "hostname": self.hostname,
            "cert_id": self.certificate.id,
            "enabled": self.enabled,
            "status": self.status(now),
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        }

    def as_result(self, now: float) -> dict[str, Any]:
        """The full association object."""
        certificate = self.certificate
        return {
            **self.short(now),
            "cert_status": certificate.status(now),
            "cert_uploaded_on": rfc3339(certificate.uploaded_on),
            "cert_updated_at": rfc3339(max(certificate.uploaded_on, certificate.phases.since(now))),
            "expires_on": rfc3339(certificate.expires_on),
            "certificate": certificate.pem,
            "issuer": certificate.issuer,
            "serial_number": certificate.serial_number,
            "signature": certificate.signature,
        }


class Deferred(Generic[T]):
    """A value that the API shows at once and the edge obeys a little later."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.modified: float | None = None
        self._before = value
        self._from = 0.0

    def set(self, value: T, now: float, delay: float) -> None:
        """Change it; the edge follows after ``delay`` seconds."""
        self._before = self.effective(now)
        self.value, self.modified, self._from = value, now, now + delay

    def effective(self, now: float) -> T:
        """What the edge obeys at a moment."""
        return self.value if now >= self._from else self._before
