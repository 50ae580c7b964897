# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as people have them: nothing is lost, shadowed or broken, no name is opened or closed by mistake."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest

from tests.origins.pki import Clients

from .host import NginxHost, client_context

APP = "app.example.com"
TLS = "ssl_certificate /etc/ssl/sites/example.com.pem; ssl_certificate_key /etc/ssl/sites/example.com.key;"
BAD = ("foreign", "expired", "server_only")


def site(names: str, inside: str = "", listen: str = "listen 443 ssl; listen [::]:443 ssl;") -> str:
    return f"""server {{
    {listen}
    server_name {names};
    {TLS}
    {inside}
    location / {{ add_header Content-Type text/plain; return 200 "content for $host"; }}
}}
"""


def only(nginx: NginxHost, content: str) -> None:
    """The default site, and one file with ``content``."""
    nginx.sh("rm -f /etc/nginx/sites-enabled/*.example.*")
    nginx.put("/etc/nginx/sites-enabled/site.conf", content)
    nginx.restart()


def done(result: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in result, result["error"]
    return result


def codes(result: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in result["findings"]}


def test_logs_and_error_pages_of_http_go_on(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP, "location = /gone { return 410; } location = /e.txt { return 200 our-page; }"))
    nginx.put("/etc/nginx/conf.d/more.conf", "error_page 410 =410 /e.txt;\naccess_log /var/log/nginx/second.log;\n")
    nginx.restart()
    assert nginx.request(APP, APP, "/gone").body == "our-page"
    for stage in ("log_only", "enforce"):
        done(nginx.apply([clients.wanted(APP, stage)]))
        nginx.sh("truncate -s0 /var/log/nginx/*.log")
        answer = nginx.request(APP, APP, "/gone", clients.files["valid"])
        assert (answer.status, answer.body) == (410, "our-page")
        for name in ("access", "second"):
            assert "GET /gone" in nginx.read(f"/var/log/nginx/{name}.log"), (stage, name)
        assert [row["path"] for row in nginx.log()] == ["/gone"]


def test_the_built_in_access_log_goes_on(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP))
    nginx.sh("sed -i '/access_log/d' /etc/nginx/nginx.conf")
    nginx.restart()
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    nginx.sh("truncate -s0 /var/log/nginx/access.log")
    nginx.request(APP, APP, "/still")
    assert "GET /still" in nginx.read("/var/log/nginx/access.log")


def test_own_logs_and_error_pages_of_the_site_go_on(nginx: NginxHost, clients: Clients) -> None:
    inside = (
        "access_log /var/log/nginx/own.log; error_page 410 /e.txt; location = /gone { return 410; } "
        "location = /e.txt { return 200 site-page; }"
    )
    only(nginx, site(APP, inside))
    for stage in ("log_only", "enforce"):
        done(nginx.apply([clients.wanted(APP, stage)]))
        nginx.sh("truncate -s0 /var/log/nginx/*.log")
        assert nginx.request(APP, APP, "/gone", clients.files["valid"]).body == "site-page"
        assert "GET /gone" in nginx.read("/var/log/nginx/own.log")
        assert nginx.read("/var/log/nginx/access.log") == ""


def test_a_location_with_its_own_log_is_told(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP, "location /health { access_log off; return 200 ok; }"))
    result = done(nginx.apply([clients.wanted(APP, "log_only")]))
    told = [finding for finding in result["findings"] if finding["code"] == "location_has_own_log"]
    assert [(one["file"], one["line"], one["severity"]) for one in told] == [
        ("/etc/nginx/sites-enabled/site.conf", 5, "warning")
    ]


