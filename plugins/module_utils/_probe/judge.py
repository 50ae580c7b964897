# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From rows to holes, findings and a summary for one hostname at one origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .certificate_request import name_text
from .classify import (
    BY_EDGE,
    BY_LEAF,
    FAILED,
    SOME_ORIGIN,
    UNKNOWN,
    Reference,
    evidence,
    in_own_words,
    is_busy,
    is_served,
    refuses,
    unasked,
)
from .model import (
    ASKS_ONLY,
    BAD,
    DOWN,
    ENFORCE,
    ENFORCED,
    FOREIGN_CA,
    INCONCLUSIVE,
    LOG_ONLY,
    MISROUTED,
    NONE,
    OPEN,
    OPEN_STAGE,
    OTHER,
    PLAIN,
    QUIC,
    SELF_SIGNED,
    TLS,
    VALID,
    Finding,
    Hostname,
    Listener,
    Row,
)
from .remedies import REMEDIES, server_of

ERROR, WARNING = "error", "warning"
# Findings of doors that may be open; as errors they speak against every enforcement.
_MAYBE = ("time_limit", "inconclusive", "not_asked", "not_probed", "page_unknown")


@dataclass
class Notes:
    """Findings of one kind, merged: each code once per listener, with all the requests that showed it."""

    hostname: str
    origin: str
    #: Texts of the server, where it has some of its own.
    texts: Mapping[str, str] = field(default_factory=dict)
    found: dict[tuple[str, str], tuple[str, list[str], str, str]] = field(default_factory=dict)

    def add(self, code: str, severity: str, listener: Listener, variant: str, said: str, advice: str = "") -> None:
        """One more request that showed it; the first one's evidence is kept. ``advice``: code of another remedy."""
        first: tuple[str, list[str], str, str] = (severity, [], said, advice or code)
        known, variants, _said, _advice = self.found.setdefault((code, listener.label), first)
        if severity == ERROR != known:
            # What makes it an error is told first.
            variants = [variant, *(entry for entry in variants if entry != variant)] if variant else variants
            self.found[code, listener.label] = (severity, variants, said, advice or code)
        elif variant and variant not in variants:
            variants.append(variant)

    def list(self) -> list[Finding]:
        """All of them, errors first."""
        texts = {**REMEDIES, **self.texts}
        made = [
            Finding(code, severity, self.hostname, self.origin, label, tuple(ways), said, texts[advice])
            for (code, label), (severity, ways, said, advice) in self.found.items()
        ]
        return sorted(made, key=lambda entry: entry.severity != ERROR)


@dataclass(frozen=True)
class Known:
    """What is known besides the rows.

    ``references`` are the controls by listener; ``not_probed`` listeners that could not be tried, each with the reason
    and the code of the remedy; ``page``: the protected page was seen; ``several``: there are further origins;
    ``edge_fails``: what the edge says, where it isn't let in; ``servers`` as in the settings.
    """

    references: dict[Listener, Reference]
    not_probed: tuple[tuple[Listener, str, str], ...] = ()
    page: bool = True
    several: bool = False
    edge_fails: str = ""
    servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """The result for one hostname at one origin."""

    hostname: str
    origin: str
    expect: str
    verdict: str
    control: str
    requests: int
    holes: tuple[Finding, ...]
    findings: tuple[Finding, ...]

    @property
    def as_expected(self) -> bool:
        """Whether nothing is left to be done."""
        wanted = {ENFORCE: ENFORCED, LOG_ONLY: ASKS_ONLY, OPEN_STAGE: OPEN}[self.expect]
        return self.verdict == wanted and not self.holes and all(f.severity != ERROR for f in self.findings)

    @property
    def text(self) -> str:
        """One line for people."""
        parts = [f"{self.requests} requests"]
        if self.control:
            words = {
                BY_LEAF: "control by our certificate",
                BY_EDGE: "control by the edge",
                SOME_ORIGIN: "control of some origin by the edge",
            }
            parts.append(words.get(self.control, "control failed"))
        parts.append(f"{len(self.holes)} holes" if self.holes else "no hole")
        return f"{self.hostname} on {self.origin}: {self.verdict} ({', '.join(parts)})"

    def as_dict(self) -> dict[str, Any]:
        """The summary as returned by the module."""
        return {
            "hostname": self.hostname,
            "origin": self.origin,
            "expect": self.expect,
            "class": self.verdict,
            "as_expected": self.as_expected,
            "control": self.control,
            "requests": self.requests,
            "holes": len(self.holes),
            "findings": len(self.findings),
            "text": self.text,
        }


