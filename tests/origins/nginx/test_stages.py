# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages on a plain site, seen by real TLS clients of every kind."""

from __future__ import annotations

import pytest

from tests.origins.pki import Clients

from .host import NginxHost, client_context

APP = "app.example.com"
OPEN = "www.example.org"
KINDS = (None, "foreign", "expired", "early", "server_only")
REASONS = {
    None: "NONE",
    "foreign": "FAILED:unable to verify the first certificate",
    "expired": "FAILED:certificate has expired",
    "early": "FAILED:certificate is not yet valid",
    "server_only": "FAILED:unsuit",
}


def identity(clients: Clients, kind: str | None) -> str | None:
    return clients.files[kind] if kind else None


def test_log_only_serves_everybody_and_logs_why(nginx: NginxHost, clients: Clients) -> None:
    result = nginx.apply([clients.wanted(APP, "log_only")])
    assert result["reload"] == "reload"
    assert [(site["stage_before"], site["stage_after"]) for site in result["sites"]] == [("off", "log_only")]
    for tls in ("1.2", "1.3"):
        for kind in (*KINDS, "valid"):
            answer = nginx.request(APP, APP, f"/?{kind}", identity(clients, kind), tls)
            assert answer.status == 200, (kind, tls, answer)
    rows = nginx.log()
    assert len(rows) == 12
    for row in rows:
        assert set(row) == {
            *("time", "server", "hostname", "sni", "peer", "status", "method", "path", "agent", "stage"),
            *("verify", "serial", "issuer", "fingerprint", "tls", "resumed"),
        }
        assert all(isinstance(value, str) for value in row.values())
        assert (row["hostname"], row["path"], row["stage"], row["status"]) == (APP, "/", "log_only", "200")
    for number, kind in enumerate(KINDS):
        for row in (rows[number], rows[number + 6]):
            assert row["verify"].startswith(REASONS[kind]), (kind, row)
            assert bool(row["fingerprint"]) == (kind is not None)
    for row in (rows[5], rows[11]):
        assert row["verify"] == "SUCCESS"
        assert row["issuer"] == "CN=example.com client CA"
        assert row["fingerprint"].startswith("sha1:")


def test_log_only_keeps_method_body_and_query_of_a_bad_certificate(nginx: NginxHost, clients: Clients) -> None:
    nginx.put(
        "/etc/nginx/conf.d/echo.conf",
        'server { listen 127.0.0.1:9000; location / { return 200 "$request_method $request_uri $content_length"; } }\n',
    )
    file = "/etc/nginx/sites-available/app.example.com"
    nginx.sh(f"sed -i 's,try_files .*,proxy_pass http://127.0.0.1:9000;,' {file}")
    nginx.restart()
    assert "error" not in nginx.apply([clients.wanted(APP, "log_only")])
    answer = nginx.request(APP, APP, "/a%20b?c=d&e", clients.files["expired"], method="POST", body=b"x" * 300_000)
    assert (answer.status, answer.body) == (200, "POST /a%20b?c=d&e 300000")


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_enforce_refuses_at_every_door(nginx: NginxHost, clients: Clients, tls: str) -> None:
    assert "error" not in nginx.apply([clients.wanted(APP, "enforce")])
    assert nginx.request(APP, APP, identity=clients.files["valid"], tls=tls).status == 200
    for address in filter(None, (nginx.address, nginx.address6)):
        for kind in KINDS:
            for sni in (APP, None, OPEN, "unknown.example.net", "api.example.com"):
                for host in (APP, "APP.Example.com", APP + ".", APP + ":443"):
                    answer = nginx.request(sni, host, "/", identity(clients, kind), tls, address=address)
                    assert answer.status in (400, 403, 421) or answer.problem, (kind, sni, host, answer)
    # A certificate of ours doesn't open the door of another name.
    for sni in (None, OPEN, "unknown.example.net"):
        assert nginx.request(sni, APP, identity=clients.files["valid"], tls=tls).status in (400, 421)
    assert nginx.request(OPEN, OPEN, f"https://{APP}/", tls=tls).status in (400, 421)
    assert APP not in nginx.request(APP, None, tls=tls).body  # nginx gives it to the default server
    for name in (OPEN, "api.example.com"):
        for kind in KINDS:
            assert nginx.request(name, name, identity=identity(clients, kind), tls=tls).status == 200


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", [None, "foreign", "valid"])
def test_enforce_refuses_a_session_of_an_unprotected_site(
    nginx: NginxHost, clients: Clients, tls: str, kind: str | None
) -> None:
    assert "error" not in nginx.apply([clients.wanted(APP, "enforce")])
    context = client_context(identity(clients, kind), tls)
    first = nginx.request(OPEN, OPEN, context=context)
    assert first.status == 200
    for host in (APP, OPEN):
        again = nginx.request(APP, host, session=first.session, context=context)
        assert again.status != 200 or (kind == "valid" and not again.resumed) or host == OPEN, again
        if host == OPEN and again.status == 200:
            assert "www.example.org" in again.body
