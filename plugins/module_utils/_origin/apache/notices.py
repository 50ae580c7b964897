# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things about an Apache that a person should know and that don't stop the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import ENFORCE, Finding
from ..rules import notices
from . import matching
from .discovery import Discovery
from .dumps import VirtualHost
from .rendering import POLICY_VERSION
from .sites import Place

#: CVE-2025-23048: a TLS 1.3 session of one virtual host is resumed at another one with other client CAs.
_SESSIONS_SINCE = (2, 4, 35)


def find(discovery: Discovery, after: Mapping[str, str]) -> list[Finding]:
    """The notices. ``after``: the stages as they'll be."""
    if not after:
        return []
    return [*_unprotected(discovery, after), *_version(discovery, after)]


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
