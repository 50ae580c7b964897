# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person should know before enforcing: the same findings, in the same words, on every server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model import Finding

_SHOWN = 10
#: Name, file, line.
Place = tuple[str, str, int]


def unprotected_names(beside: Mapping[str, Sequence[Place]]) -> list[Finding]:
    """Names that share a TLS listener with protected ones: one finding for all listeners with the same names.

    ``beside``: those names by listener, each with file and line of its site.
    """
    listeners: dict[tuple[str, ...], list[str]] = {}
    for listener, places in beside.items():
        listeners.setdefault(tuple(sorted({name for name, _file, _line in places})), []).append(listener)
    findings = []
    for names, shared in listeners.items():
        if not names:
            continue
        places = beside[shared[0]]
        files = len({file for _name, file, _line in places})
        _name, file, line = places[0]
        count = "1 name" if len(names) == 1 else f"{len(names)} names"
        where = f" in {files} files" if files > 1 else ""
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        findings.append(
            Finding(
                "unprotected_name", "info", "",
                f"{count}{where} beside protected hostnames on {', '.join(shared)}, not protected: "
                f"{', '.join(names[:_SHOWN])}{more}",
                "Protect what comes through Cloudflare, too; whoever knows this address reaches the others directly.",
                file, line,
            )
        )  # fmt: skip
    return findings


def known_hole(severity: str, server: str, what: str, remedy: str) -> Finding:
    """A version of ``server`` (with its number) for which a way around client certificates is known."""
    return Finding("known_hole", severity, "", f"{server} has {what}", remedy)
