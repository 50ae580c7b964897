# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client certificates at Cloudflare: list, upload exactly once, delete. For both stores (hostname and zone level)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from . import times
from .client import Client
from .errors import ApiError, CloudflareError, OutcomeUnknown
from .limits import CERTIFICATES_PER_ZONE
from .operations import Store
from .pem import Leaf, fingerprint
from .status import DELETED, is_live
from .waiting import pauses

ALREADY_EXISTS = 1406
# A certificate just made can be missing from the list for some time.
_LAG_LOOKS = 4
_pause = pauses(1.0, 15.0)


@dataclass(frozen=True)
class Certificate:
    """A certificate as Cloudflare shows it. ``sha256`` of the DER (hex), ``serial_number`` decimal, times RFC 3339."""

    id: str | None
    sha256: str | None
    serial_number: str | None
    status: str | None
    expires_on: str | None
    issuer: str | None = None
    signature: str | None = None
    uploaded_on: str | None = None
    certificate: str | None = None

    @property
    def live(self) -> bool:
        """False for what is deleted or being deleted."""
        return is_live(self.status)

    def public(self) -> dict[str, Any]:
        """All fields as modules return them."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Uploaded:
    """Outcome for one leaf. ``how`` is C(unchanged), C(created) or C(adopted) (it was there, the list told late)."""

    certificate: Certificate
    how: str
    changed: bool


def parse_certificate(item: Mapping[str, Any]) -> Certificate:
    """From the API's object; every member may be missing."""
    text = item.get("certificate")
    serial = item.get("serial_number")
    return Certificate(
        id=item.get("id"),
        sha256=fingerprint(text if isinstance(text, str) else None),
        serial_number=None if serial is None else str(serial),
        status=item.get("status"),
        expires_on=times.show(item.get("expires_on")),
        issuer=item.get("issuer"),
        signature=item.get("signature"),
        uploaded_on=times.show(item.get("uploaded_on")),
        certificate=text.rstrip() + "\n" if isinstance(text, str) and text.strip() else None,
    )


def list_certificates(client: Client, store: Store, zone_id: str) -> list[Certificate]:
    """Those of the zone that are not deleted. The list lags behind uploads by up to some tens of seconds."""
    found = [parse_certificate(item) for item in client.call(store.listing, zone_id=zone_id).items()]
    return [certificate for certificate in found if certificate.status != DELETED]


def get_certificate(client: Client, store: Store, zone_id: str, certificate_id: str) -> Certificate | None:
    """One certificate by id, also one that the list does not show (yet, or any more); None if there is none."""
    try:
        answer = client.call(store.get, subject=certificate_id, zone_id=zone_id, certificate_id=certificate_id)
    except ApiError as error:
        if error.has(*store.missing) or (error.status == 404 and not error.denied):
            return None
        raise
    return parse_certificate(answer.item())


def match(leaf: Leaf, certificates: Iterable[Certificate]) -> Certificate | None:
    """The one that holds this leaf, a live one before one that is being deleted."""
    same = [one for one in certificates if _same(leaf, one)]
    same.sort(key=lambda one: not one.live)
    return same[0] if same else None


def _same(leaf: Leaf, certificate: Certificate) -> bool:
    if certificate.sha256 is not None:
        return certificate.sha256 == leaf.sha256
    return certificate.serial_number == leaf.serial_number


def predicted(leaf: Leaf) -> Certificate:
    """What an upload of this leaf will look like, as far as can be known before."""
    return Certificate(
        id=None,
        sha256=leaf.sha256,
        serial_number=leaf.serial_number,
        status="pending_deployment",
        expires_on=leaf.expires_on,
        certificate=leaf.certificate,
    )


