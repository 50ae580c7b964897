# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the work on an origin is about: stages, protections, findings, plans, and what a server driver answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol, TypeVar

OFF = "off"
LOG_ONLY = "log_only"
ENFORCE = "enforce"
STAGES: tuple[str, ...] = (OFF, LOG_ONLY, ENFORCE)

#: How a change becomes live. ``reload`` is whatever lets the server take its files: a signal, a call of its API, or
#: nothing where it watches them. ``replace`` starts fresh processes beside the old ones (nginx binary upgrade), so
#: that no TLS session of before is resumed and no connection is dropped.
NOTHING = "none"
RELOAD = "reload"
REPLACE = "replace"

#: Every generated file starts with this, so that it's known as ours and tells the stage it stands for.
MARK = "originlock.aop"

#: Where certificate authorities ask for challenges (http-01), below it; and the same as a regular expression.
ACME_PATH = "/.well-known/acme-challenge"
ACME_EXPRESSION = ACME_PATH.replace(".", r"\.")


def stricter(one: str, other: str) -> str:
    """Return the stage that demands more."""
    return max(one, other, key=STAGES.index)


@dataclass(frozen=True)
class Protection:
    """What is wanted for one hostname. ``certificate`` holds the PEM of every generation the edge may present.

    ``issuers`` are the names of the CAs in the bundle, as OpenSSL writes them (RFC 2253); empty where one of them is
    too unusual to be compared as text. ``untrusted`` says why a certificate isn't trusted by the bundle, if so.
    """

    name: str
    stage: str
    trust_bundle: str = ""
    certificate: str = ""
    issuers: tuple[str, ...] = ()
    untrusted: str = ""


@dataclass(frozen=True)
class Options:
    """Switches of one run, the same for every server. ``never_relax``, ``relax_only``: see :func:`kept`."""

    never_relax: bool = False
    relax_only: bool = False
    manage_sites: bool = True
    plain_http: str = "refuse"
    log_path: str = ""


def kept(entry: Protection, loaded: str, options: Options) -> str:
    """The stage that one site gets. ``loaded``: the stage that the running configuration has for it.

    With ``never_relax`` a site that demands more than is asked for stays as it is, with ``relax_only`` (which goes
    first) one that demands less; so does one that shall log only without a trust bundle. ``off`` is always carried
    out. Each site of a hostname is judged by itself.
    """
    if entry.stage == OFF:
        return OFF
    if STAGES.index(loaded) > STAGES.index(entry.stage):
        return loaded if options.never_relax and not options.relax_only else entry.stage
    stays = options.relax_only or (entry.stage == LOG_ONLY and not entry.trust_bundle.strip())
    return loaded if stays else entry.stage


@dataclass(frozen=True)
class Finding:
    """One thing a person should know. ``error`` stops the work, ``warning`` and ``info`` don't.

    ``hostname`` is empty where it's about the server.
    """

    code: str
    severity: str
    hostname: str
    message: str
    remedy: str
    file: str = ""
    line: int = 0

    def sentence(self) -> str:
        """The finding in one line."""
        place = f" ({self.file}:{self.line})" if self.file else ""
        about = f"{self.hostname}: " if self.hostname else ""
        return f"{about}{self.message}{place}. {self.remedy}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as returned by modules."""
        return {
            "code": self.code,
            "severity": self.severity,
            "hostname": self.hostname,
            "message": self.message,
            "remedy": self.remedy,
            "file": self.file,
            "line": self.line,
        }


@dataclass(frozen=True)
class Site:
    """One place of the server's configuration that serves a hostname over TLS (a server block, a virtual host).

    Stages and CAs are those of the running configuration, and as they will be. ``trusts``: SHA-256 of the DER of each
    CA whose certificates it accepts for the hostname, in lower-case hex (see :func:`.trust.fingerprints`).
    """

    hostname: str
    file: str
    line: int
    listeners: tuple[str, ...]
    stage_before: str
    stage_after: str
    trusts_before: tuple[str, ...] = ()
    trusts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The site as returned by modules."""
        return {
            "hostname": self.hostname,
            "file": self.file,
            "line": self.line,
            "listeners": list(self.listeners),
            "stage_before": self.stage_before,
            "stage_after": self.stage_after,
            "trusts_before": list(self.trusts_before),
            "trusts": list(self.trusts),
        }


@dataclass(frozen=True)
class Edit:
    """Whole lines (with their ends) of somebody else's file: ``new`` takes the place of ``old``.

    ``old`` is empty for lines that are added, ``new`` for lines that are taken away.
    """

    old: tuple[bytes, ...]
    new: tuple[bytes, ...]


@dataclass(frozen=True)
class Lost:
    """A hostname that ``files`` of ours name, though the running configuration protects it nowhere."""

    hostname: str
    stage: str
    files: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As returned by modules."""
        return {"hostname": self.hostname, "stage": self.stage, "files": list(self.files)}