def judge(hostname: Hostname, origin: str, rows: list[Row], known: Known) -> Summary:
    """All rows of one hostname at one origin."""
    rows_by: dict[Listener, list[Row]] = {}
    for row in rows:
        rows_by.setdefault(row.case.listener, []).append(row)
    enforcing = {
        listener
        for listener, own in rows_by.items()
        if listener.kind == TLS and not listener.other and _is_enforced(own)
    }
    texts = next(filter(None, (server_of(row.outcome.server, known.servers) for row in rows)), {})
    holes = Notes(hostname.name, origin, texts)
    findings = Notes(hostname.name, origin, texts)
    for listener, own in rows_by.items():
        reference = known.references.get(listener, Reference())
        if listener.other:
            _holes(listener, own, enforcing, holes)
            _beside(listener, own, findings)
            _any_names_pages(listener, own, known, findings)
            continue
        if hostname.expect == ENFORCE:
            _holes(listener, own, enforcing, holes)
            _structure(listener, own, reference, holes, findings)
        else:
            _tolerance(hostname.expect, listener, own, findings)
        _general(hostname.expect, listener, own, enforcing, findings)
        if hostname.expect == ENFORCE:
            _pages(listener, own, reference, known, findings)
            _control(listener, own, reference, known, findings)
    for listener, why, advice in known.not_probed:
        # Who can't be reached from here may be nobody; what answered is there.
        severity = ERROR if advice == "no_tls" and hostname.expect == ENFORCE and not listener.other else WARNING
        findings.add("not_probed", severity, listener, "", why, advice)
    let_in = next((place for place, entry in known.references.items() if entry.control == BY_LEAF), None)
    if known.edge_fails and let_in and hostname.expect == ENFORCE:
        findings.add("edge_refused", ERROR, let_in, "", known.edge_fails)
    # Over plain HTTP nobody shows a certificate, so nothing is controlled there.
    controls = [entry.control for place, entry in known.references.items() if place.kind != PLAIN and not place.other]
    control = next((entry for entry in controls if entry not in (UNKNOWN, FAILED)), "") or next(
        filter(None, controls), ""
    )
    verdict = _verdict(hostname.expect, rows, holes, findings)
    return Summary(
        hostname.name, origin, hostname.expect, verdict, control, len(rows), tuple(holes.list()), tuple(findings.list())
    )


def _fresh_right(rows: list[Row], *kinds: str) -> list[Row]:
    """Rows of the right name, over a fresh session, with one of these certificates."""
    return [
        row
        for row in rows
        if row.case.identity in kinds
        and row.case.sni_kind == "right"
        and row.case.resume_from is None
        and not row.case.baseline
        and row.case.form == "h1"
    ]


def _at_door(rows: list[Row], sni: str) -> list[Row]:
    """Rows with that name in the handshake, whose request is spelled as usual."""
    return [
        row
        for row in rows
        if row.case.sni == sni and not row.case.spelling and row.case.form == "h1" and not row.case.baseline
    ]


def _is_enforced(rows: list[Row]) -> bool:
    own = _fresh_right(rows, NONE)
    return any(row.verdict == ENFORCED for row in own) and not any(row.verdict in (OPEN, ASKS_ONLY) for row in own)


def _holes(listener: Listener, rows: list[Row], enforcing: set[Listener], holes: Notes) -> None:
    open_rows = [row for row in rows if row.verdict in (OPEN, ASKS_ONLY) and not row.case.baseline]
    anonymous = [row for row in _fresh_right(rows, NONE) if row.verdict in (OPEN, ASKS_ONLY)]
    for row in open_rows:
        if listener.kind == PLAIN:
            code = "plain_http"
        elif listener.kind == QUIC:
            code = "http3"
        elif anonymous and not row.outcome.resumed:
            # Whoever may come without a certificate may come in any way: one hole, not twenty.
            code = _anonymous(listener, rows, anonymous[0], enforcing)
        elif anonymous:
            continue
        else:
            code = _door(row, rows)
        holes.add(code, ERROR, listener, row.case.variant, evidence(row.outcome))


def _anonymous(listener: Listener, rows: list[Row], row: Row, enforcing: set[Listener]) -> str:
    if refuses(row.outcome):
        return "error_page"
    if row.outcome.asked:
        # Of optional_no_ca, unknown issuers are served and other faults refused.
        refused = any(refuses(bad.outcome) for bad in _fresh_right(rows, SELF_SIGNED, FOREIGN_CA))
        return "optional" if refused else "asks_only"
    if any(other.address == listener.address for other in enforcing):
        return "second_listener"
    if enforcing and listener.is_ipv6 and any(not other.is_ipv6 for other in enforcing):
        return "ipv6_unprotected"
    return "second_listener" if enforcing else "not_protected"


