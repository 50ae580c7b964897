# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests are made: every door is tried, but not every combination of all of them.

The whole product of names, certificates, versions and sessions has thousands of members. Doors are independent of each
other, though: a certificate is judged for the right name, a name is tried without a certificate and with those that
another site may accept, a session is taken where it could carry somebody else's verdict.
"""

from __future__ import annotations

from dataclasses import replace

from .model import (
    BAD,
    ENFORCE,
    EXPIRED,
    FOREIGN_CA,
    LOG_ONLY,
    NONE,
    OTHER,
    PLAIN,
    QUIC,
    TLS,
    VALID,
    Case,
    Hostname,
    Listener,
    Settings,
)

UNKNOWN_SNI = "sni.originlock-probe.invalid"
NOBODY_HOST = "host.originlock-probe.invalid"
VERSIONS = ("1.3", "1.2")
_SESSION_SOURCES = 2


def opening(hostname: Hostname, origin: str, listener: Listener, settings: Settings) -> list[Case]:
    """The first requests: does anybody answer, does our certificate get in, does nobody's, which versions are there."""
    base = _base(hostname, origin, listener, settings)
    if listener.kind == PLAIN:
        return [base, replace(base, host=NOBODY_HOST, baseline=True)]
    if listener.kind == QUIC:
        return _for(hostname, base, (VALID, NONE))
    found = []
    for version in VERSIONS:
        found += _for(hostname, replace(base, tls=version), (VALID, NONE))
    return found


def further(
    hostname: Hostname, origin: str, listener: Listener, settings: Settings, versions: tuple[str, ...], quick: bool
) -> list[Case]:
    """The rest, for a listener that answers; ``versions`` are the TLS versions that it offers, the newest first."""
    base = _base(hostname, origin, listener, settings)
    if listener.kind == PLAIN:
        return [replace(base, path=path) for path in settings.paths[1:]] if hostname.expect == ENFORCE else []
    if listener.kind == QUIC:
        return _quic(hostname, base, settings, quick) if hostname.expect == ENFORCE else []
    if not versions:
        return []
    found = [replace(base, tls=versions[0], form="h2")]
    for path in settings.paths[1:]:
        found += _for(hostname, replace(base, tls=versions[0], path=path), (VALID, NONE))
    if hostname.expect in (LOG_ONLY, ENFORCE) and not quick:
        for version in versions:
            found += _for(hostname, replace(base, tls=version), (*BAD, *others(hostname)))
    if hostname.expect == ENFORCE:
        found += _names(hostname, base, settings, versions[:1] if quick else versions, quick)
        if not quick:
            found += _sessions(hostname, base, settings, versions)
    return list(dict.fromkeys(found))


def brief(
    hostname: Hostname, origin: str, listener: Listener, settings: Settings, versions: tuple[str, ...]
) -> list[Case]:
    """The main doors, for a hostname whose class has been tried in full; ``versions`` as in :func:`further`."""
    base = _base(hostname, origin, listener, settings)
    if listener.kind != TLS or not versions:
        return _for(hostname, base, (NONE,) if listener.kind == PLAIN or listener.other else (VALID, NONE))
    base = replace(base, tls=versions[0])
    if listener.other:
        return [base]
    doors = [replace(base, sni=sni, sni_kind=kind) for kind, sni in _doors(hostname, settings)[:3]]
    return [*_for(hostname, base, (VALID, NONE)), *(replace(base, tls=version) for version in versions[1:]), *doors]


def others(hostname: Hostname) -> tuple[str, ...]:
    """Kinds of the certificates of other CAs that the caller has."""
    return tuple(entry.kind for entry in hostname.identities if entry.kind.startswith(OTHER))


def foreign_sni(hostname: Hostname, settings: Settings) -> tuple[str, ...]:
    """Other sites' names to hide behind."""
    return tuple(name for name in settings.foreign_sni if name != hostname.name)


def _base(hostname: Hostname, origin: str, listener: Listener, settings: Settings) -> Case:
    path = settings.paths[0]
    sni = "" if listener.kind == PLAIN else hostname.name
    tls = "1.3" if listener.kind == TLS else ""
    return Case(hostname.name, origin, listener, tls, sni, host=hostname.name, path=path)


