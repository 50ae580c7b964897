# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the gate, each with its own code and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .certificates import OTHER, SHARED
from .gate_types import Limits, Refusal, Sight
from .record import FAILED, GENEROUS, MISDIRECTED, NONE, NONE_RESUMED, UNKNOWN, UNTRUSTED


def edge_rules(sight: Sight, limits: Limits) -> list[Refusal]:
    """What the origin's log says about requests from the edge, and about our canaries."""
    if not sight.present:
        return [
            Refusal(
                "evidence_missing",
                f"There is no evidence from {sight.origin}.",
                "Run origin_evidence there and look why it failed.",
            )
        ]
    if not sight.found:
        return [
            Refusal(
                "log_missing",
                f"{sight.origin} has no verification log.",
                "Bring the hostname to log_only there, and check the log's path.",
            )
        ]
    refusals = _unseen(sight)
    if sight.unreadable > limits.max_unreadable:
        refusals.append(
            Refusal(
                "unreadable_lines",
                f"{sight.unreadable} log lines on {sight.origin} can't be read ({limits.max_unreadable} may be); "
                "each may hide a failure.",
                "Look at them in the log, let the window begin after them, or raise max_unreadable.",
                {"lines": sight.unreadable, "allowed": limits.max_unreadable},
            )
        )
    refusals += _too_few(sight, limits)
    refusals += _misdirected(sight)
    return refusals + _presented(sight) + _verified(sight) + _generation(sight) + _canary(sight, limits)


def _unseen(sight: Sight) -> list[Refusal]:
    refusals = []
    if sight.not_read:
        names = ", ".join(sight.not_read[:3]) + f" and {len(sight.not_read) - 3} more" * (len(sight.not_read) > 3)
        refusals.append(
            Refusal(
                "log_not_read",
                f"Rotated files on {sight.origin} are packed in a way that can't be read: {names}.",
                "Let logrotate pack with gzip or not at all, and unpack these, or begin the window after them.",
                {"files": len(sight.not_read)},
            )
        )
    if sight.uncounted:
        refusals.append(
            Refusal(
                "too_many_hostnames",
                f"The log on {sight.origin} names too many hostnames: {sight.uncounted} requests count for none.",
                "Pass the hostnames that matter as hostnames of origin_evidence.",
                {"requests": sight.uncounted},
            )
        )
    return refusals


def _too_few(sight: Sight, limits: Limits) -> list[Refusal]:
    visitors = limits.has_visitors(sight.hostname)
    counted = sight.visitors if visitors else sight.edge
    if counted >= limits.min_requests:
        return []
    numbers = {"requests": counted, "canaries": sight.canaries_seen, "needed": limits.min_requests}
    needed = f"{limits.min_requests} {'is' if limits.min_requests == 1 else 'are'} needed"
    if sight.edge == 0:
        code, seen = "no_evidence", "No request from the edge"
        remedy = "Check that DNS at Cloudflare points to this origin, wait for visitors, or look further back."
    elif visitors:
        code = "too_few_requests" if counted else "no_visitors"
        who = f"Only {counted} requests of visitors" if counted else "No visitor"
        seen = f"{who} came through the edge; canaries don't count ({sight.canaries_seen} came)"
        remedy = (
            "Wait for visitors, or look further back. If nobody visits this hostname, as in staging, name it in "
            "aop_without_visitors (without_visitors of evidence_gate): then canaries count, too."
        )
    else:
        code, seen = "too_few_requests", f"Only {counted} requests from the edge"
        remedy = "Wait for visitors or send more canaries."
    return [Refusal(code, f"{seen} since {sight.window}; {needed}.", remedy, numbers)]


def _share(sight: Sight, count: int) -> str:
    return f"{count} of {sight.edge} requests from the edge since {sight.window}"


