# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several names in one virtual host: client authentication is for all of them or for none."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import ENFORCE, OFF, Finding, Protection
from . import bundle, tree
from .discovery import Discovery
from .sites import Place, Stages


def check(
    discovery: Discovery, entry: Protection, place: Place, stages: Stages, targets: Sequence[Protection]
) -> list[Finding]:
    """Findings about the other names of a virtual host that serves ``entry``."""
    file, line = place.host.file, place.host.line
    stage = stages.at(place.section, entry.name)
    others = {name: stages.at(place.section, name) for name in place.own_names if name != entry.name}
    findings = []
    open_names = [name for name, other in others.items() if other == OFF]
    wider = [name for name, other in others.items() if other not in (OFF, stage)]
    if stage == ENFORCE and open_names:
        findings.append(
            Finding(
                "shared_names", "error", entry.name,
                f"its virtual host serves {', '.join(open_names)} too, and those would be refused",
                "Split the virtual host, or protect those names as well.", file, line,
            )
        )  # fmt: skip
    if wider:
        findings.append(
            Finding(
                "shared_stage", "error", entry.name,
                f"its virtual host serves {', '.join(wider)} too, at the stage {others[wider[0]]}",
                "Bring all names of a virtual host to the same stage in one run, or split it.", file, line,
            )
        )  # fmt: skip
    trusted = bundle.normalise(entry.trust_bundle)
    differing = [n for n in others if n not in open_names and _bundle_of(discovery, n, targets) != trusted]
    if differing:
        findings.append(
            Finding(
                "shared_trust", "error", entry.name,
                f"its virtual host serves {', '.join(differing)} too, which trusts other client CAs",
                "Give all names of a virtual host the same trust bundle in one run, or split it.", file, line,
            )
        )  # fmt: skip
    if stage == ENFORCE and place.is_default:
        findings.append(
            Finding(
                "default_site", "warning", entry.name,
                "its virtual host is the first of its address, so that requests for unknown names get it and will be "
                "refused as well",
                "Put a virtual host for unknown names before it, if there are such visitors.", file, line,
            )
        )  # fmt: skip
    findings.extend(_canonical(discovery, entry.name, place))
    return findings


def check_off(hostname: str, place: Place, stages: Stages) -> list[Finding]:
    """A name can't be given free while its virtual host requires certificates for another one."""
    others = [name for name in place.own_names if name != hostname]
    enforced = [name for name in others if stages.at(place.section, name) == ENFORCE]
    if not enforced:
        return []
    return [
        Finding(
            "shared_stage", "error", hostname,
            f"its virtual host serves {', '.join(enforced)} too, at the stage enforce, and would go on refusing",
            "Bring all names of a virtual host to the same stage in one run, or split it.", *place.host.place,
        )
    ]  # fmt: skip


def _bundle_of(discovery: Discovery, name: str, targets: Sequence[Protection]) -> str:
    for entry in targets:
        if entry.name == name:
            return bundle.normalise(entry.trust_bundle)
    return bundle.normalise(discovery.own.get(discovery.paths.bundle(name), b"").decode("latin-1"))


def _canonical(discovery: Discovery, hostname: str, place: Place) -> list[Finding]:
    """With UseCanonicalName, an alias isn't seen as the name of the request, so that our log would miss it."""
    found = tree.own(place.section.children, "usecanonicalname") if place.section is not None else []
    found = found or discovery.tree.directives("usecanonicalname")
    if not found or not found[-1].arguments or found[-1].arguments[0].lower() == "off" or place.host.name == hostname:
        return []
    return [
        Finding(
            "canonical_name", "error", hostname,
            f"UseCanonicalName hides that a request was for this alias of {place.host.name}, which our log needs",
            "Say UseCanonicalName Off in this virtual host.", found[-1].file, found[-1].line,
        )
    ]  # fmt: skip
