# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of every file of ours on an nginx origin."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from ..marks import headers
from ..model import ACME_EXPRESSION, ENFORCE, MARK
from .content import is_closed
from .doors import REWRITING, repeated_logs
from .survey import Discovery
from .syntax import Directive, location_parts, quote
from .web import Server

LOG_FORMAT = "originlock_aop"
TOLERANT = "@aop_log_only"
#: nginx's maps hash their keys; a longer one needs bigger buckets, which may be set elsewhere already.
_LONGEST_KEY = 40


def http_file(
    stages: Mapping[str, str],
    trusted: Mapping[str, Sequence[str]],
    realip: bool,
    per_name: bool,
    redirects: bool,
    variants: Sequence[Mapping[str, str]] = (),
) -> str:
    """Log format and maps, for the ``http`` context. ``stages``: every protected hostname with its strictest stage.

    ``trusted``: the names that issuers may have, by enforced hostname; empty where any CA of the block will do.
    ``variants``: hostnames that demand less in some blocks; the names for those end with ``_2`` and so on.
    """
    peer = "$realip_remote_addr" if realip else "$remote_addr"
    fields = (
        ("time", "$msec"),
        ("peer", "$aop_peer"),
        ("status", "$status"),
        ("server", "nginx"),
        ("hostname", "$host"),
        ("sni", "$ssl_server_name"),
        ("stage", "$aop_stage"),
        ("verify", "$ssl_client_verify"),
        ("serial", "$ssl_client_serial"),
        ("issuer", "$ssl_client_i_dn"),
        ("fingerprint", "$aop_fingerprint"),
        ("tls", "$ssl_protocol"),
        ("resumed", "$ssl_session_reused"),
        ("method", "$request_method"),
        ("path", "$aop_path"),
        ("agent", "$http_user_agent"),
    )
    record = ",".join(f'"{key}":"{value}"' for key, value in fields)
    kinds = {"": dict(stages), **{f"_{number}": {**stages, **less} for number, less in enumerate(variants, 2)}}
    records = {kind: record.replace("$aop_stage", f"$aop_stage{kind}") for kind in kinds}
    parts = [
        f"# {MARK} http: what the files in the include directory use. Generated; changes are overwritten.",
        *(f"log_format {LOG_FORMAT}{kind} escape=json '{{{text}}}';" for kind, text in records.items()),
        "# A load balancer that speaks the PROXY protocol isn't the peer, but who it names.",
        _map("$proxy_protocol_addr", "$aop_peer", [f'"" {peer}'], default="$proxy_protocol_addr"),
        *(
            _map("$host", f"$aop_stage{kind}", [_key(name) + " " + stage for name, stage in sorted(named.items())])
            for kind, named in kinds.items()
        ),
        "# Plain HTTP has no certificate to tell of.",
        _map("$https", "$aop_logged", ["on $aop_stage"]),
        _map("$request_uri", "$aop_path", ['"~^(?<aop_plain>[^?]*)" $aop_plain']),
        _map("$ssl_client_fingerprint", "$aop_fingerprint", ['"~." "sha1:$ssl_client_fingerprint"']),
        "# A TLS session that was opened for another name was checked against another server block's CA.",
        "# Requests without TLS are not judged here: the block redirects or refuses them, or isn't enforced.",
        _map(
            '"$https|$ssl_server_name|$host"',
            "$aop_sni_mismatch",
            [r'"~^\|" 0', r'"~*^on\|(?<aop_name>[^|]+)\|\k<aop_name>$" 0'],
            default="1",
        ),
        _map('"$https|$ssl_client_verify"', "$aop_unverified", [r'"~^\|" 0', '"on|SUCCESS" 0'], default="1"),
        *_issuer_maps(trusted),
    ]
    if per_name:
        parts += [
            "# Blocks with other names, too: the name is taken from both places where an application may look.",
            _map("$http_host", "$aop_header", [r'"~^(?<aop_bare>[^:]+?)\.?(:\d*)?$" $aop_bare']),
        ]
        for kind, named in kinds.items():
            enforced = [_key(name) + " 1" for name, stage in sorted(named.items()) if stage == ENFORCE]
            parts += [
                _map("$host", f"$aop_by_host{kind}", enforced, default="0"),
                _map("$aop_header", f"$aop_by_header{kind}", enforced, default="0"),
                _map(
                    f'"$aop_by_host{kind}$aop_by_header{kind}:$aop_sni_mismatch:$aop_unverified:$aop_other_issuer"',
                    f"$aop_denied{kind}",
                    ['"~^00:" 0', '"~^1[01]:0:0:0$" 0'],
                    default="1",
                ),
            ]
    if redirects:
        parts += [
            "# Plain HTTP of enforced hostnames, except what certificate authorities ask for.",
            _map(
                '"$https|$aop_stage|$uri"',
                "$aop_plain_http",
                [rf'"~^\|{ENFORCE}\|{ACME_EXPRESSION}/" 0', rf'"~^\|{ENFORCE}\|" 1'],
                default="0",
            ),
        ]
    return "\n".join(parts) + "\n"


