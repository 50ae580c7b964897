# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probing a scenario the way the module does, without Ansible."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import remedies
from ansible_collections.originlock.aop.plugins.module_utils._probe import mint
from ansible_collections.originlock.aop.plugins.module_utils._probe.judge import Summary
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    ENFORCE,
    OTHER,
    PLAIN,
    QUIC,
    TLS,
    VALID,
    Hostname,
    Identity,
    Listener,
    Origin,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import Report, prove

from .farm import Farm
from .material import Material, make

SETTINGS = Settings(rate=400, time_limit=60, foreign_sni=("open.test", "staff.test"), timeout=5, servers=remedies())


def farm_material(directory: Path) -> Material:
    """Certificates and one page per site."""
    for site in ("app", "open", "staff"):
        (directory / "www" / site).mkdir(parents=True)
        (directory / "www" / site / "index.html").write_text(f"<h1>The pages of {site}</h1>\n")
    (directory / "www" / "app" / "private").mkdir()
    (directory / "www" / "app" / "private" / "index.html").write_text("<h1>Private</h1>\n")
    return make(directory)


def identities(material: Material, directory: Path, staff: bool = True) -> tuple[Identity, ...]:
    """Our leaf, a certificate of the other CA, and the forgeries, with those of our CA really signed by it."""
    ours = mint.Ours(material.read("ca.crt"), material.read("app.crt"), material.read("ca.key"))
    leaf = Identity(VALID, material.path("app.crt"), material.path("app.key"))
    found = [leaf, *mint.mint("app.test", ours, directory)]
    if staff:
        found.append(Identity(OTHER + "staff", material.path("staff.crt"), material.path("staff.key")))
    return tuple(found)


def probe(
    farm: Farm,
    scenario: str,
    who: tuple[Identity, ...],
    expect: str = ENFORCE,
    settings: Settings = SETTINGS,
    second: bool = False,
    udp: bool = False,
) -> tuple[Report, Summary]:
    """All listeners of a scenario, both families."""
    ports = farm.ports[scenario]
    listeners = []
    for address in ("127.0.0.1", "::1"):
        listeners += [Listener(address, ports["P"], TLS), Listener(address, ports["H"], PLAIN)]
        if second:
            listeners.append(Listener(address, ports["Q"], TLS))
    if udp:
        listeners.append(Listener("127.0.0.1", ports["P"], QUIC))
    report = prove([Origin("farm", tuple(listeners))], [Hostname("app.test", expect, who)], settings)
    return report, report.summaries[0]


def temporary() -> Iterator[Path]:
    """A directory that a container can read (pytest's own are closed to others)."""
    with tempfile.TemporaryDirectory(prefix="originlock-probe-farm-") as name:
        yield Path(name)
