# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which leaf serves which hostname, under the limits of a zone."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .limits import CERTIFICATES_PER_ZONE, HOSTNAMES_PER_CERTIFICATE


@dataclass(frozen=True)
class LeafPlan:
    """The leaves of a zone, each with its hostnames (sorted), and what a person should know."""

    leaves: Mapping[str, tuple[str, ...]]
    problem: str = ""
    warnings: tuple[str, ...] = field(default=())


def plan_leaves(
    zone: str,
    hostnames: Iterable[str],
    placed: Mapping[str, str],
    other_certificates: int = 0,
    certificates_per_zone: int = CERTIFICATES_PER_ZONE,
    hostnames_per_certificate: int = HOSTNAMES_PER_CERTIFICATE,
    uploaded: Iterable[str] = (),
) -> LeafPlan:
    """Place ``hostnames`` on leaves; what is placed stays, so that a run changes nothing it need not change.

    ``placed`` says which leaf (by name) serves a hostname today, also for hostnames that aren't asked for: they take
    room. ``other_certificates`` counts certificates of the zone that aren't ours; ``uploaded`` names the leaves of ours
    that are there, used or not. A leaf bears the name of the first hostname that it was made for. The same input gives
    the same plan, so a run that was killed is continued by the next.
    """
    wanted = sorted(set(hostnames))
    load = Counter(placed.values())
    leaves: dict[str, list[str]] = {name: [] for name in sorted(load)}
    missing = []
    for hostname in wanted:
        if hostname in placed:
            leaves[placed[hostname]].append(hostname)
        else:
            missing.append(hostname)
    for name in sorted(leaves):
        room = max(0, hostnames_per_certificate - load[name])
        leaves[name].extend(missing[:room])
        missing = missing[room:]
    while missing:
        name = next(candidate for candidate in _names(missing) if candidate not in leaves)
        leaves[name] = missing[:hostnames_per_certificate]
        missing = missing[hostnames_per_certificate:]
    used = {name: tuple(sorted(names)) for name, names in leaves.items() if names}
    return LeafPlan(used, *_judge(zone, len({*leaves, *uploaded}), other_certificates, certificates_per_zone))


def _names(hostnames: list[str]) -> Iterator[str]:
    yield from hostnames
    yield from (f"leaf{number}.{hostnames[0]}" for number in itertools.count(2))


def _judge(zone: str, ours: int, others: int, limit: int) -> tuple[str, tuple[str, ...]]:
    total = ours + others
    if total > limit:
        return (
            f"Zone {zone} would need {total} client certificates ({others} of them not ours); {limit} is the limit. "
            "Protect fewer hostnames, delete certificates that nothing uses, or raise the limit if Cloudflare raised "
            "it for you.",
            (),
        )
    if total == limit:
        return (
            "",
            (
                f"Zone {zone} uses all {limit} client certificates that it may have: a rotation must delete one before "
                "it can upload the next.",
            ),
        )
    return "", ()
