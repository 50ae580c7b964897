# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs that a server took its files, and edits that are taken back in a file that moved on."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import marks, restore
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Control
from ansible_collections.originlock.aop.plugins.module_utils._origin.transaction import Transaction


class Api(BaseHTTPRequestHandler):
    """Says what its server has to say, each thing once but the last."""

    def do_GET(self) -> None:
        said: list[tuple[int, str]] = self.server.said  # type: ignore[attr-defined]
        status, text = said.pop(0) if len(said) > 1 else said[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{self.path} {text}".encode())

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_arguments: object) -> None:
        pass


class Local(socketserver.UnixStreamServer):
    pass


@pytest.fixture(params=["tcp", "unix"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    path = str(tmp_path / "api.sock")
    server: Any = HTTPServer(("127.0.0.1", 0), Api) if request.param == "tcp" else Local(path, Api)
    server.place = f"127.0.0.1:{server.server_port}" if request.param == "tcp" else f"unix:{path}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([(200, "new")], ""),
        ([(200, "old"), (503, ""), (200, "new")], ""),
        ([(200, "old")], "has no new"),
        ([(200, "new but old")], "still has old"),
        ([(404, "new")], "answers 404 to /config"),
    ],
)
def test_an_api_tells_what_is_loaded(api: Any, said: list[tuple[int, str]], problem: str) -> None:
    api.said = said
    proof = {"kind": "api", "address": api.place, "path": "/config", "contains": ["new"], "lacks": ["old"]}
    found = restore.awaited([restore.witness(proof)], 0.3)
    assert problem in found
    assert bool(found) is bool(problem)


def test_an_api_that_gives_no_answer(tmp_path: Path) -> None:
    for address in ("127.0.0.1:1", f"unix:{tmp_path / 'nothing'}"):
        look = restore.witness({"kind": "api", "address": address, "path": "/"})
        assert f"its API at {address} gives no answer" in restore.awaited([look], 0)


def test_nobody_gives_tls() -> None:
    look = restore.witness({"kind": "tls", "address": "127.0.0.1", "port": 1, "server_name": "app.example.com"})
    assert "refused" in restore.awaited([look], 0.1)


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="an unknown kind of proof: hope"):
        restore.witness({"kind": "hope"})


def test_a_server_that_has_neither_check_nor_reload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It watches its files, so the timer's program puts them back and looks whether it has taken them."""
    site = tmp_path / "site"
    site.write_text("old\n")
    change = marks.spliced(str(site), "old\n", [(0, 3, "new")])
    proof = {"kind": "api", "address": "127.0.0.1:1", "path": "/"}
    for proofs, ended in (((), 0), ((proof,), 1)):
        work = Transaction.begin("echo", [change], Control(proofs=proofs), str(tmp_path / "state"))
        work.write([change])
        work.live()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(restore, "RELOAD_SECONDS", 0.1)
            assert restore.main(work.folder, give_up=0) == ended
        assert site.read_text() == "old\n"
        assert restore.read_state(work.folder) == ("reverting" if ended else "expired")
    assert "the files were put back, but its API at 127.0.0.1:1 gives no answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "pieces", "meanwhile", "after"),
    [
        # HAProxy: a line that was replaced.
        ("bind :443\nmode http\n", [(9, 9, " verify required")], ("mode http", "mode tcp"), "bind :443\nmode tcp\n"),
        # Somebody changed that very line: it's theirs now.
        ("bind :443\n", [(9, 9, " verify required")], (":443", ":8443"), "bind :8443 verify required\n"),
        # A block with our lines was copied.
        ("{\n}\n", [(2, 2, "ours\n")], ("}\n", "}\n{\nours\n}\n"), "{\n}\n{\n}\n"),
        # A line that was broken in two is joined again.
        ("{ a }\nb\n", [(1, 1, "\n ours\n")], ("b", "c"), "{ a }\nc\n"),
        # A line that was taken away has no place any more.
        ("a\nours\nb\n", [(2, 7, "")], ("b", "c"), "a\nc\n"),
    ],
)
def test_edits_are_taken_back_in_a_file_that_moved_on(
    tmp_path: Path, text: str, pieces: list[marks.Piece], meanwhile: tuple[str, str], after: str
) -> None:
    site = tmp_path / "site"
    site.write_text(text)
    change = marks.spliced(str(site), text, pieces)
    work = Transaction.begin("echo", [change], Control(), str(tmp_path / "state"))
    work.write([change])
    site.write_text(site.read_text().replace(*meanwhile))
    work.revert()
    assert site.read_text() == after
    assert [entry["path"] for entry in work.left()] == [str(site)]
