# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication, permissions, envelope, rate limits, faults, control interface."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
import urllib.parse
from typing import Any

import pytest
from support.api import Api
from support.pki import Pki

from tests.sandbox.client import SandboxError, SandboxProcess


def raw(
    sandbox: SandboxProcess, path: str, headers: dict[str, str] | None = None, method: str = "GET", timeout: float = 10
) -> tuple[int, dict[str, str], Any]:
    """A request with nothing added: status, headers in lower case, JSON (or text)."""
    url = urllib.parse.urlsplit(sandbox.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
    try:
        connection.request(method, url.path + path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        try:
            data: Any = json.loads(body)
        except ValueError:
            data = body.decode()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status", "code", "chain"),
    [
        ({}, 401, 1001, None),
        ({"Authorization": "Bearer not a token"}, 400, 6003, 6111),
        ({"Authorization": "Basic abcdefgh"}, 400, 6003, 6111),
        ({"Authorization": "Bearer unknown-token"}, 403, 10000, None),
        ({"X-Auth-Email": "sandbox@example.com"}, 400, 6003, 6103),
        ({"X-Auth-Email": "sandbox@example.com", "X-Auth-Key": "short"}, 400, 6003, 6103),
        ({"X-Auth-Email": "sandbox@example.com", "X-Auth-Key": "f" * 37}, 403, 10000, None),
    ],
    ids=str,
)
def test_bad_credentials(
    sandbox: SandboxProcess, headers: dict[str, str], status: int, code: int, chain: int | None
) -> None:
    got, answer_headers, body = raw(sandbox, "/zones", headers)
    assert (got, body["errors"][0]["code"]) == (status, code)
    assert "result" not in body
    assert answer_headers["cf-ray"]
    if chain:
        assert body["errors"][0]["error_chain"][0]["code"] == chain


def test_bad_token_on_verify_and_public_ips(sandbox: SandboxProcess) -> None:
    status, _headers, body = raw(sandbox, "/user/tokens/verify", {"Authorization": "Bearer unknown-token"})
    assert (status, body["errors"][0]["code"]) == (401, 1000)
    assert raw(sandbox, "/ips")[0] == 200
    assert "jdcloud_cidrs" in raw(sandbox, "/ips?networks=jdcloud")[2]["result"]


def test_permissions(api: Api, sandbox: SandboxProcess) -> None:
    zone = sandbox.zone_id
    reader = sandbox.add_token("SSL and Certificates Read", "Zone Read")
    assert api.call("GET", api.certificates, token=reader)[0] == 200
    assert api.error("PUT", api.hostnames, {"config": []}, reader) == (403, 10000)
    assert api.error("GET", f"/zones/{zone}/settings/ssl", token=reader) == (403, 10000)
    settings = sandbox.add_token("Zone Settings Read")
    assert api.call("GET", f"/zones/{zone}/settings/ssl", token=settings)[0] == 200
    assert api.error("PATCH", f"/zones/{zone}/settings/ssl", {"value": "full"}, settings) == (403, 10000)
    assert api.error("GET", f"/accounts/{sandbox.account_id}/alerting/v3/policies", token=reader) == (403, 10000)
    sandbox.codes(permission={"http": 400})
    assert api.error("GET", f"/zones/{zone}/settings/ssl", token=reader) == (400, 10000)
    other = sandbox.add_token("Zone Read", zones=[sandbox.add_zone("other.test")])
    assert [z["name"] for z in api.call("GET", "/zones", token=other)[1]["result"]] == ["other.test"]
    assert api.call("GET", "/zones?name=example.com", token=other)[1]["result"] == []
    assert api.error("GET", f"/zones/{zone}", token=other) == (403, 9109)


def test_fresh_and_disabled_tokens(api: Api, sandbox: SandboxProcess) -> None:
    fresh = sandbox.add_token("Zone Read", fresh_failures=2)
    assert [api.call("GET", "/zones", token=fresh)[0] for _attempt in range(3)] == [403, 403, 200]
    disabled = sandbox.add_token("Zone Read", status="disabled")
    assert api.error("GET", "/zones", token=disabled) == (403, 10000)
    assert api.call("GET", "/user/tokens/verify", token=disabled)[1]["result"]["status"] == "disabled"


def test_routes(api: Api, sandbox: SandboxProcess) -> None:
    status, body = api.call("GET", "/zones/not-an-id/origin_tls_client_auth")
    assert (status, [e["code"] for e in body["errors"]]) == (400, [7003, 7000])
    assert api.error("GET", "/nonsense") == (400, 7003)
    assert api.error("GET", f"/zones/{'0' * 32}") == (403, 9109)
    # Literal names win over ids in the same place.
    assert api.error("DELETE", api.base + "/settings") == (405, 10405)
    assert api.error("PATCH", api.hostnames, {}) == (405, 10405)
    assert api.error("GET", api.hostnames + "/nothing.example.com") == (404, 1553)
    sandbox.config(error_result="null")
    assert api.call("GET", "/nonsense")[1]["result"] is None


def test_settings(api: Api, sandbox: SandboxProcess) -> None:
    base = f"/zones/{sandbox.zone_id}/settings"
    assert api.ok("GET", base + "/tls_client_auth") == {
        "id": "tls_client_auth", "value": "off", "editable": True, "modified_on": None,
    }
    assert api.ok("PATCH", base + "/tls_client_auth", {"value": "on"})["modified_on"].endswith("Z")
    assert api.ok("GET", base + "/ssl_automatic_mode")["value"] == "custom"
    for mode in ("off", "flexible", "full", "strict", "origin_pull"):
        assert api.ok("PATCH", base + "/ssl", {"value": mode})["value"] == mode
    assert api.error("GET", base + "/nonsense") == (400, 1006)
    assert api.error("PATCH", base + "/ssl", {"value": "best"}) == (400, 1007)
    assert api.error("PATCH", base + "/ssl", {}) == (400, 1004)
    assert api.error("PUT", api.base + "/settings", {"enabled": "yes"}) == (400, 1400)


def test_rate_limit(api: Api, sandbox: SandboxProcess) -> None:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    _status, answer, _body = raw(sandbox, "/zones", headers)
    assert answer["ratelimit"].startswith('"default";r=1199;t=')
    assert answer["ratelimit-policy"] == '"default";q=1200;w=300'
    assert "retry-after" not in answer
    sandbox.config(rate_limit=5)
    statuses = [raw(sandbox, "/zones", headers)[0] for _attempt in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    other = sandbox.add_token("Zone Read")
    assert api.call("GET", "/zones", token=other)[0] == 429, "per user, not per token"
    sandbox.clock(scale=100)
    status, answer, body = raw(sandbox, "/zones", headers)
    assert (status, body["errors"][0]["code"]) == (429, 971)
    assert 1 <= int(answer["retry-after"]) <= 3, "in real seconds"
    sandbox.clock(advance=301)
    assert raw(sandbox, "/zones", headers)[0] == 200


def test_rate_limit_per_address(sandbox: SandboxProcess) -> None:
    sandbox.config(ip_rate_limit=3)
    sandbox.clock(scale=0.001)
    assert [raw(sandbox, "/ips")[0] for _attempt in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "timeout_before", "timeout_after"])
def test_lost_answers(api: Api, pki: Pki, sandbox: SandboxProcess, kind: str) -> None:
    leaf = pki.leaf()
    sandbox.fault({"type": kind, "seconds": 0.3}, method="POST", path="/hostnames/certificates$")
    with pytest.raises((OSError, http.client.HTTPException)):
        api.call("POST", api.certificates, leaf.body)
    made = api.ok("GET", api.certificates)
    assert (made is not None) is kind.endswith("after")
    entry = sandbox.journal(writes=True)[0]
    assert (entry["operation"], entry["fault"]) == ("H1", kind)


def test_injected_answers(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    sandbox.fault({"type": "status", "status": 503, "body": "html"}, times=2, skip=1)
    assert api.call("GET", "/zones")[0] == 200
    status, body = api.call("GET", "/zones")
    assert (status, body.startswith("<html>")) == (503, True)
    assert api.call("GET", "/zones")[0] == 503
    assert api.call("GET", "/zones")[0] == 200
    sandbox.fault({"type": "status", "status": 429, "retry_after": 7}, operation="H2")
    status, headers, _body = raw(sandbox, api.certificates, {"Authorization": f"Bearer {sandbox.token}"})
    assert (status, headers["retry-after"]) == (429, "7")
    sandbox.fault({"type": "status", "status": 504, "body": "text", "after_commit": True}, operation="H1")
    assert api.call("POST", api.certificates, pki.leaf().body) == (504, "Gateway Time-out")
    assert len(api.ok("GET", api.certificates)) == 1
    sandbox.fault("garbage")
    with pytest.raises(ValueError, match="JSON|Expecting"):
        api.call("GET", "/zones")
    sandbox.fault({"type": "delay", "seconds": 0.3})
    began = time.monotonic()
    api.ok("GET", "/zones")
    assert time.monotonic() - began >= 0.3
    sandbox.fault({"type": "config", "set": {"certificate_deploy_seconds": 500}}, operation="H1")
    slow, quick = api.upload(pki.leaf()), api.upload(pki.leaf())
    sandbox.clock(advance=5)
    statuses = [api.ok("GET", f"{api.certificates}/{c}")["status"] for c in (slow, quick)]
    assert statuses == ["pending_deployment", "active"]


def test_mistakes_in_the_control_interface_are_told(sandbox: SandboxProcess) -> None:
    for call, words in (
        (lambda: sandbox.config(nonsense=1), "no switch named 'nonsense'"),
        (lambda: sandbox.config(put_answer="both"), "put_answer: 'both' is none of submitted, zone"),
        (lambda: sandbox.config(latency="slow"), "latency: 'slow' is not a float"),
        (lambda: sandbox.codes(nonsense={}), "no error named 'nonsense'"),
        (lambda: sandbox.fault("nonsense"), "action: 'nonsense' is none of"),
        (lambda: sandbox.fault("garbage", path="("), "path_regex"),
        (lambda: sandbox.fault({"type": "config", "set": {"nonsense": 1}}), "no switch named"),
        (lambda: sandbox.edge_switches(present="nobody"), "present: 'nobody' is none of normal, none, previous"),
        (lambda: sandbox.edge_switches(hostnames={"a": {"tls": "1.1"}}), "tls: '1.1' is none of"),
        (lambda: sandbox.dns({"a.example.com": {"addresses": []}}), "addresses must be a list"),
        (lambda: sandbox.dns({"a.example.com": {"address": "x"}}), "unknown member 'address'"),
        (lambda: sandbox.clock(scale=0), "scale must be greater than 0"),
        (lambda: sandbox.clock(advance=-1), "not set back"),
        (lambda: sandbox.add_token("Everything"), "permission 'Everything' is none of"),
        (lambda: sandbox.add_zone("example.com"), "is there already"),
        (lambda: sandbox.drift(delete_certificate="x"), "no such certificate"),
        (lambda: sandbox.change_zone("example.com", settings={"ssl2": "on"}), "'ssl2' is none of"),
    ):
        with pytest.raises(SandboxError) as caught:
            call()
        assert words in str(caught.value)
    assert sandbox.journal() == []


def test_journal(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    api.ok("GET", "/zones?name=example.com")
    api.upload(pki.leaf())
    first, second = sandbox.journal()
    assert (first["seq"], first["operation"], first["query"], first["write"]) == (1, "ZN", "name=example.com", False)
    assert (second["method"], second["operation"], second["status"]) == ("POST", "H1", 200)
    assert sandbox.journal(writes=True) == [second]
    assert sandbox.journal(since=1) == [second]


def test_a_client_killed_between_two_calls(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.fault("timeout_before", skip=2)
    script = "import sys, urllib.request as u\nwhile True: u.build_opener(u.ProxyHandler({})).open(sys.argv[1]).read()"
    client = subprocess.Popen([sys.executable, "-c", script, sandbox.base_url + "/ips"])
    try:
        assert sandbox.wait_request(fault="timeout_before")["seq"] == 3
    finally:
        client.kill()
        client.wait()
    assert api.ok("GET", "/ips")
    with pytest.raises(SandboxError, match="no request with"):
        sandbox.wait_request(fault="garbage", timeout=0.1)


def test_control_is_not_for_web_pages(sandbox: SandboxProcess) -> None:
    url = urllib.parse.urlsplit(str(sandbox.facts["control"]))
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("POST", "/control/reset", headers={"Origin": "https://evil.test"})
    assert connection.getresponse().status == 403
    connection.close()


def test_not_entitled(api: Api, sandbox: SandboxProcess) -> None:
    base = f"/accounts/{sandbox.account_id}/alerting/v3"
    policy = {"name": "n", "alert_type": "zone_aop_custom_certificate_expiration_type", "enabled": True,
              "mechanisms": {"email": [{"id": "a@example.com"}]}}
    sandbox.config(notifications_entitled=False, webhooks_entitled=False)
    assert api.error("POST", base + "/policies", policy) == (403, 17200)
    assert api.error("POST", base + "/destinations/webhooks", {"name": "n", "url": "https://a.test"}) == (403, 17200)
    assert api.ok("GET", base + "/destinations/eligible")["webhooks"][0]["eligible"] is False
    for word in ("webhook", "webhooks"):
        sandbox.config(eligible_webhook=word)
        assert api.ok("GET", base + "/destinations/eligible")["webhooks"][0]["type"] == word
    assert api.error("POST", base + "/policies", {**policy, "mechanisms": {}}) == (400, 17001)
    assert api.error("GET", base + "/policies/unknown") == (404, 17002)
