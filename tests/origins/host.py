# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server in a container: its files, our driver run inside it, and its answers to real TLS clients."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, ClassVar

WORK = Path(__file__).with_name("work.py")
PACKAGES = [Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / name for name in ("_common", "_origin")]


# What explains a change that wasn't taken back: our units, the server's errors, the processes, the states.
_NOTED = """
date
systemctl list-timers --all --no-pager 'originlock-*'
journalctl --no-pager -o short-precise -n 80
tail -n 30 /var/log/nginx/error.log /var/log/apache2/error.log
ps -eo pid,ppid,lstart,args
ls -l --full-time /var/lib/originlock-aop/*
tail -n +1 /var/lib/originlock-aop/*/state
"""


@dataclass(frozen=True)
class Answer:
    """How a request ended: an HTTP status with its body, or the alert or error instead of one."""

    status: int
    body: str = ""
    problem: str = ""
    resumed: bool = False
    session: Any = None
    headers: str = ""

    @property
    def served(self) -> bool:
        return self.status == 200


@dataclass(frozen=True)
class Fault:
    """``arrange`` makes changes of the first hostname fail from then on; ``words`` are in the error then.

    ``live``: the server was told to take the new files.
    """

    arrange: Callable[[], None]
    words: tuple[str, ...]
    live: bool = False


