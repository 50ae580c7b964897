# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a hostname is served: sections, their bind lines and certificates, and where its requests go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..hostnames import is_hostname
from .binds import Bind, binds
from .certificates import Entry, choose
from .config import Section
from .routing import ANYWHERE, Request
from .survey import Discovery

#: Names that nobody named. A section that sends them where a protected hostname goes leaves its content open.
_NOBODY = "unknown.invalid"


@dataclass(frozen=True)
class Served:
    """A hostname in one section: what its requests reach, and with which certificates on which bind lines."""

    section: Section
    destinations: frozenset[str]
    shown: tuple[tuple[Bind, tuple[Entry, ...]], ...]


def destinations(
    found: Discovery, section: Section, host: str, tls: bool = True, sni: str | None = None
) -> frozenset[str]:
    """What requests for ``host`` reach in a section."""
    known = f"{id(section)} {host} {tls} {sni}"
    return _destinations(_Question(known, found, section, Request(host, host if sni is None else sni, tls)))


class _Question:
    """Compared by its text, so that answers can be kept."""

    def __init__(self, text: str, found: Discovery, section: Section, request: Request) -> None:
        self.text, self.found, self.section, self.request = text, found, section, request

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and other.text == self.text and other.found is self.found


@lru_cache(maxsize=4096)
def _destinations(question: _Question) -> frozenset[str]:
    return frozenset(question.found.router(question.section).destinations(question.request))


def served(found: Discovery, hostname: str) -> list[Served]:
    """The sections that serve a hostname over TLS.

    Those whose rules or certificates name it; then also all others that send it to the same backends. Where none names
    it, nobody meant it to be served.
    """
    candidates = [one for section in found.sections if section.http for one in _served(found, section, hostname)]
    named = [one for one in candidates if _is_named(found, one, hostname)]
    goals = frozenset[str]().union(*(one.destinations for one in named))
    return [one for one in candidates if one in named or meet(one.destinations, goals)]


def _served(found: Discovery, section: Section, hostname: str) -> Iterator[Served]:
    shown = []
    for bind in binds(section):
        if bind.tls:
            entries = found.entries(bind)
            chosen = choose(entries, hostname)
            if not chosen and not bind.has("strict-sni"):
                chosen = default_entries(bind, entries)
            if chosen or found.trouble(bind):
                shown.append((bind, tuple(chosen)))
    reached = destinations(found, section, hostname)
    if shown and reached:
        yield Served(section, reached, tuple(shown))


def default_entries(bind: Bind, entries: Sequence[Entry]) -> list[Entry]:
    """What a bind line shows for names that no certificate has."""
    explicit = [value for kind, value in bind.sources if kind == "default-crt"]
    return [entry for entry in entries if entry.file.endswith(tuple(explicit))] if explicit else list(entries[:1])


def known_names(found: Discovery, section: Section) -> list[str]:
    """The names of its certificates, if they tell all names that it's for: none is a wildcard."""
    names = {name for bind in binds(section) if bind.tls for entry in found.entries(bind) for name in entry.names}
    return sorted(name for name in names if is_hostname(name)) if not any("*" in name for name in names) else []


def _is_named(found: Discovery, one: Served, hostname: str) -> bool:
    if any(choose(found.entries(bind), hostname) or found.trouble(bind) for bind, _entries in one.shown):
        return True
    return one.destinations != destinations(found, one.section, _NOBODY)


def meet(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two sets of destinations have one in common."""
    return bool(some & others) or (ANYWHERE in some and bool(others)) or (ANYWHERE in others and bool(some))


def strangers(hostname: str) -> list[str]:
    """Names that aren't ``hostname``, and that careless conditions take for it."""
    first, _dot, rest = hostname.partition(".")
    return [_NOBODY, "", f"x.{hostname}", f"x{hostname}", f"{hostname}.invalid", f"{first}.invalid", f"x.{rest}"]
