# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server blocks are to be protected, for which hostnames, at which stage: the wish laid over what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .. import trust
from ..bundles import certificates, subjects_of
from ..hostnames import bad_hostname, is_hostname
from ..model import ENFORCE, OFF, STAGES, Finding, Options, Protection, kept, stricter
from .doors import finding
from .names import exact_names, open_names
from .survey import Discovery
from .web import Server


@dataclass
class Place:
    """A server block and the protected hostnames that it serves over TLS, each with its stage."""

    server: Server
    stages: dict[str, str] = field(default_factory=dict)

    @property
    def strictest(self) -> str:
        """The strictest stage of its hostnames."""
        return max(self.stages.values(), key=STAGES.index)


@dataclass
class Targets:
    """The wish, resolved. ``stages`` has every hostname that stays or becomes protected on this origin.

    ``subjects``: certificate (PEM) to the name of that CA, as far as it is known. ``lost``: the stage of hostnames
    that were protected here, though no server block serves them any more.
    """

    stages: dict[str, str]
    bundles: dict[str, str]
    subjects: dict[str, str]
    places: dict[int, Place]
    redirects: dict[int, set[str]]
    findings: list[Finding]
    lost: dict[str, str] = field(default_factory=dict)

    def weaker(self, place: Place) -> dict[str, str]:
        """The hostnames that demand less in this block than in another one, with their stage here."""
        return {name: stage for name, stage in place.stages.items() if stage != self.stages[name]}

    def whole(self, found: Discovery, place: Place) -> bool:
        """Whether everything that reaches the block belongs to protected hostnames of one stage."""
        server = place.server
        return (
            len(set(place.stages.values())) == 1
            and not open_names(server)
            and set(exact_names(server)) <= set(place.stages)
            and not any(one.default for one in server.listens if one.address in found.web.tls)
        )


def resolve(found: Discovery, wanted: Sequence[Protection], options: Options) -> Targets:
    """Find the server blocks of every hostname that is wanted or protected already."""
    targets = Targets({}, *_known_bundles(found), {}, {}, [])
    listed = set()
    for wish in wanted:
        if not is_hostname(wish.name):
            targets.findings.append(bad_hostname(wish.name))
            continue
        listed.add(wish.name)
        if wish.stage != OFF:
            _locate(found, targets, wish, options)
    for name in found.protected():
        if name not in listed:
            _keep(found, targets, name)
    served = {name for place in targets.places.values() for name in place.stages}
    stages = {**{name: stage for name, stage in found.left.items() if name not in listed}, **targets.stages}
    targets.lost = {name: stage for name, stage in stages.items() if name in found.left and name not in served}
    return targets


def _take_bundle(targets: Targets, wish: Protection) -> Iterator[Finding]:
    """A hostname that is protected here and comes without a bundle keeps the one that it has."""
    if certificates(wish.trust_bundle):
        targets.bundles[wish.name] = wish.trust_bundle
        targets.subjects.update(subjects_of(wish.trust_bundle, wish.issuers))
    elif wish.trust_bundle.strip():
        yield finding(
            "bad_trust_bundle",
            wish.name,
            "there's no certificate in its trust bundle",
            "Give the PEM of the client CA that signs this hostname's client certificates.",
        )


def _known_bundles(found: Discovery) -> tuple[dict[str, str], dict[str, str]]:
    """The trust bundles (and names of CAs) on the origin, as loaded."""
    bundles: dict[str, str] = {}
    subjects: dict[str, str] = {}
    for server in found.web.servers:
        known, names = found.bundle(server)
        bundles.update(known)
        subjects.update(names)
    return bundles, subjects


def _locate(found: Discovery, targets: Targets, wish: Protection, options: Options) -> None:
    """Where a hostname that is wanted is served, and at which stage each block will be."""
    name = wish.name
    servers = serving(found, name, sure=True)
    loaded = {number: found.loaded(server).get(name, OFF) for number, server in servers.items()}
    stages = {number: kept(wish, stage, options) for number, stage in loaded.items()}
    # Where no block has the name any more, what one of them still enforces for it counts: it can't stay so.
    nowhere = kept(wish, found.protected().get(name, OFF), options)
    stage = max(stages.values() or [nowhere], key=STAGES.index)
    targets.findings += trust.missing(wish, name in targets.bundles, options)
    if stage == OFF:
        return
    targets.stages[name] = stage
    targets.findings += _take_bundle(targets, wish)
    targets.findings += _unreadable(found, name, _severity(found, name, stage))
    if not servers:
        targets.findings.append(_unserved(found, name, _severity(found, name, stage)))
        return
    for number, server in servers.items():
        if stages[number] != OFF:
            targets.places.setdefault(number, Place(server)).stages[name] = stages[number]


def serving(found: Discovery, name: str, sure: bool) -> dict[int, Server]:
    """The blocks that serve a hostname by its name over TLS.

    ``sure``: without the sockets where an expression that can't be evaluated may decide.
    """
    matches = [found.match(name, address) for address in found.web.addresses(tls=True)]
    return {one.server.number: one.server for one in matches if one.server and not (sure and one.unreadable)}


def _unreadable(found: Discovery, name: str, severity: str) -> Iterator[Finding]:
    """The expressions that might have decided first."""
    for address in found.web.addresses(tls=True):
        for server, expression in found.match(name, address).unreadable[:1]:
            yield finding(
                "regular_expression",
                name,
                f"server_name {expression} can't be evaluated here, so it's open whether it serves this hostname",
                "Name the hostname in the server_name of the block that shall serve it.",
                server.directive,
                severity,
            )


def _keep(found: Discovery, targets: Targets, name: str) -> None:
    """A hostname that isn't listed stays as it is where it's protected, with the redirect of once.

    Where its name was moved to other blocks, its protection goes along.
    """
    servers = serving(found, name, sure=False)
    stages = {number: found.loaded(server)[name] for number, server in servers.items() if name in found.loaded(server)}
    for number, stage in (stages or dict.fromkeys(servers, found.protected()[name])).items():
        targets.places.setdefault(number, Place(servers[number])).stages[name] = stage
        targets.stages[name] = stricter(stage, targets.stages.get(name, OFF))
    if targets.stages.get(name) == ENFORCE:
        for server in found.web.servers:
            if found.redirects(server, name):
                targets.redirects.setdefault(server.number, set()).add(name)


def _severity(found: Discovery, name: str, stage: str) -> str:
    """A hostname that isn't served any more is in nobody's way back; it isn't enforced, and won't be told to be."""
    forward = stage == ENFORCE or STAGES.index(stage) > STAGES.index(found.left.get(name, OFF))
    return "error" if forward else "warning"


def _unserved(found: Discovery, name: str, severity: str) -> Finding:
    addresses = [address for address in found.web.addresses(tls=True) if not address.is_local]
    if not addresses:
        return finding(
            "no_tls",
            name,
            "no server block listens with TLS",
            "Give the site an HTTPS server block, or take the hostname out of this origin's aop_serves.",
            severity=severity,
        )
    fallback = found.web.default(addresses[0])
    return finding(
        "not_served",
        name,
        "no TLS server block has this server_name; only the default server would answer",
        "Add the server_name to the block that serves it, or take the hostname out of this origin's aop_serves.",
        fallback.directive,
        severity,
    )
