# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a hostname's content beside the sites that ask for certificates.

Each driver tells what it found as :class:`Door`; the rules here are the same for all servers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..model import ACME_PATH, Finding, Options

#: A file and a line.
Place = tuple[str, int]


@dataclass(frozen=True)
class Door:
    """Listeners that others reach, and the site that gets requests there: for the hostname, or for unknown names.

    ``listeners`` are as the server writes them, ``place`` is where the site is written. ``named``: the site has the
    hostname's name. ``answers``: it gets requests for the hostname; always so if it's named, and otherwise where no
    other site has the name. ``closed``: it gives no content, since it redirects, refuses or asks for certificates
    itself (ACME challenges may pass, and what a file of ours does there doesn't count). ``shares`` says what it serves
    that the hostname's sites serve, too (``directory /srv/app``); ``surely`` is false where that may be meant.
    ``acme`` is where it answers ACME challenges, if it does.

    For doors without TLS: ``redirected`` by a file of ours now; ``stuck`` says what to do where we can't redirect it.
    ``remedy`` is how its owner closes it. ``site`` is the driver's own.
    """

    listeners: tuple[str, ...]
    tls: bool
    place: Place
    named: bool
    answers: bool = True
    closed: bool = False
    shares: str = ""
    surely: bool = True
    acme: Place | None = None
    redirected: bool = False
    stuck: str = ""
    remedy: str = ""
    site: Any = None

    @property
    def is_plain(self) -> bool:
        """Whether it's a way without TLS that is judged as such: by the name, or where we can redirect it."""
        return not self.tls and self.answers and (self.named or bool(self.shares and not self.stuck))


def to_redirect(doors: Iterable[Door], options: Options) -> list[Door]:
    """The doors that are to be closed by a redirect of ours."""
    wished = options.plain_http == "redirect"
    return [door for door in doors if wished and door.is_plain and not door.closed and not door.stuck]


def ways_around(hostname: str, doors: Iterable[Door], options: Options) -> Iterator[Finding]:
    """What speaks against enforcing the hostname. Those that :func:`to_redirect` names are no matter."""
    for door in doors:
        if door.closed:
            continue
        where = " and ".join(door.listeners)
        if door.is_plain:
            if options.plain_http != "redirect":
                yield (
                    _redirected_by_us(hostname, door)
                    if door.redirected
                    else _plain(hostname, door, where, _remedy(door))
                )
            elif door.stuck:
                yield _plain(hostname, door, where, door.stuck)
        elif door.shares and not door.named:
            yield Finding(
                "default_server_open", "error" if door.surely else "warning", hostname,
                f"the site for unknown names of {where} serves the same {door.shares}", door.remedy, *door.place,
            )  # fmt: skip


def challenges(hostname: str, doors: Sequence[Door]) -> Iterator[Finding]:
    """Whether ACME challenges (http-01) end at the site that asks for the edge's certificate."""
    over_tls = next((door.acme for door in doors if door.tls and door.named and door.acme), None)
    plain = [door for door in doors if not door.tls and door.answers]
    if over_tls is None or any(door.acme for door in plain):
        return
    why = "port 80 redirects them there" if plain else "there is no site on port 80 for it"
    yield Finding(
        "acme_http01", "warning", hostname,
        f"ACME challenges (http-01) are answered by its TLS site, and {why}: once it's enforced, a certificate "
        "authority that doesn't come through the edge is refused, and the site's own certificate isn't renewed",
        f"Answer {ACME_PATH}/ on port 80, without a redirect, or use DNS-01.", *over_tls,
    )  # fmt: skip


def _remedy(door: Door) -> str:
    return f"{door.remedy}." if door.stuck else f"{door.remedy}, or set plain_http to redirect."


def _plain(hostname: str, door: Door, where: str, remedy: str) -> Finding:
    return Finding(
        "plain_http_open", "error", hostname, f"its content is served without TLS at {where}, to everybody", remedy,
        *door.place,
    )  # fmt: skip


def _redirected_by_us(hostname: str, door: Door) -> Finding:
    """Without plain_http=redirect our redirect would go, and the content would be there without TLS again."""
    return Finding(
        "plain_http_open", "error", hostname,
        "its content on plain HTTP is closed by the redirect that this role made, which would be removed",
        "Set plain_http to redirect, as before, or let the site redirect by itself.", *door.place,
    )  # fmt: skip
