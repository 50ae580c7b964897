# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Activation: sessions of before, connections under load, and everything that can go wrong on the way."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.origins.load import Load
from tests.origins.pki import Clients

from .host import NginxHost, client_context

APP = "app.example.com"


def session_works(nginx: NginxHost) -> str:
    return nginx.sh("systemctl show -p MainPID --value nginx").strip()


def test_no_request_is_lost_from_off_to_enforce_and_back(nginx: NginxHost, clients: Clients) -> None:
    with Load(nginx, clients.files["valid"]) as load:
        for stage in ("log_only", "enforce", "log_only", "enforce", "off"):
            result = nginx.apply([clients.wanted(APP, stage)])
            assert "error" not in result, result
            assert result["reload"] == ("replace" if stage == "enforce" else "reload")
    assert load.failures == []
    assert load.served > 100


@pytest.mark.parametrize("before", ["off", "log_only"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("tickets", ["on", "off"])
def test_sessions_of_before_are_not_resumed(
    nginx: NginxHost, clients: Clients, before: str, tls: str, tickets: str
) -> None:
    nginx.sh(f"echo 'ssl_session_tickets {tickets};' >> /etc/nginx/snippets/tls.conf")
    nginx.restart()
    nginx.apply([clients.wanted(APP, before)])
    anonymous = client_context(None, tls)
    first = nginx.request(APP, APP, context=anonymous)
    assert nginx.request(APP, APP, context=anonymous, session=first.session).resumed  # else this proves nothing
    master = nginx.master()
    result = nginx.apply([clients.wanted(APP, "enforce")])
    assert result["reload"] == "replace"
    assert nginx.master() != master
    assert session_works(nginx) == str(nginx.master())
    assert nginx.sh("systemctl is-active nginx").strip() == "active"
    assert nginx.sh("ls /run/nginx.pid.oldbin", check=False).startswith("ls: cannot")
    # The edge has its certificate, but a session from before it was asked for one: it must not be refused.
    edge = nginx.request(APP, APP, context=client_context(clients.files["valid"], tls), session=None)
    assert edge.status == 200
    again = nginx.request(APP, APP, context=anonymous, session=first.session)
    assert not again.resumed
    assert again.status == 400
    nginx.sh("systemctl reload nginx && systemctl is-active nginx")
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200


def test_a_removed_ca_is_forgotten_with_its_sessions(nginx: NginxHost, clients: Clients) -> None:
    both = dict(clients.wanted(APP, "enforce"), trust_bundle=clients.ca.pem + clients.other_ca.pem)
    nginx.apply([both])
    context = client_context(clients.files["foreign"])
    first = nginx.request(APP, APP, context=context)
    assert first.status == 200
    result = nginx.apply([clients.wanted(APP, "enforce")])
    assert result["reload"] == "replace"
    again = nginx.request(APP, APP, context=context, session=first.session)
    assert (again.status, again.resumed) == (400, False)


def test_a_configuration_that_nginx_refuses_is_never_live(nginx: NginxHost, clients: Clients) -> None:
    before, master = nginx.tree(), nginx.master()
    # The controller would have refused this bundle; so nobody has told the names of its CAs.
    broken = dict(clients.wanted(APP, "enforce"), issuers=[])
    body = broken["trust_bundle"].splitlines()
    broken["trust_bundle"] = "\n".join([body[0], "AAAA", body[-1]]) + "\n"
    result = nginx.apply([broken])
    assert "nginx refuses the configuration; nothing was changed" in result["error"]
    assert "/etc/nginx/aop/app.example.com.pem" in result["error"]
    assert nginx.tree() == before
    assert nginx.master() == master


def test_a_broken_present_configuration_is_told(nginx: NginxHost, clients: Clients) -> None:
    nginx.sh("echo 'nonsense on;' > /etc/nginx/conf.d/broken.conf")
    result = nginx.apply([clients.wanted(APP, "log_only")])
    assert 'unknown directive "nonsense" in /etc/nginx/conf.d/broken.conf:1' in result["error"]


@contextmanager
def busy_port(nginx: NginxHost) -> Iterator[None]:
    """Port 8443 is somebody else's, and nginx's configuration listens there: a reload passes the check and fails."""
    nginx.sh("systemd-run --unit busy python3 -m http.server 8443 --bind 0.0.0.0; sleep 0.5")
    try:
        nginx.put("/etc/nginx/conf.d/busy.conf", "server { listen 8443; return 204; }\n")
        yield
    finally:
        nginx.sh("systemctl stop busy")


@contextmanager
def simple_unit(nginx: NginxHost, start: str) -> Iterator[None]:
    """nginx runs from a unit that knows no pid file."""
    nginx.put(
        "/etc/systemd/system/nginx.service.d/simple.conf",
        f"[Service]\nType=simple\nPIDFile=\nExecStart=\nExecStart={start}\n",
    )
    nginx.sh("systemctl daemon-reload && systemctl restart nginx && sleep 0.5")
    try:
        yield
    finally:
        nginx.sh("rm -r /etc/systemd/system/nginx.service.d && systemctl daemon-reload && systemctl restart nginx")


def test_a_reload_that_is_not_carried_out_is_noticed_and_taken_back(nginx: NginxHost, clients: Clients) -> None:
    # The check passes (a busy port is no fault to "nginx -t"), the reload doesn't.
    with busy_port(nginx):
        before = nginx.tree()
        result = nginx.apply([clients.wanted(APP, "log_only")])
        assert "kept its old configuration" in result["error"]
        assert "bind() to 0.0.0.0:8443 failed" in result["error"]
        assert "The old files are back" in result["error"]
        assert configuration(nginx) == before
        # So it isn't over: also a run that wants nothing tries again, until the server runs on the old files.
        assert "doesn't run on them yet" in nginx.apply([clients.wanted(APP, "off")])["error"]
    assert len(nginx.apply([clients.wanted(APP, "off")])["recovered"]) == 1
    assert nginx.tree() == before


def test_a_stopped_server_is_told(nginx: NginxHost, clients: Clients) -> None:
    nginx.sh("systemctl stop nginx")
    before = nginx.tree()
    result = nginx.apply([clients.wanted(APP, "log_only")])
    assert "nginx doesn't run" in result["error"]
    assert nginx.tree() == before


def test_the_service_is_restarted_where_systemd_would_lose_it(nginx: NginxHost, clients: Clients) -> None:
    with simple_unit(nginx, "/usr/sbin/nginx -g 'daemon off; master_process on;'"):
        result = nginx.apply([clients.wanted(APP, "enforce")])
        assert "error" not in result, result
        assert session_works(nginx) == str(nginx.master())
        assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
        assert nginx.request(APP, APP).status == 400


def test_a_unit_that_is_not_nginx_s_own_is_not_restarted(nginx: NginxHost, clients: Clients) -> None:
    with simple_unit(nginx, "/bin/sh -c \"nginx -g 'daemon off;'; exit\""):
        before, master = configuration(nginx), nginx.master()
        result = nginx.apply([clients.wanted(APP, "enforce")])
        assert "the main process of nginx.service isn't nginx's master" in result["error"], result
        assert (configuration(nginx), nginx.master()) == (before, master)
        assert nginx.request(APP, APP).status == 200


def configuration(nginx: NginxHost) -> dict[str, list[Any]]:
    """The tree without our state directory."""
    return {path: entry for path, entry in nginx.tree().items() if not path.startswith("/var/lib/originlock-aop")}


def test_the_timer_tries_again_until_the_server_accepts_the_old_files(nginx: NginxHost, clients: Clients) -> None:
    result = nginx.apply([clients.wanted(APP, "enforce")], confirm_within=6)
    state = f"/var/lib/originlock-aop/{result['transaction']}/state"
    nginx.put("/etc/nginx/conf.d/broken.conf", "nonsense on;\n")
    nginx.wait_until(lambda: "reverting" in nginx.read(state), "the timer begins")
    assert "is being taken back" in nginx.driver(what="confirm", id=result["transaction"])["error"]
    assert "doesn't run on them yet" in nginx.driver(what="revert", id=result["transaction"])["error"]
    assert nginx.request(APP, APP).status == 400
    nginx.sh("rm /etc/nginx/conf.d/broken.conf")
    nginx.wait_until(lambda: "expired" in nginx.read(state), "the timer has taken the change back")
    assert nginx.request(APP, APP).status == 200


def test_the_timer_tries_again_until_the_reload_is_carried_out(nginx: NginxHost, clients: Clients) -> None:
    result = nginx.apply([clients.wanted(APP, "enforce")], confirm_within=6)
    unit = f"originlock-aop-revert-{result['transaction']}"
    state = f"/var/lib/originlock-aop/{result['transaction']}/state"
    with busy_port(nginx):
        noted = "the files were put back, but the server has no new processes"
        nginx.wait_until(lambda: noted in nginx.sh(f"journalctl --no-pager -u {unit}"), "the timer sees it")
        assert nginx.read(state) == "reverting"
        assert nginx.request(APP, APP).status == 400
    nginx.wait_until(lambda: nginx.request(APP, APP).status == 200, "nginx runs on the old files")
    nginx.wait_until(lambda: nginx.read(state) == "expired", "that is noted")


def test_two_replacements_while_a_long_connection_stays(nginx: NginxHost, clients: Clients) -> None:
    plain = socket.create_connection((nginx.address, 443), timeout=60)
    with plain, client_context(clients.files["valid"]).wrap_socket(plain, server_hostname=APP) as stream:
        # A request whose head isn't complete keeps its worker, and so the old master, for a minute.
        stream.sendall(b"GET / HTTP/1.1\r\nHost: ")
        time.sleep(0.2)
        first = nginx.master()
        assert nginx.apply([clients.wanted(APP, "enforce")])["reload"] == "replace"
        second = nginx.master()
        assert nginx.sh("cat /run/nginx.pid.oldbin").strip() == str(first)
        nginx.apply([clients.wanted(APP, "log_only")])
        with Load(nginx, clients.files["valid"]) as load:
            assert nginx.apply([clients.wanted(APP, "enforce")])["reload"] == "replace"
        assert load.failures == []
        assert len({first, second, nginx.master()}) == 3
    assert session_works(nginx) == str(nginx.master())
    assert nginx.sh("systemctl is-active nginx").strip() == "active"
    assert nginx.request(APP, APP).status == 400
