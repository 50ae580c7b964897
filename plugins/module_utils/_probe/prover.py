# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a probe: requests in two rounds, then what they mean."""

from __future__ import annotations

import re
import secrets
import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from . import quic
from .cases import VERSIONS, brief, further, opening
from .classify import (
    Reference,
    by_looks,
    classify,
    content,
    edge_fails,
    evidence,
    in_own_words,
    is_served,
    lets_in,
    reference_of,
    refuses,
    through_edge,
)
from .judge import Known, Summary, judge
from .model import (
    CLOSED,
    ENFORCE,
    MISROUTED,
    NOBODY,
    NONE,
    PLAIN,
    QUIC,
    TLS,
    VALID,
    Case,
    Hostname,
    Identity,
    Listener,
    Origin,
    Outcome,
    Row,
    Settings,
)
from .runner import Exchange, Runner
from .tls import exchange as secure_exchange

_ALT_SVC = re.compile(r'h3(?:-\d+)?="[^":]*:(\d+)"')
_GONE = ("refused", "unreachable")
# The reason of OpenSSL where what came back isn't TLS.
_NOT_TLS = "wrong version number"


@dataclass(frozen=True)
class Report:
    """All rows, and a summary per hostname and origin."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]


def exchange(case: Case, identity: Identity, settings: Settings) -> Outcome:
    """By the kind of listener."""
    if case.listener.kind == QUIC:
        return quic.exchange(case, identity, settings)
    return secure_exchange(case, identity, settings)


def prove(
    origins: list[Origin],
    hostnames: list[Hostname],
    settings: Settings,
    quick: bool = False,
    ask: Exchange = exchange,
    quic_problem: str | None = None,
) -> Report:
    """Probe every hostname at every origin. ``ask`` makes one request (tests give their own).

    Of hostnames that are :attr:`Hostname.alike` the first is tried in full, the others at their main doors; one of them
    that is answered otherwise than the first is tried in full, too.
    """
    runner = Runner(settings, ask)
    problem = quic.problem() if quic_problem is None else quic_problem
    pairs = [(hostname, origin) for hostname in hostnames for origin in origins]
    answers = _edge(runner, hostnames, settings, {entry.address for origin in origins for entry in _places(origin)})
    probe = _Probe(runner, origins, settings, problem, quick)
    first = _classes(hostnames)
    probe.full([hostname for hostname in hostnames if hostname.name not in first])
    mates = [hostname for hostname in hostnames if hostname.name in first]
    probe.brief(mates, first)
    probe.full(probe.unlike(mates, first))
    grouped, listeners = _grouped(probe.seen), probe.listeners
    second = runner.run(
        [
            (case, hostname.identity(case.identity))
            for hostname, origin in pairs
            for case in _doubtful(grouped.get((hostname.name, origin.name), {}))
        ]
    )
    several = len(origins) > 1
    rows: list[Row] = []
    summaries = []
    for hostname, origin in pairs:
        mine = grouped.get((hostname.name, origin.name), {})
        edge = answers.get(hostname.name)
        if edge is None and hostname.edge_status:
            edge = Outcome("response", hostname.edge_status)
        here = not several or settings.edge_for_every_origin
        unreached = _unreached(mine)
        doors = mine
        if hostname.name in first:
            doors = {**_shared(grouped.get((first[hostname.name].name, origin.name), {}), hostname.name), **mine}
        own, references, page_known = _rows(hostname, mine, edge, here, second, unreached, doors)
        rows += own
        missed = [
            (entry, f"not probed: UDP/{entry.port} ({problem})", "no_library")
            for entry in listeners[hostname.name, origin.name]
            if entry.kind == QUIC and problem and entry.other in _asked(hostname)
        ]
        missed += [(entry, why, "not_probed") for entry, why in origin.missed]
        missed += [(entry, "not probed: " + why, "not_probed") for entry, why in unreached.items() if not entry.other]
        missed += [(entry, "not probed: " + why, "no_tls") for entry, why in _without_tls(mine).items()]
        fails = "through the edge: " + evidence(edge) if edge and edge_fails(edge) else ""
        known_here = Known(references, tuple(missed), page_known, several, fails, settings.servers)
        summaries.append(judge(hostname, origin.name, own, known_here))
    return Report(tuple(rows), tuple(summaries))


def reckon(origins: list[Origin], hostnames: list[Hostname], settings: Settings, quick: bool = False) -> float:
    """Seconds that a probe takes at least at the rate, if listeners speak TLS 1.3 and 1.2 and nothing is strange.

    Listeners for something else aren't counted, since many of them can't be reached.
    """
    first = _classes(hostnames)
    most = 0
    for origin in origins:
        cases: list[Case] = []
        for hostname in hostnames:
            for listener in [entry for entry in origin.listeners if not entry.other]:
                place = (hostname, origin.name, listener, settings)
                if hostname.name in first:
                    cases += brief(*place, VERSIONS)
                else:
                    cases += dict.fromkeys([*opening(*place), *further(*place, VERSIONS, quick)])
        most = max(most, sum(2 if case.resume_from is not None else 1 for case in cases))
    return (most + (len(hostnames) if settings.edge else 0)) / settings.rate


def _classes(hostnames: list[Hostname]) -> dict[str, Hostname]:
    """By the name of each hostname that isn't the first of its class: that first one."""
    firsts: dict[tuple[str, str], Hostname] = {}
    found = {}
    for hostname in hostnames:
        one = firsts.setdefault((hostname.alike, hostname.expect), hostname) if hostname.alike else hostname
        if one is not hostname:
            found[hostname.name] = one
    return found