def _door(row: Row, rows: list[Row]) -> str:
    """Which door a row came in by, where nobody is served by the front door."""
    case, outcome = row.case, row.outcome
    if outcome.resumed:
        return "session_same_site" if case.resume_from == case.sni else "session_resumption"
    if refuses(outcome):
        return "error_page"
    if case.sni_kind in ("right", "upper"):
        if case.identity == NONE:
            return "host_spelling" if case.spelling else "not_protected"
        return "other_ca" if case.identity.startswith(OTHER) else "bad_certificate"
    door = [other for other in _at_door(rows, case.sni) if other.verdict in (OPEN, ASKS_ONLY)]
    if any(other.case.identity == NONE for other in door):
        return "sni_mismatch"
    if not any(other.case.identity == case.identity for other in door):
        if case.form == "h2":
            return "h2_coalescing"
        if case.spelling:
            return "host_spelling"
    return "default_server_other_ca" if case.identity.startswith(OTHER) else "sni_mismatch"


def _structure(listener: Listener, rows: list[Row], reference: Reference, holes: Notes, findings: Notes) -> None:
    """What the handshakes show of the configuration, where no request got through."""
    if listener.kind != TLS:
        return
    own = _fresh_right(rows, NONE)
    for row in _fresh_right(rows, NONE, VALID, *BAD):
        forbidden = row.outcome.status == 403 and row.case.identity == VALID and row.outcome.asked is False
        if row.outcome.asked_late or forbidden:
            said = "the certificate is not asked for at the handshake; " + evidence(row.outcome)
            holes.add("late_request", ERROR, listener, row.case.variant, said)
    asked = [row for row in own if row.outcome.asked and refuses(row.outcome)]
    # Only who has a text about it always names CAs; of others it says nothing.
    if asked and "no_ca_names" in holes.texts and not any(row.outcome.ca_names for row in asked):
        said = "a certificate is asked for, of no CA by name"
        findings.add("no_ca_names", WARNING, listener, asked[0].case.variant, said)
    known = {name for row in asked for name in row.outcome.ca_names}
    doors = [row for row in rows if row.case.sni_kind in ("none", "unknown") and row in _at_door(rows, row.case.sni)]
    # With a certificate that this door accepts, a misdirected request shows that names are compared.
    compared = {row.case.sni for row in doors if row.verdict == MISROUTED and row.case.identity.startswith(OTHER)}
    for row in doors:
        strange = [name for name in row.outcome.ca_names if name not in known]
        tried = row.case.identity == NONE and row.case.resume_from is None and refuses(row.outcome)
        if tried and known and strange and row.case.sni not in compared and reference.control == BY_LEAF:
            said = f"{row.case.variant} is asked for certificates of {name_text(strange[0])}"
            if not any(code == "default_server_other_ca" for code, _label in holes.found):
                findings.add("default_server_unproven", WARNING, listener, row.case.variant, said)


def _tolerance(expect: str, listener: Listener, rows: list[Row], findings: Notes) -> None:
    """What must not be at the stages that serve everybody."""
    if listener.kind != TLS:
        return
    for row in _fresh_right(rows, NONE, *BAD):
        said = evidence(row.outcome)
        if refuses(row.outcome):
            severity = ERROR if row.case.identity == NONE or expect == OPEN_STAGE else WARNING
            findings.add("refuses", severity, listener, row.case.variant, said)
        elif row.case.identity == NONE and row.outcome.end == "response":
            if expect == LOG_ONLY and row.outcome.asked is False:
                findings.add("not_asked", ERROR, listener, row.case.variant, said)
            elif expect == OPEN_STAGE and row.outcome.asked:
                findings.add("asked", WARNING, listener, row.case.variant, said)


def _general(expect: str, listener: Listener, rows: list[Row], enforcing: set[Listener], findings: Notes) -> None:
    """What matters at every stage. A door without an answer may be open, which speaks against enforcement only."""
    untried = ERROR if expect == ENFORCE else WARNING
    for row in rows:
        if row.case.baseline:
            continue
        if row.outcome.end == "skipped":
            findings.add("time_limit", untried, listener, row.case.variant, row.outcome.detail)
        elif row.verdict == DOWN:
            findings.add("down", ERROR, listener, row.case.variant, row.reason)
        elif row.verdict == INCONCLUSIVE and is_busy(row.outcome):
            findings.add("inconclusive", untried, listener, row.case.variant, row.reason, "busy")
        elif row.verdict == INCONCLUSIVE and row.outcome.end not in ("response", "alert"):
            findings.add("inconclusive", untried, listener, row.case.variant, row.reason)
    if listener.kind == TLS:
        for row in _fresh_right(rows, NONE, VALID):
            if row.verdict == MISROUTED:
                # Elsewhere it is served: this may be the port of something else.
                severity = WARNING if enforcing else ERROR
                findings.add("not_served", severity, listener, row.case.variant, row.reason)


