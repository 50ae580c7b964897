# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Apache says of itself, parsed: version, modules, included files, variables, virtual hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import OriginError

#: One command gives all of them; ``-t`` alone would say nothing.
FLAGS: tuple[str, ...] = (
    "-t", "-D", "DUMP_VHOSTS", "-D", "DUMP_INCLUDES", "-D", "DUMP_RUN_CFG", "-D", "DUMP_MODULES",
)  # fmt: skip

_VERSION = re.compile(r"^Server version: \S*?/(\d+)\.(\d+)\.(\d+)", re.M)
_MODULE = re.compile(r"^ (\w+)_module \((?:static|shared)\)$", re.M)
_INCLUDED = re.compile(r"^ +\((?:\*|\d+)\) (.+)$", re.M)
_DEFINE = re.compile(r"^Define: ([^=\n]+)(?:=(.*))?$", re.M)
_ROOT = re.compile(r'^ServerRoot: "(.*)"$', re.M)
_PID = re.compile(r'^PidFile: "(.*)"$', re.M)
_DOCUMENTS = re.compile(r'^Main DocumentRoot: "(.*)"$', re.M)
_ERROR_LOG = re.compile(r'^Main ErrorLog: "(.*)"$', re.M)
_PLACE = r"\((?P<place>.+):(?P<line>\d+)\)"
_ALONE = re.compile(r"^(?P<address>\S+:(?:\d+|\*)) +(?P<name>\S+) " + _PLACE + "$")
_GROUP = re.compile(r"^(?P<address>\S+:(?:\d+|\*)) +is a NameVirtualHost$")
_MEMBER = re.compile(r"^ +port (?:\d+|\*) namevhost (?P<name>\S+) " + _PLACE + "$")
_ALIAS = re.compile(r"^ +(?P<wild>wild )?alias (?P<name>\S+)$")
_MACRO = re.compile(r'^macro \'(?P<name>[^\']*)\'.* used on line (?P<line>\d+) of "(?P<file>[^"]+)"')


@dataclass(frozen=True)
class VirtualHost:
    """A virtual host as dumped. ``macro`` names the macro that made it; its place is then where that was used.

    ``alone``: it's the only one of its address, and the dump leaves the aliases of such a one out.
    """

    name: str
    aliases: tuple[str, ...]
    wildcards: tuple[str, ...]
    file: str
    line: int
    macro: str = ""
    alone: bool = field(default=False, compare=False)

    @property
    def place(self) -> tuple[str, int]:
        """Where its section starts."""
        return self.file, self.line


@dataclass(frozen=True)
class Group:
    """The virtual hosts of one address and port, in the order in which Apache asks them; the first is the default."""

    address: str
    port: str
    hosts: tuple[VirtualHost, ...]

    @property
    def wildcard(self) -> bool:
        """Whether it's for every address that has no group of its own."""
        return self.address == "*"

    @property
    def label(self) -> str:
        """Address and port as Apache writes them."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Dump:
    """Everything that Apache told. ``groups`` is in the order in which Apache looks for an address."""

    version: tuple[int, int, int]
    modules: frozenset[str]
    files: tuple[str, ...]
    defines: Mapping[str, str]
    server_root: str
    pid_file: str
    error_log: str
    document_root: str
    groups: tuple[Group, ...]


class _Found:
    """A virtual host of the dump whose aliases are still to come."""

    def __init__(self, line: re.Match[str], alone: bool = False) -> None:
        self.alone = alone
        self.aliases: list[str] = []
        self.wildcards: list[str] = []
        self._line = line

    def virtual_host(self) -> VirtualHost:
        name, place, line = self._line.group("name"), self._line.group("place"), int(self._line.group("line"))
        macro = _MACRO.match(place)
        if macro:
            place, line = macro.group("file"), int(macro.group("line"))
        return VirtualHost(
            name=name.lower(),
            aliases=tuple(self.aliases),
            wildcards=tuple(self.wildcards),
            file=place,
            line=line,
            macro=macro.group("name") if macro else "",
            alone=self.alone,
        )


def parse_version(output: str) -> tuple[int, int, int]:
    """The version in the output of ``-v``."""
    found = _VERSION.search(output)
    if not found:
        raise OriginError(f"Apache doesn't tell its version: {output.strip()[:200]}", "Check the role's path to it.")
    return int(found.group(1)), int(found.group(2)), int(found.group(3))


def parse_dump(version: str, output: str) -> Dump:
    """The output of ``-v`` and of :data:`FLAGS`."""
    root, pid, errors = _ROOT.search(output), _PID.search(output), _ERROR_LOG.search(output)
    documents = _DOCUMENTS.search(output)
    files = tuple(_INCLUDED.findall(output))
    if root is None or not files:
        raise OriginError(
            f"Apache didn't tell its configuration: {output.strip()[:400]}",
            "Check the role's path to it; Apache 2.4.19 or newer is needed.",
        )
    defines = {name: value or "" for name, value in _DEFINE.findall(output) if not name.startswith("DUMP_")}
    return Dump(
        version=parse_version(version),
        modules=frozenset(_MODULE.findall(output)),
        files=files,
        defines=defines,
        server_root=root.group(1),
        pid_file=pid.group(1) if pid else "",
        error_log=errors.group(1) if errors else "",
        document_root=documents.group(1) if documents else "",
        groups=parse_groups(output),
    )


def parse_groups(output: str) -> tuple[Group, ...]:
    """The virtual hosts in the output of ``DUMP_VHOSTS``."""
    groups: list[tuple[str, list[_Found]]] = []
    for line in output.splitlines():
        alone, group, member, alias = _ALONE.match(line), _GROUP.match(line), _MEMBER.match(line), _ALIAS.match(line)
        if alone:
            groups.append((alone.group("address"), [_Found(alone, alone=True)]))
        elif group:
            groups.append((group.group("address"), []))
        elif member and groups:
            groups[-1][1].append(_Found(member))
        elif alias and groups and groups[-1][1]:
            host = groups[-1][1][-1]
            (host.wildcards if alias.group("wild") else host.aliases).append(alias.group("name").lower())
    result = []
    for label, hosts in groups:
        address, _colon, port = label.rpartition(":")
        result.append(Group(address, port, tuple(host.virtual_host() for host in hosts)))
    return tuple(result)
