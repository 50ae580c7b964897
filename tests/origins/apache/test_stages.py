# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of a hostname on a real server, with real TLS clients."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.origins.pki import Clients

from .host import ApacheHost, client_context

HOST = "app.example.com"
OPEN = "www.example.org"
VERSIONS = ("1.2", "1.3")
BAD = (None, "foreign", "expired", "early", "server_only")


def identity(clients: Clients, kind: Any) -> Any:
    return clients.files[kind] if kind else None


def test_log_only_serves_and_logs_everybody(apache: ApacheHost, clients: Clients) -> None:
    wanted = [clients.wanted(HOST, "log_only")]
    parent = apache.parent()
    outcome = apache.apply(wanted)
    assert outcome.get("reload") == "reload", outcome
    assert apache.parent() == parent
    expected = []
    for tls in VERSIONS:
        for kind, verify in ((None, "NONE"), ("valid", "SUCCESS"), ("foreign", "GENEROUS|FAILED:unable to verify")):
            answer = apache.request(HOST, HOST, "/a/page?secret=1", identity(clients, kind), tls)
            assert answer.status == 404, (kind, tls, answer)
            expected.append((verify, "TLSv" + tls))
    rows = apache.log()
    assert len(rows) == len(expected)
    for row, (verify, tls) in zip(rows, expected):
        assert row["verify"].startswith(tuple(verify.split("|"))), row
        assert (row["tls"], row["stage"], row["hostname"], row["sni"]) == (tls, "log_only", HOST, HOST)
        assert (row["path"], row["status"], row["resumed"]) == ("/a/page", "404", "Initial")
        assert set(row) == {
            "time", "server", "hostname", "sni", "peer", "status", "method", "path", "agent", "stage", "verify",
            "serial", "issuer", "fingerprint", "tls", "resumed",
        }  # fmt: skip
        assert all(isinstance(value, str) for value in row.values())
    assert apache.log()[1]["issuer"] == "CN=example.com client CA"
    # The site's own log and error page go on.
    assert apache.sh("grep -c 'GET /a/page' /var/log/apache2/app.access.log").strip() == "6"
    again = apache.apply(wanted)
    assert (again["changed"], again["reload"], again["sites"][0]["stage_before"]) == (False, "none", "log_only")


def test_unprotected_sites_are_neither_asked_nor_logged(apache: ApacheHost, clients: Clients) -> None:
    apache.apply([clients.wanted(HOST, "enforce")])
    for kind in (None, "foreign", "expired"):
        assert apache.request(OPEN, OPEN, identity=identity(clients, kind)).served
    assert apache.log() == []
    assert apache.sh("grep -c origins-test /var/log/apache2/other_vhosts_access.log").strip() == "3"


@pytest.mark.parametrize("tls", VERSIONS)
def test_enforce_refuses_everybody_else(apache: ApacheHost, clients: Clients, tls: str) -> None:
    apache.apply([clients.wanted(HOST, "log_only")])
    outcome = apache.apply([clients.wanted(HOST, "enforce")])
    assert outcome.get("sites", [{}])[0].get("stage_after") == "enforce", outcome
    served = apache.request(HOST, HOST, identity=clients.files["valid"], tls=tls)
    assert served.served, served
    for address in filter(None, (apache.address, apache.address6)):
        for kind in BAD:
            answer = apache.request(HOST, HOST, identity=identity(clients, kind), tls=tls, address=address)
            assert answer.status == 0, (kind, address, answer)
        for sni in (None, OPEN, "unknown.example.net"):
            for kind in (*BAD, "valid"):
                answer = apache.request(sni, HOST, identity=identity(clients, kind), tls=tls, address=address)
                assert answer.status in (0, 421), (sni, kind, address, answer)
            for host in ("APP.example.com", "app.example.com.", "app.example.com:443"):
                assert apache.request(sni, host, tls=tls, address=address).status == 421
        assert apache.request(OPEN, OPEN, tls=tls, address=address).served
    assert apache.plain_request(HOST).status == 301
    rows = apache.log()
    assert {row["stage"] for row in rows} == {"enforce"}
    assert {row["verify"] for row in rows if row["status"] == "200"} == {"SUCCESS"}


@pytest.mark.parametrize("tls", VERSIONS)
@pytest.mark.parametrize("tickets", ["on", "off"])
def test_a_session_of_an_unprotected_site_opens_nothing(
    apache: ApacheHost, clients: Clients, tls: str, tickets: str
) -> None:
    apache.put("/etc/apache2/conf-enabled/tickets.conf", f"SSLSessionTickets {tickets}\n")
    apache.reload()
    apache.apply([clients.wanted(HOST, "enforce")])
    for kind in (None, "foreign"):
        context = client_context(identity(clients, kind), tls)
        first = apache.request(OPEN, OPEN, context=context)
        assert first.served
        assert apache.request(OPEN, OPEN, context=context, session=first.session).resumed
        for sni in (HOST, OPEN, None):
            answer = apache.request(sni, HOST, context=context, session=first.session)
            assert answer.status in (0, 421), (sni, answer)


