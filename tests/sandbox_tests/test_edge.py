# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls from real origins over real TLS."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.api import Api
from support.origin import Origin
from support.pki import Pki

from tests.sandbox.client import SandboxProcess

HOST = "app.example.com"


def point(sandbox: SandboxProcess, *origins: Origin, hostname: str = HOST, **more: Any) -> None:
    """DNS record of a hostname."""
    sandbox.dns({hostname: {"addresses": [o.address for o in origins], **more}})


def fetch(sandbox: SandboxProcess, path: str = "/", hostname: str = HOST, **more: Any) -> dict[str, Any]:
    """A visitor's request that must be served; what the origin saw."""
    answer = sandbox.visit(hostname, path, **more)
    assert answer.status == 200, (answer, sandbox.edge_journal()[-1])
    facts: dict[str, Any] = json.loads(answer.body)
    return facts


@contextlib.contextmanager
def full_listener() -> Iterator[str]:
    """A socket that completes no further connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            yield f"127.0.0.1:{address[1]}"


@contextlib.contextmanager
def openssl_server(pki: Pki, trust: str) -> Iterator[str]:
    """``openssl s_server -www``: asks for a certificate, sends CA names, tolerates everything, tells what it got."""
    server = pki.leaf(HOST, server=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "pair.pem").write_text(server.certificate + server.private_key, encoding="ascii")
        (Path(directory) / "trust.pem").write_text(trust, encoding="ascii")
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-verify", "2", "-cert", "pair.pem",
                   "-CAfile", "trust.pem"]
        process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b"ACCEPT"):
                    break
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate()


def serial(pair: Any) -> str:
    """As Python's ssl writes it."""
    text = format(pair.x509.serial_number, "X")
    return "0" + text if len(text) % 2 else text


