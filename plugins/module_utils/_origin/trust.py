# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an origin trusts, and what must not become of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._common import pem
from .model import ENFORCE, OFF, Finding, Options, Protection, Site


def fingerprints(text: str) -> tuple[str, ...]:
    """The SHA-256 of the DER of each certificate in a PEM text, in lower-case hex and sorted, each once."""
    return tuple(sorted(set(pem.fingerprints(text))))


def missing(entry: Protection, protected: bool, options: Options) -> Iterator[Finding]:
    """A hostname can come without a trust bundle where it's ``protected`` already, or isn't tightened."""
    if not (entry.stage == OFF or entry.trust_bundle.strip() or protected or options.relax_only):
        yield Finding(
            "bad_trust_bundle", "error", entry.name, "there is no trust bundle",
            "Give the PEM of the client CA that signs this hostname's client certificates.",
        )  # fmt: skip


def untrusted(sites: Sequence[Site], wanted: Sequence[Protection]) -> Iterator[Finding]:
    """Why the edge would be refused, or lose the CA that lets it in: one finding for each hostname of ``wanted``.

    A site that stays enforced though less was asked for must trust what the edge presents. And at no stage a CA is
    replaced by one that doesn't: the edge may go on presenting a certificate of the old one.
    """
    by_name: dict[str, list[Site]] = {}
    for site in sites:
        by_name.setdefault(site.hostname, []).append(site)
    for entry in wanted:
        if entry.stage == OFF:
            continue
        problem = entry.untrusted or ("" if entry.certificate.strip() else "its client certificate isn't given")
        places = by_name.get(entry.name, [])
        stay = [site for site in places if site.stage_after != OFF]
        lost = sorted({ca for site in stay for ca in set(site.trusts_before) - set(site.trusts)})
        kept = entry.stage != ENFORCE and any(site.stage_after == ENFORCE for site in places)
        if not problem or not (kept or lost):
            continue
        if lost:
            message = f"the origin would no longer trust the CA {lost[0]}, but {problem.rstrip('.')}"
        else:
            message = f"it is enforced and stays so, but {problem.rstrip('.')}"
        yield Finding(
            "edge_not_trusted", "error", entry.name, message,
            "Keep every CA in the trust bundle whose certificates the edge may present. "
            + ("" if entry.stage == ENFORCE else _RELAX),
        )  # fmt: skip


_RELAX = "Or bring it to log_only with the CAs that it trusts now: without never_relax, trust_bundle and certificate."
