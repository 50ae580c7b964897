# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a group of test hosts up, tell how to reach them, and take them down again."""

from __future__ import annotations

import json
import re
import shutil
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import images, keys, network
from .commands import CACHE, OWNER, HostsError, need, owned, podman, podman_json, run, say

_LABEL = "originlock.prefix"
_PATIENCE = 90.0


@dataclass(frozen=True)
class Host:
    name: str
    server: str
    release: str
    container: str
    address: str
    address6: str


def run_directory(prefix: str) -> Path:
    return CACHE / "runs" / prefix


def parse_hosts(text: str) -> list[dict[str, str]]:
    """``nginx-bookworm,web2=apache-trixie`` → name, server and release of each.

    ``all`` is one of each kind that there is a role for.
    """
    if text == "all":
        text = ",".join(f"{server}-{release}" for server in images.tested() for release in images.RELEASES)
    found = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _equals, kind = item.rpartition("=")
        server, release = images.split_kind(kind)
        found.append({"name": name or kind, "server": server, "release": release})
    names = [entry["name"] for entry in found]
    if not names or len(set(names)) != len(names):
        raise HostsError(f"--hosts needs at least one host, each name once: '{text}'")
    return found


def up(prefix: str, wanted: list[dict[str, str]], edge: bool, inventory: Path | None) -> dict[str, Any]:
    """Start the hosts and wait until systemd has settled and SSH answers; returns what ``state.json`` holds."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", prefix):
        raise HostsError(f"--prefix must be lower-case letters, digits and dashes, 31 at most: '{prefix}'")
    need("podman", "ssh", "ssh-keygen", "openssl", "ip")
    started = time.monotonic()
    images.build((entry["server"], entry["release"]) for entry in wanted)
    down(prefix)
    directory = run_directory(prefix)
    directory.mkdir(parents=True, mode=0o700)
    try:
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(keys.make_ssh, directory), pool.submit(keys.make_sites, directory)]
            net = network.create(prefix)
            for job in jobs:
                job.result()
        hosts = [
            Host(
                **entry,
                container=f"{prefix}-{entry['name']}",
                address=net.address(network.FIRST_HOST + number),
                address6=net.address6(network.FIRST_HOST + number),
            )
            for number, entry in enumerate(wanted)
        ]
        keys.write_known_hosts(directory, [a for host in hosts for a in (host.address, host.address6) if a])
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(lambda host: _start(host, prefix, net, directory), hosts))
            edges = network.add_edge_addresses(net) if edge else []
            list(pool.map(lambda host: _wait(host, directory), hosts))
        state = _state(prefix, directory, net, hosts, edges, inventory)
    except BaseException:
        down(prefix)
        raise
    say(f"{len(hosts)} hosts are up after {time.monotonic() - started:.1f} s")
    return state


def down(prefix: str) -> None:
    """Remove every trace of ``prefix``; nothing there is fine."""
    _remove(f"{_LABEL}={prefix}")
    network.remove(prefix)
    directory = run_directory(prefix)
    state = directory / "state.json"
    if state.exists():
        shutil.rmtree(json.loads(state.read_text())["control_directory"], ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def down_of(owner: str) -> None:
    """Remove everything that was brought up with ORIGINLOCK_OWNER=``owner``."""
    for prefix in network.prefixes_of(owner):
        down(prefix)
    _remove(f"{OWNER}={owner}")


def _remove(label: str) -> None:
    found = podman("ps", "-aq", "--filter", "label=" + label, check=False).stdout.split()
    if found:
        podman("rm", "-f", "-t", "0", *found)


def running() -> list[dict[str, str]]:
    containers = podman_json("ps", "-a", "--filter", "label=" + _LABEL, "--format", "json")
    return [
        {"prefix": entry["Labels"][_LABEL], "container": entry["Names"][0], "state": entry["State"]}
        for entry in containers
    ]


def _start(host: Host, prefix: str, net: network.Network, directory: Path) -> None:
    podman(
        *("run", "-d", "--name", host.container, "--hostname", host.name, "--label", f"{_LABEL}={prefix}"),
        *owned(),
        *("--systemd=always", "--network", net.name, "--ip", host.address),
        *(("--ip6", host.address6) if host.address6 else ()),
        *("-v", f"{directory / 'ssh'}:/etc/ssh/run:ro", "-v", f"{directory / 'sites'}:/etc/ssl/sites:ro"),
        *(images.image_name(host.server, host.release), "/lib/systemd/systemd"),
    )


def ssh_options(directory: Path) -> list[str]:
    return [
        *("-i", str(directory / "id_ed25519"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={directory / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"),
        *("-o", "HostKeyAlgorithms=ssh-ed25519"),
    ]


def _wait(host: Host, directory: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    _wait_for_port(host, 22, deadline)
    done = run(
        ["ssh", *ssh_options(directory), "-o", "ConnectTimeout=10", "root@" + host.address]
        + ["systemctl is-system-running --wait || systemctl --failed --no-legend --plain"],
        check=False,
        timeout=_PATIENCE,
    )
    if done.stdout.strip() != "running":
        said = f"{done.stdout.strip()} {done.stderr.strip()}"
        raise HostsError(f"{host.container}: systemd isn't content: {said}")
    # A unit that is started again and again is not among the failed ones.
    _wait_for_port(host, 443, deadline)


def _wait_for_port(host: Host, port: int, deadline: float) -> None:
    while True:
        try:
            socket.create_connection((host.address, port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                logs = podman("logs", "--tail", "20", host.container, check=False)
                raise HostsError(
                    f"{host.container}: nothing answers at {host.address} port {port}:\n{logs.stdout}{logs.stderr}"
                ) from None
            time.sleep(0.1)


def _state(
    prefix: str, directory: Path, net: network.Network, hosts: list[Host], edges: list[str], inventory: Path | None
) -> dict[str, Any]:
    # Sockets of SSH's shared connections: a short path, and never one of an earlier run at the same address.
    control = tempfile.mkdtemp(prefix="originlock-")
    written = (inventory or directory / "inventory.json").resolve()
    state: dict[str, Any] = {
        "prefix": prefix,
        "directory": str(directory),
        "control_directory": control,
        "inventory": str(written),
        "origin_ca": str(directory / "origin-ca.pem"),
        "network": net.as_dict(),
        "edge_addresses": edges,
        "hosts": {host.name: dict(vars(host)) for host in hosts},
    }
    (directory / "state.json").write_text(json.dumps(state, indent=2) + "\n")
    everywhere = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(directory / "id_ed25519"),
        "ansible_ssh_common_args": "-o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        " -o HostKeyAlgorithms=ssh-ed25519" % (directory / "known_hosts"),
        "ansible_control_path_dir": control,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    groups: dict[str, Any] = {}
    for host in hosts:
        members = groups.setdefault(host.server + "_origins", {"hosts": {}})["hosts"]
        members[host.name] = {
            "ansible_host": host.address,
            "aop_server": host.server,
            "test_address6": host.address6,
        }
    group = {"vars": everywhere, "children": groups}
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps({"all": {"children": {"aop_origins": group}}}, indent=2) + "\n")
    return state
