# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual hosts that don't answer as their files seem to say, and include lines that lead astray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import Finding
from . import matching, sites
from .discovery import Discovery
from .dumps import VirtualHost
from .filesystem import path_matches, reaches
from .grammar import Directive, Node
from .sites import Place
from .tree import INCLUDES, own


def check(discovery: Discovery, hostname: str, places: Sequence[Place]) -> list[Finding]:
    """What speaks against enforcing ``hostname``, whose TLS sites are ``places``."""
    findings = []
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
                        "include_line_astray", "error", hostname,
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
