# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against a stage on HAProxy. Each finding has its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import Finding
from ..rules.reach import Door
from .binds import CLIENT_OPTIONS, Bind, binds
from .config import Line, Section
from .routing import ANSWER
from .sites import Served, destinations, known_names, meet, strangers
from .survey import Discovery

_FORMATS = ("httplog", "httpslog", "tcplog")
#: Rules of a defaults section come before ours: these answer, let pass, or change what ours look at.
_BEFORE = ("allow", "return", "use-service", "set-src", "set-uri", "normalize-uri")
_LENIENT = ("accept-invalid-http-request", "accept-unsafe-violations-in-http-request")


def finding(
    code: str, hostname: str, message: str, remedy: str, at: Line | None = None, severity: str = "error"
) -> Finding:
    """A finding, with the place of ``at``."""
    file, line = (at.file, at.number) if at is not None else ("", 0)
    return Finding(code, severity, hostname, message, remedy, file, line)


def conflicts(found: Discovery, site: Served, hostname: str) -> Iterator[Finding]:
    """What forbids any stage in a section."""
    section = site.section
    for bind in (one for one in binds(section) if one.tls):
        yield from _bind_conflicts(found, bind, hostname)
    silent = section.option("dontlog-normal")
    if silent is not None:
        yield finding(
            "log_silenced", hostname, "option dontlog-normal keeps requests out of the verification log as well",
            f"Remove it, or write no option dontlog-normal in {section.kind} {section.name}.", silent,
        )  # fmt: skip
    for line in section.inherited():
        words = line.words
        if words[0] == "log-format-sd":
            yield finding(
                "log_format_taken", hostname, "log-format-sd is in use, and the verification log needs it",
                "Remove it from this section and its defaults.", line,
            )  # fmt: skip
        elif words[:2] == ("no", "log") and line in section.lines:
            yield finding(
                "log_silenced", hostname, "no log in this section silences the verification log as well",
                "Move it to the defaults section.", line,
            )  # fmt: skip
        elif words[:3] == ("http-request", "set-log-level", "silent"):
            severity = "error" if len(words) == 3 else "warning"
            yield finding(
                "log_silenced", hostname, "set-log-level silent keeps requests out of the verification log as well",
                "Remove it, or know that evidence and canary don't see these requests.", line, severity,
            )  # fmt: skip
    if needs_format(section) and section.all("log"):
        yield finding(
            "log_format_missing", hostname, f"{section.kind} {section.name} has logs but no format for requests, so "
            "HAProxy logs connections only",
            "Write option httplog (or a log-format) in this section or its defaults.", section.head,
        )  # fmt: skip


def needs_format(section: Section) -> bool:
    """Whether HAProxy would write no line for a request here."""
    if section.all("log-format") or any(section.option(name) is not None for name in _FORMATS):
        return False
    return section.option("httplog") is None


def _bind_conflicts(found: Discovery, bind: Bind, hostname: str) -> Iterator[Finding]:
    for word in CLIENT_OPTIONS:
        if bind.has(word):
            yield finding(
                "client_verification_taken", hostname,
                f"{word} on this bind line verifies client certificates for something else already",
                "Remove it, or give that purpose a bind line (address or port) of its own.", bind.line,
            )  # fmt: skip
    for entry in found.entries(bind):
        taken = [word for word in CLIENT_OPTIONS if word in entry.options]
        if taken and entry.options[entry.options.index(taken[0]) :][:2] != ("verify", "none"):
            yield finding(
                "client_verification_taken", hostname,
                f"{' '.join(entry.options)} in {entry.place}:{entry.line} verifies client certificates for something "
                "else on the same bind line, and would let every certificate pass there",
                "Give that purpose a bind line (address or port) of its own.", bind.line,
            )  # fmt: skip
    if found.trouble(bind):
        yield finding(
            "certificate_unreadable", hostname, f"its certificates can't be followed: {found.trouble(bind)}",
            "Name certificate files, directories or crt-lists that can be read.", bind.line,
        )  # fmt: skip
    if bind.has("generate-certificates"):
        yield finding(
            "certificate_unreadable", hostname, "generate-certificates makes certificates of its own for every name",
            "Remove it, and give the hostname a certificate.", bind.line,
        )  # fmt: skip
    if bind.line.conditional:
        yield finding(
            "conditional_line", hostname, "this bind line stands between .if and .endif",
            "Write it without a condition.", bind.line,
        )  # fmt: skip


