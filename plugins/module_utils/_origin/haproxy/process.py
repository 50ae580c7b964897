# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running HAProxy: how it was started, and with what it must be asked to check its files."""

from __future__ import annotations

import glob
import os
import re

from ..errors import OriginError
from ..model import Runner
from .survey import Paths, Process

#: Options with a value that a check of the configuration needs, too.
_VALUED = ("-C", "-L", "-n", "-N", "-m")
_SWITCHES = ("-W", "-Ws", "-dV", "-dr")
#: Options with a value that it must not have.
_SKIPPED = ("-p", "-S", "-x", "-sf", "-st")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def find(paths: Paths, run: Runner, proc: str = "/proc") -> Process:
    """The HAProxy that the service runs. Errors: it doesn't run, or can't reload without losing connections."""
    shown = run(("systemctl", "show", "-p", "MainPID", "--value", paths.service), {})
    main = int(shown.output.strip()) if shown.status == 0 and shown.output.strip().isdigit() else 0
    words = _words(main, proc) if main else []
    if not words:
        raise OriginError(
            f"HAProxy doesn't run as the service {paths.service}",
            f"Start it (systemctl start {paths.service}), or name its service, and run again.",
        )
    program = os.path.realpath(f"{proc}/{main}/exe")
    version = re.search(r"version (\d+)\.(\d+)", run((words[0], "-v"), {}).output)
    if version is None:
        raise OriginError(f"{program} doesn't say that it's HAProxy", "Name the service of HAProxy.")
    arguments, options, pid_file = _options(words[1:])
    directory = os.path.realpath(f"{proc}/{main}/cwd")
    files = [file for name in arguments for file in _files(os.path.join(directory, name))]
    text = "\n".join(_read(file) for file in files)
    environment = _environment(main, proc, text)
    if not pid_file:
        named = re.search(r"^\s*pidfile\s+(\S+)", text, re.MULTILINE)
        pid_file = named.group(1) if named else ""
    reloads = not {"-W", "-Ws"}.isdisjoint(options) or re.search(r"^\s*master-worker\b", text, re.MULTILINE)
    if not reloads or not pid_file:
        missing = "-p PIDFILE" if reloads else "-Ws"
        raise OriginError(
            f"HAProxy runs without {missing}, so that it can't be seen to reload without losing connections",
            f"Start it as its packages do (haproxy -Ws -f ... -p /run/haproxy.pid), then run again: add {missing}.",
        )
    return Process(
        words[0],
        (int(version.group(1)), int(version.group(2))),
        tuple(arguments),
        tuple(files),
        tuple(options),
        pid_file,
        environment,
    )


def _words(pid: int, proc: str) -> list[str]:
    try:
        with open(f"{proc}/{pid}/cmdline", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().rstrip("\0").split("\0")
    except OSError:
        return []


def _options(words: list[str]) -> tuple[list[str], list[str], str]:
    """Files and directories, options for a check, and the pid file."""
    arguments: list[str] = []
    options: list[str] = []
    pid_file = ""
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            arguments += words[position:]
            break
        if word == "-f":
            while position < len(words) and not words[position].startswith("-"):
                arguments.append(words[position])
                position += 1
        elif word in _VALUED:
            options += words[position - 1 : position + 1]
            position += 1
        elif word in _SWITCHES:
            options.append(word)
        elif word in _SKIPPED:
            if word == "-p":
                pid_file = words[position]
            while position < len(words) and not words[position].startswith("-"):
                position += 1
        elif not word.startswith("-"):
            arguments.append(word)
    return arguments, options, pid_file


def _files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return sorted(file for file in glob.glob(os.path.join(glob.escape(path), "*.cfg")) if os.path.isfile(file))


def _environment(pid: int, proc: str, text: str) -> dict[str, str]:
    """The variables that the configuration names."""
    try:
        with open(f"{proc}/{pid}/environ", encoding="utf-8", errors="surrogateescape") as stream:
            known = dict(part.partition("=")[::2] for part in stream.read().split("\0"))
    except OSError:
        known = {}
    return {name: known[name] for name in sorted(set(_VARIABLE.findall(text))) if name in known}


def _read(path: str) -> str:
    try:
        with open(path, encoding="latin-1") as stream:
            return stream.read()
    except OSError as error:
        raise OriginError(f"{path} can't be read: {error.strerror}", "HAProxy reads it; mend that.") from error
