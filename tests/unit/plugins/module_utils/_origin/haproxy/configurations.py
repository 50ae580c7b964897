# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A HAProxy as it would be found, from texts: no file is read, nothing runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy import planning
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.binds import binds
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.certificates import Entry
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.config import parse
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.survey import (
    Discovery,
    Paths,
    Process,
    without_ours,
)
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options, Plan, Protection

APP = "app.example.com"
FILE = "/etc/haproxy/haproxy.cfg"
CA = "-----BEGIN CERTIFICATE-----\nTk9UIFJFQUxMWSBB\n-----END CERTIFICATE-----\n"
HEAD = """global
    user haproxy
    chroot /var/lib/haproxy
defaults
    mode http
    log global
    option httplog
"""
TAIL = "backend app\n    server a 127.0.0.1:1\nbackend other\n    server b 127.0.0.1:2\n"
BIND = "bind :443 ssl crt /certs/default.pem crt /certs/"
ROUTE = "use_backend app if { hdr(host) -i app.example.com }\n    default_backend other"

DEFAULT = Entry("/certs/default.pem", ("default",), frozenset({"rsa"}))
SITE = Entry("/certs/site.pem", ("*.example.com",), frozenset({"rsa"}))


def site(bind: str = BIND, rules: str = ROUTE, more: str = "") -> str:
    return f"{HEAD}frontend www\n    {bind}\n    {rules}\n{more}{TAIL}"


def found(
    text: str,
    own: Mapping[str, bytes] | None = None,
    shown: Sequence[Entry] = (DEFAULT, SITE),
    lists: Mapping[str, Sequence[str]] | None = None,
) -> Discovery:
    """What discovery makes of a configuration in one file, whose bind lines all have the same certificates."""
    bare, blocks, marked = without_ours(text, Paths().directory)
    configuration = parse({FILE: bare}, {})
    lines = [one.line for section in configuration.of("frontend", "listen") for one in binds(section) if one.tls]
    return Discovery(
        configuration,
        {FILE: text},
        Process("haproxy", (2, 6), (FILE,), (FILE,)),
        Paths(),
        {FILE: blocks},
        frozenset((FILE, line) for line in marked),
        {(FILE, line.number): list(shown) for line in lines},
        lists or {},
        own or {},
    )


def wish(stage: str = "log_only", name: str = APP, **others: Any) -> Protection:
    values = {"trust_bundle": CA, "certificate": CA, "issuers": ("CN=CA",), **others}
    return Protection(name, stage, **values)


def plan(text: str, *wishes: Protection, options: Options | None = None, **others: Any) -> Plan:
    return planning.make(found(text, **others), wishes or (wish(),), options or Options())


def after(made: Plan) -> tuple[str, dict[str, bytes]]:
    """The configuration and the files of ours as they are after a plan."""
    own = {change.path: change.after for change in made.files if change.path != FILE and change.after is not None}
    text = next(change.after for change in made.files if change.path == FILE)
    return (text or b"").decode("latin-1"), own


def codes(made: Plan) -> list[tuple[str, str, int]]:
    return [(one.code, one.severity, one.line) for one in made.findings]
