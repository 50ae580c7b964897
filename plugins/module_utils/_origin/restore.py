# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put an origin's files back as they were.

This file stands alone on purpose: a transaction copies it beside its backup, where a systemd timer runs it with the
system's Python when no controller has confirmed in time. It therefore imports nothing of the collection.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

MANIFEST = "manifest.json"
STATE = "state"
LOCK = "lock"
#: Names the files that were left to somebody else: a list of ``path`` and ``backup`` (empty: there was none before).
LEFT = "left.json"

#: States of a transaction whose files may have to be put back.
UNFINISHED = ("open", "live", "reverting")

#: How long the timer's program goes on trying, and its first and longest pause between two attempts.
GIVE_UP_SECONDS = 3600
FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 20
COMMAND_SECONDS = 120
#: How long a server may take until all proofs hold after it was told to reload, and one answer of it.
RELOAD_SECONDS = 20
ANSWER_SECONDS = 10
_PAUSE_SECONDS = 0.05

#: A server that wants a certificate says so with one of these; it lives.
_REFUSALS = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "UNRECOGNIZED_NAME", "ACCESS_DENIED")


class Busy(OSError):
    """Somebody else is at work in the state directory; the text says who."""


@contextlib.contextmanager
def alone(root: str, who: str, patience: float) -> Iterator[None]:
    """Keep everybody else out of the state directory ``root`` meanwhile. A lock ends with its process.

    Raises :class:`Busy` if another one holds it for ``patience`` seconds.
    """
    path = os.path.join(root, LOCK)
    descriptor = _lock(path, patience)
    try:
        # For the other one's error. A full disk is no reason not to work.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{who} (process {os.getpid()})".encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.listdir(root) == [LOCK]:
                os.unlink(path)
                os.rmdir(root)
        os.close(descriptor)


def _lock(path: str, patience: float) -> int:
    deadline = time.monotonic() + patience
    while True:
        holder = b""
        # What isn't there (any more) was removed by the last holder as it left: begin anew.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    kept, descriptor = descriptor, -1
                    return kept
            except BlockingIOError:
                holder = os.read(descriptor, 200)
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
        if time.monotonic() >= deadline:
            raise Busy(holder.decode("utf-8", "replace") or "an unknown process")
        time.sleep(0.1)


def write_atomically(path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Replace ``path`` in one step; nobody sees half a file, nobody reads it before its mode is right."""
    temporary = f"{path}.originlock-{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        copy_attributes(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = path
        raise


def copy_attributes(source: str, target: str) -> None:
    """Carry extended attributes (SELinux labels among them) over from the file that is replaced."""
    if not hasattr(os, "listxattr") or not os.path.exists(source):
        return
    try:
        for name in os.listxattr(source):
            os.setxattr(target, name, os.getxattr(source, name))
    except OSError:
        pass


def read_state(folder: str) -> str:
    """The state of the transaction in ``folder``; empty when there is none."""
    try:
        with open(os.path.join(folder, STATE), encoding="ascii") as stream:
            return stream.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write_state(folder: str, state: str) -> None:
    """Note the state of the transaction, durably."""
    path, content = os.path.join(folder, STATE), state.encode("ascii")
    try:
        write_atomically(path, content, 0o600, os.geteuid(), os.getegid())
    except OSError:
        # On a full disk there's no place for a second file, but within the first one.
        if not read_state(folder):
            raise
        with open(path, "r+b") as stream:
            stream.write(content)
            stream.truncate()
            os.fsync(stream.fileno())


def left_files(folder: str) -> list[dict[str, str]]:
    """The files of the transaction in ``folder`` that were left to somebody else (see ``LEFT``)."""
    content = content_of(os.path.join(folder, LEFT))
    found: list[dict[str, str]] = json.loads(content) if content else []
    return found


def forget(folder: str) -> None:
    """Remove all but the note of how it ended. What somebody else's files were before stays, too."""
    if not left_files(folder):
        for name in os.listdir(folder):
            if name != STATE:
                os.unlink(os.path.join(folder, name))


def load_manifest(folder: str) -> dict[str, Any]:
    """The manifest of the transaction in ``folder``."""
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as stream:
        manifest: dict[str, Any] = json.load(stream)
    return manifest


def content_of(path: str) -> bytes | None:
    """What is in the file ``path``, or nothing if it isn't there."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def fingerprint(content: bytes | None) -> str:
    """By what a file is known again; empty for one that isn't there."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def restore_files(folder: str) -> list[dict[str, str]]:
    """Put every file back that is as the transaction wrote it; return those that aren't (see ``LEFT``).

    What somebody else has written there since stays, but for the lines of the transaction, which are taken back.
    """
    manifest = load_manifest(folder)
    left = [kept for entry in manifest["files"] for kept in _restore_file(folder, entry)]
    for directory in manifest["created_directories"]:
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)
    if left:
        note = json.dumps(left).encode("utf-8")
        write_atomically(os.path.join(folder, LEFT), note, 0o600, os.geteuid(), os.getegid())
    return left


