# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy's log lines as records: what Caddy 2.11 wrote, and what clients try to write."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._origin.caddy.log import NO_CERTIFICATE, adapt

FINGERPRINT = "28dae46aff8d7234d0871d3df9bfc7a83b194290b3b4868b00af5ada9041c808"


def line(
    uri: str = "/a",
    host: str = "app.example.com",
    agent: str = "curl",
    fingerprint: str = FINGERPRINT,
    tls: bool = True,
) -> bytes:
    """As Caddy 2.11.7 writes it."""
    request = {
        "remote_ip": "192.0.2.7",
        "remote_port": "55346",
        "client_ip": "198.51.100.9",
        "proto": "HTTP/2.0",
        "method": "GET",
        "host": host,
        "uri": uri,
    }
    if tls:
        request["tls"] = {
            "resumed": False,
            "version": 772,
            "cipher_suite": 4865,
            "proto": "h2",
            "server_name": "app.example.com",
            "ech": False,
            "client_common_name": 'edge "client',
            "client_serial": "57348894",
        }  # type: ignore[assignment]
    record = {
        "level": "info",
        "ts": 1795898054.4252462,
        "logger": "http.log.access.originlock_aop",
        "msg": "handled request",
        "request": request,
        "bytes_read": 0,
        "user_id": "",
        "duration": 0.0002,
        "size": 3,
        "status": 200,
        "aop_agent": agent,
        "aop_issuer": "CN=ca",
        "aop_fingerprint": fingerprint,
        "aop_stage": "log_only",
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def test_a_record() -> None:
    assert json.loads(adapt(line(host="APP.example.com:8443"))) == {
        "time": "1795898054.4252462",
        "peer": "192.0.2.7",
        "status": "200",
        "server": "caddy",
        "hostname": "APP.example.com",
        "sni": "app.example.com",
        "stage": "log_only",
        "verify": "SUCCESS",
        "serial": "",
        "issuer": "CN=ca",
        "fingerprint": f"sha256:{FINGERPRINT}",
        "tls": "772",
        "resumed": "false",
        "method": "GET",
        "path": "/a",
        "agent": "curl",
    }


def test_without_a_certificate() -> None:
    text = line(fingerprint=NO_CERTIFICATE.decode()).replace(b'"aop_issuer":"CN=ca"', b'"aop_issuer":""')
    record = json.loads(adapt(text))
    assert (record["verify"], record["fingerprint"]) == ("NONE", "")


def test_plain_requests_and_other_lines() -> None:
    other = b'{"level":"warn","ts":1.5,"msg":"something else"}\n'
    assert adapt(line() + line(tls=False) + other) == adapt(line()) + other


HOSTILE = '","aop_fingerprint":"' + "0" * 64 + '","aop_stage":"enforce"}\n{"level":"info"'


@given(st.text(max_size=40) | st.just(HOSTILE), st.text(max_size=40) | st.just(HOSTILE), st.just(HOSTILE) | st.text())
def test_a_client_writes_no_verdict(uri: str, host: str, agent: str) -> None:
    found = adapt(line(uri, host, agent)).splitlines()
    assert len(found) == 1
    record = json.loads(found[0])
    assert record["fingerprint"] == f"sha256:{FINGERPRINT}"
    assert (record["stage"], record["verify"], record["path"], record["agent"]) == ("log_only", "SUCCESS", uri, agent)
