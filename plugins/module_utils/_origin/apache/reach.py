# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a hostname's content on an Apache, for the rules that are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..model import ACME_PATH, ENFORCE
from ..rules.reach import Door
from . import content, matching, sites
from .discovery import Discovery
from .dumps import Group
from .grammar import Directive, Node, Section
from .matching import Answer, Endpoint
from .sites import Place, Stages
from .tree import is_on, own

_ANSWERING = ("alias", "aliasmatch", "location", "locationmatch", "proxypass", "proxypassmatch")
#: Beside a redirect of everything, an Alias or a section excepts nothing: redirects are asked first.
_EXCEPTING = ("proxypass", "proxypassmatch", "if", "rewritecond", "rewriterule", "redirectmatch")
_REDIRECTS = ("redirect", "redirectmatch", "redirectpermanent", "redirecttemp", "rewriterule")
_DEFAULT = "Give that one something else to serve, or let it refuse or redirect everything."


def doors(discovery: Discovery, hostname: str, places: Sequence[Place], stages: Stages) -> list[Door]:
    """Who answers for the hostname, whose TLS sites are ``places``, and who for names that no virtual host has."""
    if "acme" not in discovery.remembered:
        discovery.remembered["acme"] = _mention(discovery, discovery.tree.level, _ANSWERING)
    found = [_over_tls(discovery, place) for place in places]
    found += [_plain(discovery, hostname, place, stages) for place in sites.places(discovery, hostname, tls=False)]
    for endpoint in matching.endpoints(discovery):
        if not endpoint.local:
            found.extend(_default(discovery, hostname, endpoint, places, stages))
    return [door for door in found if door.listeners]


def _over_tls(discovery: Discovery, place: Place) -> Door:
    nodes = place.section.children if place.section is not None else ()
    acme: Node | None = _mention(discovery, nodes, _ANSWERING) or discovery.remembered["acme"]
    return Door(place.listeners, True, place.host.place, True, acme=(acme.file, acme.line) if acme else None)


def _plain(discovery: Discovery, hostname: str, place: Place, stages: Stages) -> Door:
    section = place.section
    served = _served(discovery, section, hostname, place.is_default) if section is not None else None
    others = [name for name in place.own_names if name != hostname and stages.of(name) != ENFORCE]
    stuck = ""
    if section is None or not place.written_out:
        stuck = "Let it redirect to HTTPS only, or take the name out of it."
    elif matching.engine(discovery, section) == "optional":
        stuck = "Say SSLEngine on or off."
    elif others:
        stuck = f"Split the virtual host: {', '.join(others)} would be redirected, too."
    where = (served.file, served.line) if served is not None else place.host.place
    outer = [answer for answer in place.answers if not answer.endpoint.local]
    return Door(
        listeners=tuple(answer.endpoint.label for answer in outer),
        tls=False,
        place=where,
        named=True,
        closed=section is not None and served is None,
        acme=where if any(_passes(discovery, answer, hostname) for answer in outer) else None,
        redirected=section is not None and bool(sites.includes(discovery, section, discovery.paths.plain(hostname))),
        stuck=stuck,
        remedy="Let it redirect to HTTPS only, take the name out of it",
        site=place,
    )


def _default(
    discovery: Discovery, hostname: str, endpoint: Endpoint, places: Sequence[Place], stages: Stages
) -> Iterator[Door]:
    """The virtual host (or main server) for unknown names of an endpoint, unless it's one of the hostname's own."""
    group = endpoint.group
    host = group.hosts[0] if group is not None else None
    section = discovery.section(host) if host is not None else None
    tls = matching.speaks_tls(discovery, group)
    default = Answer(endpoint, host, section, False, tls)
    if host is not None and matching.names_of(host, section).match(hostname):
        return
    closed = _enforced(default, stages) or (section is not None and _served(discovery, section, hostname, True) is None)
    shares, surely = ("", True) if closed else _shared(discovery, hostname, group, section, places)
    answers = not _is_named(discovery, group, hostname)
    place = host.place if host is not None else (discovery.dump.files[0], 0)
    yield Door(
        listeners=(endpoint.label,),
        tls=tls,
        place=place,
        named=False,
        answers=answers,
        closed=closed,
        shares=shares,
        surely=surely,
        acme=place if answers and not tls and _passes(discovery, default, hostname) else None,
        stuck=_DEFAULT,
        remedy=_DEFAULT,
    )


def _shared(
    discovery: Discovery, hostname: str, group: Group | None, section: Section | None, places: Sequence[Place]
) -> tuple[str, bool]:
    """What the default virtual host serves of the hostname's content, and whether that's for sure."""
    nodes: Sequence[Node] = discovery.tree.level if group is None else section.children if section else ()
    protected = [content.signature(place.section.children, discovery) for place in places if place.section]
    is_named = partial(_is_named, discovery, group)
    other = content.signature(nodes, discovery)
    shared = {item for mine in protected for item in mine.shared(other, is_named)}
    hosts = own(nodes, "proxypreservehost")
    told_apart = bool(hosts) and is_on(hosts[-1]) and is_named(hostname)
    harmless = {item for item in shared if told_apart and item.startswith("backend")}
    open_doors = shared - harmless
    harmless.update(item for mine in protected for item in mine.shared_idle(other))
    return min(open_doors or harmless, default=""), bool(open_doors)


def _served(discovery: Discovery, section: Section, hostname: str, is_default: bool) -> Node | None:
    if matching.engine(discovery, section) == "optional":
        return section
    return content.serves_content(section, hostname, is_default, discovery.paths.own_directory)


def _is_named(discovery: Discovery, group: Group | None, name: str) -> bool:
    """Whether a virtual host of ``group`` has this name, so that the default one never gets requests for it."""
    return group is not None and bool(matching.claimants(discovery, group, name))


def _enforced(default: Answer, stages: Stages) -> bool:
    """Whether a default virtual host asks everybody for a certificate itself."""
    if default.host is None or not default.tls:
        return False
    names = matching.names_of(default.host, default.section)
    enforced = (name for name, stage in stages.strictest.items() if stage == ENFORCE)
    return any(names.match(name) and stages.at(default.section, name) == ENFORCE for name in enforced)


def _passes(discovery: Discovery, answer: Answer, hostname: str) -> bool:
    """Whether a virtual host without TLS answers challenges itself: it excepts them, or doesn't redirect at all."""
    section = answer.section
    if section is None or _mention(discovery, section.children, _EXCEPTING) is not None:
        return True
    place = _mention(discovery, section.children, ("location", "locationmatch"))
    if isinstance(place, Section) and (not own(section.children, *_REDIRECTS) or own(place.children, "proxypass")):
        return True
    return content.serves_content(section, hostname, not answer.named, discovery.paths.own_directory) is not None


def _mention(discovery: Discovery, nodes: Sequence[Node], kinds: Sequence[str]) -> Node | None:
    """The first directive or section of these kinds about challenges, outside of virtual hosts and our own files."""
    ours = discovery.paths.own_directory + "/"
    for node in nodes:
        if node.key == "virtualhost" or node.file.startswith(ours):
            continue
        text = node.text if isinstance(node, Directive) else node.argument
        # Expressions often put the first slash somewhere else.
        if node.key in kinds and ACME_PATH[1:] in text.replace("\\", ""):
            return node
        inner = _mention(discovery, node.children, kinds) if isinstance(node, Section) else None
        if inner is not None:
            return inner
    return None