def upload(
    client: Client, store: Store, zone_id: str, leaf: Leaf, known: Sequence[Certificate], timeout: float
) -> Uploaded:
    """Make sure that the leaf is in the zone, once. ``known`` is a fresh list of the zone's certificates.

    An upload whose answer was lost is never simply repeated: the list is read (several times, it lags) and the
    certificate adopted if it is there. Cloudflare's refusal "already exists" (1406) leads to the same, or, while an
    earlier copy is being deleted, to another try until ``timeout`` seconds are over.
    """
    there = match(leaf, known)
    if there and there.live:
        return Uploaded(there, "unchanged", False)
    start = client.clock()
    unknown = 0
    number = 0
    subject = f"SHA-256 {leaf.sha256[:16]}..."
    body = {"certificate": leaf.certificate, "private_key": leaf.key}
    while True:
        failure: CloudflareError
        try:
            made = parse_certificate(client.call(store.upload, body=body, subject=subject, zone_id=zone_id).item())
            return Uploaded(_filled(made, leaf), "created", True)
        except OutcomeUnknown as error:
            failure = error
            unknown += 1
        except ApiError as error:
            if not error.has(ALREADY_EXISTS):
                _tell_limit(error, store, known)
                raise
            failure = error
        found = _adopt(client, store, zone_id, leaf)
        if found:
            return Uploaded(found, "adopted", unknown > 0)
        if unknown > client.retries or client.clock() - start >= timeout:
            raise failure
        client.sleep(_pause(number))
        number += 1


def _adopt(client: Client, store: Store, zone_id: str, leaf: Leaf) -> Certificate | None:
    for number in range(_LAG_LOOKS):
        found = match(leaf, list_certificates(client, store, zone_id))
        if found and found.live:
            return found
        if found:
            # Being deleted: looking again soon shows the same.
            return None
        if number < _LAG_LOOKS - 1:
            client.sleep(_pause(number))
    return None


def _filled(made: Certificate, leaf: Leaf) -> Certificate:
    """The answer, completed from what was sent: every member of the API's object is optional."""
    before = predicted(leaf)
    return Certificate(
        **{name: before.__dict__[name] if value is None else value for name, value in made.__dict__.items()}
    )


def _tell_limit(error: ApiError, store: Store, known: Sequence[Certificate]) -> None:
    """Codes of a used up limit are not documented, so the count itself is told."""
    count = sum(1 for certificate in known if certificate.live)
    if count >= CERTIFICATES_PER_ZONE and not error.denied and not error.has(1408, 1412):
        error.remedy = (
            f"The zone had {count} {store.noun}s already, and Cloudflare allows {CERTIFICATES_PER_ZONE} unless it "
            f"raised that: delete those no longer used. {error.remedy}"
        )


def delete(
    client: Client,
    store: Store,
    zone_id: str,
    certificate_id: str,
    timeout: float,
    users: Callable[[str], Sequence[str]] = lambda certificate_id: (),
) -> None:
    """Delete, or find it deleted. Retries while it is being deployed and while voided associations settle.

    ``users`` names the hostnames whose associations use the certificate.

    :raises CloudflareError: it is in use (the hostnames are named), or was not deletable within ``timeout`` seconds.
    """
    start = client.clock()
    number = 0
    while True:
        try:
            client.call(store.delete, subject=certificate_id, zone_id=zone_id, certificate_id=certificate_id)
            return
        except ApiError as error:
            if _gone(store, error):
                return
            if not error.has(1433, 1434):
                raise
            if error.has(1433):
                _refuse_if_used(certificate_id, error, users(certificate_id))
            if client.clock() - start >= timeout:
                error.facts["timed_out"] = True
                raise
        client.sleep(_pause(number))
        number += 1


def _gone(store: Store, error: ApiError) -> bool:
    already = any("already deleted" in text.lower() for _code, text in error.errors)
    return already or error.has(1414, 1415, *store.missing) or (error.status == 404 and not error.has(7000, 7003))


def _refuse_if_used(certificate_id: str, error: ApiError, hostnames: Sequence[str]) -> None:
    if hostnames:
        more = f" and {len(hostnames) - 10} more" if len(hostnames) > 10 else ""
        shown = ", ".join(sorted(hostnames)[:10]) + more
        raise CloudflareError(
            f"The certificate {certificate_id} is in use by {shown} (code 1433, Ray ID {error.ray or 'unknown'}).",
            "Relax their origins, then void the associations (hostname_association with state=absent) or move them to "
            "another certificate, then delete it. enabled=false is not enough.",
            in_use_by=sorted(hostnames),
            **error.details(),
        ) from error