def tls_file(
    found: Discovery,
    server: Server,
    stages: Mapping[str, str],
    whole: bool,
    stem: str,
    log_path: str,
    redirect: str,
    variant: str = "",
) -> str:
    """The file of one TLS server block. ``whole``: all its requests belong to hostnames of one stage.

    ``redirect``: where plain HTTP requests to the same block go (a URL); empty if that's nothing to care about.
    ``variant``: which maps tell the stages of this block.
    """
    enforced = ENFORCE in stages.values()
    lines = [headers(stages) + "# Generated; changes are overwritten."]
    lines.append(f"ssl_client_certificate {quote(found.in_directory(stem + '.pem'))};")
    strict = whole and enforced
    lines.append(f"ssl_verify_client {'on' if strict else 'optional_no_ca'};")
    if not found.site_named(server.directive, "ssl_verify_depth"):
        lines.append("ssl_verify_depth 3;")
    if redirect:
        lines.append(f"if ($aop_plain_http) {{ return 308 {redirect}; }}")
    elif strict and found.web.plain_addresses(server) and not is_closed(found, server):
        lines.append('if ($https = "") { return 403; }')  # nobody asked for a redirect, and content must not get out
    if strict:
        lines.append("if ($aop_sni_mismatch) { return 421; }")
        lines.append("if ($aop_unverified) { return 403; }")
        lines.append("if ($aop_other_issuer) { return 403; }")
    else:
        denial = [f"if ($aop_denied{variant}) {{ return 403; }}"] if enforced else []
        lines += denial
        lines += _tolerance(found, server, denial)
    lines.append(f"access_log {quote(log_path)} {LOG_FORMAT}{variant} if=$aop_logged;")
    lines += _inherited_logs(found, server)
    return "\n".join(lines) + "\n"


def plain_file(hostnames: Iterable[str], redirect: str) -> str:
    """The file of a server block without TLS whose requests are redirected."""
    lines = [f"# {MARK} plain_http=redirect hostname={name}" for name in sorted(hostnames)]
    lines.append("# Generated; changes are overwritten.")
    lines.append(f"if ($aop_plain_http) {{ return 308 {redirect}; }}")
    return "\n".join(lines) + "\n"


def _map(source: str, target: str, entries: Sequence[str], default: str = '""') -> str:
    rows = [f"    default {default};"] + [f"    {entry};" for entry in entries]
    return "\n".join([f"map {source} {target} {{", *rows, "}"])


def _key(name: str) -> str:
    """A key of a map, as hostnames are written; others need :func:`quote` where they are short."""
    return name if len(name) <= _LONGEST_KEY else quote("~^" + re.escape(name).replace(r"\-", "-") + "$")


def _issuer_maps(trusted: Mapping[str, Sequence[str]]) -> list[str]:
    """Whether the certificate's issuer is a CA of another hostname, or of somebody else."""
    kinds = sorted({tuple(names) for names in trusted.values() if names})
    numbers = {kind: str(number) for number, kind in enumerate(kinds, 1)}
    hosts = [f"{_key(name)} {numbers.get(tuple(names), 'any')}" for name, names in sorted(trusted.items())]
    # The keys of a map are looked up without regard to case, and none may be there twice.
    keys = {f"on|{number}|{name}".lower(): f"on|{number}|{name}" for kind, number in numbers.items() for name in kind}
    entries = [r'"~^\|" 0', r'"~^on\|any\|" 0']
    entries += [f"{quote(key) if len(key) <= _LONGEST_KEY else _key(key)} 0" for key in keys.values()]
    return [
        "# Whose certificates count, by hostname: a session that was made without SNI was checked against the CA of",
        "# the default server, and a block trusts the CAs of all its hostnames.",
        _map("$host", "$aop_trust", hosts),
        _map('"$https|$aop_trust|$ssl_client_i_dn"', "$aop_other_issuer", entries, default="1"),
    ]


def _tolerance(found: Discovery, server: Server, denial: Sequence[str]) -> list[str]:
    """Serve a request whatever certificate comes: nginx refuses some with 495 even where certificates are optional."""
    block = server.directive
    lines = [f"error_page 495 = {TOLERANT};"]
    if not found.site_named(block, "error_page"):
        # One error_page here ends the inheritance of those of http.
        lines += [one.text() + ";" for one in found.of_http("error_page")]
    # A named location makes the request an internal one: "internal" locations must stay closed to it.
    inner = list(denial)
    inner += [f"if ({condition}) {{ return 404; }}" for condition in _internal(found, block)]
    if any(one.name in REWRITING for one in found.site(block)):
        # Only try_files goes through the block's own rewrite directives again.
        inner.append("try_files /.originlock.aop.none $uri$is_args$args;")
    else:
        inner.append("rewrite ^ $uri last;")
    lines.append(f"location {TOLERANT} {{")
    lines += ["    " + line for line in inner]
    lines.append("}")
    return lines


def _internal(found: Discovery, block: Directive) -> list[str]:
    conditions = []
    for one in found.site_walk(block):
        if one.name != "location" or not found.site_named(one, "internal"):
            continue
        modifier, pattern = location_parts(one)
        if modifier == "@":
            continue
        if modifier == "=":
            conditions.append(f"$uri = {quote(pattern)}")
        elif modifier in ("~", "~*"):
            conditions.append(f"$uri {modifier} {quote(pattern)}")
        else:
            conditions.append(f"$uri ~ {quote('^' + re.escape(pattern))}")
    return conditions


def _inherited_logs(found: Discovery, server: Server) -> list[str]:
    """The access logs that would be inherited if ours didn't end that."""
    if found.site_named(server.directive, "access_log"):
        return []
    inherited = repeated_logs(found, server)
    if any(one.args[:1] == ("off",) for one in inherited):
        return []
    if inherited:
        return [one.text() + ";" for one in inherited]
    return [f"access_log {quote(posixpath.join(found.build.prefix, found.build.http_log_path))};"]


def log_path(found: Discovery, wished: str) -> str:
    """Where the verification log is."""
    return wished or posixpath.join(found.paths.log_directory, "aop.log")
