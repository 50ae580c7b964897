# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user writes to listeners: addresses are resolved, and a server's own list of listeners is read."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import replace

from .._common.errors import UserError
from .model import PLAIN, QUIC, TLS, Listener, Origin

_LISTENER = re.compile(r"^(?:(?P<address>\[[0-9A-Fa-f:.%]+\]|[^:\s\[\]]*):)?(?P<port>\d{1,5})(?P<words>(?:\s+\S+)*)$")
_DEFAULT_PORT = 443


def path(text: str) -> str:
    """A request path, checked likewise."""
    if not text.startswith("/") or not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
        raise UserError(f"'{text}' is not a request path.", "Give paths that begin with / and hold no spaces.")
    return text


def origin(
    name: str,
    addresses: Iterable[str],
    ports: Iterable[int] | None,
    plain_ports: Iterable[int],
    quic_ports: Iterable[int],
    listeners: Iterable[str],
    others: Iterable[str] = (),
) -> Origin:
    """One origin. ``addresses`` may be names; each address of a name counts. ``listeners``: see :func:`listed`.

    ``others`` are written likewise, and are :attr:`Listener.other`. Where ``ports`` is None they are those of
    ``listeners``, or 443 where none of these speaks TLS.
    """
    literal = [found for address in addresses for found in resolve(address)]
    known: list[Listener] = []
    missed: list[tuple[Listener, str]] = []
    beside: list[Listener] = []
    for text in listeners:
        found, why = listed(text, literal, name)
        known += [] if why else found
        missed += [(listener, why) for listener in found if why]
    for text in others:
        found, why = listed(text, literal, name)
        beside += [] if why else [replace(listener, other=True) for listener in found]
    if ports is None:
        ports = [] if any(listener.kind == TLS for listener in known) else [_DEFAULT_PORT]
    made = [
        Listener(address, _port(port, name), kind)
        for address in dict.fromkeys(literal)
        for kind, numbers in ((TLS, tuple(ports)), (PLAIN, tuple(plain_ports)), (QUIC, tuple(quic_ports)))
        for port in numbers
    ]
    # Of two that are equal, the one counts that was meant.
    made += sorted(known, key=lambda listener: listener.mapped) + beside
    return Origin(name, tuple(dict.fromkeys(made)), tuple(missed))


def listed(text: str, addresses: list[str], name: str) -> tuple[list[Listener], str]:
    """A listener as servers write it: C(443 ssl), C(*:80), C([::]:8443 ssl), C(192.0.2.1:443 quic).

    One for any address stands for each of the origin's addresses of that family; one for an address that the origin
    was not given with (behind NAT), too, since nothing is sent to addresses that nobody gave. Where there is none of
    that family, the second value says so, and the listener is only to be shown. Where nothing says whether a port
    speaks TLS, both ways are tried (443 and 80 apart). Sockets of files and what is bound to the loopback can't be
    reached from outside.
    """
    if text.strip().lower().startswith("unix:"):
        return [], ""
    found = _LISTENER.match(text.strip())
    if not found:
        raise UserError(
            f"Origin '{name}': '{text}' is not a listener.",
            "Write ADDRESS:PORT or PORT, with ssl or quic after it.",
        )
    port, words = _port(int(found.group("port")), name), set(found.group("words").lower().split())
    bound, mapped = _bound((found.group("address") or "*").strip("[]"), addresses)
    kinds: tuple[str, ...] = (TLS, PLAIN)
    if words & {"quic", "udp"}:
        kinds = (QUIC,)
    elif words & {"ssl", "tls", "https"} or port == 443:
        kinds = (TLS,)
    elif words & {"plain", "http"} or port == 80:
        kinds = (PLAIN,)
    if bound and bound[0] not in addresses:
        shown = [Listener(bound[0], port, kind) for kind in kinds[:1]]
        return shown, "not probed: the server listens here, and the origin was given without an address of that family"
    return [Listener(entry, port, kind, mapped) for entry in bound for kind in kinds], ""


def _bound(address: str, addresses: list[str]) -> tuple[list[str], bool]:
    """Which of the origin's addresses a listener's address stands for, and whether that is a guess.

    An address that stands for none of them is returned itself.
    """
    older, newer = ([entry for entry in addresses if (":" in entry) is wanted] for wanted in (False, True))
    if address in ("*", "_default_"):
        return addresses, False
    if address == "0.0.0.0":
        return older, False
    if address == "::":
        # A socket of both families.
        return (newer, False) if newer else (older, True)
    try:
        literal = ipaddress.ip_address(address)
    except ValueError:
        return ([], False) if address.lower() == "localhost" else (addresses, True)
    if str(literal) in addresses:
        return [str(literal)], False
    if literal.is_loopback:
        return [], False
    return (older if literal.version == 4 else newer) or [str(literal)], True


def resolve(address: str) -> list[str]:
    """Literal addresses of an address or a name, both families."""
    try:
        return [str(ipaddress.ip_address(address.strip("[]")))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UserError(
            f"The address '{address}' can't be resolved.", "Give the origin's addresses in origins[].addresses."
        ) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _port(port: int, name: str) -> int:
    if not 0 < port < 65536:
        raise UserError(f"Origin '{name}': {port} is not a port.", "Ports are from 1 to 65535.")
    return port
