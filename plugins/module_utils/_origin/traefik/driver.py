# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik as the engine drives it: read, plan, check, activate."""

from __future__ import annotations

import http.client
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .. import restore
from ..command import check
from ..errors import OriginError, ValidationFailed
from ..marks import is_ours
from ..model import ENFORCE, NOTHING, Control, Lost, Options, Plan, Proof, Protection, Runner, Site
from ..words import Words
from . import doors, plan, process, render, rules
from .model import FILE, Discovery, Paths, Router

_READ = (".yml", ".yaml", ".toml")


class TraefikDriver:
    """Driver of Traefik (see :class:`~..model.Driver`)."""

    name = "traefik"

    def __init__(self, paths: Paths, run: Runner) -> None:
        self.paths = paths
        self.run = run

    def discover(self) -> Discovery:
        """What its API says, and what another process of it says of its files."""
        running = process.find(self.paths.proc, self.paths.service)
        static = process.static(running)
        api, address = _api(static, running, self.paths.api)
        base = ((static.get("api") or {}).get("basePath") or "/").rstrip("/") + "/api"
        try:
            version = process.ask(api, f"{base}/version")["Version"]
            entry_points = process.ask(api, f"{base}/entrypoints")
            routers = process.ask(api, f"{base}/http/routers")
            middlewares = process.ask(api, f"{base}/http/middlewares")
            tcp = process.ask(api, f"{base}/tcp/routers")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise OriginError(
                f"the API of {process.TITLE} at {api} gives no answer: {error}",
                "Publish it for this machine alone, and set traefik_api to its HOST:PORT.",
            ) from error
        directory = _directory(static, running)
        files = _files(directory)
        own = posixpath.join(directory, render.FILE_NAME)
        stranger = own in files and not is_ours(files[own])
        config = running.config()
        newer = bool(config) and os.stat(running.at(config)).st_mtime > running.started() + 1
        live = {one["name"]: one.get("address") for one in entry_points}
        moved = live != {name: one.get("address") for name, one in static["entryPoints"].items()}
        return Discovery(
            process=running,
            paths=self.paths,
            static=static,
            version=tuple(int(part) for part in re.findall(r"\d+", version)[:3]),
            api=api,
            routers=tuple(_router(one) for one in routers),
            tcp=tuple(tcp),
            middlewares={one["name"]: one for one in middlewares},
            directory=directory,
            files=files,
            own=own,
            read=process.trial(running, static["entryPoints"], _relative(directory, files), {}),
            log_path=_log(static, running),
            stale=newer or moved,
            stranger=stranger,
            address=address,
        )

    def stages(self, discovery: Discovery) -> dict[str, str]:
        """The strictest stage of each hostname that a router has loaded."""
        return plan.stages(discovery)

    def inspect(self, discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
        """Which routers serve each hostname, and at which stage."""
        return plan.sites(discovery, hostnames)

    def lost(self, discovery: Discovery) -> list[Lost]:
        """The hostnames that our file names and no router protects."""
        return plan.lost(discovery)

    def listeners(self, discovery: Discovery) -> list[str]:
        """The entry points that others can reach."""
        return doors.listeners(discovery)

    def plan(self, discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
        """What would be changed and what speaks against it."""
        return plan.make(discovery, wanted, options)

    def validate(self, discovery: Discovery, plan: Plan) -> None:
        """Let another process read the files as they would be, and see that only what was meant is different."""
        after = dict(discovery.files)
        for change in plan.changes:
            after.pop(change.path, None)
            if change.after is not None:
                after[change.path] = change.after
        groups = render.parse(after.get(discovery.own, b""))
        stages = {name: group.stage for group in groups.values() for name in group.hostnames}
        look = {
            name: (router.entry_points[0], process.REFUSED if stages[name] == ENFORCE else process.OPEN)
            for router in discovery.tls_routers()
            for name in (router.rule.hosts if router.rule and router.provider == FILE else ())
            if name in stages and router.entry_points
        }
        files = _relative(discovery.directory, after)
        made = process.trial(discovery.process, discovery.static["entryPoints"], files, look)
        problems = [one for one in made.complaints if one not in discovery.read.complaints]
        problems += _differences(discovery.read.config, made.config)
        problems += [
            f"a client without certificate finds {name} {state}, not {look[name][1]}"
            for name, state in made.doors.items()
            if state != look[name][1]
        ]
        if problems:
            raise ValidationFailed(process.TITLE, "; ".join(problems), "nothing was changed")

    def validate_live(self, control: Control) -> None:
        """Traefik has no command that checks what is on disk."""
        check(process.TITLE, control, self.run)

    def activate(self, kind: str, control: Control) -> None:
        """Wait until Traefik has taken its files, and serves as they say."""
        if kind == NOTHING:
            return
        words = Words(control.error_log)
        witnesses = [restore.witness(proof) for proof in control.proofs]
        witnesses += [partial(_open, proof) for proof in control.proofs]
        problem = restore.awaited(witnesses, restore.RELOAD_SECONDS)
        if problem:
            raise OriginError(
                f"{process.TITLE} didn't take its files: {problem}.{words.since()}", "Mend what it names and run again."
            )


def make(paths: Mapping[str, str], run: Runner) -> TraefikDriver:
    """The driver with the paths of this distribution (keys as in :class:`Paths`, all optional)."""
    known = {key: value for key, value in paths.items() if key in Paths.__dataclass_fields__ and value}
    return TraefikDriver(Paths(**known), run)


def _open(proof: Proof) -> str:
    """What a client without certificate gets though it should get nothing."""
    if proof["kind"] != "tls" or not proof.get("refuses") or proof["proxied"]:
        return ""
    state = process.door(proof["address"], proof["port"], proof["server_name"])
    return "" if state == process.REFUSED else f"a client without certificate finds {proof['server_name']} {state}"


def _api(static: Mapping[str, Any], running: process.Process, given: str) -> tuple[str, str]:
    """HOST:PORT of its API, and the address at which this machine reaches its entry points."""
    address = running.addresses()[0]
    if given:
        return given, address
    if not (static.get("api") or {}).get("insecure"):
        raise OriginError(
            f"the API of {process.TITLE} isn't to be had on this machine",
            "Put this into the static configuration and restart Traefik: api: {insecure: true, dashboard: false} and "
            'entryPoints: {traefik: {address: "127.0.0.1:8080"}}. Or set traefik_api to the HOST:PORT of an API that '
            "asks for no password.",
        )
    host, _colon, port = str(static["entryPoints"]["traefik"]["address"]).rpartition(":")
    return f"{address if host.strip('[]') in ('', '0.0.0.0', '::') else host}:{port}", address


def _directory(static: Mapping[str, Any], running: process.Process) -> str:
    provider = (static.get("providers") or {}).get("file") or {}
    if not provider.get("directory"):
        has = "reads one file" if provider.get("filename") else "isn't there"
        raise OriginError(
            f"the file provider of {process.TITLE} {has}; a directory is needed, in which our file lies beside others",
            "Put this into the static configuration and restart Traefik: providers: {file: {directory: "
            f"{posixpath.dirname(provider.get('filename') or '/etc/traefik/dynamic/x')}, watch: true}}}}",
        )
    return os.path.realpath(running.outside(running.inside(provider["directory"])))


def _log(static: Mapping[str, Any], running: process.Process) -> str:
    path = (static.get("accessLog") or {}).get("filePath")
    try:
        return running.outside(running.inside(path)) if path else ""
    except OriginError:
        return ""


def _files(directory: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for folder, _folders, names in os.walk(directory, followlinks=True):
        for name in names:
            if name.endswith(_READ):
                path = posixpath.join(folder, name)
                with open(path, "rb") as stream:
                    found[path] = stream.read()
    return found


def _relative(directory: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {posixpath.relpath(path, directory): content for path, content in files.items()}


def _router(data: Mapping[str, Any]) -> Router:
    tls = data.get("tls")
    options = str(tls.get("options") or "default") if tls is not None else ""
    provider = str(data.get("provider", ""))
    if options and "@" not in options and options != "default":
        options = f"{options}@{provider}"
    return Router(
        name=str(data["name"]),
        provider=provider,
        status=str(data.get("status", "")),
        rule=rules.parse(str(data.get("rule", ""))),
        text=str(data.get("rule", "")),
        priority=int(data.get("priority") or 0),
        entry_points=tuple(data.get("using") or data.get("entryPoints") or ()),
        options=options,
        middlewares=tuple(data.get("middlewares") or ()),
        errors=tuple(data.get("error") or ()),
        logged=(data.get("observability") or {}).get("accessLogs") is not False,
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two configurations besides what is ours."""
    old, new = _foreign(before), _foreign(after)
    return [f"the edit would change {key}" for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]


def _foreign(config: Mapping[str, Any]) -> dict[str, Any]:
    """All of a configuration but what is ours, by names for people."""
    found: dict[str, Any] = {}
    for part, kinds in config.items():
        for kind, entries in (kinds or {}).items():
            for name, entry in entries.items() if isinstance(entries, dict) else [("", entries)]:
                if kind in ("middlewares", "options") and name.startswith(render.PREFIX):
                    continue
                if kind == "routers" and isinstance(entry, dict):
                    entry = dict(entry)
                    entry["middlewares"] = [one for one in entry.get("middlewares") or [] if not _ours(one)]
                    entry["tls"] = entry.get("tls") is not None and {
                        key: value for key, value in entry["tls"].items() if key != "options"
                    }
                found[f"{part} {kind} {name}".strip()] = entry
    return found


def _ours(name: str) -> bool:
    return name.startswith(render.PREFIX)
