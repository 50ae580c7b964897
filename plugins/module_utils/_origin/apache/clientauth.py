# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in the user's configuration speaks against asking for client certificates in a virtual host."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..model import ENFORCE, Finding
from . import sites, tree
from .discovery import Discovery
from .grammar import Directive, Node, Section

_TAKEN = ("sslverifyclient", "sslcacertificatefile", "sslcacertificatepath", "sslverifydepth")
_OPENSSL = (
    "verifymode", "clientcafile", "clientcapath", "requestcafile", "requestcapath", "requestcastore",
    "verifycafile", "verifycapath", "verifycastore", "chaincafile", "chaincapath", "chaincastore", "strict",
)  # fmt: skip
_OTHER_TLS = {"gnutlsenable": "mod_gnutls", "nssengine": "mod_nss"}


def check_site(discovery: Discovery, hostname: str, stage: str, section: Section) -> list[Finding]:
    """Findings about one virtual host of ``hostname`` that shall ask for certificates."""
    findings = []
    lines = sites.includes(discovery, section, *discovery.paths.snippets(hostname))
    # Without such a line ours will be the last one of the virtual host.
    later = section.children[section.children.index(lines[-1]) :] if lines else ()
    for directive, outer in _inside(section.children, discovery.paths.own_directory):
        if _asks_nobody(directive) and outer is None and directive not in later:
            continue
        found = _taken(directive, outer, hostname) or _verification(directive, hostname, stage)
        if found:
            findings.append(found)
        if directive.key in _OTHER_TLS and tree.is_on(directive):
            findings.append(
                _finding(
                    "other_tls", hostname, directive,
                    f"its TLS comes from {_OTHER_TLS[directive.key]}, not from mod_ssl",
                    "Use mod_ssl for this virtual host.",
                )
            )  # fmt: skip
    return findings


def check_server(discovery: Discovery, hostname: str, stage: str, section: Section) -> list[Finding]:
    """Findings about the server level that the virtual host ``section`` inherits."""
    findings = []
    for directive in discovery.tree.level:
        if not isinstance(directive, Directive) or _is_ours(directive, discovery.paths.own_directory):
            continue
        found = _inherited(directive, hostname) or _verification(directive, hostname, stage)
        if found:
            findings.append(found)
        if directive.key == "sslvhostsnipolicy" and directive.arguments[:1] == ("insecure",) and stage == ENFORCE:
            findings.append(
                _finding(
                    "sni_policy_insecure", hostname, directive,
                    "SSLVHostSNIPolicy insecure lets a client in with a certificate for another virtual host",
                    "Remove the line, or say secure.",
                )
            )  # fmt: skip
    for node in discovery.tree.level:
        if isinstance(node, Section) and _concerns(node, section, discovery):
            for directive, _outer in _inside((node,), discovery.paths.own_directory):
                if directive.key == "sslverifyclient":
                    findings.append(_in_section(directive, node, hostname))
    return findings


def _inside(
    nodes: Sequence[Node], own_directory: str, outer: Section | None = None
) -> Iterator[tuple[Directive, Section | None]]:
    for node in nodes:
        if _is_ours(node, own_directory):
            continue
        if isinstance(node, Section):
            yield from _inside(node.children, own_directory, node)
        else:
            yield node, outer


def _is_ours(node: Node, own_directory: str) -> bool:
    return node.file.startswith(own_directory + "/")


def _taken(directive: Directive, outer: Section | None, hostname: str) -> Finding | None:
    if directive.key not in _TAKEN:
        return None
    if outer is not None:
        return _in_section(directive, outer, hostname)
    return _finding(
        "client_verification_taken", hostname, directive,
        f"{directive.name} is there already, for something else",
        "Take it out of this virtual host, or serve the hostname in a virtual host of its own.",
    )  # fmt: skip


