# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an origin, what came back, and what it means: plain values, no work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Expectations, which are the stages of a hostname.
OPEN_STAGE, LOG_ONLY, ENFORCE = "open", "log_only", "enforce"
EXPECTATIONS = (OPEN_STAGE, LOG_ONLY, ENFORCE)

# Kinds of listener.
TLS, PLAIN, QUIC = "tls", "plain", "quic"

# Client certificates. Those of other CAs that the caller has are named "other:NAME".
NONE, VALID, SELF_SIGNED, FOREIGN_CA = "none", "valid", "self_signed", "foreign_ca"
SAME_NAME_CA, EXPIRED, SERVER_AUTH = "same_name_ca", "expired", "server_auth"
BAD = (SELF_SIGNED, FOREIGN_CA, SAME_NAME_CA, EXPIRED, SERVER_AUTH)
OTHER = "other:"

# Classes of a row.
ENFORCED, OPEN, ASKS_ONLY, MISROUTED = "enforced", "open", "asks_only", "misrouted"
DOWN, INCONCLUSIVE, SERVED, CLOSED = "down", "inconclusive", "served", "closed"


@dataclass(frozen=True)
class Listener:
    """One socket of an origin. ``address`` is a literal IPv4 or IPv6 address, ``kind`` tls, plain or quic.

    ``mapped``: the server names another address, which this one may stand for (behind NAT) or not. ``other``: the
    server has it for something else, so that only a way in to a protected hostname counts there.
    """

    address: str
    port: int
    kind: str = TLS
    mapped: bool = field(default=False, compare=False)
    other: bool = field(default=False, compare=False)

    @property
    def is_ipv6(self) -> bool:
        """Whether the address is of the newer family."""
        return ":" in self.address

    @property
    def label(self) -> str:
        """``192.0.2.1:443``, ``[2001:db8::1]:80/plain``, ``192.0.2.1:443/udp``."""
        host = f"[{self.address}]" if self.is_ipv6 else self.address
        return f"{host}:{self.port}" + {TLS: "", PLAIN: "/plain", QUIC: "/udp"}[self.kind]


@dataclass(frozen=True)
class Origin:
    """A host with a web server, by its listeners; ``missed`` are those that have no address to try, and why."""

    name: str
    listeners: tuple[Listener, ...]
    missed: tuple[tuple[Listener, str], ...] = ()


@dataclass(frozen=True)
class Identity:
    """A client certificate (with its chain) and its key, as paths of PEM files. Of kind ``none`` both are empty."""

    kind: str = NONE
    certificate: str = ""
    private_key: str = ""
    passphrase: str = field(default="", repr=False)


NOBODY = Identity()


@dataclass(frozen=True)
class Hostname:
    """A protected hostname: what is expected of it and who can be played.

    ``identities`` are by kind; VALID is our leaf, where its key is at hand. ``edge_status`` is the status that a
    request through the edge got (0: not known). ``alike``: hostnames with the same text here are one class, see
    :func:`.prover.prove`; empty for one of its own.
    """

    name: str
    expect: str = ENFORCE
    identities: tuple[Identity, ...] = ()
    edge_status: int = 0
    alike: str = ""

    def identity(self, kind: str) -> Identity:
        """The identity of that kind, or nobody."""
        return next((entry for entry in self.identities if entry.kind == kind), NOBODY)


@dataclass(frozen=True)
class Case:
    """One request. ``sni`` is what is said in the handshake ("" for nothing), ``host`` what is asked for.

    ``form`` is h1, absolute (h1 with the whole URI of ``host`` in the request line and the SNI as Host) or h2.
    ``resume_from``: None for a fresh session, else the SNI ("" for none) of the connection whose session is taken.
    ``baseline`` marks a request for a hostname that nobody serves, to tell a catch-all site from the protected one.
    """

    hostname: str
    origin: str
    listener: Listener
    tls: str = "1.3"
    sni: str = ""
    sni_kind: str = "right"
    host: str = ""
    spelling: str = ""
    form: str = "h1"
    identity: str = NONE
    resume_from: str | None = None
    path: str = "/"
    baseline: bool = False

    @property
    def variant(self) -> str:
        """The case in words."""
        if self.listener.kind == PLAIN:
            parts = ["plain HTTP"]
        else:
            names = {"right": "right SNI", "none": "no SNI", "unknown": "unknown SNI", "upper": "SNI in upper case"}
            parts = [names.get(self.sni_kind, "SNI " + self.sni)]
        if self.baseline:
            parts.append("a hostname that nobody serves")
        if self.spelling:
            words = {"absolute": "absolute URI", "dot": "name with a dot"}
            parts.append("Host as " + words.get(self.spelling, self.spelling))
        if self.form == "h2":
            parts.append("HTTP/2")
        if self.listener.kind != PLAIN:
            parts.append(identity_text(self.identity))
            parts.append("HTTP/3" if self.listener.kind == QUIC else "TLS " + self.tls)
        if self.resume_from is not None:
            same = self.resume_from == self.sni
            parts.append("session of " + ("the same site" if same else self.resume_from or "the default site"))
        if self.path != "/":
            parts.append(self.path)
        return ", ".join(parts)


