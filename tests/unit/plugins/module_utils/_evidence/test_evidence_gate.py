# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the gate has its own code and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._evidence import gate, tally
from ansible_collections.originlock.aop.plugins.module_utils._evidence.certificates import Certificates, generations
from ansible_collections.originlock.aop.plugins.module_utils._evidence.exceptions import declared
from ansible_collections.originlock.aop.plugins.module_utils._evidence.gate_types import Limits
from ansible_collections.originlock.aop.plugins.module_utils._evidence.scan import Scanner
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    CERTIFICATES,
    DIRECT,
    line,
    question,
)

NONCE = "0f" * 16
TODAY = date(2026, 11, 24)
CANARY = {"hostname": "app.example.com", "nonce": NONCE, "status": 404, "ray": "", "error": ""}
OLD = {"label": "gen-2025", "serial": "77", "current": False}


def evidence(
    lines: list[bytes],
    canary: bool = True,
    certificates: Sequence[Mapping[str, Any]] = (*CERTIFICATES, OLD),
    exceptions: Sequence[Mapping[str, Any]] = (),
    **changes: Any,
) -> dict[str, Any]:
    known = Certificates(generations(certificates))
    scanner = Scanner(question(certificates=known, nonces=frozenset([NONCE]), declared=exceptions))
    if canary:
        lines = [*lines, line(path="/.well-known/originlock-canary/" + NONCE)]
    data = b"".join(text + b"\n" for text in lines)
    if data:
        scanner.block(data, len(data))
    result = scanner.tally.as_dict(known.current)
    return dict(result, found=True, since="2026-11-24T00:00:00Z", **changes)


def judge(
    found: dict[str, Any] | None,
    limits: Limits | None = None,
    exceptions: list[dict[str, Any]] | None = None,
    canaries: list[dict[str, Any]] | None = None,
    **entry: Any,
) -> gate.Verdict:
    verdicts, _proposals = gate.judge(
        {"web1": found},
        [dict({"name": "app.example.com"}, **entry)],
        [CANARY] if canaries is None else canaries,
        declared(exceptions or []),
        limits or Limits(),
        TODAY,
    )
    return verdicts[0]


def codes(verdict: gate.Verdict) -> list[str]:
    return [refusal.code for refusal in verdict.refusals]


GOOD = [line()] * 20
EMPTY = {"serial": "", "issuer": "", "fingerprint": ""}
FOREIGN = {"serial": "9", "issuer": "CN=evil", "fingerprint": ""}
PENDING = "pending_deployment"


def test_all_well() -> None:
    verdict = judge(
        evidence(GOOD),
        Limits(min_requests=20),
        certificate={"status": "active", "days_left": 100.0},
        association={"enabled": True, "status": "active"},
    )
    assert (verdict.allowed, codes(verdict), verdict.edge_requests, verdict.trusted) == (True, [], 21, 21)
    assert verdict.message().endswith(
        "21 of 21 requests from the edge trusted (visitors: 20, canaries: 1); may be enforced."
    )


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (
            [line(verify="NONE", serial="", issuer="", fingerprint="")] * 5,
            "nothing_presented",
            "presents no certificate at all",
        ),
        (
            [line(verify="FAILED:unable to verify the first certificate", serial="9", issuer="CN=evil", fingerprint="")]
            * 5,
            "foreign_certificate",
            "unable to verify the first certificate \\(5\\)",
        ),
        ([line(verify="GENEROUS", server="apache")] * 5, "foreign_certificate", "that the trusted CA did not issue"),
        ([line(verify="FAILED:certificate has expired")] * 5, "expired_certificate", "5 of 5 .* expired certificate"),
        ([line(serial="77", fingerprint="")] * 5, "old_generation", "the old generation gen-2025"),
        ([line(serial="99", fingerprint="")] * 5, "unknown_generation", "isn't one of the known generations"),
        (
            [line(serial="99", issuer="CN=origin-pull.cloudflare.net", fingerprint="")] * 5,
            "shared_certificate",
            "Cloudflare's shared certificate",
        ),
        (
            [line(server="apache", tls="TLSv1.2", resumed="Resumed")] * 5,
            "evidence_not_trusted",
            "Apache on resumed TLS 1.2",
        ),
        (
            [line(verify="NONE", resumed="r", serial="", issuer="", fingerprint="")] * 5,
            "stale_session",
            "resumed TLS sessions",
        ),
        ([line(verify="?")] * 5, "unknown_result", "result that isn't known"),
        ([line(status="421")] * 5, "misdirected", "5 of 5 .* 421 .* the edge's SNI isn't the Host header"),
        ([line(status="421", server="apache", verify="NONE")] * 5, "misdirected", "5 of 5"),
        ([line(sni="other.example.com")] * 3 + [line(sni="")] * 2, "misdirected", "5 of 5"),
    ],
)
def test_what_the_edge_presents(lines: list[bytes], code: str, words: str) -> None:
    verdict = judge(evidence(lines, canary=False), Limits(canary=False))
    assert codes(verdict) == [code]
    assert not verdict.allowed
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(verdict.refusals[0].message)
    assert verdict.refusals[0].remedy
    assert verdict.refusals[0].numbers["requests"] == 5


