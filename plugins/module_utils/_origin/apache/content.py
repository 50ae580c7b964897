# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual host serves, as far as it can be told: does it only redirect or refuse, and is it the same content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

from ..model import ACME_PATH
from .discovery import Discovery
from .grammar import Directive, Node, Section
from .tree import own

_CATCH_ALL = re.compile(
    r"^(\^|\^?/\??)?(\(\?!/?\\?\.well-known(/acme-challenge)?/?\))?(\.\*|\(\.\*\)|\(\.\*\?\))\$?$|^(\^|\^?/\??|\^?\.)$"
)
_ALIASES = (
    "alias", "aliasmatch", "scriptalias", "scriptaliasmatch", "wsgiscriptalias", "wsgiscriptaliasmatch", "jkmount",
)  # fmt: skip
_REFUSING = ("gone", "403", "404", "410", "400", "421", "451")
#: What stands for the name that was asked for, or a part of it, in a VirtualDocumentRoot (mod_vhost_alias).
_INTERPOLATED = re.compile(r"(%(?:%|p|-?\d+\+?(?:\.-?\d+\+?)?))")
_NAME_TESTS = ("%{server_name}", "%{http_host}")


@dataclass(frozen=True)
class _Rule:
    rule: Directive
    conditions: tuple[Directive, ...]

    @property
    def flags(self) -> set[str]:
        """The flags in upper case, without their values."""
        if len(self.rule.arguments) < 3:
            return set()
        listed = self.rule.arguments[2].strip("[]").split(",")
        return {flag.partition("=")[0].strip().upper() for flag in listed}


@dataclass(frozen=True)
class Signature:
    """What a virtual host's content comes from, each as words to show.

    ``pools`` run the files of the document root by FastCGI, so that sharing them is no matter. ``idle``: the server's
    document root, where a virtual host without one of its own has it but passes requests to backends.
    """

    sources: frozenset[str]
    pools: frozenset[str]
    idle: frozenset[str]

    def shared(self, other: Signature, is_named: Callable[[str], bool]) -> set[str]:
        """What ``other`` serves of these sources. ``is_named``: whether a name gets another virtual host there."""
        theirs = other.sources | other.idle
        found = set(self.sources & (theirs | other.pools) | self.pools & other.sources)
        roots = [mine for mine in self.sources if mine.startswith("directory")]
        return found | {mine for mine in roots if any(_serves(each, mine, is_named) for each in theirs)}

    def shared_idle(self, other: Signature) -> set[str]:
        """The directory that ``other`` serves and that this one has just because it has no other."""
        return set(self.idle & (other.sources | other.idle))


def serves_content(section: Section, hostname: str, is_default: bool, ignore: str) -> Node | None:
    """The node because of which a virtual host answers with content rather than a redirect or refusal to everything
    except ACME challenges; nothing if it doesn't. ``is_default``: it answers for unknown names, too.
    ``ignore``: files below this directory don't count.
    """
    nodes = [node for node in section.children if not node.file.startswith(ignore + "/")]
    proxied = _proxied(nodes)
    if proxied is not None:
        return proxied
    rules = _rules(nodes)
    for entry in rules:
        if _is_escape(entry):
            return entry.rule
        if _redirects_all(entry, hostname, is_default):
            return None
    if any(_is_redirect(item) for item in own(nodes, "redirect", "redirectmatch", "redirectpermanent", "redirecttemp")):
        return None
    return None if _denies_all(nodes) else section


def signature(nodes: Sequence[Node], discovery: Discovery) -> Signature:
    """What a virtual host's content comes from: its document root and the backends it passes requests to.

    Without a document root of its own it has the server's.
    """
    roots = own(nodes, "documentroot", "virtualdocumentroot")
    root = roots[-1].arguments[0] if roots and roots[-1].arguments else ""
    if not roots and not _takes_all(nodes):
        root = discovery.dump.document_root
    directories = {"directory " + discovery.tree.absolute(root)} if root else set()
    if "other_files" not in discovery.remembered:
        discovery.remembered["other_files"] = _runs_other_files(discovery.tree.nodes)
    runs_these = bool(root) and not discovery.remembered["other_files"] and not _runs_other_files(nodes)
    backends: set[str] = set()
    pools: set[str] = set()
    passing = False
    for node, sections in _located(nodes):
        target = _proxy_target(node)
        if target:
            by_name = node.key == "sethandler" and any(item.key in ("files", "filesmatch") for item in sections)
            found = pools if runs_these and by_name and "fcgi://" in target else backends
            found.add("backend " + target.rstrip("/").lower())
            acme = _is_acme(node.text + "".join(item.argument for item in sections))
            passing |= "fcgi://" not in target and not acme
    idle = directories if passing and not roots else set()
    return Signature(frozenset(backends | directories - idle), frozenset(pools), frozenset(idle))


