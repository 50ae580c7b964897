# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is found and what is wanted to the whole change set, with everything that speaks against it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..hostnames import bad_hostname, is_hostname
from ..model import ENFORCE, NOTHING, OFF, RELOAD, STAGES, Finding, Options, Plan, Protection, Site
from . import bundle, changes, clientauth, doors, names, notices, sites
from .discovery import Discovery
from .sites import Place


def plan(discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan for ``wanted``. Hostnames that aren't in it stay as they are."""
    broken = [finding for entry in wanted for finding in _bad_input(entry)]
    if "ssl" not in discovery.dump.modules and any(entry.stage != OFF for entry in wanted):
        broken.append(
            Finding(
                "no_tls_module", "error", ", ".join(entry.name for entry in wanted), "Apache has mod_ssl not loaded",
                "Load it (a2enmod ssl on Debian, the package mod_ssl on the RHEL family) and serve the site over TLS.",
            )
        )  # fmt: skip
    if broken:
        return Plan(findings=tuple(broken))
    before = discovery.stages()
    after = {name: stage for name, stage in before.items() if name not in {entry.name for entry in wanted}}
    after.update({entry.name: entry.stage for entry in wanted if entry.stage != OFF})

    findings: list[Finding] = []
    found: dict[str, list[Place]] = {}
    for entry in wanted:
        places = sites.places(discovery, entry.name, tls=True)
        found[entry.name] = places
        if entry.stage != OFF:
            findings.extend(_check(discovery, entry, places, after, wanted, options))
        else:
            findings.extend(finding for place in places for finding in names.check_off(entry.name, place, after))
    findings.extend(doors.foreign_includes(discovery, [entry.name for entry in wanted if entry.stage != OFF]))
    # A hostname that was protected here and isn't served any more must not keep others from being relaxed. Where
    # it shall stay enforced, that's an error: without our line in it, the virtual host of before is open.
    gone = {
        entry.name
        for entry in wanted
        if not found[entry.name]
        and entry.stage != ENFORCE
        and STAGES.index(entry.stage) <= STAGES.index(before.get(entry.name, OFF))
    }
    findings = [replace(item, severity="warning") if item.hostname in gone else item for item in findings]

    work = changes.Changes(discovery, wanted, found, after, options)
    findings.extend(work.findings())
    findings.extend(notices.find(discovery, found, after))
    files = () if any(finding.severity == "error" for finding in findings) else work.files()
    changed = any(change.changed for change in files)
    return Plan(
        files=tuple(files),
        sites=tuple(_sites(discovery, wanted, found)),
        findings=tuple(dict.fromkeys(findings)),
        activation=RELOAD if changed else NOTHING,
        own_directories=(os.path.join(discovery.paths.own_directory, "plain"), discovery.paths.own_directory),
    )


def inspect(discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
    """The sites of ``hostnames``, or of every protected hostname, as they are."""
    result = []
    for name in hostnames or sorted(discovery.stages()):
        for place in sites.places(discovery, name, tls=True):
            stage = sites.stage_of(discovery, place.section, name)
            result.append(Site(name, place.host.file, place.host.line, place.listeners, stage, stage))
    return result


def _bad_input(entry: Protection) -> list[Finding]:
    if not is_hostname(entry.name):
        return [bad_hostname(entry.name)]
    if entry.stage == OFF:
        return []
    found = []
    problem = bundle.problem(entry.trust_bundle) if entry.trust_bundle.strip() else "there is no trust bundle"
    if problem:
        remedy = "Give the PEM of the client CAs; Apache would die of it at the next reload."
        found.append(Finding("bad_trust_bundle", "error", entry.name, problem, remedy))
    if not entry.certificate.strip():
        found.append(
            Finding(
                "certificate_missing", "error", entry.name,
                "the certificate that the edge presents isn't given, and Apache refuses an expired or unsuitable one "
                "even in log_only",
                "Give it, so that it's verified before Apache asks for it.",
            )
        )  # fmt: skip
    return found


def _check(
    discovery: Discovery,
    entry: Protection,
    places: Sequence[Place],
    after: Mapping[str, str],
    targets: Sequence[Protection],
    options: Options,
) -> list[Finding]:
    if not places:
        return [doors.not_served(discovery, entry.name)]
    findings: list[Finding] = []
    for place in places:
        if not place.written_out or place.section is None:
            findings.append(_not_editable(place))
            continue
        findings.extend(clientauth.check_site(discovery, entry.name, entry.stage, place.section))
        findings.extend(clientauth.check_server(discovery, entry.name, entry.stage, place.section))
        findings.extend(names.check(discovery, entry, place, after, targets))
    if entry.stage == ENFORCE:
        findings.extend(doors.check(discovery, entry.name, places, after, options))
    else:
        findings.extend(doors.shadowed(discovery, entry.name))
    return findings


def _not_editable(place: Place) -> Finding:
    host = place.host
    if host.macro:
        return Finding(
            "macro", "error", place.hostname,
            f"its virtual host is made by the macro {host.macro}, which may serve others, too",
            "Write this virtual host out.", host.file, host.line,
        )  # fmt: skip
    if not place.written_out:
        return Finding(
            "macro", "error", place.hostname,
            "its virtual host is read several times, with other variables each time, so that it makes others, too",
            "Write this virtual host out.", host.file, host.line,
        )  # fmt: skip
    return Finding(
        "site_not_found", "error", place.hostname, "Apache tells of a virtual host here, but none was found",
        "Write its <VirtualHost> on a line of its own.", host.file, host.line,
    )  # fmt: skip


def _sites(discovery: Discovery, targets: Sequence[Protection], found: dict[str, list[Place]]) -> list[Site]:
    result = []
    for entry in targets:
        for place in found[entry.name]:
            before = sites.stage_of(discovery, place.section, entry.name)
            result.append(Site(entry.name, place.host.file, place.host.line, place.listeners, before, entry.stage))
    return result
