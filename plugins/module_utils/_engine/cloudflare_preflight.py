# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings before anything is done: what was read at Cloudflare, and what the given PEMs are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import findings as cf
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import Client
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import CloudflareError
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.hostnames import normalise_all
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.limits import (
    CERTIFICATES_PER_ZONE,
    HOSTNAMES_PER_CERTIFICATE,
)
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.pem import fingerprint
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.survey import survey
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._pki import classify, verify
from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError

PREFLIGHT_SPEC: dict[str, Any] = {
    "hostnames": {"type": "list", "elements": "str", "default": []},
    "client_certificates": {"type": "list", "elements": "str", "default": []},
    "trust_bundles": {"type": "list", "elements": "str", "default": []},
    "new_certificates": {"type": "int"},
    "purposes": {
        "type": "list",
        "elements": "str",
        "default": ["upload", "associate"],
        "choices": sorted(cf.PURPOSES),
    },
    "min_days": {"type": "int", "default": 14},
    "certificates_per_zone": {"type": "int", "default": CERTIFICATES_PER_ZONE},
    "hostnames_per_certificate": {"type": "int", "default": HOSTNAMES_PER_CERTIFICATE},
    "dns_check": {"type": "str", "default": "all", "choices": ["all", "unassociated", "none"]},
    "fail_on": {"type": "str", "default": "none", "choices": ["none", "error", "warning"]},
}

_KINDS = {
    "html": "certificate_is_html",
    "cloudflare_shared_pull_ca": "certificate_is_shared_pull_ca",
    "origin_ca_root": "certificate_is_origin_ca",
    "origin_ca_certificate": "certificate_is_origin_ca",
    "private_key": "certificate_is_private_key",
}


def preflight(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Result of C(aop_preflight)."""
    params = module.params
    hostnames = normalise_all(params["hostnames"])
    now = datetime.now(timezone.utc)
    leaves, bundles = params["client_certificates"], params["trust_bundles"]
    plan = cf.Plan(
        hostnames=hostnames,
        purposes=params["purposes"],
        new_certificates=params["new_certificates"],
        known=[found for found in map(fingerprint, leaves) if found],
        min_days=params["min_days"],
        now=now,
        certificates_per_zone=_limit(params, "certificates_per_zone"),
        hostnames_per_certificate=_limit(params, "hostnames_per_certificate"),
    )
    seen = survey(client, params["zone"], hostnames, params["dns_check"])
    found = [*cf.judge(seen, plan), *_leaves(leaves, now), *_bundles(bundles, now), *_pairs(leaves, bundles, now)]
    found.sort(key=lambda one: cf.SEVERITIES.index(one.severity))
    result: dict[str, Any] = {
        "changed": False,
        "ok": not any(one.severity == cf.ERROR for one in found),
        "findings": [one.public() for one in found],
        "counts": {level: sum(1 for one in found if one.severity == level) for level in cf.SEVERITIES},
        "zone": seen.zone.public() if seen.zone else None,
        "certificates": None if seen.certificates is None else [one.public() for one in seen.certificates],
        "associations": None
        if seen.associations is None
        else [one.public() for _name, one in sorted(seen.associations.associations.items())],
        "complete": seen.certificates is not None and seen.associations is not None and seen.associations.complete,
    }
    stop(result, found, params["fail_on"])
    return result


def _limit(params: Mapping[str, Any], name: str) -> int:
    found: int = params[name]
    if found < 1:
        raise InvalidInput(f"{name} must be 1 or more.", "Leave it out for Cloudflare's usual limit.")
    return found


def stop(result: dict[str, Any], found: Sequence[cf.Finding], fail_on: str) -> None:
    """Raise CloudflareError if there is a finding of the severity ``fail_on`` or a higher one."""
    fatal = {"none": (), "error": (cf.ERROR,), "warning": (cf.ERROR, cf.WARNING)}[fail_on]
    bad = [one for one in found if one.severity in fatal]
    if bad:
        listed = " ".join(f"[{one.code}] {one.message} {one.remedy}" for one in bad[:5])
        more = f" ({len(bad) - 5} more in findings)" if len(bad) > 5 else ""
        # Without what was read: a zone may hold thousands of lines of it, and they are printed on a failure.
        # What could not be read (None) is told all the same.
        read = ("certificates", "associations")
        facts = {key: value for key, value in result.items() if key not in read or not value}
        raise CloudflareError(f"Preflight found what must be mended first: {listed}{more}", "", **facts)


def _label(noun: str, number: int, total: int) -> str:
    return noun if total == 1 else f"{noun} {number}"


def _leaves(texts: Sequence[str], now: datetime) -> Iterator[cf.Finding]:
    for number, text in enumerate(texts, 1):
        label = _label("The client certificate", number, len(texts))
        seen = classify.classify(text, label, now)
        if not seen.usable:
            yield cf.Finding(
                _KINDS.get(seen.kind, "client_certificate_unusable"),
                cf.ERROR,
                " ".join(seen.reasons),
                "Give a leaf of your own client CA: CA:FALSE, clientAuth, valid (client_certificate makes one).",
            )


def _bundles(texts: Sequence[str], now: datetime) -> Iterator[cf.Finding]:
    remedy = "Trust your own client CA only."
    for number, text in enumerate(texts, 1):
        label = _label("The trust bundle", number, len(texts))
        seen = classify.classify(text, label, now)
        kinds = seen.kinds or (seen.kind,)
        for kind in dict.fromkeys(one for one in kinds if one in _KINDS):
            yield cf.Finding(_KINDS[kind], cf.ERROR, f"{label} holds the wrong kind: {_NAMES[kind]}.", remedy)
        if not any(kind in _KINDS for kind in kinds):
            try:
                verify.check_trust_bundle(text, label, now)
            except PkiError as error:
                yield cf.Finding("trust_bundle_unusable", cf.ERROR, str(error), error.remedy)


_NAMES = {
    "html": "an HTML page",
    "cloudflare_shared_pull_ca": "the CA of Cloudflare's shared pull certificate, which lets every account in",
    "origin_ca_root": "a root of Cloudflare's Origin CA, which certifies servers and not the edge",
    "origin_ca_certificate": "a server certificate of Cloudflare's Origin CA",
    "private_key": "a private key",
}


def _pairs(leaves: Sequence[str], bundles: Sequence[str], now: datetime) -> list[cf.Finding]:
    """Leaves that no bundle verifies. Said only where both sides are sound by themselves."""
    whole: list[Any] = []
    for number, text in enumerate(bundles, 1):
        try:
            whole.extend(verify.parse_bundle(text, _label("The trust bundle", number, len(bundles))))
        except PkiError:
            return []
    found: list[cf.Finding] = []
    for number, text in enumerate(leaves if whole else (), 1):
        label = _label("The client certificate", number, len(leaves))
        if not classify.classify(text, label, now).usable:
            continue
        try:
            verify.check_leaf(text, whole, label, now)
        except PkiError as error:
            found.append(cf.Finding("client_certificate_untrusted", cf.ERROR, str(error), error.remedy))
    return found