@dataclass(frozen=True)
class FileChange:
    """A file before and after; ``None`` means that it isn't there. ``mode`` is for files that are new.

    ``edits`` is for a file that isn't ours (see :func:`.marks.edited`). If somebody else changes it before the change
    is taken back, the file stays as it is then, but for ``new`` lines that are still there: they become ``old`` again.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644
    edits: tuple[Edit, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after


#: How it's seen that the running server has taken its files: ``kind`` and parameters, as :mod:`.restore` reads them.
Proof = Mapping[str, Any]


@dataclass(frozen=True)
class Control:
    """How the server is checked, told, and seen to live. It's data: a revert may have nothing else of us.

    ``validate`` (argv) checks the configuration on disk; empty: this server has no such command. ``reload`` (argv)
    lets it take the configuration on disk; empty: it watches its files. ``proofs``: all of them must hold after that.
    ``error_log`` is the file in which it says why it doesn't; a server that watches its files may say that before
    anybody looks, so for it ``error_log_end`` is how long that file was when the plan was made.
    """

    validate: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    error_log: str = ""
    error_log_end: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "validate": list(self.validate),
            "reload": list(self.reload),
            "proofs": [dict(proof) for proof in self.proofs],
            "environment": dict(self.environment),
            "error_log": self.error_log,
        }  # The end of the log doesn't matter to whoever takes the change back later.

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Control:
        """The reverse of :meth:`as_dict`."""
        argv = tuple(data["validate"]), tuple(data["reload"])
        return cls(*argv, tuple(data["proofs"]), data["environment"], data["error_log"])


@dataclass(frozen=True)
class Plan:
    """The whole of what would be done. ``files`` includes the unchanged ones, so that a diff is complete.

    A plan may hold no files at all: findings that tell a person what to do (a label for a container that isn't ours).
    ``control`` is what :meth:`Driver.activate` needs to make the plan live, and ``undo`` what whoever takes it back
    needs: the same unless it says otherwise. ``log_path`` is the verification log as it will be.
    """

    files: tuple[FileChange, ...] = ()
    sites: tuple[Site, ...] = ()
    findings: tuple[Finding, ...] = ()
    activation: str = NOTHING
    #: Directories of ours that are removed when they are empty after the change.
    own_directories: tuple[str, ...] = ()
    control: Control = field(default_factory=Control)
    undo: Control | None = None
    log_path: str = ""

    @property
    def changes(self) -> list[FileChange]:
        """The files that differ."""
        return [change for change in self.files if change.changed]

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop the work."""
        return [finding for finding in self.findings if finding.severity == "error"]


@dataclass(frozen=True)
class Completed:
    """How a command ended."""

    status: int
    output: str


#: Runs a command (argv, extra environment) without a shell; stdout and stderr come back together.
Runner = Callable[[Sequence[str], Mapping[str, str]], Completed]


DiscoveryT = TypeVar("DiscoveryT")


class Driver(Protocol[DiscoveryT]):
    """What every server answers. ``discover`` reads, ``plan`` is pure, the rest acts.

    A driver keeps nothing between calls: what a later call needs is in the discovery, the plan or its
    :class:`Control`, which a transaction stores.
    """

    name: str

    def discover(self) -> DiscoveryT:
        """Read what is loaded, from the server's own dump. Raise :class:`OriginError` if that can't be done."""

    def stages(self, discovery: DiscoveryT) -> Mapping[str, str]:
        """The strictest stage of each hostname that any site of this origin has loaded."""

    def inspect(self, discovery: DiscoveryT, hostnames: Sequence[str]) -> list[Site]:
        """Where each hostname is served, at which stage and whom it trusts; with none, all those that we protect.

        A stage is what the running configuration has loaded for a site. A file of ours that no site loads protects
        nothing.
        """

    def lost(self, discovery: DiscoveryT) -> list[Lost]:
        """The hostnames that were protected here and aren't any more."""

    def listeners(self, discovery: DiscoveryT) -> Sequence[str]:
        """All sockets on which it serves HTTP to others, as the probe reads them: ``*:8443 ssl``, ``[::]:80 plain``."""

    def plan(self, discovery: DiscoveryT, wanted: Sequence[Protection], options: Options) -> Plan:
        """Everything that would be changed and everything that speaks against it. Touches nothing.

        Each site gets the stage that :func:`kept` says. Without a trust bundle, a hostname that is protected here keeps
        the CAs that it trusts.
        """

    def validate(self, discovery: DiscoveryT, plan: Plan) -> None:
        """Let the server check the whole configuration as it would be, before a live file is touched.

        By a command on a staged copy, or by a throw-away process. A server that has neither checks what it can.
        """

    def validate_live(self, control: Control) -> None:
        """Let the server check the configuration that is on disk, if it can (:func:`.command.check`)."""

    def activate(self, kind: str, control: Control) -> None:
        """Make the configuration on disk the running one; raise :class:`OriginError` if the server doesn't live."""
