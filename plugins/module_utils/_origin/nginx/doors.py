# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways around a protected server block, and what in a site forbids to touch it. Each finding has its remedy."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence, Set

from ..model import ACME_PATH, Finding
from .survey import Discovery
from .syntax import Directive, location_parts
from .web import Server

REWRITING = ("if", "return", "rewrite", "set", "break")
_CONTENT = ("root", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
#: What a source of content is, and the directory that decides what it gives; ``/`` where none does.
Source = tuple[str, str]
#: Every path matches. No ``$`` at the end: a dot stops at a line feed, which may be in a path (``%0A``).
_CATCH_ALL = re.compile(r"\^?(/\??)?(\.\*|\(\.\*\))?")
_ONE_LINE = re.compile(r"\^?(/\??)?(\.\*|\(\.\*\))\$")
_WITHOUT_TLS = ("$scheme = http", "$scheme != https", "$https =", "$https != on")
_EVERYTHING = (("", "/"), ("^~", "/"))
_SCRIPT = re.compile(r"(/[^$]*?)/*(\$(fastcgi_script_name|uri|document_uri))?")


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
            "crl_in_the_way",
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
                message = "ssl_early_data on: early data rides on the certificate state of an older session"
                remedy = "Switch it off for this hostname and for the default server of its addresses."
            else:
                message = f"{one.text()}: sessions of before outlive the change, with the certificate state of before"
                remedy = "Remove it (nginx makes keys of its own), or share sessions between hosts in another way."
            yield finding(one.name, hostname, message, remedy, one)
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


def is_closed(found: Discovery, server: Server) -> bool:
    """Whether a block gives no content without TLS: it redirects or refuses all that (ACME challenges apart)."""
    return _turned_away(found, server, server.directive) or not _open(found, server)


def _open(found: Discovery, server: Server) -> list[Directive]:
    """The locations of a block that give content; the block itself, if none of them is for all other paths."""
    locations = found.site_named(server.directive, "location")
    if not any(location_parts(one) in _EVERYTHING for one in locations):
        return [server.directive]
    return [one for one in locations if not _location_closed(found, server, one)]


def _turned_away(found: Discovery, server: Server, block: Directive) -> bool:
    """Whether the rewriting of a block redirects or refuses every request without TLS."""
    for child in found.site(block):
        if _lets_in(child):
            return False
        if child.name == "return" or (_leaves(child) and _CATCH_ALL.fullmatch(child.args[0])):
            return True
        if child.name == "if":
            if _without_tls(found, server, child) and _turned_away(found, server, child):
                return True
            if any(_lets_in(one) for one in found.site(child)):
                return False  # what follows isn't carried out for every request
    return False


def _without_tls(found: Discovery, server: Server, condition: Directive) -> bool:
    """Whether an ``if`` is met by every request without TLS."""
    text = " ".join(condition.args).strip("() ")
    if text == "$server_port = 80":
        return {address.port for address in found.web.plain_addresses(server)} <= {80}
    return text in _WITHOUT_TLS


def _lets_in(one: Directive) -> bool:
    """Whether a directive ends the rewriting and the request goes on, or answers with content."""
    if one.name == "rewrite":
        return one.args[2:] in (("last",), ("break",)) and not _leaves(one)
    return one.name == "break" or (one.name == "return" and not _gives_nothing(one))


def _leaves(one: Directive) -> bool:
    """Whether it's a ``rewrite`` to another URL: a redirect, whatever its flag is."""
    return one.name == "rewrite" and one.args[1:2] != () and one.args[1].startswith(("https://", "$scheme://"))


def lines_only(found: Discovery, block: Directive) -> Directive | None:
    """A ``rewrite`` that redirects every path except those with a line feed."""
    for one in found.site(block):
        if _leaves(one) and _ONE_LINE.fullmatch(one.args[0]):
            return one
        if one.name == "if" or (one.name == "location" and location_parts(one) in _EVERYTHING):
            inner = lines_only(found, one)
            if inner is not None:
                return inner
    return None


def _location_closed(found: Discovery, server: Server, location: Directive, denied: bool = False) -> bool:
    """``denied``: by the location around it. That's inherited, rewriting isn't."""
    if _for_challenges(location):
        return True
    if found.site_named(location, "allow", "deny"):
        denied = any(child.args == ("all",) for child in found.site_named(location, "deny"))
    inner = found.site_named(location, "location")
    closed = denied or _turned_away(found, server, location)
    return closed and all(_location_closed(found, server, one, denied) for one in inner)


def _for_challenges(location: Directive) -> bool:
    """Whether a location has ACME challenges and nothing else."""
    modifier, pattern = location_parts(location)
    if modifier in ("~", "~*"):
        return pattern.replace("\\", "").startswith("^" + ACME_PATH) and "|" not in pattern
    return modifier != "@" and pattern.startswith(ACME_PATH)


def _gives_nothing(one: Directive) -> bool:
    if len(one.args) == 1:
        return not one.args[0].isdigit() or int(one.args[0]) >= 400
    code = one.args[0]
    return code in ("301", "302", "303", "307", "308") or (code.isdigit() and int(code) >= 400)


def content(found: Discovery, server: Server) -> set[Source]:
    """Where the content of a block comes from: directories and upstreams."""
    of_http = [" ".join(one.args) for one in found.of_http("root")]
    own = set(_content(found, server.directive, "".join(of_http) or "html", found.of_http("fastcgi_param")))
    if not any(text.startswith("root ") for text, _directory in own):
        own.update((f"root {path}", "/") for path in of_http)
    return own


def _content(found: Discovery, block: Directive, root: str, params: Sequence[Directive]) -> Iterator[Source]:
    """``root``, ``params``: what the block inherits (parameters only if it has none of its own)."""
    for one in found.site_named(block, "root", "alias"):
        root = " ".join(one.args)
    params = found.site_named(block, "fastcgi_param") or params
    for one in found.site(block):
        if one.name in _CONTENT:
            directory = _scripts(found, root, params) if one.name == "fastcgi_pass" else "/"
            yield " ".join((one.name, *one.args)), directory
        if not (one.name == "location" and _for_challenges(one)):
            yield from _content(found, one, root, params)


def _scripts(found: Discovery, root: str, params: Sequence[Directive]) -> str:
    """Where the scripts are that a FastCGI server is told to run; ``/`` where it isn't told, or that's not clear."""
    root = posixpath.join(found.build.prefix, root)
    directories = set()
    for value in (one.args[1] for one in params if one.args[0] == "SCRIPT_FILENAME"):
        path = re.sub(r"^\$(document_root|realpath_root)\b", lambda _: root, value)
        script = _SCRIPT.fullmatch(path)
        if script is None:
            return "/"
        directory = script.group(1) if script.group(2) else posixpath.dirname(path)
        directories.add(posixpath.normpath("/" + directory.lstrip("/")))
    return directories.pop() if len(directories) == 1 else "/"


def overlap(some: Set[Source], others: Set[Source]) -> bool:
    """Whether two blocks have content in common. Scripts of a directory can be run from one above it, too."""

    def inside(inner: str, outer: str) -> bool:
        return (inner + "/").startswith(outer.rstrip("/") + "/")

    return any(
        text == other and (inside(directory, place) or inside(place, directory))
        for text, directory in some
        for other, place in others
    )


def plain_doors(found: Discovery, hostname: str, tls: list[Server]) -> list[tuple[Server, bool]]:
    """The blocks that give out the hostname's content without TLS: (block, whether it's a TLS block as well)."""
    wanted: set[Source] = set()
    for server in tls:
        wanted |= content(found, server)
    doors: dict[int, tuple[Server, bool]] = {}
    for address in found.web.addresses(tls=False):
        if address.is_local:
            continue
        named = found.match(hostname, address).server
        server = named or found.web.default(address)
        if named is None and not overlap(wanted, content(found, server)):
            continue
        if not is_closed(found, server):
            doors[server.number] = (server, bool(found.web.tls_addresses(server)))
    return list(doors.values())


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


def plain_finding(found: Discovery, server: Server, hostname: str) -> Finding:
    """The finding for a block that serves the hostname without TLS."""
    return finding(
        "plain_http_open",
        hostname,
        "this server block gives out the hostname's content without TLS, so without a certificate",
        f"{_way_to_close(found, server)}, or set plain_http to redirect.",
        server.directive,
    )


def _way_to_close(found: Discovery, server: Server) -> str:
    opened = _open(found, server)
    for block in (server.directive, *opened):
        one = lines_only(found, block)
        if one is not None:
            return (
                f"Write return 301 https://$host$request_uri; instead of {one.text()} in line {one.line} "
                "(a path with an encoded line feed passes this expression)"
            )
    if all(ACME_PATH in location_parts(one)[1].replace("\\", "") for one in opened):
        return (
            f"Write location ^~ {ACME_PATH}/ instead of {opened[0].text()} in line {opened[0].line} "
            "(other paths match this expression, too)"
        )
    return "Let it redirect (return 301 https://$host$request_uri;)"