def doors(found: Discovery, sites: Sequence[Served], hostname: str) -> Iterator[Finding]:
    """What would let requests without our certificate in, or keep the edge out, at ``enforce``."""
    for site in sites:
        yield from _early(found, site, hostname)
        yield from _before_ours(site.section, hostname)
        for name in _LENIENT:
            line = site.section.option(name)
            if line is not None:
                yield finding(
                    "lenient_parser", hostname, f"option {name} lets requests pass whose Host isn't clear",
                    "Remove it from this section and its defaults.", line,
                )  # fmt: skip


def _early(found: Discovery, site: Served, hostname: str) -> Iterator[Finding]:
    for bind in (one for one in binds(site.section) if one.tls):
        options = [*bind.options, *(word for entry in found.entries(bind) for word in entry.options)]
        for word, code, message in (
            ("allow-0rtt", "ssl_early_data", "early data rides on the certificate state of an older session"),
            ("tls-ticket-keys", "ssl_session_ticket_key", "sessions of before outlive the change, with their state"),
        ):
            if word in options:
                yield finding(code, hostname, f"{word}: {message}", "Remove it from this bind line.", bind.line)


def _before_ours(section: Section, hostname: str) -> Iterator[Finding]:
    for line in section.inherited():
        words = line.words
        if words[0] == "tcp-request" and len(words) > 2 and words[2] in ("set-src", "use-service"):
            bad = True
        else:
            action = words[1] if words[0] == "http-request" and len(words) > 1 and line not in section.lines else ""
            header = len(words) > 2 and words[2].lower() == "host" and action.endswith(("-header", "-value"))
            bad = action in _BEFORE or action.startswith("lua.") or header
        if bad:
            yield finding(
                "rule_before_ours", hostname, f"{' '.join(words[:3])} is carried out before our rules",
                f"Move it from the defaults section into {section.kind} {section.name}, or remove it.", line,
            )  # fmt: skip


def reach(found: Discovery, sites: Sequence[Served], hostname: str) -> list[Door]:
    """The sections where others get the same content without TLS, or under names that nobody named.

    The latter is closed by us where a site's certificates tell all names that it's for.
    """
    goals = frozenset[str]().union(*(site.destinations for site in sites))
    result = []
    for number, section in enumerate(found.sections):
        outer = [(bind, one) for bind in binds(section) for one in bind.addresses if section.http and not one.is_local]
        plain = tuple(str(one) for bind, one in outer if not bind.tls and not one.inner)
        place = section.head.file, section.head.number
        if plain and meet(destinations(found, section, hostname, tls=False, sni=""), goals):
            listed = found.text(found.in_directory(section.name + ".redirect"))
            result.append(
                Door(
                    plain, False, place, True, redirected=f"plain_http=redirect hostname={hostname}\n" in listed,
                    remedy="Redirect there (http-request redirect scheme https unless { ssl_fc })", site=number,
                )
            )  # fmt: skip
        tls = any(bind.tls for bind in binds(section))
        names = strangers(hostname) if outer else ()
        open_names = [name for name in names if meet(destinations(found, section, name, tls=tls) - {ANSWER}, goals)]
        if open_names:
            shown = "a name that nobody named" if open_names[0] == "unknown.invalid" else f"Host {open_names[0]}"
            result.append(
                Door(
                    tuple(str(one) for _bind, one in outer), tls, place, False, answers=False,
                    closed=bool(known_names(found, section)) and section in [site.section for site in sites],
                    shares=f"content for {shown}", site=number,
                    remedy="Name who may reach it: http-request deny deny_status 421 unless "
                    f"{{ req.hdr(host),lower,field(1,:) -m str {hostname} }} (with every other name that it serves)",
                )
            )  # fmt: skip
    return result


def unserved(found: Discovery, hostname: str, severity: str) -> Finding:
    """Nothing serves a hostname over TLS."""
    ends = [section for section in found.sections if section.http and any(bind.tls for bind in binds(section))]
    passed = [section for section in found.sections if not section.http and not any(b.tls for b in binds(section))]
    if not ends and passed:
        return finding(
            "no_tls", hostname, f"TLS doesn't end here: {passed[0].kind} {passed[0].name} passes connections on",
            "Protect it where its TLS ends, or let TLS end here (mode http, bind ... ssl crt ...).",
            passed[0].head, severity,
        )  # fmt: skip
    if not ends:
        return finding(
            "no_tls", hostname, "no frontend in mode http has a bind line with TLS",
            "Give the site an HTTPS frontend, or take the hostname out of this origin's aop_serves.", severity=severity,
        )  # fmt: skip
    return finding(
        "not_served", hostname, "no rule and no certificate of a frontend names it",
        "Name it in a use_backend rule or in a certificate, or take it out of this origin's aop_serves.",
        ends[0].head, severity,
    )  # fmt: skip