def test_relays_request_and_answer(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin:
        point(sandbox, origin)
        answer = sandbox.visit(HOST, "/a%20b?q=1", method="POST", body=b"data", headers={"X-Forwarded-For": "1.2.3.4"})
    facts = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["server"] == "cloudflare"
    assert answer.headers["cf-ray"] == facts["headers"]["cf-ray"]
    assert facts["path"] == "/a%20b?q=1"
    assert facts["body"] == "data"
    assert facts["headers"]["host"] == HOST
    assert facts["headers"]["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    assert facts["headers"]["cf-connecting-ip"] == "127.0.0.1"
    assert facts["headers"]["x-forwarded-proto"] == "https"
    assert facts["sni"] == HOST


@pytest.mark.parametrize(("path", "body"), [("/chunked", b"hello world"), ("/big", b"x" * 5_000_000)])
def test_relays_bodies(sandbox: SandboxProcess, pki: Pki, path: str, body: bytes) -> None:
    with Origin(pki) as origin:
        point(sandbox, origin)
        answer = sandbox.visit(HOST, path)
        assert (answer.status, answer.body == body) == (200, True)
        assert sandbox.visit(HOST, "/empty").status == 204
        head = sandbox.visit(HOST, "/", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) > 100


def test_two_cookies_stay_two(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin, sandbox.visitor(HOST) as visitor:
        point(sandbox, origin)
        visitor.request("GET", "/")
        answer = visitor.getresponse()
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_visitors_and_origins_keep_alive(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin, sandbox.visitor(HOST) as visitor:
        point(sandbox, origin)
        for number in range(20):
            visitor.request("GET", f"/{number}")
            answer = visitor.getresponse()
            assert answer.status == 200
            answer.read()
        assert origin.connections == 1
        sandbox.edge_switches(connection="close")
        for _visit in range(3):
            fetch(sandbox)
        assert origin.connections == 4
        assert origin.seen[-1]["headers"]["connection"] == "close"


def test_a_reload_loses_nothing(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin:
        point(sandbox, origin)
        for _visit in range(10):
            fetch(sandbox)
            origin.close_all()
        # The worse case: the origin closes just as the request arrives.
        origin.drop_next = 0
        fetch(sandbox)
        origin.drop_next = 1
        fetch(sandbox, method="POST", body=b"once")
        last = sandbox.edge_journal()[-1]
    assert last["retried"] is True
    assert (last["status"], last["error"]) == (200, None)
    assert [e["status"] for e in sandbox.edge_journal()] == [200] * 12


def test_association_is_presented_only_when_deployed(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    leaf = pki.leaf()
    with Origin(pki, verify="optional", trust=pki.pem) as origin:
        point(sandbox, origin)
        assert fetch(sandbox)["serial"] is None
        certificate = api.upload(leaf)
        api.put(certificate, HOST)
        assert sandbox.presented(HOST)["source"] == "none"
        assert fetch(sandbox)["serial"] is None
        sandbox.clock(advance=5)
        assert fetch(sandbox)["serial"] == serial(leaf)
    before, _between, after = sandbox.edge_journal()
    assert (before["asked"], before["presented"]) == (True, None)
    assert (after["asked"], after["presented"], after["source"]) == (True, leaf.sha256, "association")


def test_precedence(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    leaf, old, new = pki.leaf(), pki.leaf("example.com"), pki.leaf("example.com")
    zone = sandbox.zone_id

    def now() -> tuple[str, str | None]:
        sandbox.clock(advance=3)
        facts = sandbox.presented(HOST)
        return facts["source"], facts["fingerprint"]

    assert now() == ("none", None)
    api.ok("PATCH", f"/zones/{zone}/settings/tls_client_auth", {"value": "on"})
    assert now()[0] == "shared"
    api.upload(old, store="zone")
    assert now()[0] == "shared", "an upload alone does nothing"
    api.ok("PUT", api.base + "/settings", {"enabled": True})
    assert now() == ("zone", old.sha256)
    api.upload(new, store="zone")
    assert now() == ("zone", new.sha256)
    certificate = api.associate(leaf, HOST)
    assert now() == ("association", leaf.sha256)
    api.put(certificate, HOST, enabled=False)
    assert now() == ("suppressed", None)
    api.put(certificate, HOST, enabled=None)
    assert now() == ("zone", new.sha256)


def test_a_new_certificate_retires_pooled_connections(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    one, two = pki.leaf(), pki.leaf()
    with Origin(pki, verify="optional", trust=pki.pem) as origin:
        point(sandbox, origin)
        first = api.associate(one, HOST)
        assert fetch(sandbox)["serial"] == serial(one)
        second = api.active(two)
        api.put(second, HOST)
        assert fetch(sandbox)["serial"] == serial(one), "the old one until the new association is active"
        sandbox.clock(advance=3)
        assert fetch(sandbox)["serial"] == serial(two)
        sandbox.edge_switches(present="previous")
        assert fetch(sandbox)["serial"] == serial(one)
        assert api.ok("GET", f"{api.certificates}/{first}")["status"] == "active"


def test_switches_choose_the_certificate(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    leaf, mine = pki.leaf(), pki.leaf(days=(-9, -1))
    api.associate(leaf, HOST)
    with Origin(pki, verify="require", trust=pki.pem) as origin:
        point(sandbox, origin)
        assert fetch(sandbox)["serial"] == serial(leaf)
        for name in ("none", "foreign", "shared", "expired"):
            sandbox.edge_switches(hostnames={HOST: {"present": name}})
            assert sandbox.visit(HOST).status == 520, name
        sandbox.identity("expired", mine.certificate, mine.private_key)
        assert sandbox.visit(HOST).status == 520
        assert sandbox.edge_journal()[-1]["presented"] == mine.sha256
        sandbox.edge_switches(hostnames={HOST: None})
        assert fetch(sandbox)["serial"] == serial(leaf)


@pytest.mark.parametrize(("tls", "status"), [("1.2", 525), ("any", 520)])
def test_an_origin_that_aborts(sandbox: SandboxProcess, pki: Pki, tls: str, status: int) -> None:
    with Origin(pki, verify="require", trust=pki.pem, tls=tls) as origin:
        point(sandbox, origin)
        assert sandbox.visit(HOST).status == status
        sandbox.config(tls13_abort_status=525)
        assert sandbox.visit(HOST).status == 525


def test_an_origin_that_answers_400(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki, verify="optional", trust=pki.pem, page=True) as origin:
        point(sandbox, origin)
        answer = sandbox.visit(HOST)
    assert answer.status == 400
    assert b"No required SSL certificate" in answer.body


def test_origins_that_cannot_be_reached(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin:
        point(sandbox, origin)
    assert sandbox.visit(HOST).status == 521
    sandbox.config(connect_timeout=0.3)
    with full_listener() as address:
        sandbox.dns({HOST: {"addresses": [address]}})
        assert sandbox.visit(HOST).status == 522
    assert sandbox.visit("nowhere.example.com").status == 530
    with Origin(pki) as origin:
        point(sandbox, origin, proxied=False)
        assert sandbox.visit(HOST).status == 530
        point(sandbox, origin)
        sandbox.change_zone("example.com", paused=True)
        assert sandbox.visit(HOST).status == 530


def test_answers_that_break_off(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as origin:
        point(sandbox, origin)
        assert sandbox.visit(HOST, "/broken").status == 520


def test_round_robin_and_failover(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki) as one:
        with Origin(pki) as two:
            point(sandbox, one, two)
            for _visit in range(10):
                fetch(sandbox)
            assert (len(one.seen), len(two.seen)) == (5, 5)
        assert sorted(sandbox.visit(HOST).status for _visit in range(4)) == [200, 200, 521, 521]
        sandbox.config(failover=True)
        assert [sandbox.visit(HOST).status for _visit in range(4)] == [200] * 4


def test_ssl_modes(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    api.associate(pki.leaf(), HOST)
    with Origin(pki, verify="optional", trust=pki.pem) as origin, Origin(pki, plain=True) as plain:
        point(sandbox, origin, http_port=plain.port)
        for mode in ("off", "flexible"):
            sandbox.change_zone("example.com", settings={"ssl": mode})
            facts = fetch(sandbox)
            assert (facts["tls"], facts["serial"]) == (None, None)
            assert sandbox.presented(HOST)["source"] == "ssl_mode"
        sandbox.change_zone("example.com", settings={"ssl": "strict"})
        assert sandbox.visit(HOST).status == 526
        sandbox.origin_ca(pki.pem)
        assert fetch(sandbox)["serial"] is not None
        sandbox.change_zone("example.com", settings={"ssl": "full"})
        sandbox.origin_ca("")
        assert fetch(sandbox)["serial"] is not None


def test_strict_checks_the_name(sandbox: SandboxProcess, pki: Pki) -> None:
    sandbox.origin_ca(pki.pem)
    sandbox.change_zone("example.com", settings={"ssl": "strict"})
    with Origin(pki, hostname="other.example.com") as origin:
        point(sandbox, origin)
        assert sandbox.visit(HOST).status == 526
        assert "app.example.com" in sandbox.edge_journal()[-1]["error"]


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_certificate_by_ca_names(sandbox: SandboxProcess, api: Api, pki: Pki, tls: str) -> None:
    leaf = pki.leaf()
    other = Pki("Another CA")
    api.associate(leaf, HOST)
    sandbox.edge_switches(ca_filter=True, tls=tls)
    for trust, expected in ((pki.pem, leaf.sha256), (other.pem, None), (other.pem + pki.pem, leaf.sha256)):
        # Python's own server sends no CA names, OpenSSL's does.
        with openssl_server(pki, trust) as address:
            sandbox.dns({HOST: {"addresses": [address]}})
            answer = sandbox.visit(HOST)
            entry = sandbox.edge_journal()[-1]
        assert answer.status == 200
        assert (entry["asked"], entry["presented"], entry["chosen"]) == (True, expected, leaf.sha256)
        assert entry["tls"] == f"TLSv{tls}"
        assert (b"no client certificate available" in answer.body) is (expected is None)


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_resumption_outlives_an_association(sandbox: SandboxProcess, api: Api, pki: Pki, tls: str) -> None:
    """The trap of origins with shared session caches: the session was made before there was a certificate."""
    with Origin(pki, verify="optional", trust=pki.pem) as origin:
        point(sandbox, origin)
        sandbox.edge_switches(resume=True, connection="close", tls=tls)
        assert fetch(sandbox)["resumed"] is False
        assert fetch(sandbox)["resumed"] is True
        api.associate(pki.leaf(), HOST)
        facts = fetch(sandbox)
        assert (facts["resumed"], facts["serial"]) == (True, None)
        assert sandbox.edge_journal()[-1]["resumed"] is True
        sandbox.edge_switches(resume=False)
        facts = fetch(sandbox)
        assert (facts["resumed"], facts["serial"] is not None) == (False, True)


def test_custom_hostname_uses_the_association(sandbox: SandboxProcess, api: Api, pki: Pki) -> None:
    api.associate(pki.leaf(), "shop.customer.test")
    assert sandbox.presented("shop.customer.test")["source"] == "association"


def test_edge_source(pki: Pki) -> None:
    with SandboxProcess("--edge-source", "127.0.0.9") as sandbox, Origin(pki) as origin:
        point(sandbox, origin)
        assert fetch(sandbox)["peer"] == "127.0.0.9"
        assert sandbox.api("GET", "/ips")[1]["result"]["ipv4_cidrs"] == ["127.0.0.9/32"]


def test_hundreds_of_requests_per_second(sandbox: SandboxProcess, pki: Pki) -> None:
    with Origin(pki, verify="optional", trust=pki.pem) as origin, sandbox.visitor(HOST) as visitor:
        point(sandbox, origin)
        began = time.monotonic()
        for _visit in range(300):
            visitor.request("GET", "/")
            answer = visitor.getresponse()
            answer.read()
            assert answer.status == 200
        # The origin and the visitor are Python, too, and share the processor; far below what the edge can do.
        assert time.monotonic() - began < 10
