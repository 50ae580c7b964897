# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is found and what is wanted to the whole change set, with everything that speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .. import marks, trust
from ..hostnames import bad_hostname, is_hostname
from ..model import ENFORCE, NOTHING, OFF, RELOAD, STAGES, Finding, Lost, Options, Plan, Protection, Site
from ..rules.reach import challenges, to_redirect, ways_around
from . import bundle, changes, clientauth, doors, names, notices, reach, sites
from .discovery import Discovery
from .sites import Place, Stages

_BUNDLE_REMEDY = "Give the PEM of the client CAs; Apache would die of it at the next reload."


def plan(discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
    """The plan for ``wanted``. Hostnames that aren't in it stay as they are."""
    broken = [finding for entry in wanted for finding in _bad_input(discovery, entry, options)]
    if "ssl" not in discovery.dump.modules and any(entry.stage != OFF for entry in wanted):
        broken.append(
            Finding(
                "no_tls_module", "error", ", ".join(entry.name for entry in wanted), "Apache has mod_ssl not loaded",
                "Load it (a2enmod ssl on Debian, the package mod_ssl on the RHEL family) and serve the site over TLS.",
            )
        )  # fmt: skip
    if broken:
        return Plan(findings=tuple(broken))
    found = {entry.name: sites.places(discovery, entry.name, tls=True) for entry in wanted}
    stages = Stages(discovery, wanted, found, options)
    # Only now: whether there was a bundle decides what a site gets.
    wanted = [_with_bundle(discovery, entry) for entry in wanted]

    findings: list[Finding] = []
    redirected: dict[str, list[Place]] = {}
    for entry in wanted:
        if stages.of(entry.name) != OFF:
            findings.extend(_check(discovery, entry, found[entry.name], stages, wanted))
            ways = reach.doors(discovery, entry.name, found[entry.name], stages) if found[entry.name] else []
            findings.extend(challenges(entry.name, ways))
            if stages.of(entry.name) == ENFORCE:
                findings.extend(ways_around(entry.name, ways, options))
                redirected[entry.name] = [door.site for door in to_redirect(ways, options)]
        else:
            for place in found[entry.name]:
                findings.extend(names.check_off(entry.name, place, stages))
    findings.extend(doors.foreign_includes(discovery, [name for name in found if stages.of(name) != OFF]))
    # A hostname that was protected here and isn't served any more must not keep others from being relaxed. Where
    # it shall stay enforced, that's an error: without our line in it, the virtual host of before is open.
    left = marks.strictest(discovery.snippets.values())
    gone = {
        name
        for name, places in found.items()
        if not places
        and stages.of(name) != ENFORCE
        and STAGES.index(stages.of(name)) <= STAGES.index(left.get(name, OFF))
    }
    findings = [replace(item, severity="warning") if item.hostname in gone else item for item in findings]

    work = changes.Changes(discovery, wanted, found, stages, redirected, options)
    findings.extend(work.findings())
    findings.extend(notices.find(discovery, stages.strictest))
    files = () if any(finding.severity == "error" for finding in findings) else work.files()
    changed = any(change.changed for change in files)
    return Plan(
        files=tuple(files),
        sites=tuple(_sites(discovery, wanted, found, stages)),
        findings=tuple(dict.fromkeys(findings)),
        activation=RELOAD if changed else NOTHING,
        own_directories=discovery.paths.folders,
    )


def inspect(discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
    """The sites of ``hostnames``, or of every protected hostname, as they are."""
    result = []
    for name in hostnames or sorted(discovery.protected()):
        for place in sites.places(discovery, name, tls=True):
            stage = sites.stage_of(discovery, place.section, name)
            trusts = discovery.trusts(name) if stage != OFF else ()
            host = place.host
            result.append(Site(name, host.file, host.line, place.listeners, stage, stage, trusts, trusts))
    return result


def lost(discovery: Discovery) -> list[Lost]:
    """The hostnames that have snippets, of which none is loaded by a virtual host that serves them."""
    left = marks.strictest(discovery.snippets.values())
    protected = {site.hostname for site in inspect(discovery, sorted(left)) if site.stage_after != OFF}
    return [
        Lost(name, stage, tuple(path for path, (owner, _stage) in discovery.snippets.items() if owner == name))
        for name, stage in left.items()
        if name not in protected
    ]


def _with_bundle(discovery: Discovery, entry: Protection) -> Protection:
    """Without a bundle, what is trusted now stays trusted."""
    known = discovery.own.get(discovery.paths.bundle(entry.name), b"").decode("latin-1")
    return entry if entry.trust_bundle.strip() else replace(entry, trust_bundle=known)


def _bad_input(discovery: Discovery, entry: Protection, options: Options) -> list[Finding]:
    if not is_hostname(entry.name):
        return [bad_hostname(entry.name)]
    if entry.stage == OFF:
        return []
    if not entry.trust_bundle.strip():
        missing = trust.missing(entry, entry.name in discovery.protected(), options)
        return [replace(finding, remedy=_BUNDLE_REMEDY) for finding in missing]
    found = []
    problem = bundle.problem(entry.trust_bundle)
    if problem:
        found.append(Finding("bad_trust_bundle", "error", entry.name, problem, _BUNDLE_REMEDY))
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
    stages: Stages,
    targets: Sequence[Protection],
) -> list[Finding]:
    if not places:
        return [doors.not_served(discovery, entry.name)]
    findings: list[Finding] = []
    for place in places:
        stage = stages.at(place.section, entry.name)
        if stage == OFF:
            continue
        if not place.written_out or place.section is None:
            findings.append(_not_editable(place))
            continue
        findings.extend(clientauth.check_site(discovery, entry.name, stage, place.section))
        findings.extend(clientauth.check_server(discovery, entry.name, stage, place.section))
        findings.extend(names.check(discovery, entry, place, stages, targets))
    if stages.of(entry.name) == ENFORCE:
        findings.extend(doors.check(discovery, entry.name, places))
    return [*findings, *doors.shadowed(discovery, entry.name)]


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


def _sites(
    discovery: Discovery, targets: Sequence[Protection], found: Mapping[str, Sequence[Place]], stages: Stages
) -> Iterator[Site]:
    for entry in targets:
        trusted, wished = discovery.trusts(entry.name), trust.fingerprints(entry.trust_bundle)
        for place in found[entry.name]:
            before = sites.stage_of(discovery, place.section, entry.name)
            after = stages.at(place.section, entry.name)
            host = place.host
            trusts = trusted if before != OFF else (), wished if after != OFF else ()
            yield Site(entry.name, host.file, host.line, place.listeners, before, after, *trusts)
