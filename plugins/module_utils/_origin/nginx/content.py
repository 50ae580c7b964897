# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server block gives: nothing, since it redirects or refuses, or content, and where that comes from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence, Set

from ..model import ACME_PATH
from .survey import Discovery
from .syntax import Directive, location_parts
from .web import Server

_CONTENT = ("root", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
#: What a source of content is, and the directory that decides what it gives; ``/`` where none does.
Source = tuple[str, str]
#: Every path matches. No ``$`` at the end: a dot stops at a line feed, which may be in a path (``%0A``).
_CATCH_ALL = re.compile(r"\^?(/\??)?(\.\*|\(\.\*\))?")
_ONE_LINE = re.compile(r"\^?(/\??)?(\.\*|\(\.\*\))\$")
_WITHOUT_TLS = ("$scheme = http", "$scheme != https", "$https =", "$https != on")
_EVERYTHING = (("", "/"), ("^~", "/"))
_SCRIPT = re.compile(r"(/[^$]*?)/*(\$(fastcgi_script_name|uri|document_uri))?")


def is_closed(found: Discovery, server: Server, tls: bool = False) -> bool:
    """Whether a block gives no content, over TLS or without: it redirects or refuses all (ACME challenges apart)."""
    if tls and any(one.args[:1] == ("on",) for one in found.effective(server, "ssl_reject_handshake")):
        return True
    plain = None if tls else server
    return _turned_away(found, plain, server.directive) or not _open(found, server, plain)


def _open(found: Discovery, server: Server, plain: Server | None) -> list[Directive]:
    """The locations of a block that give content; the block itself, if none of them is for all other paths."""
    locations = found.site_named(server.directive, "location")
    if not any(location_parts(one) in _EVERYTHING for one in locations):
        return [server.directive]
    return [one for one in locations if not _location_closed(found, plain, one)]


def _turned_away(found: Discovery, plain: Server | None, block: Directive) -> bool:
    """Whether the rewriting of a block redirects or refuses every request; ``plain``: every one without TLS to it."""
    for child in found.site(block):
        if _lets_in(child):
            return False
        if child.name == "return" or (_leaves(child) and _CATCH_ALL.fullmatch(child.args[0])):
            return True
        if child.name == "if":
            if plain is not None and _without_tls(found, plain, child) and _turned_away(found, plain, child):
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


def _location_closed(found: Discovery, plain: Server | None, location: Directive, denied: bool = False) -> bool:
    """``denied``: by the location around it. That's inherited, rewriting isn't."""
    if _for_challenges(location):
        return True
    if found.site_named(location, "allow", "deny"):
        denied = any(child.args == ("all",) for child in found.site_named(location, "deny"))
    inner = found.site_named(location, "location")
    closed = denied or _turned_away(found, plain, location)
    return closed and all(_location_closed(found, plain, one, denied) for one in inner)


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


def overlap(some: Set[Source], others: Set[Source]) -> str:
    """What two blocks have in common; empty for nothing. Scripts of a directory can be run from one above it, too."""

    def inside(inner: str, outer: str) -> bool:
        return (inner + "/").startswith(outer.rstrip("/") + "/")

    common = (
        text
        for text, directory in some
        for other, place in others
        if text == other and (inside(directory, place) or inside(place, directory))
    )
    return min(common, default="")


def way_to_close(found: Discovery, server: Server) -> str:
    """How a block without TLS is closed, for its owner."""
    opened = _open(found, server, server)
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
