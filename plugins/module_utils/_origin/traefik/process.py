# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running Traefik: who it is, where its files are on this machine, and others of its kind to ask.

Traefik has no command that checks or prints a configuration. So its own program is started once more, as its user and
with its file system, on addresses that nobody else uses: it says what it has read, in JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import posixpath
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, TypeVar

from ..errors import OriginError
from ..restore import ANSWER_SECONDS, process_fields

TITLE = "Traefik"
#: Of a busy machine.
_START_SECONDS = 60.0
_DOOR_SECONDS = 10.0
_PAUSE_SECONDS = 0.03
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
#: Where it looks for its static configuration when no argument names one.
_CONFIGS = ("/etc/traefik/traefik", "$XDG_CONFIG_HOME/traefik", "$HOME/.config/traefik", "./traefik")
_ANY = re.MULTILINE | re.IGNORECASE
_LOG_BLOCK = re.compile(r"""^["']?log["']?[ \t]*:.*\n(?:(?:[ \t]+.*|[ \t]*#.*|[ \t]*)\n)*""", _ANY)
_LOG_SECTION = re.compile(r"^[ \t]*\[log[.\]][^\n]*\n(?:[ \t]*(?!\[)[^\n]*\n)*", _ANY)


@dataclass(frozen=True)
class Process:
    """A running Traefik. Paths are those that it sees; :meth:`outside` tells where they are on this machine."""

    pid: int
    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    user: int
    group: int
    groups: tuple[int, ...]
    #: Whether it has a file system of its own (a container).
    contained: bool

    def inside(self, path: str) -> str:
        """The absolute path, as it sees it, of a file that its configuration names."""
        return posixpath.normpath(posixpath.join(self.directory, path))

    def at(self, path: str) -> str:
        """Where this machine finds a path of the process as long as that runs."""
        return f"/proc/{self.pid}/root{path}" if self.contained else path

    def outside(self, path: str) -> str:
        """The lasting path on this machine. Errors: it's not on a directory that this machine has, too."""
        if not self.contained:
            return path
        best: tuple[str, str] = ("", "")
        for line in _lines(f"/proc/{self.pid}/mountinfo"):
            root, point = line.split()[3:5]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
                best = (point, root)
        found = posixpath.normpath(best[1] + "/" + path[len(best[0].rstrip("/")) :].lstrip("/"))
        # A log may not be there yet.
        there = os.path.exists(self.at(path))
        pair = (found, self.at(path)) if there else (posixpath.dirname(found), self.at(posixpath.dirname(path)))
        with contextlib.suppress(OSError):
            if best[0] != "/" and os.path.samefile(*pair):
                return found
        directory = path if os.path.isdir(self.at(path)) else posixpath.dirname(path)
        raise OriginError(
            f"{path} in the container of {TITLE} isn't on a directory of this machine",
            f"Mount a directory of this machine at {directory}.",
        )

    def addresses(self) -> list[str]:
        """Its addresses that this machine can reach: loopback, or those of the container's own network."""
        if not self.contained or os.readlink(f"/proc/{self.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            return ["127.0.0.1"]
        found: list[str] = []
        lines = list(_lines(f"/proc/{self.pid}/net/fib_trie"))
        for address, kind in zip(lines, lines[1:]):
            if "/32 host LOCAL" in kind:
                found.append(address.split()[-1])
        return [one for one in dict.fromkeys(found) if not one.startswith("127.")] or ["127.0.0.1"]

    def config(self) -> str:
        """The file with its static configuration, empty if it's told by arguments or by its environment."""
        for number, argument in enumerate(self.arguments):
            name, equals, value = argument.lstrip("-").partition("=")
            if argument.startswith("-") and name.lower() == "configfile":
                return self.inside(value if equals else self.arguments[number + 1])
        for base in _CONFIGS:
            path = re.sub(r"\$(\w+)", lambda found: self.environment.get(found.group(1), ""), base)
            for extension in (".toml", ".yaml", ".yml"):
                if "$" in base and path.startswith(("/traefik", "/.config")):
                    continue
                if os.path.isfile(self.at(self.inside(path + extension))):
                    return self.inside(path + extension)
        return ""

    def started(self) -> float:
        """When it was started, in epoch seconds."""
        boot = next(float(line.split()[1]) for line in _lines("/proc/stat") if line.startswith("btime "))
        return boot + float(process_fields(self.pid)[20]) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A directory, as the process would see it, that its user may read, and nobody else."""
        base = self.at("/run") if os.path.isdir(self.at("/run")) else self.at("/tmp")
        try:
            folder = tempfile.mkdtemp(prefix="originlock-", dir=base)
        except OSError as error:
            raise OriginError(
                f"There is no place for a trial in the container of {TITLE}: {error.strerror}",
                "Let its /run be writable (--tmpfs /run).",
            ) from error
        try:
            os.chown(folder, self.user, self.group)
            yield posixpath.join(base[len(self.at("/").rstrip("/")) :], posixpath.basename(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def another(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None, in_its_network: bool = False
    ) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
        """Start the program once more, as its user; yields it, with what reads its log. It's ended afterwards."""
        variables = {key: value for key, value in self.environment.items() if not key.startswith("TRAEFIK_")}
        variables.update(environment or {})
        variables.pop("NOTIFY_SOCKET", None)
        variables.pop("LISTEN_FDS", None)
        with tempfile.TemporaryFile() as log:
            # The collection's commands end by themselves; this one has to be watched while it runs.
            work = subprocess.Popen(  # pylint: disable=ansible-bad-function,subprocess-popen-preexec-fn
                [self.program, *arguments],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(self._become, in_its_network),
            )

            def said() -> str:
                return os.pread(log.fileno(), 1 << 26, 0).decode("utf-8", "replace")

            try:
                yield work, said
            finally:
                work.kill()
                work.wait()

    def _become(self, in_its_network: bool) -> None:
        if self.contained and in_its_network:
            with open(f"/proc/{self.pid}/ns/net", "rb") as network:
                if _LIBC.setns(network.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError("the network of the container can't be joined")
        if self.contained:
            os.chroot(f"/proc/{self.pid}/root")
        os.chdir(self.directory)
        if os.geteuid() == 0:
            os.setgroups(self.groups)
            os.setgid(self.group)
            os.setuid(self.user)
        # Whoever is killed leaves no second server behind.
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def find(proc: str, unit: str) -> Process:
    """The Traefik of this machine. ``unit`` decides between several: part of a systemd unit's or container's name.

    Errors: there's none, or it's not clear which.
    """
    pids = [int(name) for name in os.listdir(proc) if name.isdigit() and process_fields(int(name))[:1] == ["traefik"]]
    if len(pids) > 1:
        pids = [pid for pid in pids if unit and any(unit in line for line in _lines(f"{proc}/{pid}/cgroup"))]
        if len(pids) != 1:
            raise OriginError(
                f"{len(pids) or 'Several'} processes of {TITLE} could be meant",
                "Set traefik_service to the unit (traefik.service) or to the id of the container that is meant.",
            )
    if not pids:
        remedy = "Start it and run again: the running one is asked what it has loaded."
        raise OriginError(f"{TITLE} doesn't run", remedy)
    pid = pids[0]
    # Without CAP_SYS_PTRACE (root of a plain container) some of it can't be read; then Traefik is beside us.
    contained = _identity(f"{proc}/{pid}/root/") not in (None, _identity("/"))
    arguments = _zeros(f"{proc}/{pid}/cmdline")
    program = _link(f"{proc}/{pid}/exe", shutil.which(arguments[0]) or arguments[0])
    if program.endswith(" (deleted)") and not contained:
        program = f"{proc}/{pid}/exe"
    variables = (entry.partition("=") for entry in _zeros(f"{proc}/{pid}/environ"))
    words = {line.partition(":")[0]: line.split()[1:] for line in _lines(f"{proc}/{pid}/status")}
    return Process(
        pid,
        program,
        tuple(arguments[1:]),
        {name: value for name, _equals, value in variables},
        _link(f"{proc}/{pid}/cwd", "/"),
        int(words["Uid"][1]),
        int(words["Gid"][1]),
        tuple(int(word) for word in words["Groups"]),
        contained,
    )


def static(process: Process) -> dict[str, Any]:
    """Its static configuration, defaults included, as Traefik itself logs it. Errors: it doesn't say."""
    environment = dict(process.environment)
    path = process.config()
    text = _read(process.at(path)).decode("utf-8", "replace") if path else ""
    with process.scratch() as folder:
        if path:
            copy = posixpath.join(folder, posixpath.basename(path))
            _give(process, copy, _verbose(text, path.endswith(".toml")).encode())
            arguments = [f"--configFile={copy}"]
        elif any(argument.startswith("-") for argument in process.arguments):
            arguments = [*_without_log_file(process.arguments), "--log.level=DEBUG", "--log.format=json"]
        else:
            arguments = list(process.arguments)
            environment.update(TRAEFIK_LOG_LEVEL="DEBUG", TRAEFIK_LOG_FORMAT="json")
            environment.pop("TRAEFIK_LOG_FILEPATH", None)
        # The running one has the addresses, so this one ends before it serves anybody.
        told = " ".join([text, *process.arguments, *process.environment])
        if "reuseport" in told.lower():
            raise OriginError(
                f"{TITLE} shares its addresses (reusePort), so another process can't tell how it's configured",
                "Remove reusePort from its entry points and restart it.",
            )
        with process.another(arguments, environment, in_its_network=True) as (work, said):
            found = _until(lambda: _entry(said(), "staticConfiguration"), work)
            words = said()
    if found is None:
        raise OriginError(
            f"{TITLE} doesn't say how it's configured ({path or 'its arguments'}): {_last(words)}",
            "Mend that. A log section of another form than log: or [log] can't be read here.",
        )
    return found


#: How a handshake without a certificate ends, with the request that would follow.
OPEN = "open"
REFUSED = "refused"
CLOSED = "closed"


@dataclass(frozen=True)
class Trial:
    """What a throw-away process makes of a directory.

    ``config``: the file provider's configuration as it was read. ``complaints``: its errors. ``doors``: how a handshake
    without a certificate ends for each hostname.
    """

    config: dict[str, Any]
    routers: tuple[dict[str, Any], ...]
    complaints: tuple[str, ...]
    doors: Mapping[str, str]


def trial(
    process: Process, entry_points: Mapping[str, Any], files: Mapping[str, bytes], look: Mapping[str, tuple[str, str]]
) -> Trial:
    """Let a throw-away process read ``files`` (paths below the provider's directory).

    ``look``: hostnames, each with an entry point that serves it, and how :func:`door` should find it; waits a while for
    that, as it answers on its addresses before it has read its files. Errors: it doesn't take the files.
    """
    with process.scratch() as folder:
        candidate = posixpath.join(folder, "candidate")
        os.mkdir(process.at(candidate), 0o755)
        for name, content in files.items():
            _give(process, posixpath.join(candidate, name), content)
        names = [name for name, entry in entry_points.items() if not entry["address"].endswith("/udp")]
        ports = {name: _free_port() for name in dict.fromkeys(["traefik", *names])}
        settings = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "DEBUG", "format": "json"},
            "api": {"insecure": True, "dashboard": False},
            "providers": {"file": {"directory": candidate, "watch": False}},
            "entryPoints": {name: _entry_point(entry_points.get(name, {}), port) for name, port in ports.items()},
        }
        # Not by arguments: it would rather read the file at its usual place.
        config = posixpath.join(folder, "static.yml")
        _give(process, config, json.dumps(settings).encode())
        arguments = [f"--configFile={config}"]
        with process.another(arguments) as (work, said):
            routers = _until(lambda: _routers(f"127.0.0.1:{ports['traefik']}"), work)
            loaded = _until(lambda: _loaded(said()), work, _DOOR_SECONDS)
            complaints = tuple(sorted({_sentence(entry).replace(candidate, "") for entry in _complaints(said())}))
            if routers is None or loaded is None:
                problems = "; ".join(complaints) or _last(said())
                remedy = "Mend what it names, then run again."
                message = f"{TITLE} refuses the configuration; nothing was changed: {problems}"
                raise OriginError(message, remedy)
            doors: dict[str, str] = {}
            for name, (entry_point, expected) in look.items():
                reached = partial(door, "127.0.0.1", ports[entry_point], name)
                doors[name] = _until(partial(_equal, reached, expected), work, _DOOR_SECONDS) or reached()
            return Trial(loaded, tuple(routers), complaints, doors)


