# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things about an Apache that a person should know and that don't stop the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .. import notices
from ..model import ACME_PATH, ENFORCE, OFF, Finding
from . import content, matching
from .discovery import Discovery
from .dumps import VirtualHost
from .grammar import Directive, Node, Section
from .matching import Answer
from .rendering import POLICY_VERSION
from .sites import Place
from .tree import own

#: CVE-2025-23048: a TLS 1.3 session of one virtual host is resumed at another one with other client CAs.
_SESSIONS_SINCE = (2, 4, 35)
_ANSWERING = ("alias", "aliasmatch", "location", "locationmatch", "proxypass", "proxypassmatch")
#: Beside a redirect of everything, an Alias or a section excepts nothing: redirects are asked first.
_EXCEPTING = ("proxypass", "proxypassmatch", "if", "rewritecond", "rewriterule", "redirectmatch")
_REDIRECTS = ("redirect", "redirectmatch", "redirectpermanent", "redirecttemp", "rewriterule")


def find(discovery: Discovery, found: Mapping[str, Sequence[Place]], after: Mapping[str, str]) -> list[Finding]:
    """The notices. ``found``: the TLS sites of each listed hostname; ``after``: the stages as they'll be."""
    if not after:
        return []
    findings = _unprotected(discovery, after)
    findings.extend(_version(discovery, after))
    anywhere = _mention(discovery, discovery.tree.level, _ANSWERING)
    for hostname, places in found.items():
        if after.get(hostname, OFF) != OFF:
            findings.extend(_challenges(discovery, hostname, places, anywhere))
    return findings


def _unprotected(discovery: Discovery, after: Mapping[str, str]) -> list[Finding]:
    beside: dict[str, list[notices.Place]] = {}
    for endpoint in matching.endpoints(discovery):
        group = endpoint.group
        if group is None or not matching.speaks_tls(discovery, group):
            continue
        if any(matching.claimants(discovery, group, name) for name in after):
            beside[endpoint.label] = [
                (name, host.file, host.line)
                for host in group.hosts
                for name in _own_names(discovery, host)
                if name not in after
            ]
    return notices.unprotected_names(beside)


def _own_names(discovery: Discovery, host: VirtualHost) -> list[str]:
    return Place("", host, discovery.section(host), ()).own_names


def _version(discovery: Discovery, after: Mapping[str, str]) -> Iterator[Finding]:
    if not _SESSIONS_SINCE <= discovery.dump.version < POLICY_VERSION:
        return
    enforced = any(stage == ENFORCE for stage in after.values())
    yield notices.known_hole(
        "info",
        "Apache {}.{}.{}".format(*discovery.dump.version),
        "CVE-2025-23048 unless the distribution has mended it: a TLS 1.3 session that was opened for one virtual host "
        "gets into another one",
        ("" if enforced else "At the stage enforce, ")
        + "SSLStrictSNIVHostCheck on, in our file of each enforced hostname, closes it for those. "
        + "Other virtual hosts with client certificates need 2.4.64 or the same line.",
    )


def _challenges(
    discovery: Discovery, hostname: str, places: Sequence[Place], anywhere: Node | None
) -> Iterator[Finding]:
    """Whether challenges for ``hostname`` are answered over TLS and nowhere else."""
    for place in places:
        served = _mention(discovery, place.section.children, _ANSWERING) if place.section is not None else None
        served = served or anywhere
        if served is None:
            continue
        plain = [answer for answer in matching.answers(discovery, hostname) if not answer.tls]
        if any(_passes(discovery, answer, hostname) for answer in plain):
            return
        why = notices.REDIRECTED if plain else notices.NO_PLAIN_SITE
        yield notices.acme_http01(hostname, why, served.file, served.line)
        return


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