def test_one_bad_request_in_ten_thousand() -> None:
    bad = line(verify="NONE", serial="", issuer="", fingerprint="")
    verdict = judge(evidence([line()] * 6000 + [bad] + [line()] * 3998))
    assert codes(verdict) == ["sometimes_nothing"]
    assert "1 of 10000 requests from the edge" in verdict.refusals[0].message


def test_a_canary_for_another_name_arrives_and_refuses() -> None:
    path = "/.well-known/originlock-canary/" + NONCE
    verdict = judge(evidence([*GOOD, line(path=path, status="421", sni="other.example.com")], canary=False))
    assert (codes(verdict), verdict.trusted, verdict.edge_requests) == (["misdirected"], 20, 21)
    failed = line(verify="FAILED:certificate has expired", status="421")
    assert codes(judge(evidence([*GOOD, failed]))) == ["misdirected"], "the certificate is that of another name"


def test_mixed_failures_are_told_apart() -> None:
    lines = [line(verify="FAILED:certificate has expired")] * 2 + [line(verify="FAILED:self-signed certificate")]
    verdict = judge(evidence(GOOD + lines))
    assert codes(verdict) == ["expired_certificate", "foreign_certificate"]
    assert [refusal.numbers["requests"] for refusal in verdict.refusals] == [2, 1]


def test_missing_things() -> None:
    assert codes(judge(None)) == ["evidence_missing"]
    assert codes(judge(dict(evidence([]), found=False))) == ["log_missing"]
    assert codes(judge(evidence([], canary=False), canaries=[CANARY])) == ["no_evidence", "canary_missing"]
    assert codes(judge(evidence(GOOD), Limits(min_requests=21))) == ["too_few_requests"]
    assert codes(judge(evidence([*GOOD, b"garbage"]))) == ["unreadable_lines"]
    assert codes(judge(evidence([*GOOD, b"garbage"]), Limits(max_unreadable=1))) == []


def test_canaries() -> None:
    missing = judge(evidence(GOOD, canary=False))
    assert codes(missing) == ["canary_missing"]
    assert "None of 1 canaries arrived on web1" in missing.refusals[0].message
    failed = judge(evidence(GOOD, canary=False), canaries=[dict(CANARY, status=525, error="HTTP 525: handshake")])
    assert codes(failed) == ["canary_failed"]
    assert "HTTP 525: handshake" in failed.refusals[0].message
    misdirected = judge(evidence(GOOD, canary=False), canaries=[dict(CANARY, status=421)])
    assert codes(misdirected) == ["canary_failed"]
    assert "HTTP 421" in misdirected.refusals[0].message
    assert codes(judge(evidence(GOOD), canaries=[])) == ["canary_not_sent"]
    assert codes(judge(evidence(GOOD), Limits(canary=False), canaries=[])) == []
    past = line(path="/.well-known/originlock-canary/" + NONCE, peer=DIRECT)
    assert codes(judge(evidence([*GOOD, past], canary=False), Limits(refuse_direct=False))) == ["canary_past_edge"]
    elsewhere = line(path="/.well-known/originlock-canary/" + NONCE, hostname="api.example.com")
    assert codes(judge(evidence([*GOOD, elsewhere], canary=False))) == ["canary_missing"]


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        (
            {"certificate": {"status": PENDING, "days_left": 100}},
            "certificate_inactive",
            "is pending_deployment",
        ),
        ({"certificate": {"status": "active", "days_left": 3.25}}, "certificate_expires", "expires in 3.2 days"),
        ({"association": {"enabled": False, "status": "active"}}, "association_disabled", "no enabled association"),
        (
            {"association": {"enabled": True, "status": PENDING}},
            "association_inactive",
            "is pending_deployment",
        ),
    ],
)
def test_cloudflare(entry: dict[str, Any], code: str, words: str) -> None:
    verdict = judge(evidence(GOOD), **entry)
    assert codes(verdict) == [code]
    assert words in verdict.refusals[0].message