def identity_text(kind: str) -> str:
    """A kind of certificate in words."""
    return {
        NONE: "no certificate",
        VALID: "our certificate",
        SELF_SIGNED: "self-signed certificate",
        FOREIGN_CA: "certificate of a foreign CA",
        SAME_NAME_CA: "certificate of a CA with our CA's name",
        EXPIRED: "expired certificate",
        SERVER_AUTH: "certificate for servers only",
    }.get(kind, "certificate of " + kind[len(OTHER) :])


@dataclass(frozen=True)
class Outcome:
    """What came back.

    ``end``: response, alert, closed (EOF), reset, timeout (after the connection stood), refused, unreachable,
    not_offered (that TLS version or HTTP/2), no_session (nothing to resume), skipped, error, unclear (an answer through
    the edge that may be the edge's own).
    ``asked``: whether the handshake asked for a client certificate (None: this Python can't tell); ``asked_late``:
    it was asked for after the handshake. ``ca_names``: DER of the CA names that the server sent. ``cache``: what
    Cloudflare's cache says of it.
    """

    end: str
    status: int = 0
    alert: int = -1
    body: bytes = b""
    location: str = ""
    server: str = ""
    alt_svc: str = ""
    cache: str = ""
    asked: bool | None = None
    asked_late: bool = False
    ca_names: tuple[bytes, ...] = ()
    presented: bool = False
    resumed: bool = False
    tls: str = ""
    alpn: str = ""
    attempts: int = 1
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A case, its outcome and its class; ``guessed``: a page is told from the protected one by title and text only."""

    case: Case
    outcome: Outcome
    verdict: str
    reason: str
    guessed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The row as returned by the module."""
        case = self.case
        return {
            "hostname": case.hostname,
            "origin": case.origin,
            "listener": case.listener.label,
            "variant": case.variant,
            "certificate": case.identity,
            "tls": case.tls if case.listener.kind == TLS else "",
            "resumed": self.outcome.resumed,
            "asked": self.outcome.asked,
            "status": self.outcome.status or None,
            "class": self.verdict,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Finding:
    """A hole, or something else that a person should know. ``variants`` are the requests that showed it."""

    code: str
    severity: str
    hostname: str
    origin: str
    listener: str
    variants: tuple[str, ...]
    evidence: str
    remedy: str

    def as_dict(self) -> dict[str, Any]:
        """The finding as returned by the module."""
        return {
            "code": self.code,
            "severity": self.severity,
            "hostname": self.hostname,
            "origin": self.origin,
            "listener": self.listener,
            "variant": self.variants[0] if self.variants else "",
            "variants": list(self.variants),
            "evidence": self.evidence,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class Settings:
    """Seconds, but ``rate`` (connections per second and origin), ``workers`` (connections at once), ``retries``.

    ``edge_for_every_origin``: a request through the edge counts for each of several origins. ``servers``: remedies of
    servers that have their own, by what their C(Server) header begins with, in lower case.
    """

    connect_timeout: float = 5.0
    timeout: float = 10.0
    pause: float = 0.3
    time_limit: float = 300.0
    rate: float = 50.0
    workers: int = 8
    retries: int = 2
    paths: tuple[str, ...] = ("/",)
    foreign_sni: tuple[str, ...] = ()
    edge: str = ""
    edge_for_every_origin: bool = False
    servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
