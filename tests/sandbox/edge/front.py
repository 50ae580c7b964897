# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side of the edge that visitors see (not built yet: it listens and closes)."""

from __future__ import annotations

import asyncio

from ..minting import Authority
from ..world import World


class Front:
    """Listens for visitors."""

    def __init__(self, world: World, authority: Authority) -> None:
        self.world = world
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address."""
        self._server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