def _asks_nobody(directive: Directive) -> bool:
    """Whether it's what Apache does anyway, as templates of control panels say it in every virtual host."""
    value = directive.arguments[0].lower() if directive.arguments else ""
    return directive.key == "sslverifyclient" and value in ("none", "off")


def _in_section(directive: Directive, outer: Section, hostname: str) -> Finding:
    return _finding(
        "client_verification_taken", hostname, directive,
        f"{directive.name} in <{outer.name} {outer.argument}> would change the verification for a part of the site",
        "Take it out; the virtual host asks for the certificate as a whole.",
    )  # fmt: skip


def _inherited(directive: Directive, hostname: str) -> Finding | None:
    if directive.key not in _TAKEN or directive.key == "sslverifydepth":
        return None
    if _asks_nobody(directive):
        return None
    return _finding(
        "client_verification_taken", hostname, directive,
        f"{directive.name} at server level is inherited by every virtual host and there for something else",
        "Move it into the virtual hosts that need it.",
    )  # fmt: skip


def _verification(directive: Directive, hostname: str, stage: str) -> Finding | None:
    """Directives that change who passes, or what the server makes of a certificate."""
    key = directive.key
    words = [word.lower() for word in directive.arguments]
    if key in ("sslcadnrequestfile", "sslcadnrequestpath") and stage == ENFORCE:
        return _finding(
            "ca_names_differ", hostname, directive,
            f"{directive.name} tells clients other CAs than ours, so that the edge may keep its certificate back",
            "Remove it.",
        )  # fmt: skip
    if key == "sslcarevocationcheck" and words[:1] not in ([], ["none"]):
        return _finding(
            "revocation_check", hostname, directive,
            "SSLCARevocationCheck refuses certificates of a CA without a current revocation list, at every stage",
            "Set it to none for this virtual host.",
        )  # fmt: skip
    if key == "sslocspenable" and words[:1] not in ([], ["off"]):
        return _finding(
            "ocsp_check", hostname, directive,
            "SSLOCSPEnable refuses certificates that no OCSP responder vouches for, at every stage",
            "Set it to off for this virtual host.",
        )  # fmt: skip
    if key == "sslinsecurerenegotiation" and words[:1] == ["on"] and stage == ENFORCE:
        return _finding(
            "insecure_renegotiation", hostname, directive,
            "SSLInsecureRenegotiation lets an attacker put requests before those of the edge",
            "Remove it.",
        )  # fmt: skip
    if key == "sslopensslconfcmd" and words[:1] and words[0].strip("-") in _OPENSSL:
        return _finding(
            "openssl_verification", hostname, directive,
            f"SSLOpenSSLConfCmd {directive.arguments[0]} changes the verification behind Apache's back",
            "Remove it.",
        )  # fmt: skip
    if key == "ssloptions" and any(word in ("+fakebasicauth", "fakebasicauth") for word in words):
        return _finding(
            "fake_basic_auth", hostname, directive,
            "SSLOptions FakeBasicAuth would log every visitor in as the edge's certificate",
            "Remove it.",
        )  # fmt: skip
    if key == "sslusername":
        return _finding(
            "ssl_user_name", hostname, directive,
            "SSLUserName would make the edge's certificate the user of every visitor",
            "Remove it.",
        )  # fmt: skip
    return None


def _concerns(outer: Section, section: Section, discovery: Discovery) -> bool:
    """Whether a section at server level applies to a virtual host."""
    if outer.key != "directory" or not outer.arguments:
        return True
    roots = tree.own(section.children, "documentroot") or discovery.tree.directives("documentroot")
    root = discovery.tree.absolute(roots[-1].arguments[0]) if roots and roots[-1].arguments else "/"
    place = discovery.tree.absolute(outer.arguments[-1])
    shared = os.path.commonpath([root, place])
    return outer.arguments[0] == "~" or shared in (root, place)


def _finding(code: str, hostname: str, directive: Directive, message: str, remedy: str) -> Finding:
    return Finding(code, "error", hostname, message, remedy, directive.file, directive.line)