def test_a_certificate_of_another_protected_hostname_opens_nothing(apache: ApacheHost, clients: Clients) -> None:
    other = dict(clients.wanted("api.example.com", "enforce"), trust_bundle=clients.other_ca.pem)
    outcome = apache.apply([clients.wanted(HOST, "enforce"), other])
    assert outcome["changed"], outcome
    for tls in VERSIONS:
        context = client_context(clients.files["foreign"], tls)
        theirs = apache.request("api.example.com", "api.example.com", context=context)
        assert theirs.served
        for sni in ("api.example.com", None, HOST, OPEN):
            assert apache.request(sni, HOST, context=context, session=theirs.session).status in (0, 421), sni
            assert apache.request(sni, HOST, identity=clients.files["foreign"], tls=tls).status in (0, 421), sni


def test_inspect(apache: ApacheHost, clients: Clients) -> None:
    apache.apply([clients.wanted(HOST, "enforce")])
    sites = apache.driver(what="inspect", hostnames=[])["sites"]
    assert [(site["hostname"], site["stage_before"], site["line"]) for site in sites] == [(HOST, "enforce", 6)]
    assert not apache.request(HOST, HOST).served


def test_the_log_survives_hostile_words(apache: ApacheHost, clients: Clients) -> None:
    apache.put("/etc/apache2/snip.conf", "FallbackResource /index.html\n")
    site = "/etc/apache2/sites-available/app.example.com.conf"
    apache.sh(f"sed -i 's|ErrorDocument.*|Include snip.conf|' {site}")
    apache.reload()
    apache.apply([clients.wanted(HOST, "log_only")])
    nonce = "/.well-known/originlock-canary/0123456789abcdef"
    assert apache.request(HOST, HOST, nonce).served
    assert apache.request(HOST, HOST, '/"x\\y","verify":"SUCCESS"').status < 500
    rows = [row["path"] for row in apache.log()]
    # What was asked for, not what answered.
    assert rows == [nonce, '/"x\\y","verify":"SUCCESS"']


def test_the_time_of_a_slow_request_is_its_end(apache: ApacheHost, clients: Clients) -> None:
    apache.apply([clients.wanted(HOST, "log_only")])
    context = client_context(None, "1.3")
    plain = socket.create_connection((apache.address, 443), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=HOST) as stream:
        head = f"POST /index.html HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"
        stream.sendall(head.encode())
        time.sleep(2)
        before = float(apache.sh("date +%s.%3N"))
        stream.sendall(b"x")
        while stream.recv(65536):
            pass
    (row,) = apache.log()
    assert re.fullmatch(r"\d{10}\.\d{3}", row["time"])
    assert before <= float(row["time"]) < before + 1


def test_http2_is_logged_with_its_connection(apache: ApacheHost, clients: Clients) -> None:
    apache.apply([clients.wanted(HOST, "enforce")])
    apache.put("/root/client.pem", Path(clients.files["valid"]).read_text(encoding="ascii"))
    url = f"https://{HOST}/index.html https://{HOST}/index.html"
    out = apache.sh(
        f"curl -sk --http2 --cert /root/client.pem --resolve {HOST}:443:127.0.0.1 "
        f"-w '%{{http_version}} %{{http_code}}\\n' {url} | grep '^2'"
    )
    assert out.split() == ["2", "200"] * 2
    rows = [(row["verify"], row["status"], row["peer"]) for row in apache.log()]
    assert rows == [("SUCCESS", "200", "127.0.0.1")] * 2


def test_nothing_is_lost_while_the_stages_change(apache: ApacheHost, clients: Clients) -> None:
    """The edge with its certificate, a new connection for each request, all the way there and back."""
    apache.put("/root/client.pem", Path(clients.files["valid"]).read_text(encoding="ascii"))
    apache.put(
        "/root/load.sh",
        "while [ ! -e /root/stop ]; do curl -sk --http1.1 -o /dev/null --cert /root/client.pem "
        f"--resolve {HOST}:443:127.0.0.1 -w '%{{http_code}} %{{exitcode}}\\n' https://{HOST}/index.html; done "
        "> /root/load.out\n",
    )
    apache.sh("rm -f /root/stop; systemd-run --unit=load --collect bash /root/load.sh")
    for stage in ("log_only", "enforce", "log_only", "off"):
        outcome = apache.apply([clients.wanted(HOST, stage)])
        assert outcome.get("changed"), outcome
    apache.sh("touch /root/stop; sleep 0.5")
    answers = apache.read("/root/load.out").splitlines()
    assert len(answers) > 20
    assert set(answers) == {"200 0"}


def test_the_returned_outcome_is_json(apache: ApacheHost, clients: Clients) -> None:
    outcome = apache.apply([clients.wanted("nobody.example.com", "log_only")])
    assert "no virtual host with TLS has this name" in outcome["error"]
    (finding,) = outcome["details"]["findings"]
    assert finding["file"] == "/etc/apache2/sites-enabled/000-default-ssl.conf"
    assert json.dumps(outcome)