def _for(hostname: Hostname, case: Case, kinds: tuple[str, ...]) -> list[Case]:
    have = {NONE, *(entry.kind for entry in hostname.identities)}
    return [replace(case, identity=kind) for kind in kinds if kind in have]


def _names(hostname: Hostname, base: Case, settings: Settings, versions: tuple[str, ...], quick: bool) -> list[Case]:
    """Other names in the handshake than in the request, and other spellings of the name."""
    found = []
    for kind, sni in _doors(hostname, settings):
        door = replace(base, sni=sni, sni_kind=kind)
        found.append(replace(door, tls=versions[0], host=NOBODY_HOST, baseline=True))
        for version in versions:
            found += _for(hostname, replace(door, tls=version), (NONE, *others(hostname)))
        if not quick:
            found += _for(hostname, replace(door, tls=versions[0]), (FOREIGN_CA,))
    found.append(replace(base, tls=versions[0], host=NOBODY_HOST, baseline=True))
    if quick:
        return found
    found.append(replace(base, tls=versions[0], sni=hostname.name.upper(), sni_kind="upper"))
    for kind, sni in _odd_doors(hostname, settings):
        door = replace(base, tls=versions[0], sni=sni, sni_kind=kind)
        found += _spellings(hostname.name, door)
        found += _for(hostname, replace(door, form="h2"), (NONE, *others(hostname)))
    return found


def _doors(hostname: Hostname, settings: Settings) -> list[tuple[str, str]]:
    """Kinds of names in the handshake, and the names, that are not the right one."""
    foreign = [("foreign", name) for name in foreign_sni(hostname, settings)]
    return [("none", ""), ("unknown", UNKNOWN_SNI), *foreign]


def _odd_doors(hostname: Hostname, settings: Settings) -> tuple[tuple[str, str], ...]:
    """The two of them that odd spellings and HTTP/2 are tried at: no name, and a foreign one if there is any."""
    doors = _doors(hostname, settings)
    return doors[0], doors[2] if len(doors) > 2 else doors[1]


def _spellings(name: str, door: Case) -> list[Case]:
    port = door.listener.port
    return [
        replace(door, host=name.upper(), spelling="upper case"),
        replace(door, host=name + ".", spelling="dot"),
        replace(door, host=f"{name}:{port}", spelling="name with port"),
        replace(door, form="absolute", spelling="absolute"),
    ]


def _sessions(hostname: Hostname, base: Case, settings: Settings, versions: tuple[str, ...]) -> list[Case]:
    """Sessions that may carry a verdict from somewhere else, or from a kinder moment."""
    found = []
    sources = ["", UNKNOWN_SNI, *foreign_sni(hostname, settings)[:_SESSION_SOURCES]]
    for version in versions:
        for source in sources:
            case = replace(base, tls=version, resume_from=source)
            found += _for(hostname, case, (NONE, FOREIGN_CA, *others(hostname)))
        same = replace(base, tls=version, resume_from=hostname.name)
        found += _for(hostname, same, (FOREIGN_CA, EXPIRED))
    return found


def _quic(hostname: Hostname, base: Case, settings: Settings, quick: bool) -> list[Case]:
    """As over TCP, without sessions, HTTP/2 and the absolute form, which are not there."""
    found = [replace(base, host=NOBODY_HOST, baseline=True)]
    for path in settings.paths[1:]:
        found += _for(hostname, replace(base, path=path), (VALID, NONE))
    for kind, sni in _doors(hostname, settings):
        door = replace(base, sni=sni, sni_kind=kind)
        found.append(replace(door, host=NOBODY_HOST, baseline=True))
        found += _for(hostname, door, (NONE, *others(hostname), *(() if quick else (FOREIGN_CA,))))
    if quick:
        return found
    found += _for(hostname, base, (*BAD, *others(hostname)))
    found.append(replace(base, sni=hostname.name.upper(), sni_kind="upper"))
    for kind, sni in _odd_doors(hostname, settings):
        door = replace(base, sni=sni, sni_kind=kind)
        found += [case for case in _spellings(hostname.name, door) if case.form == "h1"]
    return found
