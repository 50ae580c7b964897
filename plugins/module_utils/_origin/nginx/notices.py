# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things about an nginx that a person should know and that don't stop the work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..errors import OriginError
from ..model import OFF, Finding, Protection, Runner
from ..rules import notices
from .names import exact_names, open_names
from .survey import Discovery

#: CVE-2025-23419 is mended in these and in what comes after them.
_MENDED = ((1, 26, 3), (1, 27, 4))
#: Debian's packages of 1.22.1 have the fix from this revision on at the latest (measured).
_DEBIAN = re.compile(r"^1\.22\.1-9\+deb12u(\d+)")
_DEBIAN_MENDED = 11


def package(version: Sequence[int], run: Runner) -> str:
    """The version of Debian's package, asked only where nginx's own version leaves the matter open."""
    if not _has_hole(version):
        return ""
    try:
        told = run(("dpkg-query", "--show", "--showformat=${Version}", "nginx"), {})
    except OriginError:
        return ""
    return told.output.strip() if told.status == 0 else ""


def find(found: Discovery, wanted: Sequence[Protection]) -> list[Finding]:
    """The notices for this origin as it'll be."""
    asked = {wish.name: wish.stage for wish in wanted}
    after = {name for name, stage in {**found.protected(), **asked}.items() if stage != OFF}
    if not after:
        return []
    return [*_unprotected(found, after), *_version(found)]


def _unprotected(found: Discovery, after: set[str]) -> list[Finding]:
    beside: dict[str, list[notices.Place]] = {}
    for address in found.web.addresses(tls=True):
        if not address.is_local and any(found.match(name, address).server for name in after):
            beside[str(address)] = [
                (name, server.file, server.line)
                for server in found.web.on(address)
                for name in (*exact_names(server), *open_names(server))
                if name not in after
            ]
    return notices.unprotected_names(beside)


def _version(found: Discovery) -> Iterator[Finding]:
    version = found.build.version
    if not _has_hole(version):
        return
    server = f"nginx {'.'.join(str(part) for part in version)}"
    hole = "CVE-2025-23419 (a TLS session of one server block is taken over by another one with other client CAs)"
    debian = _DEBIAN.match(found.package)
    if debian is not None and int(debian.group(1)) >= _DEBIAN_MENDED:
        mended = f"{hole}, which its package ({found.package}) has mended"
        yield notices.known_hole("info", server, mended, "Nothing is to be done.")
        return
    remedy = "Look for the number in the package's changelog, or upgrade to 1.26.3, 1.27.4 or newer."
    yield notices.known_hole("warning", server, f"{hole}, unless its package has mended it", remedy)


def _has_hole(version: Sequence[int]) -> bool:
    stable, mainline = _MENDED
    return tuple(version) < (mainline if tuple(version[:2]) == mainline[:2] else stable)
