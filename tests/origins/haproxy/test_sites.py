# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations as people have them: what is protected, and what is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.origins.pki import Clients

from .host import HAProxyHost

APP = "app.example.com"
OPEN = "www.example.org"
HEAD = """
global
    log /dev/log local0
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    daemon
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 50s
    timeout server 50s
"""
TAIL = """
backend app
    http-request return status 200 content-type text/plain string "app"
backend other
    http-request return status 200 content-type text/plain string "other"
"""
CERTS = "/etc/haproxy/certs"
BIND = f"bind :443 ssl crt {CERTS}/default.pem crt {CERTS}"
ROUTE = "use_backend app if { hdr(host) -i app.example.com }\n    default_backend other"


def site(bind: str = BIND, rules: str = ROUTE, more: str = "", kind: str = "frontend") -> str:
    return f"{HEAD}\n{kind} www\n    {bind}\n    {rules}\n{more}\n{TAIL}"


def codes(result: dict[str, Any]) -> set[str]:
    assert "details" in result, result
    return {one["code"] for one in result["details"]["findings"]}


def check_site(haproxy: HAProxyHost, clients: Clients, port: int = 443) -> None:
    """Off, log_only, enforce and off, seen from outside; nobody else is touched."""
    before = haproxy.tree()
    for tls in ("1.2", "1.3"):
        assert haproxy.request(APP, APP, tls=tls, port=port).body == "app"
    result = haproxy.apply([clients.wanted(APP, "log_only")])
    assert "error" not in result, result
    for tls in ("1.2", "1.3"):
        for kind in (None, "valid", "expired"):
            file = clients.files[kind] if kind else None
            assert haproxy.request(APP, APP, identity=file, tls=tls, port=port).body == "app"
            assert haproxy.request(OPEN, OPEN, identity=file, tls=tls, port=port).body == "other"
    verdicts = [row["verify"] for row in haproxy.log()]
    assert verdicts == ["NONE", "SUCCESS", "FAILED:certificate has expired"] * 2
    result = haproxy.apply([clients.wanted(APP, "enforce")])
    assert "error" not in result, result
    for tls in ("1.2", "1.3"):
        assert haproxy.request(APP, APP, identity=clients.files["valid"], tls=tls, port=port).body == "app"
        for sni in (APP, OPEN, None, "unknown.example.net"):
            assert haproxy.request(sni, APP, tls=tls, port=port).status in (403, 421)
        assert haproxy.request(OPEN, OPEN, tls=tls, port=port).body == "other"
        assert haproxy.request("unknown.example.net", "unknown.example.net", tls=tls, port=port).body == "other"
    assert "error" not in haproxy.apply([clients.wanted(APP, "off")])
    assert haproxy.tree() == before


SITES = {
    "one certificate for all": site(f"bind :443 ssl crt {CERTS}/example.com.pem"),
    "a directory only": site(f"bind :443 ssl crt {CERTS}"),
    "a section at the end": f"{HEAD}{TAIL}\nlisten www\n    {BIND}\n    {ROUTE}\n",
    "options behind, and a comment": site(
        f"bind *:443 ssl crt {CERTS}/default.pem crt {CERTS} alpn h2,http/1.1 # a comment"
    ),
    "rules of the user's own": site(
        rules="acl app hdr(host),field(1,:) -i app.example.com\n    tcp-request inspect-delay 1s\n"
        "    http-request set-header X-A b\n    http-request allow if app\n"
        "    http-request auth if { path_beg /private }\n"
        "    use_backend app if app\n    default_backend other"
    ),
    "a route by SNI": site(rules="use_backend app if { ssl_fc_sni app.example.com }\n    default_backend other"),
    "named defaults": site().replace("defaults\n", "defaults web\n").replace("frontend www", "frontend www from web"),
    "quotes and variables": "global\n    setenv CERTS /etc/haproxy/certs\n"
    + site('bind ":443" ssl crt "${CERTS}/default.pem" crt "${CERTS}"'),
}


@pytest.mark.parametrize("name", SITES)
def test_a_site_is_protected_and_comes_back(haproxy: HAProxyHost, clients: Clients, name: str) -> None:
    haproxy.reset(SITES[name])
    check_site(haproxy, clients)