def door(address: str, port: int, hostname: str) -> str:
    """How a handshake without a certificate ends: :data:`OPEN`, :data:`REFUSED` or :data:`CLOSED` (no site)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        plain = socket.create_connection((address, port), timeout=ANSWER_SECONDS)
        with plain, context.wrap_socket(plain, server_hostname=hostname) as stream:
            # In TLS 1.3 the refusal comes after the handshake, and without waiting for a request.
            stream.sendall(f"HEAD /.well-known/originlock HTTP/1.1\r\nHost: {hostname}\r\n\r\n".encode())
            return OPEN if stream.recv(1) else CLOSED
    except ssl.SSLError as error:
        reason = str(error.reason)
        return REFUSED if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason else CLOSED
    except OSError:
        return CLOSED


def ask(address: str, path: str) -> Any:
    """What the API at ``address`` answers, all pages. Errors: nothing, or nothing that is JSON."""
    host, _colon, port = address.rpartition(":")
    found: list[Any] = []
    page = "1"
    with contextlib.closing(http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWER_SECONDS)) as line:
        while True:
            line.request("GET", f"{path}?per_page=1000&page={page}")
            answer = line.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise OriginError(f"the API of {TITLE} at {address} answers {answer.status} to {path}")
            data = json.loads(text)
            if not isinstance(data, list):
                return data
            found += data
            page, before = answer.getheader("X-Next-Page", "1"), page
            if int(page) <= int(before):
                return found


def _entry_point(entry: Mapping[str, Any], port: int) -> dict[str, Any]:
    """An entry point on a port of its own that routers can't tell from the real one."""
    known = entry.get("http") or {}
    settings = {key: known[key] for key in ("middlewares", "tls") if key in known}
    if settings.get("tls"):
        # Nobody shall ask for certificates.
        settings["tls"] = {key: value for key, value in settings["tls"].items() if key == "options"}
    # An empty mapping isn't allowed there.
    settings["sanitizePath"] = known.get("sanitizePath", True)
    return {"address": f"127.0.0.1:{port}", "asDefault": bool(entry.get("asDefault")), "http": settings}


