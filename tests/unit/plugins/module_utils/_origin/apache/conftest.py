# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Apache that isn't there: configuration files in a temporary directory, and the words that Apache would say."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import discovery, grammar, planning
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache.driver import Apache
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache.filesystem import Files
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache.paths import Paths
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed, Options, Plan, Protection
from ansible_collections.originlock.aop.plugins.module_utils._origin.rules.ahead import planned

CA_ONE = """\
-----BEGIN CERTIFICATE-----
MIIBhTCCASygAwIBAgITSUBRbxr18/R0WZH45Q86nWqO4TAKBggqhkjOPQQDAjAY
MRYwFAYDVQQDDA1DbGllbnQgQ0Egb25lMCAXDTI2MTEyNDA3MTgxNFoYDzIxMjYx
MDMxMDcxODE0WjAYMRYwFAYDVQQDDA1DbGllbnQgQ0Egb25lMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEsYT+325puMiOQr5rlY66z7xaMEeMRq8IYR7rGF+0rwY/
ORHakU9UkKEqPnVYiRJxazvWinb9zv5SuAhT7btCfaNTMFEwHQYDVR0OBBYEFJs+
xMOASIOBllPgkI/zHid0WgekMB8GA1UdIwQYMBaAFJs+xMOASIOBllPgkI/zHid0
WgekMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgcFMRdK78sZS3
jIeorfUhulbhFTqPe4fQNZqk/92z5JcCIBtwaey5iPoQNYGjM7G7+3wNWkueu+uK
hLIG9huEqUZe
-----END CERTIFICATE-----
"""
CA_TWO = """\
-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUE+2zDMir2E6FHC36VpgA2rkqeUgwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNQ2xpZW50IENBIHR3bzAgFw0yNjExMjQwNzE4MTRaGA8yMTI2
MTAzMTA3MTgxNFowGDEWMBQGA1UEAwwNQ2xpZW50IENBIHR3bzBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABII70H7qUkkMPf3xc8d7hSRtiutMZ8VrX/1UIhfrboeN
t3mojG+HGCszj0P3rhRHzRAmMI1n9YX7oSR6WwPA0/+jUzBRMB0GA1UdDgQWBBRm
0KMAB3FCR2i/4fmOiWTDQ/58xjAfBgNVHSMEGDAWgBRm0KMAB3FCR2i/4fmOiWTD
Q/58xjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCzGHhA/bsF
n9SCt/LYKfR6sNdu42Eex/1slph9nxpNnQIgZTPwClzQKqxX+QGfTHiQUnOGL0rr
iIHIVTi3y2J9G9M=
-----END CERTIFICATE-----
"""
LEAF = """\
-----BEGIN CERTIFICATE-----
MIIBiDCCAS6gAwIBAgIUe2/UtzP1zN0aNgNeScOj0JKRrMIwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPYXBwLmV4YW1wbGUuY29tMCAXDTI2MTEyNDA3MTgxNFoYDzIx
MjYxMDMxMDcxODE0WjAaMRgwFgYDVQQDDA9hcHAuZXhhbXBsZS5jb20wWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAARFnp8LYrxS2Y4jWiMnX9iNCi60npzm5WFkc9S4
PvkBPXCVdE6dfIcXkYCsjnwWepq+N2fsd0U9+pLx6PSGO5Dbo1AwTjAdBgNVHQ4E
FgQUh7hyld8EI0UE1iF2wpTW+RiuxuEwHwYDVR0jBBgwFoAUh7hyld8EI0UE1iF2
wpTW+RiuxuEwDAYDVR0TAQH/BAIwADAKBggqhkjOPQQDAgNIADBFAiBv92SjQZQd
Uz7fVT46jj4U8msSuIH/iMvlKiQESM24MgIhAJJuXGz0MIYTCwL8jVjqFYNXN6Ff
t508XwTGq5yW31PD
-----END CERTIFICATE-----
"""

MODULES = ("core", "so", "log_config", "alias", "rewrite", "setenvif", "ssl", "macro")

MAIN = """\
ServerName machine.example.net
Listen 80
Listen 443
DocumentRoot /var/www/main
IncludeOptional conf-enabled/*.conf
IncludeOptional sites-enabled/*.conf
"""