def _beside(listener: Listener, rows: list[Row], findings: Notes) -> None:
    """A listener for something else: whoever refuses there, or doesn't answer, is in nobody's way."""
    for row in rows:
        if row.outcome.end == "skipped":
            findings.add("time_limit", ERROR, listener, row.case.variant, row.outcome.detail)
        elif row.verdict == INCONCLUSIVE and is_served(row.outcome) and not row.case.baseline:
            if is_busy(row.outcome):
                findings.add("page_unknown", WARNING, listener, row.case.variant, row.reason)
            else:
                findings.add("page_unknown", ERROR, listener, row.case.variant, row.reason, "page_edited")


def _any_names_pages(listener: Listener, rows: list[Row], known: Known, findings: Notes) -> None:
    """Pages that every name gets, and that can't be compared with the protected one to the letter."""
    for row in rows:
        if row.case.baseline or row.verdict != MISROUTED or row.outcome.status in (0, 421):
            continue
        if not known.page:
            findings.add("page_unknown", WARNING, listener, row.case.variant, row.reason)
        elif row.guessed:
            findings.add("page_unknown", WARNING, listener, row.case.variant, row.reason, "page_differs")


def _pages(listener: Listener, rows: list[Row], reference: Reference, known: Known, findings: Notes) -> None:
    """Pages of which nobody can tell, or only a person, whether they are the protected ones."""
    _any_names_pages(listener, rows, known, findings)
    for row in rows:
        variant, outcome = row.case.variant, row.outcome
        if row.case.baseline:
            continue
        if row.verdict == INCONCLUSIVE and is_served(outcome) and not is_busy(outcome):
            findings.add("page_unknown", ERROR, listener, variant, row.reason, "page_edited")
        if not refuses(outcome) or in_own_words(outcome) or unasked(row.case, outcome):
            continue
        if row.verdict == INCONCLUSIVE and (reference.works or listener.kind == PLAIN):
            findings.add("inconclusive", ERROR, listener, variant, row.reason, "changing_page")
        elif row.verdict == ENFORCED:
            findings.add("refusal_page", WARNING, listener, variant, row.reason)


def _control(listener: Listener, rows: list[Row], reference: Reference, known: Known, findings: Notes) -> None:
    """What the refusals are worth: whether the right client gets in."""
    refused = [row for row in rows if refuses(row.outcome) and not row.case.baseline]
    if not refused or listener.kind == PLAIN:
        return
    for row in refused:
        if row.verdict == INCONCLUSIVE and unasked(row.case, row.outcome):
            findings.add("not_asked", ERROR, listener, row.case.variant, row.reason, "unasked")
    variant, said = refused[0].case.variant, evidence(refused[0].outcome)
    if reference.unclear:
        findings.add("edge_unclear", WARNING, listener, variant, reference.unclear)
    elif reference.control == UNKNOWN:
        ours = any(row.outcome.end != "skipped" for row in _fresh_right(rows, VALID))
        findings.add("no_control", WARNING, listener, variant, said, "not_let_in" if ours else "")
    elif reference.control == SOME_ORIGIN or (reference.control == BY_EDGE and known.several):
        findings.add("control_not_this_origin", WARNING, listener, variant, said)


def _verdict(expect: str, rows: list[Row], holes: Notes, findings: Notes) -> str:
    own = [row for row in _fresh_right(rows, NONE) if row.case.listener.kind == TLS and not row.case.listener.other]
    codes = {code for (code, _label), (severity, *_rest) in findings.found.items() if severity == ERROR}
    counted = Counter(row.verdict for row in own)
    if expect == ENFORCE:
        front = {code for code, _label in holes.found}
        if front:
            return ASKS_ONLY if front <= {"asks_only", "optional"} else OPEN
        order: tuple[str, ...] = (DOWN, INCONCLUSIVE, ENFORCED, MISROUTED)
    elif any(refuses(row.outcome) for row in own):
        return next((verdict for verdict in (ENFORCED, DOWN, INCONCLUSIVE) if counted[verdict]), DOWN)
    else:
        order = (OPEN, DOWN, ASKS_ONLY, INCONCLUSIVE, MISROUTED)
    if "down" in codes:
        return DOWN
    if expect == ENFORCE and codes.intersection(_MAYBE):
        return INCONCLUSIVE
    for verdict in order:
        if counted[verdict]:
            return verdict
    return INCONCLUSIVE
