# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that the collection knows: what each is like stands here and nowhere else.

A new server is a package beside ``nginx`` and one entry here. ``_engine`` hands the traits to those who need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from . import apache, caddy, haproxy, nginx, traefik
from .apache.remedies import REMEDIES as APACHE_REMEDIES
from .model import Driver, Runner
from .nginx.remedies import REMEDIES as NGINX_REMEDIES
from .traefik import log as traefik_log


@dataclass(frozen=True)
class Server:
    """The traits of a server, and how its driver is made.

    How a reload is proved isn't here: the driver's plan says it (``Control.proofs``).
    """

    title: str
    make: Callable[[dict[str, str], Runner], Driver[Any]]
    #: Where the role writes the verification log unless told otherwise, on one distribution or another; the first that
    #: exists is the one.
    logs: tuple[str, ...]
    #: In ``log_only`` it serves a request whatever certificate comes. Where that's not so, a leaf that would be
    #: refused must be found before the server asks for it.
    tolerant: bool
    #: Whether its log tells of the handshakes that it refused at ``enforce``.
    logs_refusals: bool
    #: Turns whole lines of its log into lines in our format; None where it writes those itself.
    adapt: Callable[[bytes], bytes] | None = None
    #: The next five: see ``ServerTraits`` in ``_evidence/record.py``. A server that verifies nothing at ``log_only``
    #: is never believed, and only compared by the leaf's fingerprint.
    believed: tuple[Mapping[str, str], ...] = ()
    by_fingerprint: bool = False
    compares_names: bool = False
    host_unread: tuple[str, ...] = ()
    foreign_status: str = ""
    #: How its ``Server`` header begins, in lower case (empty: it has none), and what to do about what the probe finds.
    header: str = ""
    remedies: Mapping[str, str] = field(default_factory=dict)


# Imported by name: Ansible brings to an origin only what it sees imported.
SERVERS: dict[str, Server] = {
    "apache": Server(
        "Apache",
        make=apache.make,
        logs=("/var/log/apache2/aop.log", "/var/log/httpd/aop.log"),
        tolerant=False,
        logs_refusals=False,
        # With optional_no_ca and TLS 1.2 it says SUCCESS on every resumed session, whatever the certificate was.
        believed=({"tls": "TLSv1.3"}, {"resumed": "Initial"}),
        header="apache",
        remedies=APACHE_REMEDIES,
    ),
    "caddy": Server(
        "Caddy",
        make=caddy.make,
        logs=("/var/log/caddy/aop.log",),
        tolerant=True,
        logs_refusals=False,
        adapt=caddy.adapt,
        by_fingerprint=True,
        header="caddy",
        remedies=caddy.REMEDIES,
    ),
    "haproxy": Server(
        "HAProxy",
        make=haproxy.make,
        logs=("/var/log/haproxy-aop.log",),
        tolerant=True,
        logs_refusals=True,
        # Our rules in its configuration compare code, issuer and name, and write what came of it.
        believed=({},),
        compares_names=True,
    ),
    "nginx": Server(
        "nginx",
        make=nginx.make,
        logs=("/var/log/nginx/aop.log",),
        tolerant=True,
        logs_refusals=True,
        believed=({},),
        compares_names=True,
        # Of such requests it may not have read the Host. It then logs the first name of the server block.
        host_unread=("000", "400", "408", "414", "505"),
        foreign_status="403",
        header="nginx",
        remedies=NGINX_REMEDIES,
    ),
    "traefik": Server(
        "Traefik",
        make=traefik.make,
        logs=("/var/log/traefik/access.log",),
        tolerant=True,
        logs_refusals=False,
        adapt=traefik_log.adapt,
        by_fingerprint=True,
    ),
}


def load(name: str, paths: Mapping[str, str], run: Runner) -> Driver[Any]:
    """The driver of the server ``name``; ``paths`` comes from the role."""
    return SERVERS[name].make(dict(paths), run)


def remedies() -> dict[str, Mapping[str, str]]:
    """What the probe is handed: the remedies of each server by the beginning of its ``Server`` header."""
    return {server.header: server.remedies for server in SERVERS.values() if server.header}