TLS = "    SSLEngine on\n    SSLCertificateFile /x.pem\n"

SITE = f"""\
<VirtualHost *:443>
    ServerName default.example.net
    DocumentRoot /var/www/default
{TLS}</VirtualHost>
<VirtualHost *:443>
    ServerName app.example.com
    DocumentRoot /var/www/app
{TLS}</VirtualHost>
<VirtualHost *:80>
    ServerName default80.example.net
    DocumentRoot /var/www/default80
</VirtualHost>
"""


@dataclass
class Host:
    """A virtual host as Apache tells it."""

    addresses: Sequence[str]
    place: str
    name: str = "machine.example.net"
    aliases: list[str] = field(default_factory=list)


class Reader:
    """Reads as Apache does: each line with the variables that are defined there. Conditions all hold."""

    def __init__(self, apache: FakeApache) -> None:
        self.apache = apache
        self.defines = dict(apache.defines)
        self.document_root = "/compiled/in"
        self.files: list[str] = []
        self.hosts: list[Host] = []

    def file(self, path: str, host: Host | None = None) -> None:
        self.files.append(path)
        self._nodes(grammar.parse(self.apache.text(path), path), host)

    def _nodes(self, nodes: Sequence[grammar.Node], host: Host | None) -> None:
        for node in nodes:
            if isinstance(node, grammar.Directive):
                self._directive(node.key, self._expanded(node.text).split()[1:], host)
            elif node.key == "virtualhost":
                self.hosts.append(Host(self._expanded(node.argument).split(), f"{node.file}:{node.end_line}"))
                self._nodes(node.children, self.hosts[-1])
            else:
                self._nodes(node.children, host)

    def _directive(self, key: str, words: list[str], host: Host | None) -> None:
        if key == "define":
            self.defines[words[0]] = " ".join(words[1:]).strip("\"'")
        elif key == "undefine":
            self.defines.pop(words[0], None)
        elif key in ("include", "includeoptional"):
            for inner in Files().resolve(os.path.join(self.apache.root, words[-1].strip('"'))):
                if inner not in self.apache.not_loaded:
                    self.file(inner, host)
        elif key == "servername" and host:
            host.name = words[0]
        elif key == "serveralias" and host:
            host.aliases += words
        elif key == "documentroot" and not host:
            self.document_root = words[0]

    def _expanded(self, text: str) -> str:
        known = {name.lower(): value for name, value in self.defines.items()}
        return re.sub(r"\$\{(\w+)\}", lambda name: known.get(name.group(1).lower(), name.group(0)), text)


