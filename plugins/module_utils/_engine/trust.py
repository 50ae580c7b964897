# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify on the controller what an origin is about to trust, before the origin is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._origin.model import LOG_ONLY, OFF, Finding
from .._origin.servers import SERVERS
from .._pki.errors import PkiError
from .._pki.facts import not_after
from .._pki.library import x509
from .._pki.verify import check_trust_bundle, parse_bundle, verify_leaf

# Seconds that the clocks of controller and origin may be apart.
CLOCK_TOLERANCE = 60.0
_PLAIN_NAME = re.compile(r"(?:(?:CN|O|OU|C|L|ST|DC)=[A-Za-z0-9][A-Za-z0-9 ._@:/()-]*(?<! )(?:,(?!$)|$))+")


@dataclass(frozen=True)
class Tolerated:
    """A certificate that a server would refuse at C(enforce). ``expired``: whatever CA it trusts."""

    error: PkiError
    expired: bool


def verify(server: str, hostnames: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, list[Tolerated]]:
    """Check trust bundles and certificates of ``hostnames`` (the option of C(origin_site)), where they are given.

    Returns what the server tolerates at the stage that is asked for, by hostname. Raises :class:`PkiError` for anything
    that would make the server refuse the edge, or not start: Apache accepts a broken bundle in its own check and dies
    on the reload.
    """
    known = SERVERS[server]
    problems: dict[str, list[Tolerated]] = {}
    checked: dict[tuple[str, str, str], list[Tolerated]] = {}
    for entry in hostnames:
        name, stage = entry["name"], entry["stage"]
        bundle, certificate = entry.get("trust_bundle") or "", entry.get("certificate") or ""
        if stage in (OFF, False):
            continue
        if stage == LOG_ONLY and not bundle.strip() and not certificate.strip():
            continue  # the origin goes on trusting whom it trusts, or refuses
        key = (stage, bundle, certificate)
        if key in checked:
            problems.setdefault(name, []).extend(checked[key])
            continue
        found = checked[key] = []
        tolerated = known.tolerant and stage == LOG_ONLY
        anchors = check_trust_bundle(bundle, f"the trust bundle of {name}", now)
        if not certificate and not tolerated:
            raise PkiError(
                f"{name}: {stage} on {known.title} needs the client certificate that the edge presents",
                "Give it as certificate; without it nobody knows whether the origin would refuse the edge.",
            )
        label = f"the client certificate of {name}"
        for leaf in parse_bundle(certificate, label) if certificate else []:
            problem = _problem(leaf, anchors, label, now)
            if problem is not None and not tolerated:
                consequence = f"{known.title} would refuse the edge at {stage}; nothing was changed."
                raise PkiError(f"{problem} {consequence}", problem.remedy)
            if problem is not None:
                found.append(Tolerated(problem, not_after(leaf) < now))
        problems.setdefault(name, []).extend(found)
    return {name: found for name, found in problems.items() if found}


def untrusted(problems: Sequence[Tolerated]) -> str:
    """Why the origin would refuse certificates of a hostname if it enforced, but for those that are over anyway."""
    return " ".join(dict.fromkeys(str(one.error) for one in problems if not one.expired))


def warnings(server: str, problems: Mapping[str, Sequence[Tolerated]]) -> list[str]:
    """What a person should know of the problems that ``server`` tolerates, each once."""
    title = SERVERS[server].title
    found = [problem.error for each in problems.values() for problem in each]
    return list(dict.fromkeys(f"{one} {one.remedy} At log_only {title} serves the request anyway." for one in found))


def _problem(leaf: x509.Certificate, anchors: list[x509.Certificate], label: str, now: datetime) -> PkiError | None:
    try:
        verify_leaf(leaf, anchors, label, now)
    except PkiError as error:
        return error
    return None


def issuers(bundle: str) -> list[str]:
    """Names of the CAs of a bundle as OpenSSL writes them (RFC 2253), or nothing if one can't be told for sure.

    OpenSSL and this library escape unusual characters, and abbreviate unusual attributes, in different ways.
    """
    if not bundle.strip():  # a hostname that goes to off needs none
        return []
    names = [certificate.subject.rfc4514_string() for certificate in parse_bundle(bundle, "the trust bundle")]
    return names if all(_PLAIN_NAME.fullmatch(name) for name in names) else []


def clock_findings(before: float, origin: float | None, after: float) -> list[dict[str, Any]]:
    """A finding if an origin's clock is off. ``before`` and ``after`` are by our clock, ``origin`` by its own."""
    if origin is None or before - CLOCK_TOLERANCE <= origin <= after + CLOCK_TOLERANCE:
        return []
    off = origin - (before if origin < before else after)
    finding = Finding(
        "clock_off",
        "warning",
        "",
        f"The origin's clock is {abs(off):.0f} s {'behind' if off < 0 else 'ahead of'} the controller's",
        "Set both by NTP: an origin judges by its clock whether a certificate is valid, and evidence has times.",
    )
    return [finding.as_dict()]
