# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages on a plain site, seen by real TLS clients of every kind."""

from __future__ import annotations

import time

import pytest

from tests.origins.pki import Clients

from .host import CaddyHost, client_context

APP = "app.example.com"
OPEN = "www.example.org"
KINDS = (None, "foreign", "expired", "early", "server_only")


def identity(clients: Clients, kind: str | None) -> str | None:
    return clients.files[kind] if kind else None


def test_log_only_serves_everybody_and_logs_what_came(caddy: CaddyHost, clients: Clients) -> None:
    result = caddy.apply([clients.wanted(APP, "log_only")])
    assert [(site["stage_before"], site["stage_after"]) for site in result["sites"]] == [("off", "log_only")]
    for tls in ("1.2", "1.3"):
        for kind in (*KINDS, "valid"):
            answer = caddy.request(APP, APP, f"/?{kind}", identity(clients, kind), tls)
            assert answer.status == 200, (kind, tls, answer)
    caddy.request(APP, APP, '/a"b?secret=1')
    caddy.wait_until(lambda: len(caddy.log()) == 13, "all requests are in the log")
    rows = caddy.log()
    assert rows[-1]["path"] == '/a"b'
    for number, kind in enumerate((*KINDS, "valid")):
        for row in (rows[number], rows[number + 6]):
            assert (row["hostname"], row["sni"], row["stage"], row["status"]) == (APP, APP, "log_only", "200")
            assert row["verify"] == ("SUCCESS" if kind else "NONE")
            assert bool(row["fingerprint"]) == (kind is not None)
            assert row["agent"] == "origins-test"
    assert rows[5]["issuer"] == "CN=example.com client CA"
    assert "secret" not in caddy.read(caddy.aop_log)


def test_enforce_refuses_all_but_ours_on_every_way(caddy: CaddyHost, clients: Clients) -> None:
    caddy.apply([clients.wanted(APP, "log_only")])
    result = caddy.apply([clients.wanted(APP, "enforce")])
    assert [site["stage_after"] for site in result["sites"]] == ["enforce"]
    for tls in ("1.2", "1.3"):
        assert caddy.request(APP, APP, identity=clients.files["valid"], tls=tls).status == 200
        for kind in KINDS:
            assert caddy.request(APP, APP, identity=identity(clients, kind), tls=tls).problem, (kind, tls)
        for sni in (OPEN, None, "unknown.example.net"):
            for host in (APP, "APP.example.com.", f"{APP}:443"):
                answer = caddy.request(sni, host, tls=tls)
                assert answer.status in (400, 404, 421) or answer.problem, (sni, host, answer)
        assert caddy.request(OPEN, OPEN, tls=tls).status == 200


@pytest.mark.parametrize("before", ["off", "log_only"])
def test_a_session_of_before_is_no_way_in(caddy: CaddyHost, clients: Clients, before: str) -> None:
    caddy.apply([clients.wanted(APP, before)])
    for tls in ("1.2", "1.3"):
        contexts = [client_context(identity(clients, kind), tls) for kind in (None, "foreign")]
        sessions = [caddy.request(APP, APP, context=context).session for context in contexts]
        caddy.apply([clients.wanted(APP, "enforce")])
        for context, session in zip(contexts, sessions):
            assert not caddy.request(APP, APP, context=context, session=session).served
        caddy.apply([clients.wanted(APP, before)])


def test_the_users_log_goes_on(caddy: CaddyHost, clients: Clients) -> None:
    caddy.sh("truncate -s0 /var/log/caddy/app.access.log")
    caddy.apply([clients.wanted(APP, "log_only")])
    assert caddy.request(APP, APP, "/still").status == 404
    caddy.wait_until(lambda: '"/still"' in caddy.read("/var/log/caddy/app.access.log"), "the site's own log is written")
    time.sleep(0.2)
    assert [row["path"] for row in caddy.log()] == ["/still"]


def test_off_gives_everything_back(caddy: CaddyHost, clients: Clients) -> None:
    before = caddy.tree()
    for stage in ("log_only", "enforce", "log_only", "off"):
        done = caddy.apply([clients.wanted(APP, stage), clients.wanted(OPEN, stage)])
        assert done["changed"], done
        assert not caddy.apply([clients.wanted(APP, stage), clients.wanted(OPEN, stage)])["changed"]
    assert caddy.tree() == before
