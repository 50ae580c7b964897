# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that the collection knows. A new server is one entry here and a package beside ``nginx``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from . import apache, nginx
from .model import Driver, Runner


@dataclass(frozen=True)
class Server:
    """What others need to know of a server, and how its driver is made.

    ``tolerant``: in ``log_only`` it serves a request whatever certificate comes. Where that's not so, a leaf that
    would be refused must be found before the server asks for it. ``logs``: where the role writes the verification log
    unless told otherwise, on one distribution or another; the first that exists is the one.
    """

    title: str
    tolerant: bool
    logs: tuple[str, ...]
    make: Callable[[dict[str, str], Runner], Driver]


# Imported by name: Ansible brings to an origin only what it sees imported.
SERVERS: dict[str, Server] = {
    "apache": Server(
        "Apache",
        tolerant=False,
        logs=("/var/log/apache2/aop.log", "/var/log/httpd/aop.log"),
        make=apache.make,
    ),
    "nginx": Server("nginx", tolerant=True, logs=("/var/log/nginx/aop.log",), make=nginx.make),
}


def load(name: str, paths: Mapping[str, str], run: Runner) -> Driver:
    """The driver of the server ``name``; ``paths`` comes from the role's ladder of distributions."""
    return SERVERS[name].make(dict(paths), run)
