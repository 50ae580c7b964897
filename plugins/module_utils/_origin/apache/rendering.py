# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of our own files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .. import marks
from ..model import ACME_EXPRESSION, ENFORCE, LOG_ONLY, MARK
from .dumps import Dump
from .paths import Paths

#: From this version on, Apache itself answers 421 when SNI and Host lead to different client authentication.
POLICY_VERSION = (2, 4, 64)

#: What was asked for. Apache's own ``%U`` becomes the index file or the FallbackResource that answers in its place.
_PATH = "originlock_aop_path"
#: The stage of the virtual host, where it's not the same in all those of the hostname.
_STAGE = "originlock_aop_stage"

_NOTE = "# Made by originlock.aop. Changes are overwritten.\n"

#: Key and format of each value, as the log contract of the collection orders them; every value is a string.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("time", "%{end:sec}t.%{end:msec_frac}t"),
    ("peer", "%{c}a"),
    ("status", "%>s"),
    ("server", "apache"),
    ("hostname", "%V"),
    ("sni", "%{SSL_TLS_SNI}x"),
    ("stage", ""),
    ("verify", "%{SSL_CLIENT_VERIFY}x"),
    ("serial", "%{SSL_CLIENT_M_SERIAL}x"),
    ("issuer", "%{SSL_CLIENT_I_DN}x"),
    ("fingerprint", ""),
    ("tls", "%{SSL_PROTOCOL}x"),
    ("resumed", "%{SSL_SESSION_RESUMED}x"),
    ("method", "%m"),
    ("path", "%U"),
    ("agent", "%{User-Agent}i"),
)


def header(stage: str, hostname: str) -> str:
    """The first lines of a file that stands for one hostname at one stage."""
    return marks.header(stage, hostname) + _NOTE


def snippet(hostname: str, stage: str, paths: Paths, dump: Dump, mixed: bool = False) -> str:
    """What virtual hosts of ``hostname`` include. ``mixed``: others are at another stage, so the log has to be told."""
    lines = [
        f'SSLCACertificateFile "{paths.bundle(hostname)}"',
        # It counts the root, too. A chain that is too long ends the handshake even while nothing is required.
        "SSLVerifyDepth 10",
        f"SSLVerifyClient {'require' if stage == ENFORCE else 'optional_no_ca'}",
    ]
    if stage == ENFORCE and dump.version < POLICY_VERSION:
        lines.append("SSLStrictSNIVHostCheck on")
    if "setenvif" in dump.modules:
        told = f" {_STAGE}={stage}" if mixed else ""
        lines.append(f'SetEnvIf Request_URI "^(.*)$" {_PATH}=$1{told}')
    return header(stage, hostname) + "".join(f"{line}\n" for line in lines)


def plain(hostname: str, port: str) -> str:
    """What a virtual host without TLS includes so that it serves nothing; ACME challenges pass."""
    suffix = "" if port == "443" else f":{port}"
    return (
        header(ENFORCE, hostname)
        + f'<If "%{{REQUEST_URI}} !~ m#^{ACME_EXPRESSION}/#">\n'
        + f'    Redirect permanent "https://%{{SERVER_NAME}}{suffix}%{{REQUEST_URI}}"\n'
        + "</If>\n"
    )


def log(
    stages: Mapping[str, str],
    log_path: str,
    dump: Dump,
    proxied: Collection[str] = (),
    mixed: Collection[str] = (),
) -> str:
    """The verification log. It's additional: the sites' own logs go on, and no site is touched for it.

    The peer of the hostnames in ``proxied`` is who the PROXY header names, which wins over RemoteIPHeader. Those in
    ``mixed`` are enforced, but for requests of which a virtual host tells that it's at ``log_only``.
    """
    text = f"# {MARK} verification log\n{_NOTE}"
    fields = dict(_FIELDS)
    if "setenvif" in dump.modules:
        fields["path"] = f"%<{{{_PATH}}}e"
    for stage, suffix in ((LOG_ONLY, ""), (LOG_ONLY, "_proxied"), (ENFORCE, ""), (ENFORCE, "_proxied")):
        kind = [name for name in stages if (name in proxied) is bool(suffix)]
        groups = {"": sorted(name for name in kind if stages[name] == stage and name not in mixed)}
        groups[f" && reqenv('{_STAGE}') {'==' if stage == LOG_ONLY else '!='} '{LOG_ONLY}'"] = sorted(
            {*kind} & {*mixed}
        )
        if not any(groups.values()):
            continue
        fields.update(stage=stage, peer="%a" if suffix else "%{c}a")
        values = ",".join(f'\\"{key}\\":\\"{value}\\"' for key, value in fields.items())
        text += f'LogFormat "{{{values}}}" originlock_aop_{stage}{suffix}\n'
        for condition, hostnames in groups.items():
            names = ",".join(f"'{name}'" for name in hostnames)
            text += (
                ""
                if not names
                else (
                    f'GlobalLog "{log_path}" originlock_aop_{stage}{suffix} '
                    f"\"expr=%{{HTTPS}} == 'on' && %{{SERVER_NAME}} in {{{names}}}{condition}\"\n"
                )
            )
    return text


def log_path_in(content: str) -> str:
    """The path of the verification log in a log file of ours."""
    found = re.search(r'^GlobalLog "([^"]+)"', content, re.M)
    return found.group(1) if found else ""
