# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that the collection knows. A new server is one entry here and a package beside ``nginx``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .model import Driver, Runner


@dataclass(frozen=True)
class Server:
    """What others need to know of a server without loading its driver.

    ``tolerant``: in ``log_only`` it serves a request whatever certificate comes. Where that's not so, a leaf that
    would be refused must be found before the server asks for it.
    """

    package: str
    title: str
    tolerant: bool


SERVERS: dict[str, Server] = {
    "apache": Server("apache", "Apache", tolerant=False),
    "nginx": Server("nginx", "nginx", tolerant=True),
}


def load(name: str, paths: Mapping[str, str], run: Runner) -> Driver:
    """The driver of the server ``name``; ``paths`` comes from the role's ladder of distributions."""
    package = importlib.import_module("." + SERVERS[name].package, __package__)
    driver: Any = package.make(dict(paths), run)
    result: Driver = driver
    return result
