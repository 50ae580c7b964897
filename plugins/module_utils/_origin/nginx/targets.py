# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server blocks are to be protected, for which hostnames, at which stage: the wish laid over what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..hostnames import bad_hostname, is_hostname
from ..model import ENFORCE, OFF, STAGES, Finding, Options, Protection
from ..notices import redirected_by_us
from .bundles import certificates, read_file, subjects_of
from .doors import Source, content, finding, overlap, plain_doors, plain_finding
from .names import exact_names, open_names
from .survey import Discovery
from .syntax import flatten
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
    targets = Targets(found.protected(), *_known_bundles(found), {}, {}, [])
    listed = set()
    for wish in wanted:
        if not is_hostname(wish.name):
            targets.findings.append(bad_hostname(wish.name))
            continue
        listed.add(wish.name)
        if wish.stage == OFF:
            targets.stages.pop(wish.name, None)
            continue
        targets.stages[wish.name] = wish.stage
        _take_bundle(targets, wish)
    for name, stage in targets.stages.items():
        _locate(found, targets, name, stage, name in listed, options)
    kept = {**{name: stage for name, stage in found.left.items() if name not in listed}, **targets.stages}
    served = {name for place in targets.places.values() for name in place.stages}
    targets.lost = {name: stage for name, stage in kept.items() if name in found.left and name not in served}
    return targets


def _take_bundle(targets: Targets, wish: Protection) -> None:
    if certificates(wish.trust_bundle):
        targets.bundles[wish.name] = wish.trust_bundle
        targets.subjects.update(subjects_of(wish.trust_bundle, wish.issuers))
    elif wish.name not in targets.bundles:
        targets.findings.append(
            finding(
                "no_trust_bundle",
                wish.name,
                "there's no certificate in its trust bundle",
                "Give the PEM of the client CA that signs this hostname's client certificates.",
            )
        )


def _known_bundles(found: Discovery) -> tuple[dict[str, str], dict[str, str]]:
    """The trust bundles (and names of CAs) on the origin, so that hostnames that aren't listed keep theirs."""
    bundles: dict[str, str] = {}
    subjects: dict[str, str] = {}
    for path, content_bytes in sorted(found.own.items()):
        if path.endswith(".pem"):
            known, names = read_file(content_bytes.decode("latin-1"))
            bundles.update(known)
            subjects.update(names)
    return bundles, subjects


def _locate(found: Discovery, targets: Targets, name: str, stage: str, listed: bool, options: Options) -> None:
    web = found.web
    servers: dict[int, Server] = {}
    strays = []
    for address in web.addresses(tls=True):
        match = found.match(name, address)
        if match.unreadable and listed:
            server, expression = match.unreadable[0]
            targets.findings.append(
                finding(
                    "regular_expression",
                    name,
                    f"server_name {expression} can't be evaluated here, so it's open whether it serves this hostname",
                    "Name the hostname in the server_name of the block that shall serve it.",
                    server.directive,
                    _severity(found, name, stage),
                )
            )
            continue
        if match.server is not None:
            servers[match.server.number] = match.server
        elif not address.is_local:
            strays.append(address)
    if not servers:
        if listed:
            targets.findings.append(_unserved(found, name, _severity(found, name, stage)))
        return
    for server in servers.values():
        targets.places.setdefault(server.number, Place(server)).stages[name] = stage
    if not listed:
        _keep_redirects(found, targets, name, stage)
        return
    sources: set[Source] = set()
    for server in servers.values():
        sources |= content(found, server)
    for address in strays:
        fallback = web.default(address)
        if fallback.number not in servers and overlap(sources, content(found, fallback)):
            targets.findings.append(
                finding(
                    "default_server_open",
                    name,
                    f"on {address} the hostname isn't named, and the default server gives out the same content",
                    "Let the hostname's server block listen there, too.",
                    fallback.directive,
                    "error" if stage == ENFORCE else "warning",
                )
            )
    for server, _also_tls in plain_doors(found, name, list(servers.values())):
        if options.plain_http != "redirect" and stage == ENFORCE and _redirects(found, server, name):
            targets.findings.append(redirected_by_us("plain_http_open", name, server.file, server.line))
        elif options.plain_http != "redirect":
            targets.findings.append(plain_finding(found, server, name, stage))
        elif stage == ENFORCE:
            targets.redirects.setdefault(server.number, set()).add(name)


def _keep_redirects(found: Discovery, targets: Targets, name: str, stage: str) -> None:
    """A redirect that was wished once stays while its hostname is enforced and not listed."""
    if stage != ENFORCE:
        return
    for server in found.web.servers:
        if _redirects(found, server, name):
            targets.redirects.setdefault(server.number, set()).add(name)


def _redirects(found: Discovery, server: Server, name: str) -> bool:
    """Whether a file of ours redirects the hostname in this block."""
    return any(f"plain_http=redirect hostname={name}\n" in text for text in _own_texts(found, server))


def _own_texts(found: Discovery, server: Server) -> list[str]:
    names = {child.file for line in found.lines(server) for child in flatten(line.directive.block)}
    return [found.dump.files[name] for name in sorted(names)]


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
            "Give the site an HTTPS server block, or take the hostname off this origin's list.",
            severity=severity,
        )
    fallback = found.web.default(addresses[0])
    return finding(
        "not_served",
        name,
        "no TLS server block has this server_name; only the default server would answer",
        "Add the server_name to the block that serves it, or take the hostname off this origin's list.",
        fallback.directive,
        severity,
    )


def stages_before(found: Discovery) -> Mapping[int, Mapping[str, str]]:
    """What each server block protects now, by its number."""
    return {server.number: found.loaded(server) for server in found.web.servers}