@pytest.mark.parametrize(
    ("names", "other", "listen"),
    [
        (f"{APP} shop.example.com", "shop.example.com", "listen 443 ssl; listen [::]:443 ssl;"),
        ("*.example.com", "shop.example.com", "listen 443 ssl; listen [::]:443 ssl;"),
        (r"~^(?<sub>app|shop)\.example\.com$", "shop.example.com", "listen 443 ssl; listen [::]:443 ssl;"),
        (f"{APP} intranet", "intranet", "listen 443 ssl; listen [::]:443 ssl;"),
        (f"{APP} _", "anything.example.net", "listen 443 ssl default_server; listen [::]:443 ssl default_server;"),
    ],
    ids=["names", "wildcard", "regex", "label", "default_server"],
)
def test_a_block_with_other_names(nginx: NginxHost, clients: Clients, names: str, other: str, listen: str) -> None:
    if "default_server" in listen:
        nginx.sh("rm -f /etc/nginx/sites-enabled/default")
    only(nginx, site(names, listen=listen))
    before = nginx.tree()
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    certificates = {None: None, **{kind: clients.files[kind] for kind in ("valid", *BAD)}}
    for (kind, cert), tls in itertools.product(certificates.items(), ("1.2", "1.3")):
        assert nginx.request(APP, APP, identity=cert, tls=tls).body == f"content for {APP}", kind
        assert nginx.request(other, other, identity=cert, tls=tls).body == f"content for {other}", kind
    assert {row["hostname"] for row in nginx.log()} == {APP}
    result = done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert codes(result) & {"block_shared", "default_server_shared"}
    for (kind, cert), tls in itertools.product(certificates.items(), ("1.2", "1.3")):
        if kind == "valid":
            assert nginx.request(APP, APP, identity=cert, tls=tls).status == 200
        else:
            _sessions_of_the_other_name_open_nothing(nginx, other, cert, tls)
        assert nginx.request(other, other, identity=cert, tls=tls).body == f"content for {other}", kind
        # With the valid certificate and its own SNI, APP is served.
        _spellings_of_the_name_open_nothing(nginx, other, cert, tls, own_sni=kind != "valid")
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def _sessions_of_the_other_name_open_nothing(nginx: NginxHost, other: str, cert: str | None, tls: str) -> None:
    context = client_context(cert, tls)
    session = nginx.request(other, other, context=context).session
    for sni, host in ((APP, APP), (other, APP), (APP, f"{APP}:443")):
        answer = nginx.request(sni, host, context=context, session=session)
        assert answer.status in (400, 403, 421) or answer.problem, (cert, sni, answer)


def _spellings_of_the_name_open_nothing(
    nginx: NginxHost, other: str, cert: str | None, tls: str, own_sni: bool
) -> None:
    spelt = ((APP, "/"), ("APP.example.com.", "/"), (APP + ":443", "/x"), (APP, f"https://{other}/"))
    for sni in [*([APP] if own_sni else []), other, None, "unknown.example.net"]:
        for host, target in (*spelt, (other, f"https://{APP}/")):
            answer = nginx.request(sni, host, target, cert, tls)
            assert answer.status in (400, 403, 421) or answer.problem, (cert, sni, host, target, answer)


def test_unknown_names_at_the_first_block(nginx: NginxHost, clients: Clients) -> None:
    nginx.sh("rm -f /etc/nginx/sites-enabled/default")
    only(nginx, site(APP))
    unknown = [(None, nginx.address), (None, "unknown.example.net"), ("unknown.example.net", "unknown.example.net")]
    for stage in ("log_only", "enforce"):
        assert "default_site" in codes(done(nginx.apply([clients.wanted(APP, stage)])))
        statuses = {nginx.request(sni, host).status for sni, host in unknown}
        assert statuses == ({200} if stage == "log_only" else {400})
    assert nginx.log() == []
    nginx.put("/etc/nginx/sites-enabled/other.conf", site("_", listen="listen 443 ssl default_server;"))
    nginx.sh("nginx -s reload && sleep 1")
    assert {nginx.request(sni, host, address=nginx.address).status for sni, host in unknown} == {200}
    for sni in (None, "unknown.example.net", APP):
        assert nginx.request(sni, APP).status == 400


def test_the_peer_behind_a_load_balancer_with_the_proxy_protocol(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP, listen="listen 443 ssl proxy_protocol;"))
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    for words in ("TCP4 198.51.100.7 192.0.2.1 4444 443", "UNKNOWN"):
        with socket.create_connection((nginx.address, 443), timeout=10) as plain:
            plain.sendall(f"PROXY {words}\r\n".encode())
            with client_context(clients.files["valid"]).wrap_socket(plain, server_hostname=APP) as stream:
                stream.sendall(f"GET / HTTP/1.1\r\nHost: {APP}\r\nConnection: close\r\n\r\n".encode())
                assert stream.recv(65536).startswith(b"HTTP/1.1 200")
    peers = [row["peer"] for row in nginx.log()]
    assert peers[0] == "198.51.100.7"
    assert peers[1] not in ("", "198.51.100.7")


