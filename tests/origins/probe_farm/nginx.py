# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: a well configured site and what people do wrong.

In every scenario app.test is the protected site, open.test one without client certificates, and staff.test one of
another CA. Ports: P (TLS), Q (a second TLS port), H (plain).
"""

from __future__ import annotations

_HEAD = """
pid /tmp/%(name)s.pid; error_log /tmp/%(name)s.log; worker_processes 1; user www-data;
events { worker_connections 256; }
http {
  access_log off; types { text/html html; } client_body_temp_path /tmp/%(name)s.b; proxy_temp_path /tmp/%(name)s.p;
  fastcgi_temp_path /tmp/%(name)s.f; uwsgi_temp_path /tmp/%(name)s.u; scgi_temp_path /tmp/%(name)s.s;
  ssl_certificate /farm/server.crt; ssl_certificate_key /farm/server.key;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache %(cache)s;
  map "$ssl_server_name|$host" $mismatch { default 1; "~*^(?<same>[^|]+)\\|\\k<same>$" 0; }
"""
_TLS = "listen 127.0.0.1:%(P)d ssl%(h2)s; listen [::1]:%(P)d ssl%(h2)s;"
_REJECT = "server { listen 127.0.0.1:%(P)d ssl%(h2)s default_server; listen [::1]:%(P)d ssl%(h2)s default_server; "
_REJECT += "ssl_reject_handshake on; }"
_OPEN = "server { " + _TLS + " server_name open.test; root /farm/www/open; }"
_STAFF = "server { " + _TLS + " server_name staff.test; root /farm/www/staff; "
_STAFF += "ssl_client_certificate /farm/staff-ca.crt; ssl_verify_client on; }"
_REDIRECT = "server { listen 127.0.0.1:%(H)d; listen [::1]:%(H)d; server_name app.test; "
_REDIRECT += "return 301 https://$host$request_uri; }"
_CA = "ssl_client_certificate /farm/ca.crt; ssl_verify_client on;"
_STRICT = _CA + " if ($mismatch) { return 421; }"


def _app(policy: str, listen: str = _TLS, more: str = "") -> str:
    return f"server {{ {listen} server_name app.test; root /farm/www/app; {policy} {more} }}"


_GOOD = [_REJECT, _OPEN, _STAFF, _app(_STRICT), _REDIRECT]
_SECOND = "listen 127.0.0.1:%(Q)d ssl; listen [::1]:%(Q)d ssl;"
_V4, _V6 = "listen 127.0.0.1:%(P)d ssl;", "listen [::1]:%(P)d ssl;"
# nginx before 1.27.3 refuses "on" without ssl_client_certificate, so that people check a variable instead.
_TRUSTED = "ssl_trusted_certificate /farm/%s.crt; ssl_verify_client optional_no_ca; "
_TRUSTED_CHECK = "if ($ssl_client_verify != SUCCESS) { return 403; }"
_TRUSTED_STAFF = "server { " + _TLS + " server_name staff.test; root /farm/www/staff; "
_TRUSTED_STAFF += _TRUSTED % "staff-ca" + _TRUSTED_CHECK + " }"
_OPTIONAL_NO_CA = "ssl_client_certificate /farm/ca.crt; ssl_verify_client optional_no_ca;"

SCENARIOS: dict[str, list[str]] = {
    "good": _GOOD,
    # No rejecting default server, but one that asks nobody; the site itself compares the names.
    "good_own_check": [_OPEN, _STAFF, _app(_STRICT), _REDIRECT],
    # The same with another CA's site as the default server. The check holds against requests, but nginx 1.22 and
    # 1.26 take over a TLS 1.3 session that was made there without SNI: then SNI and Host are both right.
    "default_other_ca_checked": [_STAFF, _OPEN, _app(_STRICT), _REDIRECT],
    # Three ways to close that: no sessions at the default server, a look at the issuer, and a rejecting default
    # server (which is "good").
    "default_other_ca_no_sessions": [
        _STAFF.replace("server {", "server { ssl_session_tickets off; ssl_session_cache off;", 1),
        _OPEN,
        _app(_STRICT),
        _REDIRECT,
    ],
    "default_other_ca_issuer": [
        _STAFF,
        _OPEN,
        _app(_STRICT + ' if ($ssl_client_i_dn != "CN=Our AOP CA") { return 403; }'),
        _REDIRECT,
    ],
    "default_other_ca": [_STAFF, _OPEN, _app(_CA), _REDIRECT],
    "error_page": [
        _OPEN,
        _app(_STRICT, more="error_page 495 496 =200 @page; location @page { rewrite ^ /index.html break; }"),
    ],
    "error_page_400": [_OPEN, _app(_STRICT, more="error_page 495 496 /index.html;")],
    "second_listener": [*_GOOD, _app("", _SECOND)],
    "port_80": [_REJECT, _OPEN, _app(_STRICT), _app("", "listen 127.0.0.1:%(H)d; listen [::1]:%(H)d;")],
    "ipv6": [_OPEN, _app(_STRICT, _V4), _app("", _V6)],
    "trusted_only": [_OPEN, _TRUSTED_STAFF, _app(_TRUSTED % "ca" + _TRUSTED_CHECK)],
    "expression": [
        _OPEN,
        _app(_OPTIONAL_NO_CA, more="location /private { if ($ssl_client_verify != SUCCESS) { return 403; } }"),
    ],
    "optional": [_REJECT, _OPEN, _app(_STRICT.replace("verify_client on", "verify_client optional"))],
    "log_only": [
        _OPEN,
        _app(_OPTIONAL_NO_CA, more="error_page 495 = @aop; location @aop { rewrite ^ $uri last; }"),
    ],
    "off": [_OPEN, _app("")],
    # Strangers are refused by their address, and nobody is asked for a certificate.
    "allow_list": [_OPEN, _app("deny all;")],
    # A second port that is taken for one of TLS and speaks plain HTTP, and one of old TLS only.
    "second_plain": [*_GOOD, _app("", _SECOND.replace(" ssl", ""))],
    "second_old_tls": [*_GOOD, _app("ssl_protocols TLSv1.1; ssl_ciphers DEFAULT:@SECLEVEL=0;", _SECOND)],
    "wrong_ca": [_OPEN, _app(_STRICT.replace("/farm/ca.crt", "/farm/staff-ca.crt"))],
    # Many hostnames in one block, and one beside them that is only said to be in it.
    "many": [
        _REJECT,
        _app(_STRICT).replace("app.test", "*.many.test"),
        _app(_STRICT.replace("verify_client on", "verify_client optional")).replace("app.test", "odd.many.test"),
        _REDIRECT.replace("app.test", "*.many.test"),
    ],
    "closes": [_OPEN, _app(_OPTIONAL_NO_CA, more="if ($ssl_client_verify != SUCCESS) { return 444; }")],
}
# Accepted since nginx 1.27.3.
TRUSTED_ON = {
    "trusted_only_on": [
        _OPEN,
        _TRUSTED_STAFF,
        _app("ssl_trusted_certificate /farm/ca.crt; ssl_verify_client on;"),
    ],
}
# HTTP/3 needs nginx 1.25; the blocks of the QUIC listener are the site's only ones without the policy.
HTTP3 = {
    "http3": [
        *_GOOD,
        "server { listen 127.0.0.1:%(P)d quic; server_name app.test; root /farm/www/app; }",
    ],
    "good_http3": [_REJECT, _OPEN, _app(_STRICT + " listen 127.0.0.1:%(P)d quic;"), _REDIRECT],
}


def render(scenario: str, ports: dict[str, int], h2: bool = True) -> str:
    """The configuration file. ``h2``: as a parameter of listen, which nginx before 1.25 knows and later ones, too."""
    servers = {**SCENARIOS, **TRUSTED_ON, **HTTP3}[scenario]
    shared = "shared:farm:1m" if "http3" not in scenario else "off"
    values = {**ports, "name": scenario, "h2": " http2" if h2 else "", "cache": shared}
    return (_HEAD + "\n".join(servers) + "\n}\n") % values