def _serves(template: str, directory: str, is_named: Callable[[str], bool]) -> bool:
    """Whether a VirtualDocumentRoot is ``directory`` for some name that no virtual host has."""
    parts = _INTERPOLATED.split(template)
    for position in range(1, len(parts), 2):
        parts[position] = "([^/]+)" if parts[position] == "%0" else "[^/]*"
    parts[::2] = [re.escape(part) for part in parts[::2]]
    found = re.fullmatch("".join(parts), directory) if len(parts) > 1 else None
    return found is not None and not any(is_named(name.lower()) for name in found.groups())


def _runs_other_files(nodes: Sequence[Node]) -> bool:
    """Whether FastCGI is told of other files than those of the document root."""
    told = [node.arguments[1:2] for node, _sections in _located(nodes) if node.key == "proxyfcgisetenvif"]
    return any(word.lstrip("!").upper() == "SCRIPT_FILENAME" for words in told for word in words)


def _located(
    nodes: Sequence[Node], inside: tuple[Section, ...] = ()
) -> Iterator[tuple[Directive, tuple[Section, ...]]]:
    """Every directive with the sections that it's in. Virtual hosts inside don't count."""
    for node in nodes:
        if isinstance(node, Directive):
            yield node, inside
        elif node.key != "virtualhost":
            yield from _located(node.children, (*inside, node))


def _takes_all(nodes: Sequence[Node]) -> bool:
    """Whether every request goes elsewhere than to the document root."""
    passing = [item for item in own(nodes, "proxypass", "proxypassmatch") if _proxy_target(item)]
    passing += _unconditional([entry for entry in _rules(nodes) if _proxy_target(entry.rule)])
    for item in (*passing, *own(nodes, *_ALIASES)):
        if item.arguments[:1] == ("/*",) or item.arguments and _CATCH_ALL.match(item.arguments[0]):
            return True
    places = [node for node in nodes if isinstance(node, Section) and node.key == "location"]
    return any(place.arguments == ("/",) and own(place.children, "proxypass", "sethandler") for place in places)


def _unconditional(rules: Sequence[_Rule]) -> list[Directive]:
    """The rules without a condition, and the catch-alls of which one has a condition and another one its opposite."""
    found = [entry.rule for entry in rules if not entry.conditions]
    tests: set[tuple[str, ...]] = set()
    for entry in rules:
        words = entry.conditions[0].arguments if len(entry.conditions) == 1 else ()
        if len(words) > 1 and _CATCH_ALL.match(entry.rule.arguments[0]):
            subject, test, *flags = words
            opposite = test[1:] if test.startswith("!") else "!" + test
            if (subject, opposite, *flags) in tests:
                found.append(entry.rule)
            tests.add((subject, test, *flags))
    return found


def _is_acme(text: str) -> bool:
    return ACME_PATH in text.replace("\\", "")


def _proxied(nodes: Sequence[Node]) -> Node | None:
    """A directive that passes requests on whatever mod_alias says: mod_proxy is asked before it."""
    for node in nodes:
        if isinstance(node, Section):
            if not _is_acme(node.argument):
                found = _proxied(node.children)
                if found is not None:
                    return found
        elif node.key in ("proxypass", "proxypassmatch") and _proxy_target(node) and not _is_acme(node.text):
            return node
    return None


