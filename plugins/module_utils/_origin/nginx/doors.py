# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a site speaks against a stage of its server block. Each finding has its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Finding
from .survey import Discovery
from .syntax import Directive
from .web import Server

REWRITING = ("if", "return", "rewrite", "set", "break")


def finding(
    code: str, hostname: str, message: str, remedy: str, at: Directive | None = None, severity: str = "error"
) -> Finding:
    """A finding, with the place of ``at``."""
    file, line = (at.file, at.line) if at is not None else ("", 0)
    return Finding(code, severity, hostname, message, remedy, file, line)


def conflicts(found: Discovery, server: Server, hostname: str) -> Iterator[Finding]:
    """What forbids any stage on this block: client verification that is there for something else, a silenced log."""
    for name in ("ssl_verify_client", "ssl_client_certificate"):
        for one in found.effective(server, name):
            inherited = not found.site_named(server.directive, name)
            if inherited and one.args[:1] == ("off",):
                continue
            where = "http" if inherited else "this server block"
            yield finding(
                "client_verification_taken",
                hostname,
                f"{one.text()} in {where} verifies client certificates for something else already",
                "Remove it, or give that purpose a server block and hostname of its own.",
                one,
            )
    for one in found.effective(server, "ssl_crl"):
        yield finding(
            "revocation_check",
            hostname,
            f"{one.text()} would refuse every certificate of a CA that it has no list for, in log_only, too",
            "Remove it from this hostname's server block.",
            one,
        )
    yield from _logs(found, server, hostname)


def _logs(found: Discovery, server: Server, hostname: str) -> Iterator[Finding]:
    """What keeps requests out of the verification log, or the logs of ``http`` out of our file."""
    own = found.site_named(server.directive, "access_log")
    for one in (child for child in found.site_walk(server.directive) if child.name == "access_log"):
        if one not in own:
            yield finding(
                "location_has_own_log",
                hostname,
                f"{one.text()} in a location: its requests don't appear in the verification log",
                "Remove it, or know that evidence and canary don't see this location.",
                one,
                "warning",
            )
        elif one.args[:1] == ("off",):
            yield finding(
                "log_silenced",
                hostname,
                "access_log off in the server block silences the verification log as well",
                "Write access_log /dev/null; instead: the same for this site, and the verification log works.",
                one,
            )
    formats = {one.args[1] for one in repeated_logs(found, server) if len(one.args) > 1}
    for one in found.formats_after(server) if formats else ():
        if one.args[0] in formats:
            yield finding(
                "log_format_late",
                hostname,
                f"its server block's file repeats the access_log of http, whose log_format {one.args[0]} comes later",
                "Move log_format before the include (or the server blocks) of the sites.",
                one,
            )


def repeated_logs(found: Discovery, server: Server) -> list[Directive]:
    """The access logs of ``http`` that our file repeats in the block, because ours ends their inheritance."""
    return [] if found.site_named(server.directive, "access_log") else found.of_http("access_log")


def enforcement_doors(found: Discovery, server: Server, hostname: str) -> Iterator[Finding]:
    """What would let requests without our certificate in, or keep the edge out, at ``enforce``."""
    for one in found.effective(server, "error_page"):
        yield from _error_page(one, hostname)
    known = found.effective(server, "error_page")
    for one in found.site_walk(server.directive):
        if one.name == "error_page" and {"495", "496"} & set(one.args[:-1]) and one not in known:
            yield from _error_page(one, hostname)
    for one in found.effective(server, "ssl_trusted_certificate"):
        yield finding(
            "other_cas_trusted",
            hostname,
            f"{one.text()}: nginx would accept client certificates of those CAs, too",
            "Remove it from this block and from http (stapling only needs it if ssl_certificate lacks the chain).",
            one,
        )
    sources = [server] + [found.web.default(address) for address in found.web.tls_addresses(server)]
    seen = set()
    for source in sources:
        for one in found.effective(source, "ssl_early_data") + found.effective(source, "ssl_session_ticket_key"):
            if one.args[:1] == ("off",) or (one.file, one.start) in seen:
                continue
            seen.add((one.file, one.start))
            if one.name == "ssl_early_data":
                yield finding(
                    "ssl_early_data",
                    hostname,
                    "ssl_early_data on: early data rides on the certificate state of an older session",
                    "Switch it off for this hostname and for the default server of its addresses.",
                    one,
                )
            else:
                yield finding(
                    "ssl_session_ticket_key",
                    hostname,
                    f"{one.text()}: sessions of before outlive the change, with the certificate state of before",
                    "Remove it (nginx makes keys of its own), or share sessions between hosts in another way.",
                    one,
                )
    rewriting = found.lines(server)
    late = _first_before(found, server, rewriting[0].directive) if rewriting else None
    if late is not None:
        yield finding(
            "include_line_late",
            hostname,
            f"{late.text()} comes before the include line of {found.directory} and would be carried out first",
            "Move the include line right after the opening brace of the server block.",
            late,
        )


