# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways around protected routers, and what in a configuration forbids to protect them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import hostnames as names
from ..model import ACME_PATH, ENFORCE, OFF, Finding, Options, Proof, Protection
from ..rules.notices import known_hole, unprotected_names
from ..rules.reach import Door, ways_around
from . import render
from .model import INTERNAL, Discovery, Router
from .render import Group

#: The first releases without the known ways around client certificates, by their series.
_MENDED = ((3, 6, 21), (3, 7, 5))
#: Where the access log is expected unless told otherwise.
LOG = "/var/log/traefik/access.log"
_LOG_LINES = (
    f"accessLog: {{format: json, filePath: {LOG}, fields: {{headers: {{names: "
    f"{{{render.CERTIFICATE_HEADER}: keep, {render.STAGE_HEADER}: keep}}}}}}}}"
)


def find(
    found: Discovery, wanted: Mapping[str, Protection], groups: Mapping[str, Group], options: Options
) -> Iterator[Finding]:
    """What speaks against these groups, for the hostnames that are listed."""
    yield from (names.bad_hostname(name) for name in wanted if not names.is_hostname(name))
    protected = {name: group for group in groups.values() if group.stage != OFF for name in group.hostnames}
    listed = {name: group for name, group in protected.items() if name in wanted}
    if listed:
        yield from _server(found)
        yield from _logs(found, options)
    if found.stranger and groups:
        yield Finding(
            "file_in_the_way", "error", "", f"{found.own} isn't ours", "Move it away; its name is needed here.",
            found.own,
        )  # fmt: skip
    for name, group in listed.items():
        yield from _routers(found, name, group)
        if group.stage == ENFORCE:
            yield from ways_around(name, _plain(found, name), options)
        yield from _passed(found, name)
    yield from _beside(found, protected)


def addresses(found: Discovery, entry_points: Sequence[str]) -> Iterator[str]:
    """The sockets of entry points, as the probe reads addresses."""
    for name in entry_points:
        host, _colon, port = _address(found, name).rpartition(":")
        yield from (f"{host}:{port}",) if host else (f"*:{port}", f"[::]:{port}")


def listeners(found: Discovery) -> list[str]:
    """All sockets that others can reach, with what they speak."""
    out: set[str] = set()
    for name, entry in found.static["entryPoints"].items():
        used = [router for router in found.routers if name in router.entry_points and router.provider != INTERNAL]
        if entry["address"].endswith("/udp") or _local(found, name):
            continue
        tls = any(router.options for router in used)
        kinds = ("ssl", "quic") if tls and entry.get("http3") is not None else ("ssl",) if tls else ("plain",)
        out.update(f"{address} {kind}" for address in addresses(found, [name]) for kind in kinds)
    return sorted(out)


def handshakes(found: Discovery, router: Router, group: Group) -> Iterator[Proof]:
    """What tells that a group is in force at the router's entry points."""
    for name in router.entry_points:
        host, _colon, port = _address(found, name).rpartition(":")
        for hostname in router.rule.hosts if router.rule else ():
            yield {
                "kind": "tls", "address": host.strip("[]") or found.address, "port": int(port), "server_name": hostname,
                "proxied": bool(found.entry_point(name).get("proxyProtocol")), "refuses": group.stage == ENFORCE,
            }  # fmt: skip


def _address(found: Discovery, entry_point: str) -> str:
    address = str(found.entry_point(entry_point).get("address", ":0")).partition("/")[0]
    return address.replace("0.0.0.0:", ":").replace("[::]:", ":")


def _local(found: Discovery, entry_point: str) -> bool:
    return _address(found, entry_point).startswith(("127.", "[::1]", "localhost:"))


def _server(found: Discovery) -> Iterator[Finding]:
    text = ".".join(str(part) for part in found.version)
    floor = next((one for one in _MENDED if one[:2] == found.version[:2]), _MENDED[-1])
    if found.version < floor:
        yield known_hole(
            "error", f"Traefik {text}",
            "known ways around client certificates, or was never tried with this collection",
            "Upgrade to 3.7.5 (or 3.6.21) or newer.",
        )  # fmt: skip
    if found.stale:
        yield Finding(
            "static_configuration_newer", "error", "", "its static configuration was changed since it was started",
            "Restart Traefik, then run again.", found.process.config(),
        )  # fmt: skip
    if not found.static["providers"]["file"].get("watch"):
        yield Finding(
            "not_watched", "error", "", "the file provider doesn't watch its directory, so changes need a restart",
            "Set providers.file.watch to true and restart Traefik.",
        )  # fmt: skip
    if found.read.complaints:
        shown = "; ".join(found.read.complaints[:3])
        yield Finding(
            "configuration_errors", "warning", "", f"Traefik complains about its present files: {shown}",
            "Mend that: one file with an error keeps Traefik from taking any change.",
        )  # fmt: skip


