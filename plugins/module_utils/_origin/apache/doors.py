# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other ways to a protected hostname: plain HTTP, default virtual hosts with the same content, shadowed ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..model import ENFORCE, Finding, Options
from ..notices import redirected_by_us
from . import content, matching, sites
from .discovery import Discovery
from .dumps import Group, VirtualHost
from .filesystem import path_matches, reaches
from .grammar import Directive, Node, Section
from .matching import Answer
from .sites import Place, Stages
from .tree import INCLUDES, is_on, own


def check(
    discovery: Discovery, hostname: str, places: Sequence[Place], stages: Stages, options: Options
) -> list[Finding]:
    """What speaks against enforcing ``hostname``, whose TLS sites are ``places``."""
    findings = []
    for place in sites.places(discovery, hostname, tls=False):
        findings.extend(_plain(discovery, hostname, place, stages, options))
    findings.extend(_same_content(discovery, hostname, places, stages))
    findings.extend(shadowed(discovery, hostname))
    for place in places:
        engine = matching.engine(discovery, place.section)
        if engine != "on":
            findings.append(
                Finding(
                    "tls_unclear", "error", hostname,
                    f"its virtual host says SSLEngine {engine} on an address where TLS is spoken",
                    "Say SSLEngine on.", place.host.file, place.host.line,
                )
            )  # fmt: skip
    return findings


def not_served(discovery: Discovery, hostname: str) -> Finding:
    """No virtual host has this name over TLS: the default one would answer, which belongs to others."""
    for answer in matching.answers(discovery, hostname):
        if answer.tls and answer.host is not None:
            return Finding(
                "not_served", "error", hostname,
                f"no virtual host with TLS has this name; the first one of {answer.endpoint.label} answers for it, "
                "as for every unknown name",
                "Give it a <VirtualHost> with this ServerName or ServerAlias.", answer.host.file, answer.host.line,
            )  # fmt: skip
    return Finding(
        "not_served", "error", hostname, "no virtual host with TLS has this name",
        "Give it a <VirtualHost> with this ServerName and SSLEngine on.",
    )  # fmt: skip


def plain_to_close(discovery: Discovery, hostname: str) -> list[Place]:
    """The virtual hosts that serve ``hostname`` without TLS with more than a redirect, leaving out what we closed."""
    return [
        place
        for place in sites.places(discovery, hostname, tls=False)
        if place.section is None or _served(discovery, place.section, hostname, place.is_default) is not None
    ]


def shadowed(discovery: Discovery, hostname: str) -> list[Finding]:
    """Virtual hosts that have the name and never answer, since another one of their address comes first."""
    answering = {answer.host.place for answer in matching.answers(discovery, hostname) if answer.host is not None}
    found = []
    for endpoint in matching.endpoints(discovery):
        if endpoint.group is None:
            continue
        for position in matching.claimants(discovery, endpoint.group, hostname):
            host = endpoint.group.hosts[position]
            if host.place not in answering:
                found.append(
                    Finding(
                        "shadowed", "warning", hostname,
                        f"this virtual host of {endpoint.label} has the name, but another one answers first",
                        "Remove the name from one of them.", host.file, host.line,
                    )
                )  # fmt: skip
    return list(dict.fromkeys(found))


def foreign_includes(discovery: Discovery, hostnames: Sequence[str]) -> list[Finding]:
    """Include lines, not ours, that bring the snippet of a hostname to where it doesn't belong."""
    astray = list(_reaching(discovery, discovery.tree.level, None))
    for host in dict.fromkeys(host for group in discovery.dump.groups for host in group.hosts):
        section = discovery.section(host)
        astray.extend(_reaching(discovery, section.children if section else (), host))
    findings = []
    for hostname in hostnames if astray else ():
        paths = discovery.paths.snippets(hostname)
        serving = {place.host.place for place in sites.places(discovery, hostname, tls=True)}
        for node, pattern, owner in astray:
            if (owner is None or owner.place not in serving) and any(path_matches(path, pattern) for path in paths):
                where = "at server level" if owner is None else f"in the virtual host {owner.name}"
                findings.append(
                    Finding(
                        "include_astray", "error", hostname,
                        f"the line {node.text} {where} would bring this hostname's client authentication there",
                        f"Write IncludeOptional {paths[0]} in the virtual host of {hostname} only.",
                        node.file, node.line,
                    )
                )  # fmt: skip
    return list(dict.fromkeys(findings))