def _proxy_target(node: Directive) -> str:
    arguments = [word for word in node.arguments if word]
    if node.key in ("proxypass", "proxypassmatch"):
        urls = [word for word in arguments if "://" in word or word == "!"]
        return urls[0] if urls and urls[0] != "!" else ""
    if node.key == "rewriterule" and len(arguments) > 2 and "://" in arguments[1]:
        flags = {flag.strip().upper() for flag in arguments[2].strip("[]").split(",")}
        return arguments[1].split("$")[0] if flags & {"P", "PROXY"} else ""
    if node.key == "sethandler" and arguments and arguments[0].startswith("proxy:"):
        return arguments[0]
    return ""


def _rules(nodes: Sequence[Node]) -> list[_Rule]:
    engine = own(nodes, "rewriteengine")
    if not engine or engine[-1].arguments[:1] and engine[-1].arguments[0].lower() != "on":
        return []
    rules, conditions = [], []
    for node in own(nodes, "rewritecond", "rewriterule"):
        if node.key == "rewritecond":
            conditions.append(node)
        elif len(node.arguments) >= 2:
            rules.append(_Rule(node, tuple(conditions)))
            conditions = []
    return rules


def _leads_away(entry: _Rule) -> bool:
    target = entry.rule.arguments[1]
    if entry.flags & {"F", "FORBIDDEN", "G", "GONE"}:
        return True
    return not entry.flags & {"P", "PROXY"} and bool(entry.flags & {"R", "REDIRECT"} or re.match(r"^https?://", target))


def _is_escape(entry: _Rule) -> bool:
    """Whether a rule sends some requests to content before a later rule could redirect them."""
    if _leads_away(entry) or _is_acme(entry.rule.text + "".join(item.text for item in entry.conditions)):
        return False
    if entry.rule.arguments[1] == "-":
        return bool(entry.flags & {"L", "LAST", "END", "S", "SKIP"})
    return True


def _redirects_all(entry: _Rule, hostname: str, is_default: bool) -> bool:
    if not _leads_away(entry) or not _CATCH_ALL.match(entry.rule.arguments[0]):
        return False
    alternatives: list[bool] = []
    for condition in entry.conditions:
        alternatives.append(_always(condition, hostname, is_default))
        flags = condition.arguments[2].upper() if len(condition.arguments) > 2 else ""
        if "OR" in flags.strip("[]").split(","):
            continue
        if not any(alternatives):
            return False
        alternatives = []
    return not alternatives or any(alternatives)


def _always(condition: Directive, hostname: str, is_default: bool) -> bool:
    """Whether a condition holds for every plain request to ``hostname`` that isn't an ACME challenge."""
    if len(condition.arguments) < 2:
        return False
    subject, test = condition.arguments[0].lower(), condition.arguments[1]
    lowered = test.lower()
    if subject == "%{https}":
        return lowered in ("off", "!on", "!=on", "=off", "^off$", "!^on$", '!="on"')
    if subject == "%{server_port}":
        return lowered in ("80", "^80$", "=80", "!443", "!^443$", "!=443")
    if subject == "%{request_uri}":
        return test.startswith("!") and _is_acme(test)
    if subject in _NAME_TESTS and not is_default:
        if test.startswith("="):
            return lowered[1:] == hostname
        try:
            return not test.startswith("!") and bool(re.search(test, hostname, re.I))
        except re.error:
            return False
    return False


def _is_redirect(item: Directive) -> bool:
    arguments = list(item.arguments)
    status = ""
    if item.key in ("redirect", "redirectmatch") and arguments and not arguments[0].startswith(("/", "^", "(", ".")):
        status = arguments.pop(0).lower()
    if not arguments:
        return False
    everything = arguments[0] == "/" if item.key != "redirectmatch" else bool(_CATCH_ALL.match(arguments[0]))
    return everything and (status in _REFUSING or (len(arguments) > 1 and "://" in arguments[1]))


def _denies_all(nodes: Sequence[Node]) -> bool:
    places = [node for node in nodes if isinstance(node, Section) and not _is_acme(node.argument)]
    if any(node.key in ("location", "locationmatch", "if") and node.arguments != ("/",) for node in places):
        return False
    for node in places:
        if node.key == "location" and node.arguments == ("/",):
            requires = own(node.children, "require")
            return [tuple(word.lower() for word in item.arguments) for item in requires] == [("all", "denied")]
    return False