def _restore_file(folder: str, entry: dict[str, Any]) -> Iterator[dict[str, str]]:
    path, backup = entry["path"], os.path.join(folder, entry["backup"]) if entry["backup"] else ""
    for half in _halves(path):
        os.unlink(half)
    before, found = content_of(backup) if backup else None, content_of(path)
    if found == before:
        return
    if fingerprint(found) != entry["after"]:
        yield {"path": path, "backup": backup}
        if found is not None:
            _undo_edits(path, found, entry["edits"])
    elif before is None:
        os.unlink(path)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_atomically(path, before, entry["mode"], entry["uid"], entry["gid"])


def _undo_edits(path: str, content: bytes, edits: list[dict[str, list[str]]]) -> None:
    lines = content.splitlines(keepends=True)
    for edit in edits:
        old, new = ([line.encode("latin-1") for line in edit[name]] for name in ("old", "new"))
        place = 0
        while new and place <= len(lines) - len(new):
            if lines[place : place + len(new)] == new:
                lines[place : place + len(new)] = old
                place += len(old)
            else:
                place += 1
    after = b"".join(lines)
    if after != content:
        status = os.stat(path)
        write_atomically(path, after, status.st_mode & 0o7777, status.st_uid, status.st_gid)


def _halves(path: str) -> list[str]:
    """Half a file, from a run that was killed as it wrote ``path``; a server may include whatever lies there."""
    # No process has a number of more than seven digits; a date has eight.
    name = re.compile(re.escape(path) + r"\.originlock-[0-9]{1,7}\Z")
    found = glob.glob(f"{glob.escape(path)}.originlock-*")
    return [half for half in found if name.match(half) and stat.S_ISREG(os.lstat(half).st_mode)]


def check(folder: str) -> int:
    """Prove that this program runs here and can read the transaction in ``folder``. Changes nothing."""
    for entry in load_manifest(folder)["files"]:
        if entry["backup"] is not None:
            with open(os.path.join(folder, entry["backup"]), "rb") as stream:
                stream.read()
    return 0


def process_fields(pid: int, proc: str = "/proc") -> list[str]:
    """Name, state, parent and so on of a process; empty if there's none. The name may hold blanks and brackets."""
    try:
        with open(f"{proc}/{pid}/stat", encoding="latin-1") as stream:
            text = stream.read()
    except OSError:
        return []
    name, _bracket, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()]