class FakeApache:
    """Files below ``root``. The dump is made from them: each VirtualHost section is one of the dump, in its order."""

    ca_one = CA_ONE
    ca_two = CA_TWO
    leaf = LEAF
    tls = TLS
    site = SITE

    def __init__(self, root: str) -> None:
        self.root = root
        self.version = "2.4.71"
        self.modules = list(MODULES)
        self.defines: dict[str, str] = {}
        self.not_loaded: set[str] = set()
        self.checked: list[dict[str, str]] = []
        self.check = Completed(0, "Syntax OK")
        self.paths = Paths.of(
            {
                "own_directory": f"{root}/aop",
                "log_configuration": f"{root}/conf-enabled/originlock-aop.conf",
                "log_directory": f"{root}/log",
                "logrotate_directory": f"{root}/logrotate.d",
                "envvars": f"{root}/envvars",
            }
        )
        for name in ("log", "logrotate.d", "conf-enabled", "sites-enabled"):
            os.makedirs(os.path.join(root, name))
        self.write("apache2.conf", MAIN)
        self.write("logrotate.d/apache2", f"{root}/log/*.log {{\n  daily\n}}\n")
        self.write("conf-enabled/security.conf", "ServerTokens OS\n")

    def write(self, name: str, content: str) -> str:
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(content.encode("utf-8"))
        return path

    def read(self, name: str) -> str:
        with open(os.path.join(self.root, name), "rb") as stream:
            return stream.read().decode("utf-8")

    def run(self, argv: Sequence[str], _environment: Any) -> Completed:
        if argv[1:] == ("-v",):
            return Completed(0, f"Server version: Apache/{self.version} (Debian)\nServer built: long ago\n")
        if "DUMP_VHOSTS" in argv:
            return Completed(0, self.dump())
        if argv[1:3] == ("-t", "-f"):
            folder = os.path.dirname(argv[3])
            texts = {}
            for name in os.listdir(folder):
                if os.path.isfile(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), encoding="utf-8") as stream:
                        texts[name] = stream.read()
            self.checked.append(texts)
            return Completed(self.check.status, self.check.output.replace("FOLDER", folder))
        raise AssertionError(argv)

    def dump(self) -> str:
        reader = Reader(self)
        reader.file(os.path.join(self.root, "apache2.conf"))
        files, lines = reader.files, ["VirtualHost configuration:"]
        groups: dict[str, list[Host]] = {}
        for host in reader.hosts:
            for address in host.addresses:
                groups.setdefault(address.replace("_default_", "*"), []).append(host)
        for address in sorted(groups, key=lambda label: label.startswith("*")):
            hosts = groups[address]
            if len(hosts) == 1:
                lines.append(f"{address:<22} {hosts[0].name} ({hosts[0].place})")
                continue
            lines.append(f"{address:<22} is a NameVirtualHost")
            lines.append(f"         default server {hosts[0].name} ({hosts[0].place})")
            port = address.rpartition(":")[2]
            for host in hosts:
                lines.append(f"         port {port} namevhost {host.name} ({host.place})")
                wild = [name for name in host.aliases if "*" in name or "?" in name]
                lines += [f"                 alias {name}" for name in host.aliases if name not in wild]
                lines += [f"                 wild alias {name}" for name in wild]
        lines.append("Included configuration files:")
        lines.append(f"  (*) {files[0]}")
        lines += [f"    (1) {path}" for path in files[1:]]
        lines.append(f'ServerRoot: "{self.root}"')
        lines.append(f'Main DocumentRoot: "{reader.document_root}"')
        lines.append(f'Main ErrorLog: "{self.root}/log/error.log"')
        lines.append(f'PidFile: "{self.root}/apache2.pid"')
        lines += ["Define: DUMP_VHOSTS", *(f"Define: {name}={value}" for name, value in reader.defines.items())]
        lines.append("Loaded Modules:")
        lines += [f" {name}_module (shared)" for name in self.modules]
        return "\n".join(lines) + "\n"

    def discover(self) -> discovery.Discovery:
        return discovery.discover(self.paths, self.run)

    def driver(self) -> Apache:
        return Apache(self.paths, self.run)

    def want(self, name: str = "app.example.com", stage: str = "log_only", bundle: str = CA_ONE) -> Protection:
        return Protection(name, stage, bundle, LEAF)

    def plan(self, *wanted: Protection, **options: Any) -> Plan:
        return planned(partial(planning.plan, self.discover()), wanted or (self.want(),), Options(**options))

    def carry_out(self, *wanted: Protection, **options: Any) -> Plan:
        plan = self.plan(*wanted, **options)
        assert plan.errors == []
        for change in plan.changes:
            if change.after is None:
                os.unlink(change.path)
            else:
                self.write(os.path.relpath(change.path, self.root), change.after.decode("utf-8"))
        for directory in plan.own_directories:
            if os.path.isdir(directory) and not os.listdir(directory):
                os.rmdir(directory)
        return plan

    def codes(self, stage: str = "enforce", **options: Any) -> dict[str, str]:
        """Code and sentence of the errors for app.example.com at ``stage``."""
        return {finding.code: finding.sentence() for finding in self.plan(self.want(stage=stage), **options).errors}

    def tree(self) -> dict[str, str]:
        return {
            os.path.relpath(os.path.join(folder, name), self.root): self.read(os.path.join(folder, name))
            for folder, _folders, files in os.walk(self.root)
            for name in files
        }

    def text(self, path: str) -> str:
        with open(path, encoding="latin-1", newline="") as stream:
            return stream.read()


@pytest.fixture
def apache(tmp_path: Any) -> FakeApache:
    """An Apache with a default site and app.example.com over TLS."""
    fake = FakeApache(str(tmp_path))
    fake.write("sites-enabled/site.conf", SITE)
    return fake