def _routers(address: str) -> list[dict[str, Any]] | None:
    """The routers of a process that has read its files; None as long as it hasn't."""
    try:
        routers: list[dict[str, Any]] = ask(address, "/api/http/routers")
        overview = ask(address, "/api/overview")
    except (OSError, ValueError, http.client.HTTPException, OriginError):
        return None
    return routers if overview.get("providers") and any(one.get("provider") == "internal" for one in routers) else None


def _loaded(text: str) -> dict[str, Any] | None:
    for entry in _entries(text):
        if entry.get("providerName") == "file" and isinstance(entry.get("config"), dict):
            return dict(entry["config"])
    return None


def _entry(text: str, key: str) -> dict[str, Any] | None:
    return next((dict(entry[key]) for entry in _entries(text) if isinstance(entry.get(key), dict)), None)


def _entries(text: str) -> Iterator[dict[str, Any]]:
    for line in text.split("\n"):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def _complaints(text: str) -> list[dict[str, Any]]:
    return [
        entry
        for entry in _entries(text)
        if entry.get("level") in ("error", "fatal") or "skipping" in str(entry.get("message"))
    ]


def _sentence(entry: Mapping[str, Any]) -> str:
    parts = [str(entry.get("message", "")), str(entry.get("error", ""))]
    about = [f"{key} {entry[key]}" for key in ("routerName", "origin") if entry.get(key)]
    return ": ".join(part for part in [*about, *parts] if part)