class Host:
    """One container. ``address`` and ``address6`` are where its listeners can be reached."""

    server: ClassVar[str]
    #: The configuration tree.
    etc: ClassVar[str]
    #: The verification log.
    aop_log: ClassVar[str]
    #: What is asked for unless told otherwise.
    target: ClassVar[str] = "/"
    #: How long the server may take to refuse after the handshake, before a request is sent.
    patience: ClassVar[float] = 0.0
    #: The Debian releases on which it's tested unless the environment names others.
    releases: ClassVar[tuple[str, ...]] = ()
    #: The least time in which a run can make a change and confirm it.
    soon: ClassVar[int] = 6
    #: A run is killed at every n-th of its steps.
    stride: ClassVar[int] = 5
    #: Where the driver's code is: folders to import from, and what to import.
    code: ClassVar[tuple[tuple[str, ...], str]] = (("/opt/aop",), "module_utils._origin")
    #: Servers that are registered for tests, and what to import for their drivers.
    more_servers: ClassVar[dict[str, str]] = {}

    def __init__(self, container: str, address: str, address6: str) -> None:
        self.container = container
        self.address = address
        self.address6 = address6
        #: With what the driver is made, and where transactions are.
        self.paths: dict[str, str] = {}
        self.state = "/var/lib/originlock-aop"

    def sh(self, script: str, check: bool = True) -> str:
        done = self._exec(["bash", "-c", script])
        if check and done.returncode != 0:
            raise AssertionError(f"{script!r} failed on {self.container}: {done.stdout}")
        return done.stdout

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until ``condition`` holds. AssertionError with what the machine has noted if it doesn't."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.sh(_NOTED, check=False)}")
            time.sleep(0.3)

    def put(self, path: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        done = self._exec(["sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path], data)
        assert done.returncode == 0, done.stdout

    def read(self, path: str) -> str:
        return self.sh(f"cat {path}")

    def install(self) -> None:
        """Bring the driver's code in, and remember the configuration as it came."""
        self.sh("rm -rf /opt/aop && mkdir -p /opt/aop/module_utils")
        self.sh(f"test -d /opt/pristine || cp -a {self.etc} /opt/pristine")
        for package in PACKAGES:
            target = f"{self.container}:/opt/aop/module_utils/{package.name}"
            subprocess.run(["podman", "cp", str(package), target], check=True, timeout=60)
        self.put("/opt/aop/work.py", WORK.read_bytes())

    def as_it_came(self) -> None:
        """The configuration as it came, and nothing of ours; the server isn't told."""
        self.sh(
            f"rm -rf {self.etc} /var/lib/originlock-aop /etc/logrotate.d/originlock-* {self.aop_log} && "
            f"cp -a /opt/pristine {self.etc}"
        )

    #: Where temporary files go.
    temporary = "/tmp"

    def reset(self) -> None:
        """The configuration as it came, and a fresh server on it."""
        raise NotImplementedError

    def generation(self) -> object:
        """What is another one once the server was reloaded or restarted."""
        raise NotImplementedError

    def faults(self) -> dict[str, Fault]:
        """What makes a change fail: the user's own doing, and the server's words about it, by a short name."""
        return {}

    def complete(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry of hostnames with what the controller adds to it."""
        return entry

    def apply(
        self,
        wanted: Sequence[dict[str, Any]],
        check_mode: bool = False,
        confirm_within: int = 0,
        paths: dict[str, str] | None = None,
        die_at: int | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        return self.driver(
            what="apply",
            wanted=[self.complete(entry) for entry in wanted],
            options=options,
            check_mode=check_mode,
            confirm_within=confirm_within,
            **({"paths": paths} if paths else {}),
            **({} if die_at is None else {"die_at": die_at}),
        )

    def driver(self, **work: Any) -> dict[str, Any]:
        done = self._exec(self.program, json.dumps(self.work(**work)).encode())
        try:
            result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            if done.returncode == 137 or done.returncode == -9:
                return {"killed": True}
            raise AssertionError(done.stdout) from None
        return result

    def work(self, **work: Any) -> dict[str, Any]:
        """What the program for the driver reads."""
        path, base = self.code
        always = {"path": path, "base": base, "more_servers": self.more_servers, "root": self.state}
        return dict({"server": self.server, "paths": self.paths}, **always, **work)

    @property
    def program(self) -> list[str]:
        return ["python3", "/opt/aop/work.py"]

    def tree(self) -> dict[str, list[Any]]:
        """Everything that could differ afterwards: configuration, rotation, units, and our state directory."""
        done = self._exec([*self.program, "tree", self.etc, "/etc/logrotate.d", "/etc/systemd/system", self.state])
        result: dict[str, list[Any]] = json.loads(done.stdout)
        return result

    def configuration(self) -> dict[str, list[Any]]:
        """The tree without our state directory."""
        return {path: entry for path, entry in self.tree().items() if not path.startswith(self.state)}

    def log(self, path: str = "") -> list[dict[str, str]]:
        lines = self.sh(f"cat {path or self.aop_log} 2>/dev/null || true").splitlines()
        return [json.loads(line) for line in lines]

    def request(
        self,
        sni: str | None,
        host: str | None,
        target: str = "",
        identity: str | None = None,
        tls: str = "1.3",
        session: Any = None,
        context: ssl.SSLContext | None = None,
        address: str | None = None,
        port: int = 443,
        method: str = "GET",
        body: bytes = b"",
    ) -> Answer:
        """One HTTPS request on a connection of its own. ``identity``: a file with certificate and key."""
        context = context or client_context(identity, tls)
        try:
            plain = socket.create_connection((address or self.address, port), timeout=10)
            with plain, context.wrap_socket(plain, server_hostname=sni, session=session) as stream:
                answer = self._talk(stream, host, target or self.target, method, body)
                return replace(answer, resumed=bool(stream.session_reused), session=stream.session)
        except ssl.SSLError as error:
            return Answer(0, problem=str(error.reason or error))
        except OSError as error:
            return Answer(0, problem=f"{type(error).__name__}: {error}")

    def plain_request(self, host: str | None, target: str = "/", port: int = 80) -> Answer:
        """One request without TLS."""
        with socket.create_connection((self.address, port), timeout=10) as stream:
            return self._talk(stream, host, target, "GET", b"")

    def _exec(self, argv: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["podman", "exec", "-i", self.container, *argv],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode("utf-8", "replace"))

    def _talk(self, stream: Any, host: str | None, target: str, method: str, body: bytes) -> Answer:
        if self.patience and _refused_at_once(stream, self.patience):
            return Answer(0, problem="closed")
        version = "1.0" if host is None else "1.1"
        lines = [f"{method} {target} HTTP/{version}", "User-Agent: origins-test", "Connection: close"]
        if host is not None:
            lines.append(f"Host: {host}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        data = b""
        while True:
            piece = stream.recv(65536)
            if not piece:
                break
            data += piece
        if not data:
            return Answer(0, problem="closed")
        head, _blank, content = data.partition(b"\r\n\r\n")
        return Answer(int(head.split()[1]), content.decode("utf-8", "replace"), headers=head.decode("latin-1"))


def client_context(identity: str | None = None, tls: str = "1.3") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[tls]
    context.minimum_version = context.maximum_version = version
    if identity:
        context.load_cert_chain(identity)
    return context


def _refused_at_once(stream: Any, seconds: float) -> bool:
    """Whether the server closes before a request is sent: in TLS 1.3 its refusal follows the handshake."""
    before = stream.gettimeout()
    stream.settimeout(seconds)
    try:
        return not stream.recv(1)
    except socket.timeout:
        return False
    finally:
        stream.settimeout(before)