def _asked(hostname: Hostname) -> tuple[bool, ...]:
    """Which listeners matter, by :attr:`Listener.other`: where everybody is served, ways in are no question."""
    return (False, True) if hostname.expect == ENFORCE else (False,)


@dataclass
class _Probe:
    """What was asked and what came of it; ``listeners`` are those that are known by now, by hostname and origin."""

    runner: Runner
    origins: list[Origin]
    settings: Settings
    problem: str
    quick: bool
    seen: dict[Case, Outcome] = field(default_factory=dict)
    listeners: dict[tuple[str, str], list[Listener]] = field(default_factory=dict)

    def _matters(self, hostname: Hostname, listener: Listener) -> bool:
        return listener.other in _asked(hostname) and (listener.kind != QUIC or not self.problem)

    def full(self, hostnames: list[Hostname]) -> None:
        """Try hostnames at every door."""
        work = [
            (case, hostname.identity(case.identity))
            for hostname in hostnames
            for origin in self.origins
            for listener in origin.listeners
            if self._matters(hostname, listener)
            for case in opening(hostname, origin.name, listener, self.settings)
        ]
        # One request goes ahead to each listener for something else, since from here many of them can't be reached.
        ahead = {case.listener: case for case, _identity in reversed(work) if case.listener.other}
        self._run([item for item in work if ahead.get(item[0].listener, item[0]) == item[0]])
        self._run(work)
        work = []
        grouped = _grouped(self.seen)
        for hostname in hostnames:
            for origin in self.origins:
                mine = grouped.get((hostname.name, origin.name), {})
                known = self.listeners[hostname.name, origin.name] = _with_announced(origin, mine)
                for listener in filter(lambda entry: self._matters(hostname, entry), known):
                    place = (hostname, origin.name, listener, self.settings)
                    cases = opening(*place) if listener not in origin.listeners else []
                    cases += further(*place, _versions(mine, listener), self.quick or listener.other)
                    work += [(case, hostname.identity(case.identity)) for case in cases]
        self._run(work)

    def brief(self, mates: list[Hostname], first: dict[str, Hostname]) -> None:
        """Try hostnames at the main doors of the first of their class."""
        work = []
        grouped = _grouped(self.seen)
        for hostname in mates:
            for origin in self.origins:
                place = (first[hostname.name].name, origin.name)
                known = self.listeners[hostname.name, origin.name] = self.listeners[place]
                for listener in filter(lambda entry: self._matters(hostname, entry), known):
                    versions = _versions(grouped.get(place, {}), listener)
                    cases = brief(hostname, origin.name, listener, self.settings, versions)
                    work += [(case, hostname.identity(case.identity)) for case in cases]
        self._run(work)

    def unlike(self, mates: list[Hostname], first: dict[str, Hostname]) -> list[Hostname]:
        """Those that were answered otherwise than the first of their class."""
        alike: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
        for case, outcome in self.seen.items():
            if case.hostname not in first and case.resume_from is None and not case.baseline:
                alike.setdefault((case.hostname, *_door(case)), set()).add(_answer(case, outcome))
        strange = {
            case.hostname
            for case, outcome in self.seen.items()
            if case.hostname in first
            and _answer(case, outcome) not in alike.get((first[case.hostname].name, *_door(case)), ())
        }
        return [hostname for hostname in mates if hostname.name in strange]

    def _run(self, work: list[tuple[Case, Identity]]) -> None:
        """Ask what wasn't asked before."""
        self.seen.update(self.runner.run([item for item in work if item[0] not in self.seen]))


