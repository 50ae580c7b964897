# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on an origin that runs Traefik."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import edit, render
from .process import Process, Trial
from .rules import Rule

FILE = "file"
INTERNAL = "internal"


@dataclass(frozen=True)
class Paths:
    """From the role's ladder. ``service`` decides between several: a unit, or a container's id. ``api``: HOST:PORT."""

    service: str = "traefik.service"
    api: str = ""
    proc: str = "/proc"


@dataclass(frozen=True)
class Router:
    """An HTTP router of the running configuration. ``options``: the full name of its TLS options, empty without TLS."""

    name: str
    provider: str
    status: str
    rule: Rule | None
    text: str
    priority: int
    entry_points: tuple[str, ...]
    options: str
    middlewares: tuple[str, ...]
    errors: tuple[str, ...]
    logged: bool

    @property
    def short(self) -> str:
        """Its name as its provider knows it."""
        return self.name.rpartition("@")[0]


@dataclass(frozen=True)
class Discovery:
    """All that planning needs. ``files``: what the provider's directory holds, by path on this machine.

    ``own``: the path of our file in it. ``generation``: what the running server says of the file that it has loaded.
    """

    process: Process
    paths: Paths
    static: Mapping[str, Any]
    version: tuple[int, ...]
    api: str
    routers: tuple[Router, ...]
    tcp: tuple[Mapping[str, Any], ...]
    middlewares: Mapping[str, Mapping[str, Any]]
    directory: str
    files: Mapping[str, bytes]
    own: str
    read: Trial
    log_path: str
    stale: bool = False
    #: What is at the place of our file and isn't ours.
    stranger: bool = False
    address: str = "127.0.0.1"

    @cached_property
    def groups(self) -> Mapping[str, render.Group]:
        """What our file on disk says, by the name of its TLS options."""
        return render.parse(self.files.get(self.own, b""))

    @cached_property
    def loaded(self) -> Mapping[str, render.Group]:
        """What of it the running server has loaded, by the full name of the TLS options."""
        return {
            f"{name}@{FILE}": group
            for name, group in self.groups.items()
            if render.header_of(group) == render.header_in(self.middlewares.get(f"{render.mark_name(name)}@{FILE}", {}))
        }

    def entry_point(self, name: str) -> Mapping[str, Any]:
        """One of its entry points as configured, with defaults."""
        return dict(self.static["entryPoints"].get(name, {}))

    def stage(self, router: Router) -> str:
        """The stage that a router has loaded."""
        group = self.loaded.get(router.options)
        return group.stage if group is not None and router.status == "enabled" else "off"

    def tls_routers(self) -> Iterator[Router]:
        """The routers that serve over TLS."""
        return (router for router in self.routers if router.options and router.provider != INTERNAL)

    def naming(self, hostname: str) -> list[Router]:
        """The routers over TLS whose rule names the hostname."""
        return [router for router in self.tls_routers() if router.rule and hostname in router.rule.hosts]

    def place(self, router: Router) -> tuple[str, int]:
        """File and line of a router; nothing if its provider has no files."""
        if router.provider != FILE:
            return "", 0
        if router.name not in self._places:
            lines = ((path, edit.line_of(path, text, router.short)) for path, text in self._texts)
            self._places[router.name] = next(((path, line) for path, line in lines if line), (self.directory, 0))
        return self._places[router.name]

    @cached_property
    def _texts(self) -> list[tuple[str, str]]:
        return [(path, content.decode("latin-1")) for path, content in sorted(self.files.items())]

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        return {}
