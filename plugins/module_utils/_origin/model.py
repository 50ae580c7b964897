# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the work on an origin is about: stages, protections, findings, plans, and what a server driver answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

OFF = "off"
LOG_ONLY = "log_only"
ENFORCE = "enforce"
STAGES: tuple[str, ...] = (OFF, LOG_ONLY, ENFORCE)

#: How a change becomes live. ``replace`` starts fresh processes beside the old ones (nginx binary upgrade), so that
#: no TLS session of before is resumed and no connection is dropped.
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
    """Switches of one run, the same for every server."""

    never_relax: bool = False
    manage_sites: bool = True
    plain_http: str = "refuse"
    log_path: str = ""


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
    """One place of the server's configuration that serves a hostname over TLS (a server block, a virtual host)."""

    hostname: str
    file: str
    line: int
    listeners: tuple[str, ...]
    stage_before: str
    stage_after: str

    def as_dict(self) -> dict[str, Any]:
        """The site as returned by modules."""
        return {
            "hostname": self.hostname,
            "file": self.file,
            "line": self.line,
            "listeners": list(self.listeners),
            "stage_before": self.stage_before,
            "stage_after": self.stage_after,
        }


@dataclass(frozen=True)
class FileChange:
    """A file before and after; ``None`` means that it isn't there. ``mode`` is for files that are new."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after


@dataclass(frozen=True)
class Plan:
    """The whole of what would be done. ``files`` includes the unchanged ones, so that a diff is complete."""

    files: tuple[FileChange, ...] = ()
    sites: tuple[Site, ...] = ()
    findings: tuple[Finding, ...] = ()
    activation: str = NOTHING
    #: Directories of ours that are removed when they are empty after the change.
    own_directories: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class Commands:
    """What a revert needs to know when nothing of this collection is there any more.

    ``pid_file`` names the process whose children a reload renews; where it's empty, that isn't looked at.
    """

    validate: tuple[str, ...]
    reload: tuple[str, ...]
    pid_file: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class Driver(Protocol):
    """What every server answers. ``discover`` reads, ``plan`` is pure, the rest acts."""

    name: str

    def discover(self) -> Any:
        """Read what is loaded, from the server's own dump. Raise :class:`OriginError` if that can't be done."""

    def stages(self, discovery: Any) -> Mapping[str, str]:
        """The strictest stage of each hostname that we protect on this origin."""

    def inspect(self, discovery: Any, hostnames: Sequence[str]) -> list[Site]:
        """Where each hostname is served and at which stage; with no hostnames, all those that we protect."""

    def listeners(self, discovery: Any) -> Sequence[str]:
        """All sockets on which it serves HTTP to others, as the probe reads them: ``*:8443 ssl``, ``[::]:80 plain``."""

    def plan(self, discovery: Any, wanted: Sequence[Protection], options: Options) -> Plan:
        """Everything that would be changed and everything that speaks against it. Touches nothing."""

    def validate(self, discovery: Any, plan: Plan) -> None:
        """Let the server check the whole configuration as it would be, before a live file is touched."""

    def validate_live(self) -> None:
        """Let the server check the configuration that is on disk."""

    def activate(self, kind: str) -> None:
        """Make the configuration on disk the running one; raise :class:`OriginError` if the server doesn't live."""

    def commands(self) -> Commands:
        """How to check and reload this server without us."""
