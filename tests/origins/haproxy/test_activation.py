# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Activation: connections under load, those of before, and everything that can go wrong on the way."""

from __future__ import annotations

import socket
import time

from tests.origins.load import Load
from tests.origins.pki import Clients

from .host import HAProxyHost, client_context

APP = "app.example.com"
REQUEST = f"GET / HTTP/1.1\r\nHost: {APP}\r\n\r\n".encode()


def test_no_request_is_lost_from_off_to_enforce_and_back(haproxy: HAProxyHost, clients: Clients) -> None:
    with Load(haproxy, clients.files["valid"]) as load:
        for stage in ("log_only", "enforce", "log_only", "enforce", "off"):
            result = haproxy.apply([clients.wanted(APP, stage)])
            assert "error" not in result, result
            assert result["reload"] == "reload"
    assert load.failures == []
    assert load.served > 100
    print(f"{load.served} requests, {load.closed} kept-alive connections closed between two requests")


def test_a_connection_of_before_is_not_served_for_long(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.apply([clients.wanted(APP, "log_only")])
    plain = socket.create_connection((haproxy.address, 443), timeout=10)
    with plain, client_context().wrap_socket(plain, server_hostname=APP) as stream:
        stream.sendall(REQUEST)
        assert stream.recv(65536).startswith(b"HTTP/1.1 200")
        assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
        deadline = time.monotonic() + 5
        served = b"HTTP/1.1 200"
        while served.startswith(b"HTTP/1.1 200") and time.monotonic() < deadline:
            try:
                stream.sendall(REQUEST)
                served = stream.recv(65536)
            except OSError:
                served = b""
    assert not served.startswith(b"HTTP/1.1 200")


def test_sessions_of_before_do_not_keep_the_edge_out(haproxy: HAProxyHost, clients: Clients) -> None:
    for tls in ("1.2", "1.3"):
        edge = client_context(clients.files["valid"], tls)
        first = haproxy.request(APP, APP, context=edge)
        assert haproxy.request(APP, APP, context=edge, session=first.session).resumed  # else this proves nothing
        assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
        again = haproxy.request(APP, APP, context=edge, session=first.session)
        assert (again.status, again.resumed) == (200, False)
        haproxy.apply([clients.wanted(APP, "off")])


def test_a_removed_ca_is_forgotten_with_its_sessions(haproxy: HAProxyHost, clients: Clients) -> None:
    both = dict(clients.wanted(APP, "log_only"), trust_bundle=clients.ca.pem + clients.other_ca.pem)
    haproxy.apply([both])
    context = client_context(clients.files["foreign"])
    first = haproxy.request(APP, APP, context=context)
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
    assert haproxy.request(APP, APP, context=context, session=first.session).status == 403


def test_what_haproxy_refuses_is_never_live(haproxy: HAProxyHost, clients: Clients) -> None:
    before, workers = haproxy.tree(), haproxy.generation()
    broken = clients.ca.pem.replace("MII", "AAA", 1)
    result = haproxy.apply([dict(clients.wanted(APP, "log_only"), trust_bundle=broken, issuers=["CN=x"])])
    assert f"/etc/haproxy/aop/{APP}.pem" in result["error"], result
    assert "/tmp/" not in result["error"]
    assert (haproxy.tree(), haproxy.generation()) == (before, workers)


def test_a_reload_that_fails_is_taken_back(haproxy: HAProxyHost, clients: Clients) -> None:
    before = haproxy.tree()
    # Fails the first time only, as a full table of processes would.
    haproxy.put(
        "/etc/systemd/system/haproxy.service.d/fails.conf",
        "[Service]\nExecReload=\nExecReload=/bin/sh -c 'rm /run/once || exec kill -USR2 $$MAINPID; exit 1'\n",
    )
    try:
        haproxy.sh("systemctl daemon-reload; touch /run/once")
        result = haproxy.apply([clients.wanted(APP, "enforce")])
        assert "HAProxy keeps its old configuration" in result["error"], result
    finally:
        haproxy.sh("rm -f /etc/systemd/system/haproxy.service.d/fails.conf; systemctl daemon-reload")
    assert haproxy.tree() == before
    assert haproxy.request(APP, APP).status == 200


def test_the_timer_takes_an_unconfirmed_change_back(haproxy: HAProxyHost, clients: Clients) -> None:
    # Times of files differ, of course.
    listing = (
        "cd /etc/haproxy && find . -printf '%p %y %m %U %G\\n' | sort && find . -type f -exec sha256sum {} + | sort"
    )
    files = haproxy.sh(listing)
    started = time.monotonic()
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")], confirm_within=3)
    assert haproxy.request(APP, APP).status == 403
    haproxy.wait_until(lambda: haproxy.request(APP, APP).status == 200, "the change is taken back", 30)
    print(f"taken back {time.monotonic() - started - 3:.1f} s after its time")
    assert haproxy.sh(listing) == files
    units = haproxy.sh("systemctl list-units --all --no-legend 'originlock-aop-haproxy*'")
    assert "running" not in units


def test_an_edit_of_somebody_else_stays_when_a_change_is_taken_back(haproxy: HAProxyHost, clients: Clients) -> None:
    done = haproxy.apply([clients.wanted(APP, "enforce")], confirm_within=60)
    haproxy.sh("sed -i 's/timeout connect 5s/timeout connect 7s/' /etc/haproxy/haproxy.cfg")
    reverted = haproxy.driver(what="revert", id=done["transaction"])
    assert reverted["outcome"] == "reverted"
    text = haproxy.read("/etc/haproxy/haproxy.cfg")
    assert "timeout connect 7s" in text
    assert "originlock" not in text
    assert "/aop/" not in text
    assert haproxy.request(APP, APP).status == 200


def test_a_haproxy_that_does_not_run_is_an_error(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.sh("systemctl stop haproxy")
    result = haproxy.apply([clients.wanted(APP, "log_only")])
    assert "doesn't run" in result["error"]
    assert "systemctl start haproxy" in result["remedy"]


def test_records_survive_rotation(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.apply([clients.wanted(APP, "log_only")])
    haproxy.request(APP, APP, "/before")
    time.sleep(0.3)
    haproxy.sh("logrotate --force /etc/logrotate.d/originlock-aop-haproxy")
    haproxy.request(APP, APP, "/after")
    assert [row["path"] for row in haproxy.log()] == ["/after"]
    assert [row["path"] for row in haproxy.log(haproxy.aop_log + ".1")] == ["/before"]
    haproxy.sh("rm /var/log/haproxy-aop.log.1")