def _misdirected(sight: Sight) -> list[Refusal]:
    count = sight.verifications[MISDIRECTED]
    if not count:
        return []
    return [
        Refusal(
            "misdirected",
            f"{_share(sight, count)} were answered 421 (Misdirected Request), or will be under enforcement: "
            "the edge's SNI isn't the Host header.",
            "Look at Cloudflare for what overrides the Host header, the SNI or the origin (an Origin Rule, a load "
            "balancer, a Worker), and let both be the hostname. NGINX logs its own 421 for the name in the SNI, so "
            "look at the other hostnames of this origin, too.",
            {"requests": count, "of": sight.edge},
        )
    ]


def _presented(sight: Sight) -> list[Refusal]:
    refusals = []
    none, resumed = sight.verifications[NONE], sight.verifications[NONE_RESUMED]
    if none and none + resumed == sight.edge:
        refusals.append(
            Refusal(
                "nothing_presented",
                f"The edge presents no certificate at all: {_share(sight, none)} came without one.",
                "Associate the hostname with a client certificate at Cloudflare first, and wait until it's active.",
                {"requests": none, "of": sight.edge},
            )
        )
    elif none:
        refusals.append(
            Refusal(
                "sometimes_nothing",
                f"{_share(sight, none)} came without a certificate.",
                "Find out since when (see the offenders); if it was before the association, begin the window later.",
                {"requests": none, "of": sight.edge},
            )
        )
    if resumed:
        refusals.append(
            Refusal(
                "stale_session",
                f"{_share(sight, resumed)} resumed TLS sessions without a certificate; it may be from before "
                "the certificate was asked for.",
                "Wait until the server's session timeout is over, or restart it, then begin the window later.",
                {"requests": resumed, "of": sight.edge},
            )
        )
    return refusals


def _verified(sight: Sight) -> list[Refusal]:
    refusals = []
    failed = sight.verifications[FAILED] + sight.verifications[GENEROUS]
    if failed:
        expired = sum(count for text, count in sight.reasons.items() if "expired" in text)
        said = (
            "; ".join(f"{text} ({count})" for text, count in sight.reasons.most_common(3)) or "not told by the server"
        )
        if expired:
            refusals.append(
                Refusal(
                    "expired_certificate",
                    f"{_share(sight, expired)} came with an expired certificate.",
                    "Upload a new leaf, associate it and wait until it's active.",
                    {"requests": expired, "of": sight.edge},
                )
            )
        if failed > expired:
            refusals.append(
                Refusal(
                    "foreign_certificate",
                    f"{_share(sight, failed - expired)} came with a certificate that the trusted CA did not issue. "
                    f"The server says: {said}.",
                    "Check which certificate is associated at Cloudflare, and that the trust bundle holds its CA.",
                    {"requests": failed - expired, "of": sight.edge},
                )
            )
    untrusted = sight.verifications[UNTRUSTED]
    if untrusted:
        refusals.append(
            Refusal(
                "evidence_not_trusted",
                f"{_share(sight, untrusted)} say SUCCESS in a way that proves nothing (Apache on resumed TLS 1.2 "
                "sessions, or a server that does not verify at this stage).",
                "Let the server speak TLS 1.3, switch its session cache and tickets off for the time of log_only, "
                "or begin the window later.",
                {"requests": untrusted, "of": sight.edge},
            )
        )
    if sight.verifications[UNKNOWN]:
        refusals.append(
            Refusal(
                "unknown_result",
                f"{_share(sight, sight.verifications[UNKNOWN])} have a result that isn't known.",
                "Check that the log's format is the one that the role wrote.",
                {"requests": sight.verifications[UNKNOWN], "of": sight.edge},
            )
        )
    return refusals


def _generation(sight: Sight) -> list[Refusal]:
    refusals = []
    for label, count in sorted(sight.wrong.items()):
        numbers = {"requests": count, "of": sight.edge, "certificate": label}
        if label == SHARED:
            code, what = "shared_certificate", "Cloudflare's shared certificate, which proves an account but not yours"
            remedy = "Associate the hostname with a certificate of your own."
        elif label == OTHER:
            code, what = "unknown_generation", "a verified certificate that isn't one of the known generations"
            remedy = "Find out who issued it; give it in certificates if it's yours."
        else:
            code, what = "old_generation", f"the old generation {label} (not the hostname's current one)"
            remedy = "Associate the current certificate, wait until the edge presents it, and begin the window then."
        refusals.append(Refusal(code, f"{_share(sight, count)} came with {what}.", remedy, numbers))
    return refusals


