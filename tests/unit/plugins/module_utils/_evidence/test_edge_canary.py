# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canaries against a small TLS server of our own."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._evidence import canary
from ansible_collections.originlock.aop.tests import certificates

NONCE = "0123456789abcdef" * 2


class Site(http.server.BaseHTTPRequestHandler):
    """Remembers what it was asked, and answers by hostname."""

    seen: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        host = self.headers["Host"]
        self.seen.append((host, self.path))
        status = {"redirect.test": 302, "broken.test": 525, "misdirected.test": 421}.get(host, 404)
        self.send_response(status)
        self.send_header("Location", "https://app.test/elsewhere")
        self.send_header("CF-Ray", "8e0-TEST")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def ca_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    names = ["app.test", "redirect.test", "broken.test", "misdirected.test"]
    made = certificates.certificate("edge", key, ca=True, days=1, names=names, extra=certificates.identifiers(key))
    directory = tmp_path_factory.mktemp("edge")
    (directory / "key.pem").write_text(certificates.key_pem(key))
    (directory / "edge.pem").write_text(certificates.pem(made))
    return directory / "edge.pem"


@pytest.fixture
def edge(ca_path: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(ca_path, ca_path.parent / "key.pem")
    server.socket = settings.wrap_socket(server.socket, server_side=True)
    Site.seen.clear()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_canaries_arrive_and_redirects_are_not_followed(edge: str, ca_path: Path) -> None:
    planned = canary.plan(
        [
            {"hostname": "App.test.", "nonces": [NONCE]},
            {"hostname": "redirect.test", "count": 3},
            {"hostname": "broken.test"},
            {"hostname": "misdirected.test"},
        ],
        edge,
    )
    answers = canary.send(planned, canary.context(str(ca_path), True), 10, 4)
    assert [(answer.hostname, answer.status) for answer in answers] == [
        ("app.test", 404),
        *[("redirect.test", 302)] * 3,
        ("broken.test", 525),
        ("misdirected.test", 421),
    ]
    assert {answer.ray for answer in answers} == {"8e0-TEST"}
    assert [answer.error for answer in answers[:4]] == [""] * 4
    assert answers[4].error.startswith("HTTP 525: the TLS handshake with the origin failed")
    assert answers[5].error.startswith("HTTP 421: misdirected, as the edge's SNI")
    assert ("app.test", f"/.well-known/originlock-canary/{NONCE}") in Site.seen
    assert len(Site.seen) == len(set(Site.seen)) == 6


def test_wrong_certificate_and_no_server(edge: str, ca_path: Path) -> None:
    settings = canary.context(str(ca_path), True)
    wrong = canary.send(canary.plan([{"hostname": "other.test"}], edge), settings, 10, 1)[0]
    assert (wrong.status, "isn't valid for other.test" in wrong.error) == (0, True)
    assert (
        canary.send(canary.plan([{"hostname": "other.test"}], edge), canary.context("", False), 10, 1)[0].status == 404
    )
    nobody = canary.send(canary.plan([{"hostname": "app.test"}], "127.0.0.1:1"), settings, 10, 1)[0]
    assert nobody.error.startswith("no answer: ")


@pytest.mark.parametrize(
    ("request_", "connect_to", "words"),
    [
        ({"hostname": "*.example.com"}, "", "is not a hostname"),
        ({"hostname": "a.test\r\nX: y"}, "", "is not a hostname"),
        ({"hostname": "a.test", "nonces": ["../x"]}, "", "nonce '../x' for a.test isn't valid"),
        ({"hostname": "a.test"}, "nowhere", "'nowhere' is no address"),
        ({"hostname": "a.test", "count": 10**9}, "", "more than 100000"),
        ({"hostname": "a.test", "count": -1}, "", "-1 canaries for a.test"),
        ({"hostname": "a" * 64 + ".test"}, "", "is not a hostname"),
    ],
)
def test_bad_requests(request_: dict[str, object], connect_to: str, words: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        canary.plan([request_], connect_to)
    assert words in str(failure.value)


def test_none_are_none() -> None:
    assert canary.plan([{"hostname": "a.test", "count": 0}], "") == []
    assert len(canary.plan([{"hostname": "a.test", "count": None}, {"hostname": "a" * 63 + ".test"}], "")) == 2


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), float("inf"), 1e30])
def test_timeouts_out_of_reach(timeout: float) -> None:
    with pytest.raises(InvalidInput, match="is no timeout"):
        canary.check_timeout(timeout)


@pytest.mark.parametrize(("connect_to", "timeout"), [("a" * 64 + ".test:1", 1), ("127.0.0.1:1", -1), ("nowhere", 1)])
def test_sending_never_fails(connect_to: str, timeout: float) -> None:
    (answer,) = canary.send([canary.Canary("a.test", NONCE, connect_to)], canary.context("", False), timeout, 1)
    assert (answer.status, answer.error[:9]) == (0, "no answer")


def test_unusable_ca(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("<html>")
    with pytest.raises(InvalidInput, match="No CA certificates can be read"):
        canary.context(str(tmp_path / "ca.pem"), True)