def _reaching(
    discovery: Discovery, nodes: Sequence[Node], owner: VirtualHost | None
) -> Iterator[tuple[Directive, str, VirtualHost | None]]:
    """Include lines, not ours, that could read files in our directory."""
    for node in own(nodes, *INCLUDES):
        pattern = discovery.tree.absolute(node.arguments[-1]) if node.arguments else "/"
        if reaches(pattern, discovery.paths.own_directory) and not sites.is_marked(discovery, node):
            yield node, pattern, owner


def _served(discovery: Discovery, section: Section, hostname: str, is_default: bool) -> Node | None:
    if matching.engine(discovery, section) == "optional":
        return section
    return content.serves_content(section, hostname, is_default, discovery.paths.own_directory)


def _plain(discovery: Discovery, hostname: str, place: Place, stages: Stages, options: Options) -> list[Finding]:
    section = place.section
    served: Node | None = None
    if section is not None:
        served = _served(discovery, section, hostname, place.is_default)
        if served is None:
            return []
    file, line = (served.file, served.line) if served is not None else place.host.place
    where = " and ".join(place.listeners)
    others = [name for name in place.own_names if name != hostname and stages.of(name) != ENFORCE]
    remedy = "Let it redirect to HTTPS only, take the name out of it, or set plain_http to redirect."
    by_us = section is not None and bool(sites.includes(discovery, section, discovery.paths.plain(hostname)))
    if by_us and options.plain_http != "redirect":
        return [redirected_by_us("plain_http", hostname, file, line)]
    if options.plain_http == "redirect" and section is not None and place.written_out:
        if matching.engine(discovery, section) == "optional":
            remedy = "Say SSLEngine on or off."
        elif others:
            remedy = f"Split the virtual host: {', '.join(others)} would be redirected, too."
        else:
            return []
    return [
        Finding(
            "plain_http", "error", hostname, f"its content is served without TLS at {where}, to everybody", remedy,
            file, line,
        )
    ]  # fmt: skip


def _same_content(discovery: Discovery, hostname: str, places: Sequence[Place], stages: Stages) -> list[Finding]:
    """Default virtual hosts (and the main server) that serve what the protected one serves."""
    protected = [content.signature(place.section.children, discovery) for place in places if place.section]
    findings = []
    for endpoint in matching.endpoints(discovery):
        group = endpoint.group
        if group is None:
            nodes: Sequence[Node] = discovery.tree.level
            section, file, line = None, discovery.dump.files[0], 0
        else:
            host = group.hosts[0]
            section = discovery.section(host)
            nodes, file, line = section.children if section else (), host.file, host.line
            default = Answer(endpoint, host, section, True, matching.speaks_tls(discovery, group))
            if _closed(hostname, default, stages):
                continue
        if section is not None and _served(discovery, section, hostname, True) is None:
            continue
        is_named = partial(_is_named, discovery, group)
        other = content.signature(nodes, discovery)
        shared = {item for mine in protected for item in mine.shared(other, is_named)}
        hosts = own(nodes, "proxypreservehost")
        told_apart = bool(hosts) and is_on(hosts[-1]) and is_named(hostname)
        harmless = {item for item in shared if told_apart and item.startswith("backend")}
        open_doors = shared - harmless
        harmless.update(item for mine in protected for item in mine.shared_idle(other))
        if not open_doors and not harmless:
            continue
        findings.append(
            Finding(
                "same_content", "error" if open_doors else "warning", hostname,
                f"the virtual host for unknown names of {endpoint.label} serves the same {min(open_doors or harmless)}",
                "Give that one something else to serve, or let it refuse or redirect everything.", file, line,
            )
        )  # fmt: skip
    return findings


def _is_named(discovery: Discovery, group: Group | None, name: str) -> bool:
    """Whether a virtual host of ``group`` has this name, so that the default one never gets requests for it."""
    return group is not None and bool(matching.claimants(discovery, group, name))


def _closed(hostname: str, default: Answer, stages: Stages) -> bool:
    """Whether a default virtual host is itself enforced, or is one of the hostname's own, which are judged apart."""
    if default.host is None:
        return False
    names = matching.names_of(default.host, default.section)
    if names.match(hostname):
        return True
    return default.tls and any(
        names.match(name) and stages.at(default.section, name) == ENFORCE
        for name, stage in stages.strictest.items()
        if stage == ENFORCE
    )