def _door(case: Case) -> tuple[Any, ...]:
    """What two hostnames of a class have in common of a request."""
    return (case.origin, case.listener, case.tls, case.sni_kind, case.identity, case.form, case.spelling, case.path)


def _answer(case: Case, outcome: Outcome) -> tuple[Any, ...]:
    """What has to be alike. With our certificate each site answers with what it has."""
    if case.identity == VALID:
        return (refuses(outcome), outcome.end)
    return (outcome.end, outcome.status, outcome.alert, outcome.asked, frozenset(outcome.ca_names))


def _shared(seen: dict[Case, Outcome], name: str) -> dict[Case, Outcome]:
    """Of the first of a class: what its doors answer for a hostname that nobody serves, as if asked for ``name``."""
    return {
        replace(case, hostname=name, sni=name if case.sni == case.hostname else case.sni): outcome
        for case, outcome in seen.items()
        if case.baseline
    }


def _places(origin: Origin) -> list[Listener]:
    """All that is known of, whether it can be tried or not."""
    return [*origin.listeners, *(listener for listener, _why in origin.missed)]


def _by_listener(seen: dict[Case, Outcome], *kinds: str) -> dict[Listener, list[Outcome]]:
    """What came of trying the hostname at listeners of these kinds."""
    found: dict[Listener, list[Outcome]] = {}
    for case, outcome in seen.items():
        if case.listener.kind in kinds and outcome.end != "skipped" and not case.baseline:
            found.setdefault(case.listener, []).append(outcome)
    return found


def _unreached(seen: dict[Case, Outcome]) -> dict[Listener, str]:
    """Listeners that can't be reached from here, though the origin answers over TLS at another one, and why.

    A refused connection is an answer, except where the address is only a guess.
    """
    ends = _by_listener(seen, TLS, PLAIN)
    if not any(o.end not in _GONE for listener, outcomes in ends.items() if listener.kind == TLS for o in outcomes):
        return {}
    found = {}
    for listener, outcomes in ends.items():
        is_tls = listener.kind == TLS
        lost = [o for o in outcomes if o.end == "unreachable" or (o.end == "refused" and is_tls and listener.mapped)]
        # Of TLS, a single loss is told by its row.
        if lost and (len(lost) == len(outcomes) or not is_tls):
            found[listener] = lost[0].detail
    return found