def test_who_was_turned_away_or_came_with_our_certificate_refuses_nothing() -> None:
    turned_away = [line(peer=DIRECT, verify="NONE", stage="enforce", status=status) for status in ("400", "421", "308")]
    assert codes(judge(evidence([*GOOD, *turned_away, line(peer=DIRECT)]))) == []
    served = line(peer=DIRECT, verify="NONE", stage="enforce", status="200")
    assert codes(judge(evidence([*GOOD, served]))) == ["direct_callers"]


def test_direct_callers_are_listed_with_proposals() -> None:
    found = evidence([*GOOD, line(peer=DIRECT, verify="NONE", path="/health", agent="monitor")])
    verdicts, proposals = gate.judge({"web1": found}, [{"name": "app.example.com"}], [CANARY], [], Limits(), TODAY)
    assert codes(verdicts[0]) == ["direct_callers"]
    assert f"{DIRECT} (1 times)" in verdicts[0].refusals[0].message
    assert proposals == [{"source": DIRECT, "hostname": "app.example.com", "path": "/health", "expires": "2027-02-22"}]
    assert codes(judge(found, Limits(refuse_direct=False))) == []
    accepted = declared(proposals)
    assert accepted[0].covers_path("/health")


def accepted(lines: list[bytes]) -> tuple[gate.Verdict, list[dict[str, str]]]:
    """The verdict after all that was proposed has been accepted, and what is proposed then."""
    found = evidence(lines)
    _verdicts, proposals = gate.judge({"web1": found}, [{"name": "app.example.com"}], [CANARY], [], Limits(), TODAY)
    again = evidence(lines, exceptions=proposals)
    verdicts, left = gate.judge(
        {"web1": again}, [{"name": "app.example.com"}], [CANARY], declared(proposals), Limits(), TODAY
    )
    return verdicts[0], [*proposals, *left]


@pytest.mark.parametrize(
    ("change", "proposed"),
    [
        ({"peer": f"::ffff:{DIRECT}"}, (DIRECT, "/a/b")),
        ({"path": "/api/" + "x" * 150}, (DIRECT, "/api/" + "x" * 114 + "*")),
        ({"path": "/" + "x" * 119}, (DIRECT, "/" + "x" * 119)),
        ({"path": "/a/{{ lookup('pipe', 'id') }}"}, (DIRECT, "/a/*")),
        ({"peer": "2001:DB8::1"}, ("2001:db8::1", "/a/b")),
    ],
)
def test_accepted_proposals_are_enough(change: dict[str, str], proposed: tuple[str, str]) -> None:
    verdict, proposals = accepted([*GOOD, line(**{"peer": DIRECT, "verify": "NONE", **change})])
    assert codes(verdict) == []
    assert [(entry["source"], entry["path"]) for entry in proposals] == [proposed]


@pytest.mark.parametrize("peer", ["unix:", "", "somewhere"])
def test_what_is_no_address_is_not_proposed(peer: str) -> None:
    verdict, proposals = accepted([*GOOD, line(peer=peer, verify="NONE")])
    assert (codes(verdict), proposals) == (["direct_callers"], [])
    assert "can't be accepted" in verdict.refusals[0].remedy


def test_an_unknown_caller_among_sixty_accepted_ones_is_named() -> None:
    monitors = [f"198.51.100.{number}" for number in range(60)]
    lines = [line(peer=peer, verify="NONE", path="/health") for peer in monitors for _time in range(10)]
    monitored = [
        {"source": peer, "hostname": "app.example.com", "path": "/health", "expires": "2027-01-01"} for peer in monitors
    ]
    found = evidence([*GOOD, *lines, line(peer=DIRECT, verify="NONE", path="/secret")], exceptions=monitored)
    verdicts, proposals = gate.judge(
        {"web1": found}, [{"name": "app.example.com"}], [CANARY], declared(monitored), Limits(), TODAY
    )
    assert f"from {DIRECT} (1 times)." in verdicts[0].refusals[0].message
    assert [(entry["source"], entry["path"]) for entry in proposals] == [(DIRECT, "/secret")]


def test_a_certificate_is_current_for_its_hostnames() -> None:
    mine = dict(CERTIFICATES[0], hostnames=["App.example.com."])
    assert codes(judge(evidence(GOOD, certificates=[mine]))) == []
    verdict = judge(evidence(GOOD, certificates=[dict(mine, hostnames=["api.example.com"])]))
    assert (codes(verdict), verdict.trusted) == (["old_generation"], 0)
    assert codes(judge(evidence(GOOD, certificates=[dict(mine, current=False)]))) == ["old_generation"]


def test_more_hostnames_than_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_MAX_BUCKETS", 10)
    scanners = [line(peer=DIRECT, hostname=f"h{number}.test", stage="enforce", status="400") for number in range(20)]
    verdict = judge(evidence([*GOOD, *scanners, line(verify="NONE", issuer='read "carefully"')]))
    assert codes(verdict) == ["too_many_hostnames"]
    assert verdict.refusals[0].numbers == {"requests": 12}
    assert "hostnames" in verdict.refusals[0].remedy


