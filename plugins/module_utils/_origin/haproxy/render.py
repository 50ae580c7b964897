# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of every file of ours on an origin with HAProxy, and of our lines in its configuration."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from .. import marks
from ..model import ACME_PATH, ENFORCE, MARK
from .certificates import Entry
from .survey import BEGIN, END, UNIT, Discovery

PATTERN_FILE = "log.pattern"
ISSUERS_FILE = "issuers.lst"
REASONS_FILE = "reasons.map"

#: The name of a request as it's compared: small letters, no port, no dot at the end.
_NAME = r"req.hdr(host),lower,field(1,:),regsub(\.$,)"
#: A text of the client, as JSON that our reader takes at full speed: HAProxy would escape every slash.
_JSON = r"json(utf8s),regsub(\\\\\\\\/,/,g)"
_FIELDS = (
    ("time", "%Ts.%ms"),
    ("peer", "%[var(txn.aop_peer)]"),
    ("status", "%ST"),
    ("server", "haproxy"),
    ("hostname", "%[var(txn.aop_host),json(utf8s)]"),
    ("sni", "%[var(txn.aop_sni),json(utf8s)]"),
    ("stage", "%[var(txn.aop_stage)]"),
    ("verify", "%[var(txn.aop_verify)]"),
    ("serial", "%[var(txn.aop_serial)]"),
    ("issuer", "%[var(txn.aop_issuer),json(utf8s)]"),
    ("fingerprint", "%[var(txn.aop_fingerprint)]"),
    ("tls", "%[ssl_fc_protocol]"),
    ("resumed", "%[ssl_fc_is_resumed]"),
    ("method", "%[var(txn.aop_method),json(utf8s)]"),
    ("path", "%[var(txn.aop_path)]"),
    ("agent", "%[var(txn.aop_agent)]"),
)
_REASONS = {
    0: "issued by another CA than the hostname's",
    2: "unable to get issuer certificate",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    22: "certificate chain too long",
    23: "certificate revoked",
    24: "invalid CA certificate",
    26: "unsuitable certificate purpose",
}
#: What the log's program keeps of a datagram: the record at its beginning, if it's of a protected hostname. What comes
#: after it is the section's own log line, in which clients may write what they like.
_VALUE = r'"(?:[^"\\]|\\.)*"'
_KEPT = (
    rf"(?#{MARK} log)^<\d+>1 (?:\S+ ){{5}}"
    rf'\K\{{"time":"[0-9.]+",(?:"[a-z]+":{_VALUE},){{5}}"stage":"(?:log_only|enforce)",(?:"[a-z]+":{_VALUE},){{8}}'
    rf'"agent":{_VALUE}\}}'
)


def addition(found: Discovery, name: str) -> str:
    """What a bind line gets before its first certificate."""
    return f"crt-list {found.in_directory(name)} ca-ignore-err all crt-ignore-err all "


def block(found: Discovery, section: str, indent: str, tls: bool, redirect: bool, known: bool, own_format: bool) -> str:
    """Our lines in a section, with their ends.

    ``known``: it's only for the names in its list. ``own_format``: it has no format for logs.
    """
    listed = f"{_NAME} -m str -f {found.in_directory(section + '.enforce')}"
    lines = [BEGIN]
    if redirect:
        only_plain = " !{ ssl_fc }" if tls else ""
        lines.append(
            f"http-request redirect scheme https code 308 if {{ {_NAME} -m str -f "
            f"{found.in_directory(section + '.redirect')} }} !{{ path_beg {ACME_PATH}/ }}{only_plain}"
        )
    if tls:
        socket = found.socket[len(found.jail) :]
        record = ",".join(f'"{key}":"{value}"' for key, value in _FIELDS)
        issuers = found.in_directory(ISSUERS_FILE)
        lines += [
            f"log {socket} len 8192 format rfc5424 local0 info",
            *(["option httplog"] if own_format else []),
            f"log-format-sd '{{{record}}}'",
            f"http-request set-var(txn.aop_host) {_NAME}",
            "http-request set-var(txn.aop_sni) ssl_fc_sni,lower",
            "http-request set-var(txn.aop_stage) "
            f"var(txn.aop_host),map_str({found.in_directory(section + '.map')}) if {{ ssl_fc }}",
            "http-request set-var(txn.aop_peer) src",
            "http-request set-var(txn.aop_serial) ssl_c_serial,hex",
            "http-request set-var(txn.aop_issuer) ssl_c_i_dn(,0,rfc2253)",
            "http-request set-var-fmt(txn.aop_pair) '%[var(txn.aop_sni)]|%[var(txn.aop_issuer)]'",
            "http-request set-var-fmt(txn.aop_fingerprint) 'sha256:%[ssl_c_der,sha2(256),hex]' if { ssl_c_used }",
            "http-request set-var(txn.aop_verify) str(NONE)",
            "http-request set-var-fmt(txn.aop_verify) "
            f"'FAILED:%[ssl_c_verify,map_int({found.in_directory(REASONS_FILE)},not verified)]' if {{ ssl_c_used }}",
            "http-request set-var(txn.aop_verify) str(SUCCESS) if { ssl_c_used } { ssl_c_verify 0 } "
            f"{{ var(txn.aop_pair) -m str -f {issuers} }}",
            "http-request set-var(txn.aop_method) method",
            f"http-request set-var(txn.aop_path) path,bytes(0,1024),{_JSON}",
            f"http-request set-var(txn.aop_agent) req.fhdr(user-agent),bytes(0,512),{_JSON}",
            f"http-request deny deny_status 421 if {{ {listed} }} !{{ var(txn.aop_sni),strcmp(txn.aop_host) eq 0 }}",
            f"http-request deny deny_status 403 if {{ {listed} }} !{{ var(txn.aop_verify) -m str SUCCESS }}",
            f"http-request deny deny_status 403 if {{ var(txn.aop_sni) -m str -f "
            f"{found.in_directory(section + '.enforce')} }} !{{ var(txn.aop_verify) -m str SUCCESS }}",
        ]
    if known:
        named = f"{_NAME} -m str -f {found.in_directory(section + '.names')}"
        lines.append(f"http-request deny deny_status 421 if {{ ssl_fc }} !{{ {named} }}")
    lines.append(END)
    return "".join(f"{indent}{line}\n" for line in lines)


