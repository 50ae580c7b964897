# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing associations: what must be written, writing it in batches, and what became of each hostname."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

from .._common.errors import InvalidInput
from .associations import (
    Association,
    Reading,
    get_associations,
    list_associations,
    parse_association,
)
from .client import Client
from .errors import ApiError, CloudflareError
from .limits import HOSTNAMES_PER_CERTIFICATE
from .operations import PUT_ASSOCIATIONS
from .status import is_stuck

# Cloudflare documents no limit. A batch that is refused is written again certificate by certificate, then in halves.
BATCH = 500
# Further requests that are spent on finding the culprits of one refused batch.
SEARCH_LIMIT = 40
# Without the list endpoint so many hostnames are looked at in each round of waiting for a large number.
SAMPLE = 20


@dataclass(frozen=True)
class Wish:
    """What is wanted for one hostname. None = as it is; ``absent`` = no association at all."""

    hostname: str
    certificate_id: str | None = None
    enabled: bool | None = None
    absent: bool = False


@dataclass(frozen=True)
class Change:
    """Before and after of one hostname. ``after`` None = void; ``write`` False = nothing to do."""

    hostname: str
    before: Association | None
    after: Association | None
    write: bool
    error: dict[str, Any] | None = None
    note: str | None = None

    def public(self) -> dict[str, Any]:
        """The fields as modules return them: the state afterwards, and what was before."""
        shown = self.after or Association(self.hostname, None, None)
        report = shown.public()
        report["changed"] = self.write and self.error is None and self.note is None
        report["before"] = core(self.before)
        report["error"] = self.error
        return report


def core(association: Association | None) -> dict[str, Any] | None:
    """The part that users decide: ``certificate_id`` and ``enabled``; None for no association."""
    if association is None:
        return None
    return {"certificate_id": association.certificate_id, "enabled": association.enabled}


def plan(wishes: Sequence[Wish], reading: Reading, purge: bool = False, predict: bool = False) -> list[Change]:
    """One change per wish, in order, then the voided ones of ``purge`` by name.

    With ``predict`` a hostname may lack a certificate: in check mode the id of one to be uploaded is not known yet.

    :raises InvalidInput: a hostname is named twice, or has no certificate to be associated with.
    """
    names = [wish.hostname for wish in wishes]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInput(f"Named more than once: {', '.join(twice[:10])}.", "Name each hostname once.")
    changes = [_change(wish, reading, predict) for wish in wishes]
    if purge:
        extra = sorted(set(reading.associations) - set(names))
        changes.extend(_change(Wish(name, absent=True), reading) for name in extra)
    return changes


def _change(wish: Wish, reading: Reading, predict: bool = False) -> Change:
    before = reading.associations.get(wish.hostname)
    if wish.absent:
        return Change(wish.hostname, before, None, write=before is not None)
    certificate_id = wish.certificate_id or (before.certificate_id if before else None)
    if not certificate_id and not predict:
        raise InvalidInput(
            f"{wish.hostname} has no association yet, and no certificate_id was given for it.",
            "Give the id of a hostname certificate (returned by hostname_certificate).",
        )
    enabled = wish.enabled if wish.enabled is not None else (before.enabled if before else True)
    same = before is not None and before.certificate_id == certificate_id and before.enabled == enabled
    stuck = before is not None and is_stuck(before.status)
    if same and not stuck:
        return Change(wish.hostname, before, before, write=False)
    after = Association(wish.hostname, certificate_id, enabled, "pending_deployment")
    return Change(wish.hostname, before, after, write=True)


def apply(client: Client, zone_id: str, changes: Sequence[Change]) -> list[Change]:
    """Write what must be written, :data:`BATCH` hostnames at a time, and go on after a refusal.

    Returns the changes in the same order, each with what Cloudflare made of it or with its ``error``.

    :raises CloudflareError: only where going on makes no sense (no permission, no connection, budget used up).
    """
    done: dict[str, Change] = {}
    # Sorted by certificate, so that one bad certificate spoils as few batches as possible.
    todo = sorted((one for one in changes if one.write), key=lambda one: (str(_config(one)["cert_id"]), one.hostname))
    for start in range(0, len(todo), BATCH):
        _write(client, zone_id, todo[start : start + BATCH], done, [SEARCH_LIMIT])
    return [done.get(one.hostname, one) for one in changes]


def _config(change: Change) -> dict[str, Any]:
    held = change.after or change.before
    return {
        "hostname": change.hostname,
        "cert_id": held.certificate_id if held else None,
        "enabled": change.after.enabled if change.after else None,
    }