def test_maps_and_lists_are_followed(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.reset()
    haproxy.put("/etc/haproxy/hosts.map", "# names\napp.example.com app\n")
    haproxy.put("/etc/haproxy/crt.txt", f"{CERTS}/default.pem\n{CERTS}/example.com.pem [alpn http/1.1] *.example.com\n")
    rules = "use_backend %[req.hdr(host),lower,field(1,:),map(/etc/haproxy/hosts.map,other)]"
    haproxy.put("/etc/haproxy/haproxy.cfg", site("bind :443 ssl crt-list /etc/haproxy/crt.txt", rules))
    haproxy.restart()
    check_site(haproxy, clients)


def test_several_files_and_a_directory(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.reset()
    haproxy.put("/etc/haproxy/haproxy.cfg", HEAD)
    haproxy.put("/etc/haproxy/conf.d/10-www.cfg", f"frontend www\n    {BIND}\n    {ROUTE}\n")
    haproxy.put("/etc/haproxy/conf.d/20-rest.cfg", TAIL)
    haproxy.put(
        "/etc/systemd/system/haproxy.service.d/files.conf",
        '[Service]\nEnvironment="EXTRAOPTS=-S /run/haproxy-master.sock -f /etc/haproxy/conf.d"\n',
    )
    try:
        haproxy.restart()
        check_site(haproxy, clients)
    finally:
        haproxy.sh("rm /etc/systemd/system/haproxy.service.d/files.conf; systemctl daemon-reload")


def test_tls_behind_a_tcp_frontend(haproxy: HAProxyHost, clients: Clients) -> None:
    """Connections that another section hands over, with who made them."""
    front = (
        "frontend tcp\n    mode tcp\n    option tcplog\n    bind :443\n    default_backend loop\n"
        "backend loop\n    mode tcp\n    server www abns@www send-proxy-v2\n"
    )
    haproxy.reset(site(f"bind abns@www accept-proxy ssl crt {CERTS}/default.pem crt {CERTS}", more=front))
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
    assert haproxy.request(APP, APP).status == 403
    assert haproxy.request(APP, APP, identity=clients.files["valid"]).body == "app"
    assert {row["peer"] for row in haproxy.log()} == {haproxy.request_peer()}


def test_both_kinds_of_keys(haproxy: HAProxyHost, clients: Clients) -> None:
    """A wildcard with an ECDSA key would be shown instead of the exact name with an RSA key, without asking."""
    haproxy.reset()
    haproxy.sh(
        "cd /tmp && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj '/CN=x' "
        "-addext 'subjectAltName=DNS:*.example.com' -keyout k -out c 2>/dev/null && cat c k > /etc/haproxy/ec.pem"
    )
    haproxy.put(
        "/etc/haproxy/haproxy.cfg", site(f"bind :443 ssl crt {CERTS}/default.pem crt {CERTS} crt /etc/haproxy/ec.pem")
    )
    haproxy.restart()
    check_site(haproxy, clients)


def test_plain_http_is_refused_or_redirected(haproxy: HAProxyHost, clients: Clients) -> None:
    plain = "frontend plain\n    bind :80\n    use_backend app if { hdr(host) -i app.example.com }\n"
    haproxy.reset(site(more=plain))
    before = haproxy.tree()
    assert codes(haproxy.apply([clients.wanted(APP, "enforce")])) == {"plain_http_open"}
    told = haproxy.apply([clients.wanted(APP, "log_only")])
    warnings = {one["code"] for one in told["findings"] if one["severity"] != "info"}
    assert warnings == {"plain_http_open"}
    assert haproxy.plain_request(APP).body == "app"
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")], plain_http="redirect")
    answer = haproxy.plain_request(APP, "/x?y")
    assert (answer.status, f"location: https://{APP}/x?y" in answer.headers.lower()) == (308, True)
    assert haproxy.plain_request(APP, "/.well-known/acme-challenge/x").body == "app"
    haproxy.apply([clients.wanted(APP, "off")])
    assert haproxy.tree() == before


WEB = "defaults web\n    mode http\n    option httplog\n    timeout client 5s\n    http-request allow if HTTP\n"
PASSED_ON = HEAD.replace("http", "tcp") + "listen www\n    bind :443\n    server a 127.0.0.1:8443\n"


def test_a_site_for_the_names_of_its_certificate(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.reset()
    haproxy.sh(
        "cd /tmp && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj '/CN=x' "
        f"-addext 'subjectAltName=DNS:{APP},DNS:{OPEN}' -keyout k -out c 2>/dev/null && cat c k > /etc/haproxy/x.pem"
    )
    rules = "redirect scheme https if !{ ssl_fc }\n    default_backend app"
    haproxy.put("/etc/haproxy/haproxy.cfg", site("bind :80\n    bind :443 ssl crt /etc/haproxy/x.pem", rules))
    haproxy.restart()
    before = haproxy.tree()
    for stage in ("log_only", "enforce"):
        result = haproxy.apply([clients.wanted(APP, stage)])
        assert {one["code"] for one in result["findings"]} >= {"default_site", "unprotected_name"} - (
            {"default_site"} if stage == "log_only" else set()
        )
        for host in ("10.0.0.1", "unknown.example.net", "x.app.example.com", None):
            assert haproxy.request(None, host).status == (200 if stage == "log_only" else 421)
        assert haproxy.request(OPEN, OPEN).body == "app"
        assert haproxy.request(APP, APP).status == (200 if stage == "log_only" else 403)
        assert haproxy.request(APP, APP, identity=clients.files["valid"]).body == "app"
        assert haproxy.plain_request("unknown.example.net").status == 302
    haproxy.apply([clients.wanted(APP, "off")])
    assert haproxy.tree() == before


STAFF = "/etc/haproxy/staff.pem"
REFUSED = {
    "verify on the bind line": (
        site(f"{BIND} ca-file {STAFF} verify optional"),
        "client_verification_taken",
    ),
    "passed on": (PASSED_ON, "no_tls"),
    "silent": (site(rules=f"option dontlog-normal\n    {ROUTE}"), "log_silenced"),
    "0-RTT": (site(f"bind :443 ssl allow-0rtt crt {CERTS}/default.pem crt {CERTS}"), "ssl_early_data"),
    "a rule in defaults": (
        site().replace("frontend www", "frontend www from web").replace("defaults\n", f"{WEB}defaults\n"),
        "rule_before_ours",
    ),
    "a lenient parser": (site(rules=f"option accept-invalid-http-request\n    {ROUTE}"), "lenient_parser"),
    "a bind line with a condition": (site(f".if feature(OPENSSL)\n    {BIND}\n    .endif"), "conditional_line"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_safe_is_refused(haproxy: HAProxyHost, clients: Clients, name: str) -> None:
    configuration, code = REFUSED[name]
    haproxy.reset()
    haproxy.put(STAFF, clients.other_ca.pem)
    haproxy.put("/etc/haproxy/haproxy.cfg", configuration)
    haproxy.restart()
    before, workers = haproxy.tree(), haproxy.generation()
    result = haproxy.apply([clients.wanted(APP, "enforce")])
    assert codes(result) == {code}, result
    assert all(one["remedy"] and (one["line"] or code == "no_tls") for one in result["details"]["findings"])
    assert (haproxy.tree(), haproxy.generation()) == (before, workers)


def test_the_line_that_the_remedy_names_opens_the_way(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.reset(
        site(
            rules="http-request deny deny_status 421 unless { req.hdr(host),lower,field(1,:) -m str "
            "app.example.com www.example.org }\n    default_backend app"
        )
    )
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
    for host in ("unknown.example.net", "x.app.example.com", None):
        assert haproxy.request(OPEN, host).status == 421
    assert haproxy.request(APP, APP).status == 403
    assert haproxy.request(APP, APP, identity=clients.files["valid"]).body == "app"


#: The content is there under names that nobody named. The certificates tell which names the section is for.
FOR_ANYBODY = {
    "only the default backend": site(rules="default_backend app"),
    "the beginning of a name": site(rules="use_backend app if { hdr_beg(host) -i app. }\n    default_backend other"),
    "all names of a domain": site(
        rules="use_backend app if { hdr(host) -m end .example.com }\n    default_backend other"
    ),
    "a second frontend": site(more=f"frontend second\n    bind :8443 ssl crt {CERTS}\n    default_backend app\n"),
}


@pytest.mark.parametrize("name", FOR_ANYBODY)
def test_names_that_no_certificate_has_are_refused(haproxy: HAProxyHost, clients: Clients, name: str) -> None:
    haproxy.reset(FOR_ANYBODY[name])
    before = haproxy.tree()
    result = haproxy.apply([clients.wanted(APP, "enforce")])
    assert {"default_site", "unprotected_name"} <= {one["code"] for one in result["findings"]}, result
    port = 8443 if "second" in name else 443
    assert haproxy.request(APP, APP, port=port).status == 403
    assert haproxy.request(APP, APP, identity=clients.files["valid"], port=port).body == "app"
    for stranger in ("unknown.example.net", "app.example.net", "x.app.example.com", "x.example.com", None):
        assert haproxy.request(OPEN, stranger, port=port).status == 421, stranger
    assert "error" not in haproxy.apply([clients.wanted(APP, "off")])
    assert haproxy.tree() == before
