# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Caddy makes of its Caddyfile: the configuration that ``caddy adapt`` prints.

Source: https://caddyserver.com/docs/json/apps/http/servers/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import OriginError
from ..model import ENFORCE, LOG_ONLY, OFF

_STAGES = {"request": LOG_ONLY, "require_and_verify": ENFORCE}


@dataclass(frozen=True)
class Config:
    """The whole of it. ``admin`` is the address of its API, empty if that is off."""

    servers: tuple[Server, ...]
    admin: str

    def tls(self) -> list[Server]:
        """The servers that speak TLS."""
        return [one for one in self.servers if one.tls]

    def serving(self, name: str) -> list[Server]:
        """The TLS servers that have a site for a hostname."""
        return [one for one in self.tls() if one.site_of(name)]


@dataclass(frozen=True)
class Server:
    """One server: the sites that share listeners."""

    name: str
    listen: tuple[str, ...]
    tls: bool
    routes: tuple[Mapping[str, Any], ...]
    policies: tuple[Mapping[str, Any], ...]
    strict_sni: bool

    @property
    def ports(self) -> list[str]:
        """The ports that it listens on."""
        return [address.rpartition(":")[2] for address in self.listen]

    def hosts(self) -> list[str]:
        """The names of its sites, in the order in which Caddy looks at them; ``*`` for one that takes every name."""
        return [host for route in self.routes for host in _hosts(route) or ["*"]]

    def site_of(self, name: str) -> str:
        """Which of its sites serves a hostname: its own name or a wildcard; empty if only one for every name does."""
        return next((host for host in self.hosts() if host != "*" and covers(host, name)), "")

    def route_of(self, name: str) -> Mapping[str, Any] | None:
        """The first route that a request for a hostname takes."""
        return next((one for one in self.routes if any(covers(host, name) for host in _hosts(one) or ["*"])), None)

    def authentication(self, name: str) -> Mapping[str, Any]:
        """What it asks of a client that names ``name`` in its handshake: the first policy that matches decides."""
        for policy in self.policies:
            names = (policy.get("match") or {}).get("sni")
            if names is None or any(covers(one.lower(), name) for one in names):
                return policy.get("client_authentication") or {}
        return {}

    def stage(self, name: str) -> str:
        """The stage that this amounts to."""
        found = self.authentication(name)
        stage = _STAGES.get(str(found.get("mode")), OFF)
        return OFF if stage == ENFORCE and not found.get("ca") else stage


def covers(pattern: str, name: str) -> bool:
    """Whether a name of a site, perhaps with ``*`` for a label, stands for a hostname."""
    if pattern == "*":
        return True
    parts, labels = pattern.lower().split("."), name.split(".")
    return len(parts) == len(labels) and all(part in ("*", label) for part, label in zip(parts, labels))


def parse(output: str) -> Config:
    """The configuration in what ``caddy adapt`` printed, messages in between. Errors: there is none."""
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if "msg" not in found and "level" not in found:
                return _config(found)
    raise OriginError(f"caddy adapt answers: {output.strip()[-500:]}", "Mend the Caddyfile.")


def _config(data: Mapping[str, Any]) -> Config:
    apps = data.get("apps") or {}
    http = apps.get("http") or {}
    plain = str(http.get("http_port") or 80)
    servers = tuple(_server(name, one, plain) for name, one in (http.get("servers") or {}).items())
    admin = data.get("admin") or {}
    address = "" if admin.get("disabled") else str(admin.get("listen") or "localhost:2019")
    return Config(servers, address)


def _server(name: str, data: Mapping[str, Any], plain_port: str) -> Server:
    routes, listen = tuple(data.get("routes") or ()), tuple(data.get("listen") or ())
    policies = tuple(data.get("tls_connection_policies") or ())
    automatic = data.get("automatic_https") or {}
    names = {host for route in routes for host in _hosts(route)} - set(automatic.get("skip") or ())
    ports = {address.rpartition(":")[2] for address in listen}
    tls = bool(policies) or (ports != {plain_port} and not automatic.get("disable") and bool(names))
    # Caddy turns it on by itself where any policy asks for client certificates.
    strict = data.get("strict_sni_host")
    return Server(name, listen, tls, routes, policies, strict is not False)


def _hosts(route: Mapping[str, Any]) -> list[str]:
    return [str(host).lower() for match in route.get("match") or () for host in match.get("host") or ()]


def handlers(route: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every handler in a route, at any depth."""
    waiting: list[Any] = [route]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Mapping):
            if isinstance(one.get("handler"), str):
                yield one
            waiting.extend(one.values())
        elif isinstance(one, Sequence) and not isinstance(one, str):
            waiting.extend(one)


def is_closed(route: Mapping[str, Any]) -> bool:
    """Whether a route gives no content: all that it does is to redirect, refuse or end the connection."""
    kinds = [one for one in handlers(route) if one["handler"] not in ("subroute", "headers", "encode", "vars")]
    return bool(kinds) and all(
        one["handler"] == "static_response"
        and (one.get("abort") or str(one.get("status_code", ""))[:1] in ("3", "4"))
        for one in kinds
    )


def sources(route: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Where the content of a route comes from: upstreams and directories."""
    found: set[tuple[str, str]] = set()
    roots = {str(one["root"]) for one in handlers(route) if one["handler"] == "vars" and "root" in one}
    for one in handlers(route):
        if one["handler"] == "reverse_proxy":
            found |= {("proxy", str(upstream.get("dial"))) for upstream in one.get("upstreams") or ()}
        elif one["handler"] == "file_server":
            found |= {("files", root) for root in ({str(one["root"])} if one.get("root") else roots or {"."})}
    return found
