# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy as the engine drives it: read, plan, check, activate."""

from __future__ import annotations

import os
import posixpath
import pwd
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..command import check
from ..errors import OriginError, ValidationFailed
from ..model import NOTHING, Control, Lost, Options, Plan, Proof, Protection, Runner, Site
from ..restore import RELOAD_SECONDS, awaited, witness
from . import adapted, caddyfile, lexer, planning, survey
from .adapted import Config
from .staging import Stage
from .survey import Discovery, Paths, Process

#: From this version on a site can trust a file of CAs and add to its log.
MINIMUM_VERSION = (2, 8)
#: Where Caddy keeps its data.
_DATA = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
#: A thousand hostnames at one address are one reload; a few handshakes tell.
_KNOCKS = 20


class CaddyDriver:
    """Driver of Caddy (see :class:`~..model.Driver`)."""

    name = "caddy"

    def __init__(self, paths: Paths, run: Runner) -> None:
        self.paths = paths
        self.run = run

    def discover(self) -> Discovery:
        """What Caddy's process was started with, what it makes of its Caddyfile, and what of that is ours."""
        version = parse_version(self.run((self.paths.binary, "version"), {}).output)
        if version < MINIMUM_VERSION:
            raise OriginError(
                f"Caddy {'.'.join(map(str, version))} is too old: it can't log which certificate was presented",
                "Upgrade to Caddy 2.8 or newer (https://caddyserver.com/docs/install); Debian's own package is older.",
            )
        unit = self._unit()
        directory = unit.get("WorkingDirectory", "").lstrip("!-") or "/"
        arguments = _read(f"/proc/{unit['MainPID']}/cmdline").split("\0")
        main = os.path.join(directory, self.paths.config or _config_of(arguments, directory))
        environment = _environment(unit)
        written = caddyfile.read(main, _read, environment)
        used = {name for text in written.files.values() for name in lexer.variables(text)} | {*_DATA}
        process = Process(
            user=pwd.getpwuid(os.stat(f"/proc/{unit['MainPID']}").st_uid).pw_name,
            directory=directory,
            binary=self.paths.binary,
            environment={name: value for name, value in environment.items() if name in used},
        )
        done = self.run(_command(process, "adapt", main), process.environment)
        if done.status != 0:
            raise ValidationFailed("Caddy", done.output, "it was broken before we came, and nothing was changed")
        found = Discovery(
            caddyfile=written,
            config=adapted.parse(done.output),
            process=process,
            paths=self.paths,
            version=version,
            ports=_ports(written),
        )
        return replace(found, own=survey.own_files(found.directory))

    def stages(self, discovery: Discovery) -> Mapping[str, str]:
        """The strictest stage of each hostname that we protect."""
        return discovery.protected

    def inspect(self, discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
        """Where each hostname is served and at which stage."""
        return planning.inspect(discovery, hostnames)

    def listeners(self, discovery: Discovery) -> list[str]:
        """The sockets that others can reach."""
        found = set()
        for server in discovery.config.servers:
            for address in server.listen:
                host, _colon, port = address.rpartition(":")
                if port.isdigit() and not planning.is_local(address):
                    found.add(f"{host or '*'}:{port} {'ssl' if server.tls else 'plain'}")
        return sorted(found)

    def lost(self, discovery: Discovery) -> list[Lost]:
        """Hostnames that files of ours name, though nothing that is loaded protects them."""
        return planning.lost(discovery)

    def plan(self, discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
        """What would be changed and what speaks against it."""
        made = planning.plan(discovery, wanted, options)
        return replace(made, control=self.control(discovery, made))

    def validate(self, discovery: Discovery, plan: Plan) -> None:
        """Let Caddy check the configuration as it would be, and see that each site then asks for what it shall."""
        root = tempfile.mkdtemp(prefix="originlock-caddy-")
        try:
            changed = {change.path: change.after for change in plan.files}
            stage = Stage(discovery, changed, plan.log_path, root)
            main = stage.build()
            process = discovery.process
            for work in ("adapt", "validate"):
                done = self.run(_as_user(process, _command(process, work, main)), process.environment)
                if done.status != 0:
                    raise ValidationFailed("Caddy", stage.translate(done.output), "nothing was changed")
                if work == "adapt":
                    _compare(discovery.config, adapted.parse(stage.translate(done.output)), plan)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def validate_live(self, control: Control) -> None:
        """Let Caddy check what is on disk."""
        check("Caddy", control, self.run)

    def activate(self, kind: str, control: Control) -> None:
        """Make what is on disk the running configuration."""
        if kind == NOTHING:
            return
        looks = [witness(proof) for proof in control.proofs]
        done = self.run(control.reload, control.environment)
        if done.status != 0:
            raise OriginError(
                f"Caddy refused the new configuration: {_last_words(done.output)}",
                "Mend what it names, then run again.",
            )
        problem = awaited(looks, RELOAD_SECONDS)
        if problem:
            raise OriginError(f"Caddy lives, but {problem}", "Look at its log (journalctl -u caddy).")

    def control(self, found: Discovery, plan: Plan) -> Control:
        """How this Caddy is checked and told. ``caddy reload`` ends when the new configuration runs, or was refused."""
        process, main = found.process, found.caddyfile.main
        knocks: list[Proof] = []
        for site in plan.sites:
            for label in site.listeners:
                host, _colon, port = label.rpartition(":")
                address = "127.0.0.1" if host in ("*", "0.0.0.0", "[::]") else host.strip("[]")
                knock = {"kind": "tls", "address": address, "port": int(port), "server_name": site.hostname}
                if knock not in knocks:
                    knocks.append(knock)
        return Control(
            validate=_as_user(process, _command(process, "validate", main)),
            reload=_command(process, "reload", main, "--force"),
            proofs=tuple(knocks[:_KNOCKS]),
            environment=process.environment,
        )

    def _unit(self) -> dict[str, str]:
        """What systemd knows of the running service."""
        wanted = "MainPID,WorkingDirectory,Environment,EnvironmentFiles"
        done = self.run(("systemctl", "show", f"--property={wanted}", f"{self.paths.service}.service"), {})
        unit = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
        if done.status != 0 or unit.get("MainPID", "0") == "0":
            raise OriginError(
                f"The service {self.paths.service} isn't running",
                "Start it; its sites are brought to their stages on a running server.",
            )
        return unit


def make(paths: Mapping[str, str], run: Runner) -> CaddyDriver:
    """The driver with the paths of this distribution (keys as in :class:`Paths`, all optional)."""
    known = {key: value for key, value in paths.items() if key in Paths.__dataclass_fields__ and value}
    return CaddyDriver(Paths(**known), run)


def parse_version(output: str) -> tuple[int, ...]:
    """What ``caddy version`` says. Errors: it's not Caddy."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", output.strip())
    if found is None:
        raise OriginError(f"caddy version answers: {output.strip()[:200]}", "Correct the path of the caddy binary.")
    return tuple(int(part) for part in found.groups())


def _config_of(arguments: Sequence[str], directory: str) -> str:
    """The Caddyfile that a process was started with. Errors: it runs from something else."""
    if "--resume" in arguments:
        raise OriginError(
            "Caddy runs with --resume: what was loaded by its API counts, and no Caddyfile",
            "Let it run from a Caddyfile (caddy run --config /etc/caddy/Caddyfile).",
        )
    values = dict(_options(arguments))
    config, adapter = values.get("config", "Caddyfile"), values.get("adapter", "")
    if adapter not in ("", "caddyfile") or (not adapter and "caddyfile" not in posixpath.basename(config).lower()):
        raise OriginError(
            f"Caddy runs from {os.path.join(directory, config)}, which is no Caddyfile",
            "Let it run from a Caddyfile; a configuration in JSON is not changed here.",
        )
    return config


def _options(arguments: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for number, word in enumerate(arguments):
        name, equal, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in ("config", "c", "adapter", "a"):
            following = arguments[number + 1] if number + 1 < len(arguments) else ""
            found.append(({"c": "config", "a": "adapter"}.get(name, name), value if equal else following))
    return found


def _ports(written: caddyfile.Caddyfile) -> dict[str, str]:
    wanted = {"http_port": "http", "https_port": "https"}
    ports = {"http": "80", "https": "443"}
    for option in written.options:
        if option.name in wanted and option.arguments:
            ports[wanted[option.name]] = option.arguments[0]
    return ports


def _command(process: Process, work: str, main: str, *more: str) -> tuple[str, ...]:
    # Certificates may be named relative to where it was started.
    where = ("env", "-C", process.directory)
    return (*where, process.binary, work, "--config", main, "--adapter", "caddyfile", *more)


def _as_user(process: Process, command: tuple[str, ...]) -> tuple[str, ...]:
    """A check opens logs and makes what is missing, so it must be done as who Caddy is."""
    return command if process.user == "root" else ("runuser", "-u", process.user, "--", *command)


def _compare(before: Config, after: Config, plan: Plan) -> None:
    """See that every site asks for what it shall, and that nobody else's does. Errors: it isn't so."""
    wanted = {site.hostname: site.stage_after for site in plan.sites}
    for server in after.tls():
        for name in server.hosts():
            if name == "*":
                continue
            stage = server.stage(name)
            if name in wanted and stage != wanted[name]:
                raise OriginError(
                    f"{name}: Caddy would be at {stage} instead of {wanted[name]} on {', '.join(server.listen)}: "
                    "another tls directive comes first there",
                    "Give the hostname a site block of its own with one tls directive. Nothing was changed.",
                )
            was = [one.authentication(name) for one in before.tls() if one.listen == server.listen]
            known = {name for site in plan.sites for name in (site.hostname,)}
            if name not in known and was and was[0] != server.authentication(name):
                raise OriginError(
                    f"{name} would be asked for a client certificate as well: it shares a tls directive with "
                    f"{', '.join(sorted(wanted))}",
                    "Give it a tls directive of its own. Nothing was changed.",
                )


def _environment(unit: Mapping[str, str]) -> dict[str, str]:
    """The variables that a service runs with: those of its process, or, in a container that hides them, of its unit."""
    try:
        entries = _read(f"/proc/{unit['MainPID']}/environ").split("\0")
    except PermissionError:
        entries = shlex.split(unit.get("Environment", ""))
        file = unit.get("EnvironmentFiles", "").partition(" (")[0]
        if file and os.path.exists(file):
            entries += [word for line in _read(file).splitlines() for word in shlex.split(line, comments=True)]
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _last_words(output: str) -> str:
    """The error in what a command of Caddy printed, without the messages before it."""
    errors = [line for line in output.splitlines() if line.startswith("Error:")]
    return (errors or output.strip().splitlines()[-3:] or ["nothing was said"])[-1]


def _read(path: str) -> str:
    with open(path, encoding="latin-1", newline="") as stream:
        return stream.read()
