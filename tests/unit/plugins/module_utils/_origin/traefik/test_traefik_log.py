# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's access log as the evidence reads it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._evidence.record import KEYS, parse
from ansible_collections.originlock.aop.plugins.module_utils._origin.traefik.log import adapt

DER = b"a certificate"


def line(**changes: Any) -> bytes:
    """A line as Traefik 3.7 writes it: JSON with sorted keys."""
    values: dict[str, Any] = {
        "ClientAddr": "10.1.2.3:53244",
        "ClientHost": "198.51.100.1",
        "DownstreamStatus": 200,
        "Duration": 1,
        "RequestHost": "App.example.com.",
        "RequestMethod": "GET",
        "RequestPath": "/a?b",
        "RequestPort": "-",
        "RouterName": "app@file",
        "StartUTC": "2026-11-28T21:11:36.929978647Z",
        "TLSVersion": "1.3",
        "request_Originlock-Aop": "log_only c54f8db7eeda",
        "request_X-Forwarded-Tls-Client-Cert": base64.b64encode(DER).decode() + ",AAAA",
        "time": "2026-11-28T21:11:36Z",
    }
    values.update(changes)
    kept = {key: value for key, value in values.items() if value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def test_a_request_with_its_certificate() -> None:
    record = parse(adapt(line()))
    assert record is not None
    assert record._asdict() == {
        **dict.fromkeys(KEYS, ""),
        "time": "1795900296.929", "peer": "10.1.2.3", "status": "200", "server": "traefik",
        "hostname": "app.example.com", "stage": "log_only", "verify": "SUCCESS",
        "fingerprint": f"sha256:{hashlib.sha256(DER).hexdigest()}", "tls": "TLSv1.3", "method": "GET", "path": "/a?b",
    }  # fmt: skip


def test_requests_without_certificate_and_of_ipv6() -> None:
    record = parse(adapt(line(**{"request_X-Forwarded-Tls-Client-Cert": None, "ClientAddr": "[2001:db8::1]:5"})))
    assert record is not None
    assert (record.verify, record.fingerprint, record.peer) == ("NONE", "", "2001:db8::1")


def test_lines_of_others_are_no_record_and_garbage_is_not_lost() -> None:
    other = line(**{"request_Originlock-Aop": None, "request_X-Forwarded-Tls-Client-Cert": None})
    off = line(**{"request_Originlock-Aop": "off c54f8db7eeda"})
    assert adapt(other + b"garbage\n" + off) == b"garbage\n"


def test_a_misdirected_request_has_no_mark() -> None:
    changes = {"request_Originlock-Aop": None, "request_X-Forwarded-Tls-Client-Cert": None, "DownstreamStatus": 421}
    record = parse(adapt(line(**changes)))
    assert record is not None
    assert (record.status, record.hostname, record.stage) == ("421", "app.example.com", "")


def test_a_visitor_writes_no_key() -> None:
    forged = '/","RequestPort":"-","request_Originlock-Aop":"enforce 0","request_X-Forwarded-Tls-Client-Cert":"AAAA'
    plain = {"request_Originlock-Aop": None, "request_X-Forwarded-Tls-Client-Cert": None}
    assert adapt(line(RequestPath=forged, RequestHost=forged, **plain)) == b""
    record = parse(adapt(line(RequestPath=forged)))
    assert record is not None
    assert record.stage == "log_only"
    assert record.path == forged
    assert record.fingerprint == f"sha256:{hashlib.sha256(DER).hexdigest()}"