def _without_tls(seen: dict[Case, Outcome]) -> dict[Listener, str]:
    """Listeners that answer, but in no version of TLS that can be tried, nor as plain HTTP, and why."""
    plain = {
        (listener.address, listener.port)
        for listener, outcomes in _by_listener(seen, PLAIN).items()
        if any(outcome.end not in ("not_offered", *_GONE) for outcome in outcomes)
    }
    found = {}
    for listener, outcomes in _by_listener(seen, TLS).items():
        said = [outcome.detail for outcome in outcomes if outcome.end == "not_offered"]
        if not said or any(outcome.end not in ("not_offered", *_GONE) for outcome in outcomes):
            continue
        if _NOT_TLS not in said or (listener.address, listener.port) not in plain:
            found[listener] = f"neither TLS 1.3 nor 1.2 ({said[0]})"
    return found


def _doubtful(seen: dict[Case, Outcome]) -> list[Case]:
    """Refusals with a page of the site's own that came only once: protected content that changes looks like that."""
    pages = {
        case: (case.listener, outcome.status, content(outcome, case.hostname))
        for case, outcome in seen.items()
        if not case.baseline and refuses(outcome) and not in_own_words(outcome)
    }
    counted = Counter(pages.values())
    return [case for case, page in pages.items() if counted[page] == 1]


def _grouped(seen: dict[Case, Outcome]) -> dict[tuple[str, str], dict[Case, Outcome]]:
    """Outcomes by hostname and origin."""
    found: dict[tuple[str, str], dict[Case, Outcome]] = {}
    for case, outcome in seen.items():
        found.setdefault((case.hostname, case.origin), {})[case] = outcome
    return found


def _versions(seen: dict[Case, Outcome], listener: Listener) -> tuple[str, ...]:
    """TLS versions that a listener speaks, the newest first."""
    silent = ("not_offered", "refused", "unreachable", "skipped")
    return tuple(
        version
        for version in VERSIONS
        if any(c.listener == listener and c.tls == version and o.end not in silent for c, o in seen.items())
    )


def _with_announced(origin: Origin, seen: dict[Case, Outcome]) -> list[Listener]:
    """The listeners that are known, those that Alt-Svc headers announce for HTTP/3, and plain ones where TLS is not."""
    known = list(origin.listeners)
    for case, outcome in seen.items():
        place = case.listener
        known += [Listener(place.address, int(p), QUIC, other=place.other) for p in _ALT_SVC.findall(outcome.alt_svc)]
        if outcome.end == "not_offered" and outcome.detail == _NOT_TLS:
            known.append(Listener(place.address, place.port, PLAIN, other=place.other))
    return list(dict.fromkeys(known))


def _edge(runner: Runner, hostnames: list[Hostname], settings: Settings, own: set[str]) -> dict[str, Outcome]:
    """One request for each hostname through the edge, as any visitor makes it, for a page that no cache has.

    ``own``: addresses of the origins. Inside a network the name may resolve to one of them, where no edge is.
    """
    if not settings.edge:
        return {}
    found = {}
    work = []
    for hostname in hostnames:
        address, port = _edge_address(hostname.name, settings.edge)
        if not address:
            found[hostname.name] = Outcome("unreachable", detail="the edge's name can't be resolved")
        elif settings.edge == "dns" and address in own:
            said = f"here the name resolves to an address of an origin ({address}), not of the edge"
            found[hostname.name] = Outcome("unclear", detail=said)
        else:
            base = Case(hostname.name, "the edge", Listener(address, port), sni=hostname.name, host=hostname.name)
            path = settings.paths[0]
            nonce = f"{'&' if '?' in path else '?'}originlock-probe={secrets.token_hex(16)}"
            work.append((replace(base, path=path + nonce), NOBODY))
    answers = runner.run(work)
    for _again in range(settings.retries):
        # An origin may let the edge down for a moment.
        answers.update(runner.run([item for item in work if edge_fails(answers[item[0]])]))
    found.update({case.hostname: through_edge(outcome) for case, outcome in answers.items()})
    return found


def _edge_address(hostname: str, edge: str) -> tuple[str, int]:
    """``edge`` is C(dns) (where the hostname points to) or HOST:PORT."""
    host, port = (hostname, "443") if edge == "dns" else edge.rsplit(":", 1)
    try:
        return str(socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0][4][0]), int(port)
    except (OSError, UnicodeError):
        return "", 0