def _error_page(one: Directive, hostname: str) -> Iterator[Finding]:
    codes = set(one.args[:-1])
    target = one.args[-1] if one.args else ""
    if {"495", "496"} & codes:
        yield finding(
            "error_page_495_496",
            hostname,
            f"{one.text()} serves its content to clients without a valid certificate",
            "Remove 495 and 496 from it; nginx's own refusal (400) needs no page.",
            one,
        )
    elif "497" in codes and not target.startswith(("https://", "http://", "$scheme://")):
        yield finding(
            "error_page_497",
            hostname,
            f"{one.text()} serves its content to plain HTTP on a TLS port, so without a certificate",
            "Let it redirect: error_page 497 https://$host$request_uri;",
            one,
        )
    elif target.startswith("@") and {"403", "421"} & codes:
        yield finding(
            "error_page_named",
            hostname,
            f"{one.text()} hands refused requests to {target}, which serves them",
            "Give it a page (/403.html) instead of a named location.",
            one,
        )


def _first_before(found: Discovery, server: Server, line: Directive) -> Directive | None:
    """The first rewriting directive of the site that nginx meets before ``line``."""

    def search(block: tuple[Directive, ...]) -> tuple[Directive | None, bool]:
        for child in block:
            if child is line:
                return None, True
            if child.name == "include" and not child.is_block:
                hit, done = search(child.block)
                if hit is not None or done:
                    return hit, done
            elif child.name in REWRITING and not found.is_ours(child.file):
                return child, False
        return None, False

    return search(server.directive.block)[0]


def shadowed(found: Discovery, hostname: str) -> Iterator[Finding]:
    """Blocks that have the name on a socket and never answer there, since nginx takes the first one that has it."""
    places: dict[int, list[str]] = {}
    for address in (*found.web.addresses(tls=True), *found.web.addresses(tls=False)):
        for server in found.index(address).ignored.get(hostname, ()):
            places.setdefault(server.number, []).append(str(address))
    for number, addresses in places.items():
        yield finding(
            "shadowed",
            hostname,
            f"this server block has the name on {' and '.join(addresses)}, but another one answers first",
            "Remove the name from one of them.",
            found.web.servers[number].directive,
            "warning",
        )


def refuses_unknown(found: Discovery, server: Server, hostname: str) -> Iterator[Finding]:
    """For a block whose names are all protected: whether requests for names that nobody has reach it, too."""
    for address in found.web.tls_addresses(server):
        if found.web.default(address) is server:
            yield finding(
                "default_site",
                hostname,
                f"this block is the first of {address}, so requests for unknown names reach it, too (a health check "
                "by address): enforce refuses them as well, and they aren't in the verification log",
                "If there are such visitors, add a server block with default_server for them.",
                server.directive,
                "warning",
            )
            return


def shared(found: Discovery, server: Server, hostname: str) -> Finding:
    """The finding for a block that goes on serving others without a certificate."""
    if any(one.default for one in server.listens if one.address in found.web.tls):
        return finding(
            "default_server_shared",
            hostname,
            "this block is the default server: requests for any other Host reach it without a certificate",
            "If it serves nobody else, drop default_server and add a block with ssl_reject_handshake on.",
            server.directive,
            "warning",
        )
    return finding(
        "block_shared",
        hostname,
        "this block has names that aren't enforced; they reach the same content without a certificate",
        "If they shouldn't, list them, too, or give this hostname a block of its own.",
        server.directive,
        "warning",
    )