def test_a_log_format_after_the_sites(nginx: NginxHost, clients: Clients) -> None:
    late = "log_format late '$host'; access_log /var/log/nginx/late.log late;"
    nginx.sh("sed -i '/access_log/d' /etc/nginx/nginx.conf")
    nginx.put("/etc/nginx/late.conf", late)
    nginx.sh("sed -i 's,include /etc/nginx/sites-enabled.*,&\\ninclude late.conf;,' /etc/nginx/nginx.conf")
    only(nginx, site(APP))
    before = nginx.tree()
    refused = nginx.apply([clients.wanted(APP, "log_only")])
    assert "Move log_format before the include" in refused["error"], refused
    assert "/etc/nginx/late.conf:1" in refused["error"]
    assert nginx.tree() == before
    nginx.sh("mv /etc/nginx/late.conf /etc/nginx/conf.d/; sed -i '/late.conf/d' /etc/nginx/nginx.conf")
    nginx.restart()
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    nginx.request(APP, APP)
    assert nginx.read("/var/log/nginx/late.log") == f"{APP}\n"


def test_a_hostname_that_is_gone_does_not_keep_the_others_enforced(nginx: NginxHost, clients: Clients) -> None:
    shop = "shop.example.com"
    only(nginx, site(APP) + site(shop))
    done(nginx.apply([clients.wanted(APP, "enforce"), clients.wanted(shop, "enforce")]))
    text = nginx.read("/etc/nginx/sites-enabled/site.conf")
    nginx.put("/etc/nginx/sites-enabled/site.conf", text[: text.rindex("server {")])
    nginx.sh("nginx -s reload && sleep 1")
    for stage in ("log_only", "log_only", "off"):
        result = done(nginx.apply([clients.wanted(APP, stage), clients.wanted(shop, stage)]))
        assert ("not_served" in codes(result)) == (stage != "off")
        assert nginx.request(APP, APP).status == 200
    assert nginx.sh("ls -d /etc/nginx/aop /etc/nginx/conf.d/*aop*", check=False).count("cannot access") == 2


def test_a_renamed_block_is_never_said_to_be_enforced(nginx: NginxHost, clients: Clients) -> None:
    other = "www.example.com"
    only(nginx, site(APP))
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    nginx.sh(f"sed -i 's/server_name {APP}/server_name {other}/' /etc/nginx/sites-enabled/site.conf")
    nginx.sh("nginx -s reload && sleep 1")
    before = nginx.tree()
    for stage, kept in (("enforce", False), ("enforce", True), ("log_only", True)):
        refused = nginx.apply([clients.wanted(APP, stage)], never_relax=kept)
        assert "no TLS server block has this server_name" in refused["error"], refused
        assert nginx.tree() == before
        assert nginx.request(other, other).status == 400
    result = done(nginx.apply([clients.wanted(APP, "log_only")]))
    assert [(one["stage_before"], one["stage_after"]) for one in result["sites"]] == [("enforce", "off")]
    assert nginx.request(other, other).status == 200


AWAY = "https://$host$request_uri"
OPEN = "{ return 200 open; }"


