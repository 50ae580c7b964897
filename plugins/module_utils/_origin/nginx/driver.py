# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx as the engine drives it: read, plan, check, activate."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .. import logrotate
from ..command import check
from ..errors import OriginError, ValidationFailed
from ..marks import is_ours
from ..model import NOTHING, REPLACE, Control, Lost, Options, Plan, Protection, Runner, Site
from . import dump, notices, plan, staging, web
from .process import WORKER, Nginx
from .survey import Build, Discovery, Paths


class NginxDriver:
    """Driver of nginx (see :class:`~..model.Driver`)."""

    name = "nginx"

    def __init__(self, paths: Paths, run: Runner) -> None:
        self.paths = paths
        self.run = run

    def discover(self) -> Discovery:
        """What nginx says it loads, and what of it is ours."""
        build = parse_build(self.run((self.paths.binary, "-V"), {}).output)
        done = self.run((*self._nginx(), "-T"), {})
        if done.status != 0:
            raise ValidationFailed("nginx", done.output, "it's the present one, nothing was changed")
        loaded = dump.resolve(dump.split(done.output, _read))
        http = web.web_of(loaded)
        if http is None:
            raise OriginError(f"{loaded.main} has no http block", "There are no sites to protect on this server.")
        found = Discovery(loaded, http, build, self.paths)
        own, strangers = _own_files(found)
        return Discovery(
            loaded,
            http,
            build,
            self.paths,
            own=own,
            strangers=strangers,
            real={name: os.path.realpath(name) for name in loaded.files},
            rotated=logrotate.known(self.paths.logrotate_directory, plan.ROTATION_FILE),
            package=notices.package(build.version, self.run),
        )

    def stages(self, discovery: Discovery) -> dict[str, str]:
        """The strictest stage of each hostname that a server block has loaded."""
        return discovery.protected()

    def inspect(self, discovery: Discovery, hostnames: Sequence[str]) -> list[Site]:
        """Where each hostname is served and at which stage."""
        return plan.sites(discovery, hostnames)

    def lost(self, discovery: Discovery) -> list[Lost]:
        """The hostnames that files of ours name and no server block protects."""
        return plan.lost(discovery)

    def listeners(self, discovery: Discovery) -> list[str]:
        """The sockets of all server blocks that others can reach."""
        return discovery.web.listeners()

    def plan(self, discovery: Discovery, wanted: Sequence[Protection], options: Options) -> Plan:
        """What would be changed and what speaks against it."""
        made = plan.make(discovery, wanted, options)
        findings = (*made.findings, *notices.find(discovery, wanted))
        return replace(made, findings=findings, control=self.control(discovery))

    def validate(self, discovery: Discovery, plan: Plan) -> None:
        """Let nginx check the configuration as it would be."""
        self._process(self.control(discovery)).need_master()
        staging.validate(discovery, plan.changes, plan.log_path, self.run)

    def validate_live(self, control: Control) -> None:
        """Let nginx check what is on disk."""
        check("nginx", control, self.run)

    def activate(self, kind: str, control: Control) -> None:
        """Make what is on disk the running configuration."""
        if kind == NOTHING:
            return
        process = self._process(control)
        if kind == REPLACE:
            process.replace()
        else:
            process.reload()

    def control(self, found: Discovery) -> Control:
        """How this nginx is checked and told."""
        log = [one.args[0] for one in found.dump.top("error_log") if one.args] or [found.build.error_log_path]
        return Control(
            validate=(*self._nginx(), "-t"),
            reload=(*self._nginx(), "-s", "reload"),
            proofs=({"kind": "children", "pid_file": found.pid_file, "serving": WORKER},),
            error_log=posixpath.join(found.build.prefix, log[0]),
        )

    def _nginx(self) -> tuple[str, ...]:
        return (self.paths.binary, "-c", self.paths.config) if self.paths.config else (self.paths.binary,)

    def _process(self, control: Control) -> Nginx:
        return Nginx(control.proofs[0]["pid_file"], control.error_log, self.paths.service, self.run)


def make(paths: Mapping[str, str], run: Runner) -> NginxDriver:
    """The driver with the paths of this distribution (keys as in :class:`Paths`, all optional)."""
    known = {key: value for key, value in paths.items() if key in Paths.__dataclass_fields__ and value}
    return NginxDriver(Paths(**known), run)


def parse_build(output: str) -> Build:
    """What ``nginx -V`` says. Errors: it's not nginx."""
    version = re.search(r"nginx version: \S+?/([\d.]+)", output)
    if version is None:
        raise OriginError(f"nginx -V answers: {output.strip()[:200]}", "Correct the path of the nginx binary.")

    def option(name: str, default: str) -> str:
        found = re.search(rf"--{name}=('[^']*'|\S+)", output)
        return found.group(1).strip("'") if found else default

    prefix = option("prefix", "/usr/local/nginx")
    return Build(
        version=tuple(int(part) for part in version.group(1).split(".")),
        prefix=prefix,
        http_log_path=option("http-log-path", "logs/access.log"),
        error_log_path=option("error-log-path", "logs/error.log"),
        pid_path=option("pid-path", "logs/nginx.pid"),
        realip="--with-http_realip_module" in output,
    )


def _own_files(found: Discovery) -> tuple[dict[str, bytes], list[str]]:
    """Files with our mark (path to content), and files without it in places of ours."""
    own: dict[str, bytes] = {}
    strangers: list[str] = []
    places = [posixpath.join(found.paths.logrotate_directory, plan.ROTATION_FILE)]
    places += [name for name in found.dump.files if posixpath.basename(name) == plan.CONF_D_FILE]
    if os.path.isdir(found.directory):
        places += [found.in_directory(name) for name in sorted(os.listdir(found.directory))]
    for path in places:
        if os.path.isfile(path):
            content = _read(path)
            if is_ours(content):
                own[path] = content
            else:
                strangers.append(path)
    return own, strangers


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
