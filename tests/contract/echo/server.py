# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: ``server.py ROOT`` runs it, ``server.py ROOT --check`` only reads the configuration.

A file in ``ROOT/etc`` has lines ``site NAME`` and, below, ``protect FILE``. It is read again whenever it changes. With
``late`` in it and something protected, it passes the check and isn't taken nevertheless.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


def read(root: Path) -> dict[str, Any]:
    """Files with their texts, and the text of what protects each site. ValueError: a line that nobody knows."""
    found: dict[str, Any] = {"files": {}, "sites": {}, "protect": {}}
    for path in sorted((root / "etc").glob("*.conf")):
        found["files"][str(path)] = path.read_text()
        name = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            word, *rest = line.partition("#")[0].split() or [""]
            if word == "site":
                name = rest[0]
                found["sites"][name] = {"file": str(path), "line": number}
                found["protect"][name] = ""
            elif word == "protect":
                file = root / "etc" / rest[0]
                if not file.is_file() or "BEGIN CERTIFICATE" not in file.read_text():
                    raise ValueError(f"{path}:{number}: {file} holds no certificate")
                found["protect"][name] = file.read_text()
            elif word not in ("", "late"):
                raise ValueError(f"{path}:{number}: unknown word {word}")
    return found


class Server(socketserver.ThreadingUnixStreamServer):
    """Answers with all it has loaded."""

    daemon_threads = True
    loaded: dict[str, Any]

    def watch(self, root: Path) -> None:
        """Load what is there whenever it has changed; what can't be loaded is told once."""
        last = ""
        while True:
            try:
                found, problem = read(root), ""
                if any(found["protect"].values()) and any("late" in text for text in found["files"].values()):
                    problem = "it's too late"
            except (OSError, ValueError) as error:
                problem = str(error)
            if problem and problem != last:
                with (root / "error.log").open("a") as stream:
                    stream.write(f"[error] {problem}\n")
            elif not problem and found != {name: self.loaded[name] for name in found}:
                self.loaded = dict(found, loads=self.loaded["loads"] + 1)
            last = problem
            time.sleep(0.02)


class Answer(BaseHTTPRequestHandler):
    """GET: everything, as JSON."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.loaded).encode())  # type: ignore[attr-defined]

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def main(root: Path, *options: str) -> int:
    try:
        read(root)
    except (OSError, ValueError) as error:
        print(error)
        return 1
    if not options:
        with Server(str(root / "api"), Answer) as server:
            server.loaded = dict(read(root), loads=0)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            server.watch(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