def process_title(pid: int, proc: str = "/proc") -> str:
    """The command line of a process, which some servers change; empty if there's none."""
    try:
        with open(f"{proc}/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
            return stream.read().replace("\0", " ").strip()
    except OSError:
        return ""


def children(parent: int, proc: str = "/proc") -> set[int]:
    """The processes of the server whose first one is ``parent``: loggers and the like have another name."""
    program = process_fields(parent, proc)[:1]
    found = set()
    for name in os.listdir(proc):
        if name.isdigit():
            fields = process_fields(int(name), proc)
            if fields[2:3] == [str(parent)] and fields[:1] == program:
                found.add(int(name))
    return found


def process_number(pid_file: str) -> int:
    """The process id in a pid file, 0 if there's none."""
    try:
        with open(pid_file, encoding="ascii") as stream:
            return int(stream.read().strip() or 0)
    except (OSError, ValueError):
        return 0


def witness(proof: Mapping[str, Any]) -> Callable[[], str]:
    """Look at the server before it's told to reload. What comes back tells, later, what speaks against that it did.

    Kinds of ``proof``, with their parameters:

    ``children``: a server whose first process stays and starts others. It has processes that it didn't have before.
    ``pid_file`` names the first one. With ``serving`` (how the title of a process that takes new connections reads),
    those of before serve nobody new any more.

    ``tls``: a handshake succeeds at ``address`` and ``port`` for ``server_name``, perhaps (``proxied``) after a PROXY
    header.

    ``api``: an HTTP API at ``address`` (``HOST:PORT`` or ``unix:PATH``) answers a GET of ``path`` with 200, and with a
    text that has all of ``contains`` and none of ``lacks`` in it.
    """
    kind = proof["kind"]
    if kind == "children":
        before = _processes(proof)
        return lambda: _no_children(proof, before)
    if kind == "tls":
        return lambda: handshake_problem(proof)
    if kind == "api":
        return lambda: _api_problem(proof)
    raise ValueError(f"an unknown kind of proof: {kind}")


def awaited(witnesses: Iterable[Callable[[], str]], seconds: float) -> str:
    """Wait until all of them are content; what the first one said that still wasn't after ``seconds``, or nothing."""
    deadline = time.monotonic() + seconds
    for look in witnesses:
        problem = look()
        while problem:
            if time.monotonic() >= deadline:
                return problem
            time.sleep(_PAUSE_SECONDS)
            problem = look()
    return ""


def _processes(proof: Mapping[str, Any]) -> set[int]:
    first = process_number(proof["pid_file"])
    return children(first) if first else set()


def _no_children(proof: Mapping[str, Any], before: set[int]) -> str:
    now = _processes(proof)
    # nginx tells which of its workers serve nobody new any more.
    serving = [pid for pid in now & before if proof.get("serving") and process_title(pid) == proof["serving"]]
    return "" if now - before and not serving else "the server has no new processes"


def handshake_problem(proof: Mapping[str, Any]) -> str:
    """What went wrong with a TLS handshake, if anything did. See ``tls`` of :func:`witness`."""
    problem = _handshake(proof, header=False)
    # Whether this machine must send the header depends on addresses and exceptions, so both ways are tried.
    return "" if problem and proof.get("proxied") and not _handshake(proof, header=True) else problem


def _handshake(proof: Mapping[str, Any], header: bool) -> str:
    """``header``: say first who speaks (PROXY protocol)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((proof["address"], proof["port"]), timeout=ANSWER_SECONDS) as plain:
            if header:
                # Not "PROXY UNKNOWN": mod_remoteip reads a byte more than that line has.
                source, target = plain.getsockname(), plain.getpeername()
                family = "TCP6" if plain.family == socket.AF_INET6 else "TCP4"
                plain.sendall(f"PROXY {family} {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode())
            with context.wrap_socket(plain, server_hostname=proof["server_name"]):
                return ""
    except ssl.SSLError as error:
        if any(word in str(error.reason) for word in _REFUSALS):
            return ""
        return str(error.reason or error)
    except OSError as error:
        return str(error)


def _api_problem(proof: Mapping[str, Any]) -> str:
    address = proof["address"]
    try:
        status, text = api_answer(address, proof["path"])
    except (OSError, http.client.HTTPException) as error:
        return f"its API at {address} gives no answer: {error}"
    if status != 200:
        return f"its API at {address} answers {status} to {proof['path']}"
    missing = [word for word in proof.get("contains", ()) if word not in text]
    stale = [word for word in proof.get("lacks", ()) if word in text]
    said = [f"has no {missing[0]}"] if missing else [f"still has {stale[0]}"] if stale else []
    return "".join(f"what its API at {address} answers to {proof['path']} {words}" for words in said)


def api_answer(address: str, path: str) -> tuple[int, str]:
    """Status and text of what an HTTP API at ``HOST:PORT`` or ``unix:PATH`` answers to a GET."""
    if address.startswith("unix:"):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.sock.connect(address[len("unix:") :])
    else:
        host, _colon, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWER_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def attempt(folder: str) -> str:
    """Take the change in ``folder`` back unless it's over; return what prevents it, or nothing."""
    if read_state(folder) not in UNFINISHED:
        return ""
    write_state(folder, "reverting")
    for entry in restore_files(folder):
        sys.stderr.write(f"originlock.aop: {entry['path']} was changed by somebody else and isn't put back\n")
    control = load_manifest(folder)["control"]
    witnesses: list[Callable[[], str]] = []
    for name in ("validate", "reload"):
        witnesses = [witness(proof) for proof in control["proofs"]]
        if control[name] and _call(control[name], control["environment"]) != 0:
            return f"{name} failed after the files were put back"
    problem = awaited(witnesses, RELOAD_SECONDS)
    if problem:
        return f"the files were put back, but {problem} {RELOAD_SECONDS} s after its reload"
    write_state(folder, "expired")
    forget(folder)
    return ""


def _call(argv: list[str], environment: dict[str, str]) -> int:
    # The timer runs a copy of this file, where there is no AnsibleModule.
    return subprocess.call(  # pylint: disable=ansible-bad-function
        argv, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS
    )


def main(folder: str, give_up: float = GIVE_UP_SECONDS, pause: float = FIRST_PAUSE_SECONDS) -> int:
    """Take the change in ``folder`` back unless it was confirmed; used by the timer. Tries again until it's done."""
    deadline = time.monotonic() + give_up
    who = f"the timer of {os.path.basename(folder)}"
    while True:
        try:
            with alone(os.path.dirname(folder), who, deadline - time.monotonic()):
                problem = attempt(folder)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = str(error) or type(error).__name__
        if not problem:
            return 0
        sys.stderr.write(f"originlock.aop: {problem}\n")
        if time.monotonic() + pause > deadline:
            return 1
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    work = check if sys.argv[1:] == ["--check"] else main
    # A program here, whose timer reads the exit status.
    sys.exit(work(os.path.dirname(os.path.abspath(__file__))))  # pylint: disable=ansible-bad-function
