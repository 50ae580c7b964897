# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a hostname's content on an nginx, for the rules that are the same everywhere."""

from __future__ import annotations

from ..model import ACME_PATH, ENFORCE
from ..rules.reach import Door, Place
from .content import content, is_closed, lines_only, overlap, way_to_close
from .survey import Discovery
from .syntax import location_parts
from .targets import Targets
from .web import Address, Server


def doors(found: Discovery, hostname: str, targets: Targets) -> list[Door]:
    """Who answers for the hostname on each socket, and who for names that no block has."""
    kinds: dict[tuple[int, bool, bool, bool], list[Address]] = {}
    serving = {number: place.server for number, place in targets.places.items() if hostname in place.stages}
    for address in (*found.web.addresses(tls=True), *found.web.addresses(tls=False)):
        match = found.match(hostname, address)
        tls, default = address in found.web.tls, found.web.default(address)
        if address.is_local or (tls and match.unreadable):
            continue
        if match.server is not None:
            kinds.setdefault((match.server.number, tls, True, True), []).append(address)
        if default is not match.server and default.number not in serving:
            kinds.setdefault((default.number, tls, False, match.server is None), []).append(address)
    sources = {source for server in serving.values() for source in content(found, server)}
    result = []
    for (number, tls, named, answers), addresses in kinds.items():
        server = found.web.servers[number]
        closed = is_closed(found, server, tls) or (tls and _refuses(found, number, targets))
        open_remedy = "Let it serve something else, or refuse or redirect everything." if tls or not answers else ""
        result.append(
            Door(
                listeners=tuple(map(str, addresses)),
                tls=tls,
                place=(server.file, server.line),
                named=named,
                answers=answers,
                closed=closed,
                shares="" if named or closed else overlap(sources, content(found, server)),
                acme=_acme(found, server, tls),
                redirected=not tls and found.redirects(server, hostname),
                remedy=open_remedy or ("" if closed else way_to_close(found, server)),
                site=number,
            )
        )
    return result


def _refuses(found: Discovery, number: int, targets: Targets) -> bool:
    """Whether the block of other hostnames will ask everybody for a certificate."""
    place = targets.places.get(number)
    return place is not None and place.strictest == ENFORCE and targets.whole(found, place)


def _acme(found: Discovery, server: Server, tls: bool) -> Place | None:
    """Where a block answers challenges; without TLS, rewriting of the whole block comes before its locations."""
    if not tls:
        if not is_closed(found, server) and lines_only(found, server.directive) is None:
            return server.file, server.line
        if found.site_named(server.directive, "return", "rewrite", "if"):
            return None
    for child in found.site_walk(server.directive):
        if child.name == "location" and ACME_PATH[1:] in location_parts(child)[1].replace("\\", ""):
            return child.file, child.line
    return None
