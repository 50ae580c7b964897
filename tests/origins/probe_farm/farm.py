# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container per image, on the host's network, with a web server process for each scenario."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import images
from tests.hosts.commands import SUDO, owned, podman, podman_json, run, settle_runtime

from . import apache, haproxy, nginx
from .material import Material

SID = "localhost/originlock-nginx-sid"
_PORTS = ("P", "Q", "H")
_RENDER = {"apache": apache.render, "haproxy": haproxy.render, "nginx": nginx.render}
_START = {
    "apache": "mkdir -p /tmp/locks-{name}; apache2 -f {file} -k start",
    "haproxy": "haproxy -D -f {file} 2> /tmp/{name}.log",
    "nginx": "nginx -q -c {file}",
}


@dataclass(frozen=True)
class Farm:
    """Ports by scenario: P and Q speak TLS, H does not."""

    container: str
    ports: dict[str, dict[str, int]]

    def log(self, scenario: str) -> str:
        return podman("exec", self.container, "cat", f"/tmp/{scenario}.log", check=False).stdout

    def stop(self) -> None:
        podman("rm", "-f", "-t", "0", self.container, check=False)


def start(image: str, server: str, scenarios: Iterable[str], material: Material, directory: Path) -> Farm:
    """Start the scenarios and wait until each listens."""
    names = list(scenarios)
    ports = dict(zip(names, _free_ports(len(names))))
    lines = ["#!/bin/sh"]
    for name in names:
        file = directory / (f"{server}-{name}.conf")
        file.write_text(_RENDER[server](name, ports[name]))
        if server == "haproxy":
            (directory / f"{name}.list").write_text(haproxy.lists(name))
        lines.append(_START[server].format(name=name, file=f"/farm/{file.name}"))
    script = directory / (f"start-{server}.sh")
    script.write_text("\n".join([*lines, "exec sleep infinity", ""]))
    for place in (material.directory, *material.directory.rglob("*")):
        os.chmod(place, 0o755 if place.is_dir() else 0o644)  # throw-away keys, for workers of another user
    container = f"probe-{uuid.uuid4().hex[:12]}"
    podman(
        *("run", "-d", "--rm", "--name", container, "--network=host", "--stop-signal=KILL", "--entrypoint=/bin/sh"),
        *owned(),
        *("-v", f"{directory}:/farm:ro", image, "/farm/" + script.name),
    )
    farm = Farm(container, ports)
    try:
        _wait(farm, names)
    except BaseException:
        farm.stop()
        raise
    return farm


def _wait(farm: Farm, names: list[str]) -> None:
    until = time.monotonic() + 30
    for name in names:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", farm.ports[name]["P"])) == 0:
                    break
            if time.monotonic() > until:
                said = podman("logs", farm.container, check=False)
                raise AssertionError(f"{name} does not start: {_errors(said.stderr)}{farm.log(name)}")
            time.sleep(0.1)


def _errors(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "[warn]" not in line)


def _free_ports(count: int) -> list[dict[str, int]]:
    """Ports below the ephemeral range, free for TCP on both loopback addresses."""
    found: list[int] = []
    candidate = 20000 + os.getpid() % 8000
    while len(found) < count * len(_PORTS):
        candidate += 1
        with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
            try:
                four.bind(("127.0.0.1", candidate))
                six.bind(("::1", candidate))
            except OSError:
                continue
        found.append(candidate)
    return [dict(zip(_PORTS, found[place::count])) for place in range(count)]


def sid_image() -> str:
    """The image with Debian unstable's nginx, made if it isn't there. Raises where it can't be made."""
    if podman_json("image", "inspect", SID):
        return SID
    archive = f"/var/tmp/originlock-nginx-sid-{os.getpid()}.tar"
    options = ['--aptopt=APT::Sandbox::User "root"', '--aptopt=Acquire::Check-Valid-Until "false"']
    try:
        command = [*SUDO, "mmdebstrap", "--quiet", "--variant=minbase", "--include=nginx", *options]
        run([*command, "sid", archive], timeout=600)
        podman("import", "-q", archive, SID)
    finally:
        run([*SUDO, "rm", "-f", archive])
    return SID


def image(server: str, release: str) -> str:
    """The image of the test hosts, made if it isn't there."""
    images.build([(server, release)])
    settle_runtime(images.image_name(server, release))
    return images.image_name(server, release)