@pytest.mark.parametrize(
    ("inside", "mended", "port", "path"),
    [
        (f"rewrite ^(.*)$ {AWAY}; location / {OPEN}", f"rewrite ^(.*) {AWAY}; location / {OPEN}", 80, "/%0Aa"),
        (
            f"location / {{ rewrite ^/(.*)$ {AWAY}; return 200 open; }}",
            f"location / {{ rewrite ^/ {AWAY}; return 200 open; }}",
            80,
            "/a%0A%0A",
        ),
        (
            f"location / {{ return 301 {AWAY}; location /api {OPEN} }}",
            f"location / {{ return 301 {AWAY}; location /api {{ return 301 {AWAY}; }} }}",
            80,
            "/api",
        ),
        (
            f"location ~ /.well-known/acme-challenge {OPEN} location / {{ return 301 {AWAY}; }}",
            f"location ~ ^/.well-known/acme-challenge {OPEN} location / {{ return 301 {AWAY}; }}",
            80,
            "/admin/.well-known/acme-challenge",
        ),
        (
            f"listen 8080; if ($server_port = 80) {{ return 301 {AWAY}; }} location / {OPEN}",
            f"listen 8080; if ($scheme = http) {{ return 301 {AWAY}; }} location / {OPEN}",
            8080,
            "/",
        ),
    ],
    ids=["line-feed", "line-feeds", "nested", "challenges", "port"],
)
def test_redirects_that_let_something_pass(
    nginx: NginxHost, clients: Clients, inside: str, mended: str, port: int, path: str
) -> None:
    plain = f"server {{ listen 80; server_name {APP}; %s }}\n"
    only(nginx, site(APP) + plain % inside)
    assert nginx.plain_request(APP, "/x").status in (301, 302)
    answer = nginx.plain_request(APP, path, port)
    assert (answer.status, answer.body) == (200, "open")
    assert "plain_http_open" in str(nginx.apply([clients.wanted(APP, "enforce")])["details"])
    only(nginx, site(APP) + plain % mended)
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.plain_request(APP, path, port).status in (301, 302)


def test_names_of_one_block_at_different_stages(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(f"{APP} shop.example.com"))
    done(nginx.apply([clients.wanted(APP, "enforce"), clients.wanted("shop.example.com", "log_only")]))
    assert nginx.request(APP, APP).status == 403
    assert nginx.request("shop.example.com", "shop.example.com", identity=clients.files["expired"]).status == 200
    assert {(row["hostname"], row["stage"]) for row in nginx.log()} == {
        (APP, "enforce"),
        ("shop.example.com", "log_only"),
    }
    done(nginx.apply([clients.wanted("shop.example.com", "enforce")]))
    assert nginx.request("shop.example.com", "shop.example.com").status == 400
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.request(APP, APP).status == 200
    assert nginx.request("shop.example.com", "shop.example.com").status == 403


def test_a_block_split_over_includes(nginx: NginxHost, clients: Clients) -> None:
    nginx.put("/etc/nginx/snippets/names.conf", f"listen 443 ssl;\nserver_name {APP};\n{TLS}\n")
    nginx.put("/etc/nginx/snippets/body.conf", "location / { return 200 split; }\n")
    only(nginx, "server { include snippets/names.conf; include snippets/body.conf; }")
    before = nginx.tree()
    result = done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert result["sites"][0]["file"] == "/etc/nginx/sites-enabled/site.conf"
    assert nginx.request(APP, APP).status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"]).body == "split"
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_only_conf_d(nginx: NginxHost, clients: Clients) -> None:
    nginx.sh("rm -rf /etc/nginx/sites-* && sed -i '/sites-enabled/d' /etc/nginx/nginx.conf")
    nginx.put("/etc/nginx/conf.d/000-first.conf", site(APP).replace("\n", "\r\n"))
    nginx.restart()
    before = nginx.tree()
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.request(APP, APP).status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


@pytest.mark.parametrize("include", ["", "include conf.d/*.conf;"], ids=["no-include", "include-too-late"])
def test_everything_in_nginx_conf(nginx: NginxHost, clients: Clients, include: str) -> None:
    nginx.sh("rm -rf /etc/nginx/sites-* /etc/nginx/conf.d/*")
    begin = "user www-data; pid /run/nginx.pid; events {}\nhttp { # all of it\nssl_protocols TLSv1.2 TLSv1.3;\n"
    nginx.put("/etc/nginx/nginx.conf", begin + site(APP) + include + "}")
    nginx.restart()
    before = nginx.tree()
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.request(APP, APP).status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
    assert nginx.apply([clients.wanted(APP, "enforce")])["changed"] is False
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_tls_1_2_only(nginx: NginxHost, clients: Clients) -> None:
    nginx.sh("sed -i 's/ssl_protocols.*/ssl_protocols TLSv1.2;/' /etc/nginx/nginx.conf /etc/nginx/snippets/tls.conf")
    nginx.restart()
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    assert nginx.request(APP, APP, identity=clients.files["expired"], tls="1.2").status == 200
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.request(APP, APP, identity=clients.files["expired"], tls="1.2").status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"], tls="1.2").status == 200