def crt_list(
    found: Discovery, stages: Mapping[str, str], default: Entry | None, shown: Mapping[str, Sequence[Entry]]
) -> str:
    """The certificates of protected hostnames: shown as before, and with a certificate asked for.

    ``default``: the first certificate of the bind line, which stays the one for names that nothing fits.
    """
    lines = [marks.headers(stages) + "# Generated; changes are overwritten."]
    if default is not None:
        lines.append(_line(default, "", "!*"))
    for name, entries in sorted(shown.items()):
        lines += [
            _line(entry, f"verify optional ca-file {found.in_directory(name + '.pem')}", name) for entry in entries
        ]
    return "\n".join(lines) + "\n"


def _line(entry: Entry, asked: str, name: str) -> str:
    options = " ".join(filter(None, (*entry.options, asked)))
    return " ".join(filter(None, (entry.file, f"[{options}]" if options else "", name)))


def stage_map(stages: Mapping[str, str]) -> str:
    """The stage of each hostname of a section."""
    lines = [marks.headers(stages) + "# Generated; changes are overwritten."]
    return "\n".join([*lines, *(f"{name} {stage}" for name, stage in sorted(stages.items()))]) + "\n"


def enforced(stages: Mapping[str, str]) -> str:
    """The hostnames that a section enforces, one a line."""
    names = sorted(name for name, stage in stages.items() if stage == ENFORCE)
    return "\n".join([f"# {MARK} enforced hostnames. Generated; changes are overwritten.", *names]) + "\n"


def names(known: Iterable[str]) -> str:
    """The only names that a section is for, one a line."""
    return "\n".join([f"# {MARK} names. Generated; changes are overwritten.", *sorted(known)]) + "\n"


def redirected(names: Iterable[str]) -> str:
    """The hostnames whose plain HTTP a section redirects, one a line."""
    lines = [f"# {MARK} plain_http=redirect hostname={name}\n{name}\n" for name in sorted(names)]
    return "".join(lines)


def issuers(names: Mapping[str, Sequence[str]]) -> str:
    """Whose certificates count: a line ``hostname|issuer`` for each CA of a hostname."""
    lines = [f"# {MARK} issuers by hostname. Generated; changes are overwritten."]
    lines += [f"{name}|{issuer}" for name, known in sorted(names.items()) for issuer in sorted(set(known))]
    return "\n".join(lines) + "\n"


def units(found: Discovery, log_path: str) -> dict[str, str]:
    """The socket that takes what HAProxy logs, and the program that keeps the records: systemd's and grep's work."""
    head = f"# {MARK} verification log of HAProxy. Generated; changes are overwritten.\n"
    directory = found.paths.unit_directory
    socket = (
        f"{head}[Unit]\nDescription=Verification log of HAProxy: the socket\n\n"
        f"[Socket]\nListenDatagram={found.socket}\nSocketUser={found.user}\nSocketMode=0600\n"
        "ReceiveBuffer=8M\nRemoveOnStop=yes\n"
    )
    service = (
        f"{head}[Unit]\nDescription=Verification log of HAProxy: keeps the records of protected hostnames\n"
        f"Requires={UNIT}.socket\nAfter={UNIT}.socket\n\n"
        "[Service]\nEnvironment=LC_ALL=C\n"
        "ExecStart=/usr/bin/env grep --text --line-buffered --only-matching --perl-regexp "
        f"--file={found.in_directory(PATTERN_FILE)}\n"
        f"StandardInput=socket\nStandardOutput=append:{log_path}\nUMask=0027\nUser={found.user}\nRestart=always\n"
    )
    wanted = f"{head}[Unit]\nWants={UNIT}.socket\nAfter={UNIT}.socket\n"
    return {
        posixpath.join(directory, UNIT + ".socket"): socket,
        posixpath.join(directory, UNIT + ".service"): service,
        posixpath.join(directory, f"{found.paths.service}.service.d", "originlock-aop.conf"): wanted,
    }


def reasons() -> str:
    """OpenSSL's codes in its words. 0: it was verified, for another hostname's CA."""
    lines = [f"# {MARK} reasons. Generated; changes are overwritten."]
    return "\n".join([*lines, *(f"{code} {words}" for code, words in _REASONS.items())]) + "\n"


def pattern() -> str:
    """The pattern of :data:`_KEPT` in its file."""
    return _KEPT + "\n"