def _logs(found: Discovery, options: Options) -> Iterator[Finding]:
    log: Mapping[str, Any] = found.static.get("accessLog") or {}
    fields = log.get("fields") or {}
    headers = fields.get("headers") or {}
    kept = {name.lower(): mode for name, mode in (headers.get("names") or {}).items()}
    problems = []
    if not log:
        problems.append("there is none")
    elif log.get("format") != "json":
        problems.append("its format isn't json")
    elif not log.get("filePath"):
        problems.append("it goes to stdout")
    if log.get("filters"):
        problems.append("its filters leave requests out")
    if log.get("fields") and (fields.get("defaultMode", "keep") != "keep" or fields.get("names")):
        problems.append("some of its fields are left out")
    needed = (render.CERTIFICATE_HEADER, render.STAGE_HEADER)
    gone = [name for name in needed if kept.get(name.lower(), headers.get("defaultMode")) != "keep"]
    problems += [f"the header {name} isn't kept" for name in gone]
    if log and problems == [] and not found.log_path:
        problems.append("its file isn't on a directory of this machine")
    if problems:
        yield Finding(
            "log_configuration", "error", "", f"the access log can't serve as evidence: {', '.join(problems)}",
            f"Put this into the static configuration and restart Traefik: {_LOG_LINES}",
        )  # fmt: skip

    elif found.log_path != (options.log_path or LOG):
        yield Finding(
            "log_path", "error", "", f"Traefik writes its access log to {found.log_path}",
            f"Set aop_log_path to {found.log_path}, so that it's read there.",
        )  # fmt: skip


def _routers(found: Discovery, name: str, group: Group) -> Iterator[Finding]:
    """What is wrong with how the hostname is routed over TLS."""

    for router in found.naming(name):
        if router.errors or router.status != "enabled" or "-conflicted-" in router.options:
            why = "; ".join(router.errors) or f"it is {router.status}"
            yield Finding(
                "router_disabled", "error", name, f"Traefik complains about its router {router.name}: {why}",
                "Mend that, then run again.", *found.place(router),
            )  # fmt: skip
        if not router.logged:
            yield Finding(
                "log_silenced", "error", name, f"its router {router.name} has its access log switched off",
                "Remove observability.accessLogs: false.", *found.place(router),
            )  # fmt: skip
        for entry_point in router.entry_points:
            transport = found.entry_point(entry_point).get("transport") or {}
            if not transport.get("keepAliveMaxTime"):
                yield Finding(
                    "kept_connections", "error", name,
                    f"the entry point {entry_point} keeps connections for ever: those from before a change would be "
                    "answered 421, or be served without a certificate, as long as their client likes",
                    f"Set entryPoints.{entry_point}.transport.keepAliveMaxTime to 30s, say, and restart Traefik.",
                )  # fmt: skip
        for entry_point in router.entry_points:
            for other in _reached(found, name, entry_point, True):
                if not (other.rule and name in other.rule.hosts):
                    yield Finding(
                        "unnamed_router", "error", name,
                        f"the router {other.name} ({other.text}) gets some of its requests without naming it, so with "
                        "other TLS options: no certificate is asked for there, and the edge is answered 421",
                        f"Exclude it there (&& !Host(`{name}`)), or write a router for it: Host(`{name}`) && ...",
                        *found.place(other),
                    )  # fmt: skip


def _reached(found: Discovery, name: str, entry_point: str, tls: bool) -> Iterator[Router]:
    """The routers of an entry point that get requests of the hostname: up to the first that gets all that are left."""
    on_it = [one for one in found.routers if entry_point in one.entry_points and bool(one.options) == tls]
    last: int | None = None
    for router in sorted(on_it, key=lambda one: -one.priority):
        if last is not None and router.priority < last:
            return
        verdict = router.rule.match(name) if router.rule else None
        if verdict is not False:
            yield router
        if verdict:
            last = router.priority


def _plain(found: Discovery, name: str) -> Iterator[Door]:
    for entry_point in found.static["entryPoints"]:
        if _local(found, entry_point):
            continue
        for router in _reached(found, name, entry_point, False):
            # Traefik's own: its API, redirects, challenges.
            closed = router.provider == INTERNAL or ACME_PATH in router.text or _redirects(found, router.middlewares)
            remedy = (
                f"Give the router {router.name} a redirectScheme middleware to https, or redirect the whole entry "
                f"point (entryPoints.{entry_point}.http.redirections)"
            )
            sockets = tuple(addresses(found, [entry_point]))
            place = found.place(router)
            yield Door(sockets, False, place, True, closed=closed, stuck=f"{remedy}.", remedy=remedy)


def _redirects(found: Discovery, middlewares: Sequence[str]) -> bool:
    for name in middlewares:
        one = found.middlewares.get(name, {})
        if (one.get("redirectScheme") or {}).get("scheme") == "https":
            return True
        if _redirects(found, tuple((one.get("chain") or {}).get("middlewares") or ())):
            return True
    return False


def _passed(found: Discovery, name: str) -> Iterator[Finding]:
    for router in found.tcp:
        if f"`{name}`" in str(router.get("rule", "")).lower():
            yield Finding(
                "tls_elsewhere", "error", name,
                f"the TCP router {router.get('name')} serves it, too, past all HTTP routers",
                "Remove that router: what it lets through is neither asked for a certificate nor logged.",
            )  # fmt: skip


def _beside(found: Discovery, protected: Mapping[str, Group]) -> Iterator[Finding]:

    beside: dict[str, list[tuple[str, str, int]]] = {}
    used = {one for router in found.tls_routers() if router.rule and set(router.rule.hosts) & set(protected)
            for one in router.entry_points}  # fmt: skip
    for entry_point in sorted(used):
        beside[_address(found, entry_point)] = [
            (host, *found.place(router))
            for router in found.tls_routers()
            if entry_point in router.entry_points and router.rule
            for host in router.rule.hosts
            if host not in protected
        ]
    yield from unprotected_names(beside)
