# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many API calls 1,000 hostnames cost, counted from the sandbox's journal.

    .venv/bin/python -m tests.bench.bench_onboarding_calls

Runs preflight, ten uploads and 1,000 associations with the real ansible-playbook: on an empty zone, again with nothing
to do, and on an empty zone without Cloudflare's list of associations. Exits with 1 when a limit is passed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

from tests.integration_sandbox.pki import Pair, authority, leaf
from tests.integration_sandbox.play import play
from tests.sandbox.client import Control, SandboxProcess

HOSTNAMES = 1000
PER_LEAF = 100
LIMITS = {"onboarding": 45, "no change": 8, "onboarding, no list": 1200, "no change, no list": 1200}


def hostnames(number: int) -> list[str]:
    """The hostnames of one leaf."""
    return [f"h{index:04}.example.com" for index in range(number * PER_LEAF, (number + 1) * PER_LEAF)]


def run(sandbox: Control, pairs: list[Pair], ids: list[str] | None, cache: str) -> tuple[list[str], dict[str, int]]:
    """One onboarding; returns the certificates' ids and the calls by operation."""
    env = {"XDG_CACHE_HOME": cache}
    names = [name for number in range(len(pairs)) for name in hostnames(number)]
    before = sandbox.journal()
    since = before[-1]["seq"] if before else 0
    preflight: dict[str, Any] = {
        "hostnames": names,
        "client_certificates": [pair.certificate for pair in pairs],
        "trust_bundles": [authority().pem.decode()],
        "dns_check": "unassociated",
    }
    certificates = [{"certificate": pair.certificate, "private_key": pair.key} for pair in pairs]
    first = play(
        sandbox,
        {"aop_preflight": preflight},
        {"hostname_certificate": {"certificates": certificates, "zone": "{{ result_0.zone.id }}"}},
        env=env,
    )
    uploaded = first.last
    assert not uploaded.get("failed"), uploaded["msg"]
    assert uploaded["changed"] is (ids is None)
    made = [one["id"] for one in uploaded["certificates"]]
    entries = [
        {"hostname": name, "certificate_id": made[number], "enabled": True}
        for number in range(len(pairs))
        for name in hostnames(number)
    ]
    second = play(sandbox, {"hostname_association": {"associations": entries, "zone": sandbox.zone_id}}, env=env)
    assert not second.last.get("failed"), second.last["msg"]
    assert second.last["changed"] is (ids is None)
    calls: dict[str, int] = {}
    for entry in sandbox.journal(since=since):
        assert entry["status"] != 429, "the rate limit was hit"
        calls[entry["operation"] or "?"] = calls.get(entry["operation"] or "?", 0) + 1
    return made, calls


def main() -> int:
    """Print the table; 1 if a limit was passed."""
    pairs = [leaf(hostnames(number)[0]) for number in range(HOSTNAMES // PER_LEAF)]
    rows: list[tuple[str, dict[str, int], float]] = []
    with SandboxProcess() as sandbox:
        for suffix, route in (("", "on"), (", no list", "404")):
            sandbox.reset()
            # What real deployments take: some seconds (here at the clock's own speed).
            sandbox.config(
                list_route=route, certificate_deploy_seconds=8, association_deploy_seconds=8, ip_rate_limit=0
            )
            ids = None
            for name in ("onboarding", "no change"):
                start = time.monotonic()
                # The runs are half an hour apart for Cloudflare and for the rate budget.
                sandbox.clock(advance=1800)
                with tempfile.TemporaryDirectory() as cache:
                    ids, calls = run(sandbox, pairs, ids, cache)
                rows.append((name + suffix, calls, time.monotonic() - start))
    print(f"{HOSTNAMES} hostnames, {len(pairs)} certificates, one zone")
    print(f"{'':22} {'calls':>6} {'limit':>6} {'seconds':>8}  by operation")
    failed = False
    for name, calls, seconds in rows:
        total = sum(calls.values())
        failed = failed or total > LIMITS[name]
        shown = ", ".join(f"{kind} {number}" for kind, number in sorted(calls.items()))
        print(f"{name:22} {total:6} {LIMITS[name]:6} {seconds:8.1f}  {shown}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
