# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own for each run: subnets are known, and the host gets one more address to play the edge from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from .commands import OWNER, SUDO, HostsError, owned, podman, podman_json, run, say

FIRST_HOST = 11


@dataclass(frozen=True)
class Network:
    """``subnet6`` is empty where this machine can't do IPv6 in containers; ``edge`` is not assigned by podman."""

    name: str
    bridge: str
    subnet: str
    subnet6: str

    def address(self, number: int) -> str:
        return str(ip_network(self.subnet)[number])

    def address6(self, number: int) -> str:
        return str(ip_network(self.subnet6)[number]) if self.subnet6 else ""

    @property
    def edge(self) -> str:
        return self.address(250)

    @property
    def edge6(self) -> str:
        return self.address6(250)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gateway": self.address(1), "gateway6": self.address6(1)}


def network_name(prefix: str) -> str:
    return "originlock-" + prefix


def create(prefix: str) -> Network:
    """Make the network of ``prefix``; the subnet follows from the prefix unless somebody has it already."""
    name = network_name(prefix)
    start = int.from_bytes(hashlib.sha256(prefix.encode()).digest()[:2], "big") % 250
    failure = ""
    for step in range(250):
        number = (start + step) % 250
        subnet = f"10.214.{number}.0/24"
        if _taken(IPv4Network(subnet)):
            continue
        subnet6 = f"fd6f:726c:636b:{number:x}::/64"
        for ranges in (["--subnet", subnet, "--ipv6", "--subnet", subnet6], ["--subnet", subnet]):
            done = podman("network", "create", "--disable-dns", *owned(), *ranges, name, check=False)
            if done.returncode == 0:
                if "--ipv6" not in ranges:
                    say(f"no IPv6 in the network {name}: {failure}")
                return Network(name, _bridge(name), subnet, subnet6 if "--ipv6" in ranges else "")
            failure = done.stderr.strip()
        if "already used" not in failure and "already being used" not in failure:
            break
    raise HostsError(f"podman can't create the network {name}: {failure or 'no free subnet in 10.214.0.0/16'}")


def remove(prefix: str) -> None:
    podman("network", "rm", "-f", network_name(prefix), check=False)


def prefixes_of(owner: str) -> list[str]:
    """Prefixes whose networks were made by ``owner``."""
    listed = podman("network", "ls", "-q", "--filter", f"label={OWNER}={owner}", check=False).stdout
    return [name.removeprefix(network_name("")) for name in listed.split()]


def add_edge_addresses(network: Network) -> list[str]:
    """Give the bridge (there once a container runs) one more address of each family; they vanish with the bridge."""
    wanted = [(network.edge, "/32")] + ([(network.edge6, "/128")] if network.edge6 else [])
    for address, length in wanted:
        options = ["nodad"] if length == "/128" else []
        run([*SUDO, "ip", "address", "replace", address + length, "dev", network.bridge, *options])
    return [pair[0] for pair in wanted]


def _bridge(name: str) -> str:
    found = podman_json("network", "inspect", name)[0]
    if "network_interface" in found:
        return str(found["network_interface"])
    return str(found["plugins"][0]["bridge"])  # podman 3, CNI


def _taken(subnet: IPv4Network) -> bool:
    for link in json.loads(run(["ip", "-j", "address"]).stdout):
        for entry in link.get("addr_info", []):
            if entry.get("family") == "inet":
                there = IPv4Network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
                if subnet.overlaps(there):
                    return True
    return False