def test_a_block_per_address_family(nginx: NginxHost, clients: Clients) -> None:
    if not nginx.address6:
        pytest.skip("no IPv6 here")
    only(nginx, site(APP, listen="listen 443 ssl;") + site(APP, listen="listen [::]:443 ssl;"))
    before = nginx.tree()
    result = done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert len(result["sites"]) == 2
    for address in (nginx.address, nginx.address6):
        assert nginx.request(APP, APP, address=address).status == 400
        assert nginx.request(APP, APP, address=address, identity=clients.files["valid"]).status == 200
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_internal_locations_stay_closed_in_log_only(nginx: NginxHost, clients: Clients) -> None:
    inside = (
        "location /files/ { internal; return 200 secret; } location = /page { internal; return 200 secret; } "
        r"location ~ \.hid+en$ { internal; return 200 secret; } location =/glued { internal; return 200 secret; }"
    )
    only(nginx, site(APP, inside))
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    for target in ("/files/x", "/page", "/a.hidden", "/glued", "//files/../files/x", "/%66iles/y"):
        for kind in (None, *BAD):
            answer = nginx.request(APP, APP, target, clients.files[kind] if kind else None)
            assert answer.status == 404, (kind, target, answer)
            assert "secret" not in answer.body
    assert nginx.request(APP, APP, "/other", clients.files["expired"]).status == 200


def test_server_level_rewriting_works_with_a_bad_certificate(nginx: NginxHost, clients: Clients) -> None:
    inside = (
        'set $tenant "none"; if ($host = app.example.com) { set $tenant "acme"; } rewrite ^/old/(.*)$ /new/$1; '
        'location /new/ { return 200 "$tenant $uri $args $request_method $content_length"; }'
    )
    only(nginx, site(APP, inside))
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    for kind in (None, "valid", *BAD):
        cert = clients.files[kind] if kind else None
        answer = nginx.request(APP, APP, "/old/a%20b?x=1&y=2", cert, method="POST", body=b"x" * 200_000)
        assert (answer.status, answer.body) == (200, "acme /new/a b x=1&y=2 POST 200000"), kind


def test_a_file_in_another_character_set(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP))
    nginx.put("/etc/nginx/sites-enabled/site.conf", b"# caf\xe9 \xff\n" + site(APP).encode())
    before = nginx.tree()
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.request(APP, APP).status == 400
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_a_redirecting_block_redirects_with_a_bad_certificate(nginx: NginxHost, clients: Clients) -> None:
    away = "return 301 https://www.example.com$request_uri;"
    only(nginx, f"server {{ listen 443 ssl; server_name {APP}; {TLS} {away} }}")
    done(nginx.apply([clients.wanted(APP, "log_only")]))
    for kind in (None, "valid", *BAD):
        answer = nginx.request(APP, APP, "/p?q", clients.files[kind] if kind else None)
        assert answer.status == 301
        assert "Location: https://www.example.com/p?q" in answer.headers
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    assert nginx.request(APP, APP).status == 400


def test_an_include_line_of_somebody_else_is_used_and_left(nginx: NginxHost, clients: Clients) -> None:
    for line in (f"include aop/{APP}.con[f];", f"include /etc/nginx/aop/{APP}*.conf;"):
        only(nginx, site(APP).replace("{\n", f"{{\n    {line}\n", 1))
        before = nginx.tree()
        done(nginx.apply([clients.wanted(APP, "enforce")], manage_sites=False))
        assert nginx.request(APP, APP).status == 400
        done(nginx.apply([clients.wanted(APP, "off")]))
        assert nginx.tree() == before


def test_the_default_server_of_another_ca(nginx: NginxHost, clients: Clients) -> None:
    nginx.put("/etc/nginx/staff.pem", clients.other_ca.pem)
    nginx.sh(
        "sed -i 's,server_name _;,server_name _; ssl_client_certificate /etc/nginx/staff.pem; ssl_verify_client on;,' "
        "/etc/nginx/sites-available/default"
    )
    nginx.restart()
    done(nginx.apply([clients.wanted(APP, "enforce")]))
    for tls in ("1.2", "1.3"):
        for sni in (None, "unknown.example.net"):
            assert nginx.request(sni, APP, identity=clients.files["foreign"], tls=tls).status in (400, 421)
        assert nginx.request(APP, APP, identity=clients.files["valid"], tls=tls).status == 200


