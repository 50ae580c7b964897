# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running server: does it live, has it taken the new configuration, does it answer.

A graceful reload with a configuration that passes the check can still end the whole server (a trust bundle that can't
be read, a log directory that's gone), some moments after the command said that all is well. So it's watched.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from ..errors import OriginError
from ..model import NOTHING, Completed, Runner
from ..restore import children, process_fields
from .paths import Paths

#: Seconds to wait for the new generation of processes, and for which the server must live on after that.
DEADLINE = 20.0
SETTLE = 1.0
_PAUSE = 0.05

_LOG_LIMIT = 1 << 18
_SERIOUS = re.compile(r"[:\[](emerg|alert|crit|error)\]")

#: A server that wants a certificate says so with one of these; it lives.
_REFUSALS = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "UNRECOGNIZED_NAME", "ACCESS_DENIED")


@dataclass(frozen=True)
class Knock:
    """Where a TLS handshake shall succeed, and with which server name. ``proxied``: perhaps after a PROXY header."""

    address: str
    port: int
    server_name: str
    proxied: bool = False


class Server:
    """Apache as a set of processes. ``pid_file`` and ``error_log`` are what the configuration says."""

    def __init__(
        self,
        paths: Paths,
        run: Runner,
        pid_file: str,
        error_log: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._run = run
        self._pid_file = pid_file
        self._error_log = error_log
        self._logged = _size(error_log)
        self._clock = clock

    def activate(self, kind: str, knocks: Sequence[Knock]) -> None:
        """Let the server take the configuration on disk; start it if it's dead. Errors: it doesn't live or answer."""
        if kind == NOTHING:
            return
        parent = self._parent()
        if parent is None:
            self._start()
            before: set[int] = set()
        else:
            before = children(parent)
            self._tell()
        self._watch(parent, before)
        for knock in knocks:
            self._knock(knock)

    def _tell(self) -> None:
        active = self._systemd("is-active", "--quiet", self._unit()).status == 0 if _has_systemd() else False
        if active:
            done = self._systemd("reload", self._unit())
        else:
            done = self._run((self._paths.control, "-k", "graceful"), {})
        if done.status != 0:
            if self._parent() is None:
                raise self._died()
            raise self._failed(f"Apache can't be told to reload: {done.output.strip()}")

    def _start(self) -> None:
        if _has_systemd():
            done = self._systemd("restart", self._unit())
        else:
            done = self._run((self._paths.control, "-k", "start"), {})
        if done.status != 0:
            raise self._failed(f"Apache doesn't start: {done.output.strip()}")

    def _watch(self, parent: int | None, before: set[int]) -> None:
        """Wait for processes that weren't there before, then see that the parent lives on."""
        deadline = self._clock() + DEADLINE
        while True:
            now = self._parent()
            if parent is not None and now != parent:
                raise self._died()
            if now is not None and children(now) - before:
                break
            if self._clock() > deadline:
                raise self._failed(f"Apache has no new processes {DEADLINE:.0f} s after the reload")
            time.sleep(_PAUSE)
        settled = self._clock() + SETTLE
        while self._clock() < settled:
            if self._parent() != now or not children(now) - before:
                raise self._died()
            time.sleep(_PAUSE)

    def _died(self) -> OriginError:
        return self._failed("Apache ended when it read the new configuration, although it had called it correct")

    def _failed(self, message: str) -> OriginError:
        """With what Apache wrote since we told it something."""
        words = _errors_since(self._error_log, self._logged)
        if not words:
            return OriginError(message, "Look at its error log.")
        return OriginError(f"{message}. Its own words: {words}", "Mend what it names.")

    def _knock(self, knock: Knock) -> None:
        problem = _handshake(knock, header=False)
        # Whether this machine must send the header depends on addresses and exceptions, so both ways are tried.
        if problem and not (knock.proxied and not _handshake(knock, header=True)):
            where = f"{knock.address} port {knock.port}"
            raise self._failed(f"Apache lives, but gives no TLS for {knock.server_name} at {where}: {problem}")

    def _parent(self) -> int | None:
        try:
            with open(self._pid_file, encoding="ascii") as stream:
                pid = int(stream.read().strip())
        except (OSError, ValueError):
            return None
        return pid if process_fields(pid)[1:2] not in ([], ["Z"], ["X"]) else None

    def _unit(self) -> str:
        return self._paths.service + ".service"

    def _systemd(self, *arguments: str) -> Completed:
        return self._run(("systemctl", *arguments), {})


def _handshake(knock: Knock, header: bool) -> str:
    """What went wrong with a TLS handshake, if anything did. ``header``: say first who speaks (PROXY protocol)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((knock.address, knock.port), timeout=10) as plain:
            if header:
                # Not "PROXY UNKNOWN": mod_remoteip reads a byte more than that line has.
                source, target = plain.getsockname(), plain.getpeername()
                family = "TCP6" if plain.family == socket.AF_INET6 else "TCP4"
                plain.sendall(f"PROXY {family} {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode())
            with context.wrap_socket(plain, server_hostname=knock.server_name):
                return ""
    except ssl.SSLError as error:
        if any(word in str(error.reason) for word in _REFUSALS):
            return ""
        return str(error.reason or error)
    except OSError as error:
        return str(error)


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.isfile(path) else 0


def _errors_since(path: str, position: int) -> str:
    """The last error lines of a log after ``position``; empty if there are none, or if it's no file."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as stream:
        stream.seek(position)
        lines = stream.read(_LOG_LIMIT).decode("utf-8", "replace").splitlines()
    return " | ".join([line for line in lines if _SERIOUS.search(line)][-4:])


def _has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")
