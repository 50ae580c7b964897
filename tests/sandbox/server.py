# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole sandbox in one event loop: API, control interface, edge."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web

from .api import PREFIX, Api
from .clock import Clock
from .control import Control
from .edge.front import Front
from .minting import Authority
from .world import DEFAULT_TOKEN, World


class Sandbox:
    """Start, say where it listens, stop. Ports of 0 are chosen by the system."""

    def __init__(
        self, listen: str = "127.0.0.1", api_port: int = 0, edge_port: int = 0, control_port: int = 0,
        edge_source: str | None = None, state_dir: Path | None = None, scale: float = 1.0,
    ) -> None:
        self._listen = listen
        self._ports = {"api": api_port, "edge": edge_port, "control": control_port}
        self._temporary = None if state_dir else tempfile.TemporaryDirectory(prefix="sandbox-")
        self.state_dir = Path(state_dir or (self._temporary.name if self._temporary else "."))
        self._visitor_ca = Authority.make("Sandbox edge CA")
        shared = Authority.make("Sandbox shared origin pull CA")
        foreign = Authority.make("Sandbox foreign CA")
        self._authorities = {"edge-ca.pem": self._visitor_ca, "shared-ca.pem": shared, "foreign-ca.pem": foreign}
        builtin = {
            "shared": shared.client("shared origin pull"),
            "foreign": foreign.client("foreign client"),
            "expired": shared.client("expired client", (-30, -1)),
        }
        self.world = World(Clock(scale), builtin, edge_source)
        self._front = Front(self.world, self._visitor_ca)
        self._runners: list[Any] = []
        self.addresses: dict[str, Any] = {}

    async def start(self) -> dict[str, Any]:
        """Listen. Returns what the ready file holds. Raises OSError if a port is taken."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        for name, authority in self._authorities.items():
            (self.state_dir / name).write_bytes(authority.pem)
        api = await self._serve(web.AppRunner(Api(self.world).app(), access_log=None), self._listen, "api")
        # The control interface has no authentication, so it never leaves loopback.
        control = await self._serve(web.AppRunner(Control(self.world).app(), access_log=None), "127.0.0.1", "control")
        edge = await self._front.start(self._listen, self._ports["edge"])
        zone = next(iter(self.world.zones.values()))
        self.addresses = {
            "api": f"http://{_url(api)}",
            "base_url": f"http://{_url(api)}{PREFIX}",
            "control": f"http://{_url(control)}",
            "edge": _url(edge),
            "edge_ca": str(self.state_dir / "edge-ca.pem"),
            "shared_ca": str(self.state_dir / "shared-ca.pem"),
            "foreign_ca": str(self.state_dir / "foreign-ca.pem"),
            "token": DEFAULT_TOKEN,
            "zone": {"id": zone.id, "name": zone.name, "account_id": zone.account_id},
            "pid": os.getpid(),
        }
        return self.addresses

    async def _serve(self, runner: web.AppRunner, host: str, name: str) -> tuple[str, int]:
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, self._ports[name], shutdown_timeout=0.5)
        await site.start()
        address: tuple[str, int] = runner.addresses[0][:2]
        return address

    async def stop(self) -> None:
        """Close everything, and remove a state directory of our own."""
        await self._front.stop()
        for runner in self._runners:
            await runner.cleanup()
        if self._temporary is not None:
            self._temporary.cleanup()


def _url(address: tuple[str, int]) -> str:
    host, port = address
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