def _canary(sight: Sight, limits: Limits) -> list[Refusal]:
    if not limits.canary:
        return []
    if not sight.canaries:
        return [
            Refusal(
                "canary_not_sent",
                "No canary was sent through the edge.",
                "Run edge_canary for this hostname before the evidence is read, or set require_canary to false.",
            )
        ]
    sent = [str(canary.get("nonce")) for canary in sight.canaries]
    arrived = [nonce for nonce in sent if sight.nonces.get(nonce, {}).get("hostname") == sight.hostname]
    through = [nonce for nonce in arrived if sight.nonces[nonce].get("source") == "edge"]
    numbers = {"sent": len(sent), "arrived": len(arrived)}
    if through:
        return []
    if arrived:
        return [
            Refusal(
                "canary_past_edge",
                f"{len(arrived)} of {len(sent)} canaries came to {sight.origin}, but not from an address of the edge.",
                "Check that the hostname is proxied, and that edge_ranges is complete.",
                numbers,
            )
        ]
    failures = sorted(
        {str(canary.get("error") or f"HTTP {canary.get('status')}") for canary in sight.canaries if _bad(canary)}
    )
    if failures:
        return [
            Refusal(
                "canary_failed",
                f"The canary failed on its way: {'; '.join(failures[:3])}.",
                "Check the hostname from outside: DNS, Cloudflare's SSL mode, and whether the origin is up.",
                dict(numbers, failures=failures[:3]),
            )
        ]
    return [
        Refusal(
            "canary_missing",
            f"None of {len(sent)} canaries arrived on {sight.origin}, though the edge answered.",
            "The edge does not send this hostname's requests to this origin: check DNS and load balancing, "
            "send more canaries if they are spread over several origins, or take it out of the hostname's origins.",
            numbers,
        )
    ]


def _bad(canary: Mapping[str, Any]) -> bool:
    status = int(canary.get("status") or 0)
    return bool(canary.get("error")) or status in (0, 421) or status >= 520


def certificate_rules(hostname: str, entry: Mapping[str, Any], limits: Limits) -> list[Refusal]:
    """What Cloudflare says about the hostname's certificate and association."""
    refusals = []
    certificate, association = entry.get("certificate"), entry.get("association")
    if certificate is not None:
        status = str(certificate.get("status") or "unknown")
        if status != "active":
            refusals.append(
                Refusal(
                    "certificate_inactive",
                    f"The certificate at Cloudflare is {status}, not active.",
                    "Wait for it, or upload it again if the deployment failed.",
                    {"status": status},
                )
            )
        days = certificate.get("days_left")
        if days is not None and float(days) <= limits.min_days:
            refusals.append(
                Refusal(
                    "certificate_expires",
                    f"The certificate expires in {float(days):.1f} days; more than {limits.min_days:g} are needed.",
                    "Rotate to a new leaf first.",
                    {"days_left": float(days), "needed": limits.min_days},
                )
            )
    if association is not None:
        if not association.get("enabled"):
            refusals.append(
                Refusal(
                    "association_disabled",
                    f"{hostname} has no enabled association at Cloudflare.",
                    "Run onboard, or set hostname_association to enabled.",
                    {"enabled": bool(association.get("enabled"))},
                )
            )
        elif str(association.get("status") or "unknown") != "active":
            status = str(association.get("status") or "unknown")
            refusals.append(
                Refusal(
                    "association_inactive",
                    f"The association at Cloudflare is {status}, not active.",
                    "Wait until it's deployed, then look again.",
                    {"status": status},
                )
            )
    return refusals