def test_two_cas_in_one_block_and_rotation(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(f"{APP} shop.example.net"))
    other = dict(clients.wanted("shop.example.net", "enforce"), trust_bundle=clients.other_ca.pem)
    done(nginx.apply([clients.wanted(APP, "enforce"), other]))
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
    assert nginx.request("shop.example.net", "shop.example.net", identity=clients.files["foreign"]).status == 200
    both = dict(clients.wanted(APP, "enforce"), trust_bundle=clients.ca.pem + clients.other_ca.pem)
    assert done(nginx.apply([both]))["changed"] is True
    kept = done(nginx.apply([dict(clients.wanted(APP, "enforce"), trust_bundle="")]))
    assert kept["changed"] is False


def test_plain_http_is_redirected_when_asked(nginx: NginxHost, clients: Clients) -> None:
    plain = f"server {{ listen 80; server_name {APP} shop.example.com; location / {{ return 200 plain-$host; }} }}\n"
    only(nginx, site(APP) + plain)
    before = nginx.tree()
    done(nginx.apply([clients.wanted(APP, "enforce")], plain_http="redirect"))
    answer = nginx.plain_request(APP, "/a?b")
    assert answer.status == 308
    assert f"Location: https://{APP}/a?b" in answer.headers
    assert nginx.plain_request("shop.example.com").body == "plain-shop.example.com"
    assert nginx.plain_request(APP, "/.well-known/acme-challenge/x").status == 200
    assert nginx.plain_request(APP, "/.well-known/acme-challenge/../x").status == 308
    assert nginx.apply([clients.wanted(APP, "enforce")], plain_http="redirect")["changed"] is False
    assert nginx.apply([clients.wanted("api.example.com", "off")], plain_http="redirect")["changed"] is False
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_one_block_with_and_without_tls(nginx: NginxHost, clients: Clients) -> None:
    only(nginx, site(APP, listen="listen 80; listen 443 ssl;"))
    before = nginx.tree()
    assert "plain_http_open" in str(nginx.apply([clients.wanted(APP, "enforce")])["details"])
    done(nginx.apply([clients.wanted(APP, "enforce")], plain_http="redirect"))
    assert nginx.plain_request(APP).status == 308
    assert nginx.plain_request(APP, "/.well-known/acme-challenge/x").status == 200
    assert nginx.request(APP, APP).status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
    done(nginx.apply([clients.wanted(APP, "off")]))
    assert nginx.tree() == before


def test_one_block_that_redirects_by_itself(nginx: NginxHost, clients: Clients) -> None:
    inside = "if ($scheme = http) { return 301 https://$host$request_uri; }"
    only(nginx, site(f"{APP} shop.example.com", inside, "listen 80; listen 443 ssl;"))
    for wishes in ([APP], [APP, "shop.example.com"]):
        done(nginx.apply([clients.wanted(name, "enforce") for name in wishes]))
        assert nginx.plain_request(APP).status == 301
        assert nginx.request(APP, APP).status in (400, 403)
        assert nginx.request(None, APP).status in (400, 403, 421)
        assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_plain_http_of_a_block_with_both_is_not_logged(nginx: NginxHost, clients: Clients, stage: str) -> None:
    only(nginx, site(APP, listen="listen 80; listen 443 ssl;"))
    done(nginx.apply([clients.wanted(APP, stage)], plain_http="redirect"))
    assert nginx.plain_request(APP).status == (200 if stage == "log_only" else 308)
    assert nginx.plain_request(APP, port=443).status == 400
    assert nginx.request(APP, APP, identity=clients.files["valid"]).status == 200
    assert [(row["verify"], row["status"]) for row in nginx.log()] == [("SUCCESS", "200")]


def test_a_long_name(nginx: NginxHost, clients: Clients) -> None:
    name = "a-rather-long-label-for-a-host.of-a-rather-long-subdomain.example.com"
    only(nginx, "server_names_hash_bucket_size 128;\n" + site(name))
    done(nginx.apply([clients.wanted(name, "enforce")]))
    assert nginx.request(name, name).status == 400
    assert nginx.log()[-1]["stage"] == "enforce"