def _rows(
    hostname: Hostname,
    seen: dict[Case, Outcome],
    edge: Outcome | None,
    here: bool,
    second: dict[Case, Outcome],
    unreached: dict[Listener, str],
    doors: dict[Case, Outcome],
) -> tuple[list[Row], dict[Listener, Reference], bool]:
    """All rows, the controls by listener, and whether a protected page was seen.

    ``doors`` tells what each door answers for a hostname that nobody serves.
    """
    references = _references(seen, edge, here)
    nobody: dict[tuple[Listener, str], Outcome] = {
        (case.listener, case.sni.lower()): outcome for case, outcome in doors.items() if case.baseline
    }
    anonymous = {
        case.listener
        for case, outcome in seen.items()
        if _is_front(case) and case.identity == NONE and is_served(outcome)
    }
    page = _page(references, edge)
    rows = []
    for case, outcome in seen.items():
        own = references.get((case.listener, case.path), references.get((case.listener, ""), Reference()))
        # The protected page is judged by the best control of the hostname, not by what a stray listener serves.
        best = page.get(case.path, own.page)
        shown = Reference(own.control, best, edited=best is not None and best is edge and bool(best.body))
        baseline = None if case.baseline else nobody.get((case.listener, case.sni.lower()))
        stable = case not in second or (
            refuses(second[case]) and content(second[case], case.hostname) == content(outcome, case.hostname)
        )
        verdict, reason = classify(case, outcome, shown, baseline, case.listener in anonymous, stable)
        gone = case.listener in unreached and outcome.end in _GONE
        elsewhere = verdict == MISROUTED and is_served(outcome)
        guessed = elsewhere and baseline is not None and by_looks(outcome, shown, baseline, case.hostname)
        rows.append(Row(case, outcome, CLOSED if gone else verdict, reason, guessed))
    own_references = {listener: reference for (listener, path), reference in references.items() if not path}
    return rows, own_references, any(entry.body or entry.location for entry in page.values())


def _is_front(case: Case) -> bool:
    return case.sni_kind == "right" and case.resume_from is None and case.form == "h1" and not case.baseline


def _references(seen: dict[Case, Outcome], edge: Outcome | None, here: bool) -> dict[tuple[Listener, str], Reference]:
    """The positive control by listener and path; under the path "" the one for the listener as a whole."""
    found: dict[tuple[Listener, str], Reference] = {}
    for case in seen:
        if case.baseline or not _is_front(case):
            continue
        if (case.listener, case.path) in found:
            continue
        place = (case.listener, case.path)
        front = [(c, o) for c, o in seen.items() if (c.listener, c.path) == place and _is_front(c)]
        controls = [o for c, o in front if c.identity == VALID and o.end != "not_offered"]
        controls.sort(key=lambda outcome: not is_served(outcome))
        nobody = next((o for c, o in front if c.identity == NONE and o.end != "not_offered"), None)
        reference = reference_of(controls[0] if controls else None, nobody, edge, here)
        found[case.listener, case.path] = reference
        found.setdefault((case.listener, ""), reference)
    return found


def _page(references: dict[tuple[Listener, str], Reference], edge: Outcome | None) -> dict[str, Outcome]:
    """The protected page by path: through the edge, else with our certificate on the lowest TLS port that serves it."""
    pages: dict[str, Outcome] = {}
    ordered = sorted(references.items(), key=lambda item: (item[0][0].kind != TLS, item[0][0].port))
    for (listener, path), reference in ordered:
        if path and reference.page is not None and listener.kind != PLAIN and not listener.other:
            best = pages.get(path)
            asked = reference.page.presented or bool(reference.page.asked)
            if best is None or (asked and not (best.presented or best.asked)):
                pages[path] = reference.page
    if edge is not None and lets_in(edge):
        for path in {path for _listener, path in references if path}:
            pages.setdefault(path, edge)
    return pages