def _last(text: str) -> str:
    lines = [line for line in text.strip().split("\n") if line]
    return lines[-1][:500] if lines else "it says nothing"


def _verbose(text: str, toml: bool) -> str:
    """The static configuration with a log section that lets it tell what it has read, on stdout."""
    text = text if text.endswith("\n") else text + "\n"
    if toml:
        return _LOG_SECTION.sub("", text) + '\n[log]\n  level = "DEBUG"\n  format = "json"\n'
    return 'log: {level: "DEBUG", format: "json"}\n' + _LOG_BLOCK.sub("", text)


def _without_log_file(arguments: Sequence[str]) -> Iterator[str]:
    """It tells on stdout what it has read; a file would be the running one's."""
    skip = False
    for argument in arguments:
        name, equals, _value = argument.lstrip("-").partition("=")
        if not skip and name.lower() != "log.filepath":
            yield argument
        skip = not skip and name.lower() == "log.filepath" and not equals


def _give(process: Process, path: str, content: bytes) -> None:
    """Write a file in a scratch directory for the process's user alone."""
    target = process.at(path)
    os.makedirs(posixpath.dirname(target), exist_ok=True)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    for one in (target, posixpath.dirname(target)):
        os.chown(one, process.user, process.group)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _equal(look: Callable[[], str], expected: str) -> str | None:
    return expected if look() == expected else None


_T = TypeVar("_T")


def _until(look: Callable[[], _T | None], work: subprocess.Popen[bytes], seconds: float = _START_SECONDS) -> _T | None:
    """What ``look`` finds, as soon as it does; None if it doesn't, or when the process has ended without."""
    deadline = time.monotonic() + seconds
    while True:
        ended = work.poll() is not None
        found = look()
        if found is not None or ended or time.monotonic() > deadline:
            return found
        time.sleep(_PAUSE_SECONDS)


def _link(path: str, otherwise: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(path)
    return otherwise


def _identity(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


def _lines(path: str) -> list[str]:
    with contextlib.suppress(OSError):
        return _read(path).decode("utf-8", "replace").splitlines()
    return []


def _zeros(path: str) -> list[str]:
    with contextlib.suppress(PermissionError):
        return [part for part in _read(path).decode("utf-8", "surrogateescape").split("\0") if part]
    return []


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