def _write(client: Client, zone_id: str, batch: Sequence[Change], done: dict[str, Change], search: list[int]) -> None:
    subject = batch[0].hostname if len(batch) == 1 else f"{len(batch)} hostnames from {batch[0].hostname}"
    try:
        answer = client.call(
            PUT_ASSOCIATIONS, body={"config": [_config(one) for one in batch]}, subject=subject, zone_id=zone_id
        )
    except ApiError as error:
        if error.denied or error.status == 429 or error.status >= 500 or error.route_missing:
            raise
        for part in _parts(batch, error, search):
            _write(client, zone_id, part, done, search)
        for one in batch:
            done.setdefault(one.hostname, _refused(one, error, len(batch)))
        return
    seen = {one.hostname: one for one in (parse_association(item) for item in answer.items())}
    for one in batch:
        done[one.hostname] = _written(one, seen.get(one.hostname))


def _parts(batch: Sequence[Change], error: ApiError, search: list[int]) -> list[Sequence[Change]]:
    """Smaller batches to try after a refusal; none if it is known or too expensive to know who is to blame."""
    if len(batch) == 1 or search[0] <= 0:
        return []
    by_certificate: dict[Any, list[Change]] = {}
    for one in batch:
        by_certificate.setdefault(_config(one)["cert_id"], []).append(one)
    if len(by_certificate) > 1:
        parts: list[Sequence[Change]] = list(by_certificate.values())
    elif error.has(1415, 1404):
        return []
    else:
        parts = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    search[0] -= len(parts)
    return parts


def _refused(change: Change, error: ApiError, size: int) -> Change:
    if change.after is None and error.has(1415):
        # Its certificate was deleted behind our back: the association presents nothing and cannot be voided.
        return replace(change, note="inert")
    report = dict(error.summary(), text=str(error), remedy=error.remedy)
    if size > 1 and not error.has(1415, 1404):
        report["remedy"] = f"Refused together with {size - 1} others; write fewer at a time. {error.remedy}"
    if size >= HOSTNAMES_PER_CERTIFICATE and change.after is not None:
        report["remedy"] += f" A certificate can have {HOSTNAMES_PER_CERTIFICATE} hostnames at most."
    return replace(change, after=change.before, error=report)


def _written(change: Change, seen: Association | None) -> Change:
    if change.after is None or seen is None:
        return change
    wanted = core(change.after)
    if core(seen) != wanted:
        text = f"Cloudflare answered {core(seen)} for {change.hostname}, but {wanted} was asked for."
        report = {"text": text, "remedy": "Run again; somebody else may be changing it."}
        return replace(change, after=seen, error=report)
    return replace(change, after=seen)


def read(client: Client, zone_id: str, hostnames: Sequence[str], any_certificate: Callable[[], bool]) -> Reading:
    """By the list endpoint, else by one request per hostname; none at all where the zone holds no certificate."""
    listed = list_associations(client, zone_id)
    if listed is not None:
        return listed
    if not any_certificate():
        return Reading({}, {}, complete=False)
    return get_associations(client, zone_id, hostnames)


def looker(
    client: Client, zone_id: str, pending: Sequence[str], listed: bool
) -> tuple[Callable[[], Mapping[str, str | None]], Sequence[str]]:
    """A function that tells the status of the pending hostnames, and the hostnames that it really looks at.

    With the list endpoint these are all. Without it they are all up to :data:`SAMPLE`, else a sample spread over the
    batches, because looking at every hostname again and again would use up the rate budget.
    """
    names = watched(pending, listed)

    def look() -> Mapping[str, str | None]:
        reading = list_associations(client, zone_id) if listed else get_associations(client, zone_id, names)
        known: Mapping[str, Association] = reading.associations if reading is not None else {}
        return {name: known[name].status if name in known else None for name in names}

    return look, names


def watched(pending: Sequence[str], listed: bool) -> list[str]:
    """The hostnames to look at while waiting: all, or without the list endpoint a sample spread over the batches."""
    return sorted(pending) if listed else spread(pending, SAMPLE)


def spread(hostnames: Sequence[str], count: int) -> list[str]:
    """At most ``count`` (2 or more) of the hostnames, sorted and spread evenly."""
    names = sorted(hostnames)
    if len(names) <= count:
        return names
    return [names[index * (len(names) - 1) // (count - 1)] for index in range(count)]


def sampled(looked_at: int, pending: int) -> str:
    """The warning for a sample."""
    return (
        f"Cloudflare does not offer the list of associations here, and reading {pending} one by one again and again "
        f"would use up the rate budget: only {looked_at} of them, spread over all batches, are waited for."
    )


def failures(changes: Iterable[Change]) -> list[Change]:
    """Those that could not be brought into the wanted state."""
    return [one for one in changes if one.error]


def describe_failures(failed: Sequence[Change], total: int) -> CloudflareError:
    """One error for a list of failed hostnames; the rest was done."""
    shown = "; ".join(f"{one.hostname}: {(one.error or {}).get('text', '')}" for one in failed[:5])
    more = f" (and {len(failed) - 5} more, see associations)" if len(failed) > 5 else ""
    return CloudflareError(
        f"{len(failed)} of {total} hostnames could not be changed: {shown}{more}",
        str((failed[0].error or {}).get("remedy", "")),
    )