def test_rotated_files_that_were_not_read_refuse() -> None:
    verdict = judge(evidence(GOOD, not_read=["/var/log/nginx/aop.log.1.xz"]))
    assert codes(verdict) == ["log_not_read"]
    assert "/var/log/nginx/aop.log.1.xz" in verdict.refusals[0].message


def test_nothing_to_judge_is_no_permission() -> None:
    with pytest.raises(InvalidInput, match="no hostname to judge"):
        gate.judge({"web1": evidence(GOOD)}, [], [], [], Limits(), TODAY)
    with pytest.raises(InvalidInput, match=r"no origin to judge app\.example\.com on"):
        gate.judge({}, [{"name": "app.example.com"}], [], [], Limits(), TODAY)
    verdicts, _proposals = gate.judge({}, [{"name": "app.example.com", "origins": ["web1"]}], [], [], Limits(), TODAY)
    assert codes(verdicts[0]) == ["evidence_missing"]


def test_expired_exception_refuses() -> None:
    entry = {"source": DIRECT, "hostname": "app.example.com", "path": "/health", "expires": "2026-11-23"}
    verdict = judge(evidence(GOOD), exceptions=[entry])
    assert codes(verdict) == ["exception_expired"]
    assert "expired on 2026-11-23" in verdict.refusals[0].message
    assert codes(judge(evidence(GOOD), exceptions=[dict(entry, expires="2026-11-24")])) == []
    assert codes(judge(evidence(GOOD), exceptions=[dict(entry, hostname="api.example.com")])) == []


def test_override_needs_a_reason_and_stays_visible() -> None:
    assert not judge(None, Limits(override_reason="  ")).allowed
    verdict = judge(None, Limits(override_reason="planned, ticket 12"))
    assert (verdict.allowed, verdict.overridden, codes(verdict)) == (True, True, ["evidence_missing"])
    assert "overridden: [evidence_missing]" in verdict.message()


def test_table() -> None:
    verdict = judge(evidence(GOOD))
    lines = gate.table([verdict, judge(None)])
    assert lines[0].split() == ["HOSTNAME", "ORIGIN", "VISITORS", "CANARIES", "TRUSTED", "DIRECT", "VERDICT"]
    assert lines[1].split()[:7] == ["app.example.com", "web1", "20", "1", "21", "0", "may"]
    assert lines[2].endswith("refused: evidence_missing")


OURS = {
    "this run": {"path": "/.well-known/originlock-canary/" + NONCE},
    "an earlier run": {"path": "/.well-known/originlock-canary/" + "ab" * 16},
    "the probe": {"path": "/", "agent": "originlock-probe"},
}


@pytest.mark.parametrize("ours", OURS.values(), ids=OURS)
def test_what_we_sent_is_no_visitor(ours: dict[str, str]) -> None:
    found = evidence([line(**ours)] * 80)
    verdict = judge(found)
    assert (verdict.allowed, codes(verdict), verdict.visitors, verdict.canaries) == (False, ["no_visitors"], 0, 81)
    assert "No visitor came through the edge; canaries don't count (81 came) since" in verdict.message()
    assert "name it in aop_without_visitors" in verdict.message()
    assert gate.table([verdict])[1].split()[2:5] == ["0", "81", "81"]
    for names in ({"app.example.com"}, {"*"}):
        assert judge(found, Limits(min_requests=81, without_visitors=frozenset(names))).allowed
    assert codes(judge(found, Limits(min_requests=82, without_visitors=frozenset("*")))) == ["too_few_requests"]
    assert codes(judge(found, Limits(without_visitors=frozenset({"other.example.com"})))) == ["no_visitors"]


def test_what_looks_like_ours_is_judged_like_all() -> None:
    bad = line(path="/.well-known/originlock-canary/" + "cd" * 16, verify="NONE", **EMPTY)
    verdict = judge(evidence([*GOOD, bad]))
    assert (codes(verdict), verdict.visitors, verdict.canaries) == (["sometimes_nothing"], 20, 2)


def test_a_direct_caller_is_named_once() -> None:
    stranger = [line(peer="203.0.113.9", verify=verify, **EMPTY) for verify in ("NONE", "NONE", "FAILED:self-signed")]
    refusal = judge(evidence([*GOOD, *stranger])).refusals[0]
    assert (refusal.code, refusal.numbers) == ("direct_callers", {"requests": 3, "sources": 1, "unlisted": 0})
    assert refusal.message.endswith("from 203.0.113.9 (3 times).")
