# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations that people really have, on a real server."""

from __future__ import annotations

import json
import socket

from tests.origins.pki import Clients

from .host import ApacheHost, client_context

HOST = "app.example.com"
TLS = (
    "SSLEngine on\nSSLCertificateFile /etc/ssl/sites/example.com.pem\n"
    "SSLCertificateKeyFile /etc/ssl/sites/example.com.key\n"
)


def site(addresses: str, name: str, *lines: str, tls: bool = True, mark: str = "") -> str:
    """A virtual host that tells in a header which one it is."""
    more = "".join(f"{line}\n" for line in lines)
    return (
        f"<VirtualHost {addresses}>\nServerName {name}\nHeader always set X-Site {mark or name}\n"
        f"DocumentRoot /var/www/{name}\n{more}{TLS if tls else ''}</VirtualHost>\n"
    )


def who(answer: object) -> str:
    lines = str(getattr(answer, "headers", "")).splitlines()
    return next((line.partition(": ")[2] for line in lines if line.lower().startswith("x-site:")), "")


def test_we_think_of_the_virtual_host_that_really_answers(apache: ApacheHost, clients: Clients) -> None:
    """Address first, then names and wildcards in their order, else the first one."""
    address, address6 = apache.address, apache.address6
    apache.sh("rm /etc/apache2/sites-enabled/*")
    apache.put("/etc/apache2/conf-enabled/ports.conf", "Listen 8443\nListen 9443\n")
    apache.put(
        "/etc/apache2/sites-enabled/all.conf",
        site("*:443", "first.example.com", "ServerAlias *.wild.example.com")
        + site("*:443", "late.wild.example.com", "ServerAlias alias.example.com A?.example.com")
        + site(f"{address}:8443", "ip.example.com", "ServerAlias both.example.com")
        + site("*:8443", "star.example.com", "ServerAlias both.example.com", mark="star")
        + site(f"[{address6}]:8443", "six.example.com")
        + site("*:*", "any.example.com"),
    )
    apache.reload()
    code = (
        "import sys, json; sys.path.insert(0, '/opt/aop')\n"
        "from module_utils._origin.servers import load\nfrom module_utils._origin.command import run\n"
        "from module_utils._origin.apache import matching\n"
        "found = load('apache', {}, run).discover()\n"
        "print(json.dumps({name: {a.endpoint.label: a.host.name for a in matching.answers(found, name)}"
        " for name in sys.argv[1:]}))\n"
    )
    apache.put("/opt/aop/who.py", code)
    names = [
        "first.example.com", "x.wild.example.com", "late.wild.example.com", "alias.example.com", "ab.example.com",
        "ip.example.com", "both.example.com", "star.example.com", "six.example.com", "any.example.com",
        "no.example.com",
    ]  # fmt: skip
    thought = json.loads(apache.sh("python3 /opt/aop/who.py " + " ".join(names)).splitlines()[-1])
    for name in names:
        for port in (443, 8443, 9443):
            for where, label in ((address, address), (address6, f"[{address6}]")):
                real = who(apache.request(name, name, port=port, address=where))
                answers = thought[name]
                expected = answers.get(f"{label}:{port}", answers[f"*:{port}"])
                assert real == ("star" if expected == "star.example.com" else expected), (name, port, where, answers)


def test_every_listener_of_the_hostname_is_closed(apache: ApacheHost, clients: Clients) -> None:
    apache.put("/etc/apache2/conf-enabled/ports.conf", "Listen 8443\n")
    apache.put("/etc/apache2/sites-enabled/more.conf", site(f"{apache.address}:443 *:8443", HOST))
    apache.reload()
    before = apache.tree()
    outcome = apache.apply([clients.wanted(HOST, "enforce")])
    assert sorted(label for one in outcome["sites"] for label in one["listeners"]) == [
        "*:443", "*:8443", f"{apache.address}:443",
    ], outcome  # fmt: skip
    for port in (443, 8443):
        for address in (apache.address, apache.address6):
            for sni in (HOST, None):
                assert not apache.request(sni, HOST, port=port, address=address).served, (port, address, sni)
            answer = apache.request(HOST, HOST, identity=clients.files["valid"], port=port, address=address)
            assert answer.status in (200, 404), (port, address, answer)
    apache.apply([clients.wanted(HOST, "off")])
    assert apache.tree() == before


def test_an_enforced_site_that_is_renamed_stays_closed(apache: ApacheHost, clients: Clients) -> None:
    before = apache.tree()
    path = "/etc/apache2/sites-available/app.example.com.conf"
    apache.apply([clients.wanted(HOST, "enforce")])
    apache.sh(f"sed -i 's|ServerName {HOST}|ServerName renamed.example.com|' {path}")
    apache.reload()
    for stage, options in (("enforce", {}), ("log_only", {"never_relax": True})):
        error = apache.apply([clients.wanted(HOST, stage)], **options)["error"]
        assert "no virtual host with TLS has this name" in error
        assert not apache.request("renamed.example.com", "renamed.example.com").served
    assert apache.apply([clients.wanted(HOST, "log_only")])["changed"]
    assert apache.request("renamed.example.com", "renamed.example.com").served
    apache.apply([clients.wanted(HOST, "off")])
    apache.sh(f"sed -i 's|ServerName renamed.example.com|ServerName {HOST}|' {path}")
    assert apache.tree() == before


def test_plain_http_is_closed_by_a_redirect(apache: ApacheHost, clients: Clients) -> None:
    path = "/etc/apache2/sites-available/app.example.com.conf"
    apache.sh(
        f"sed -i 's|    Redirect permanent / .*|    DocumentRoot /var/www/app.example.com|' {path};"
        "mkdir -p /var/www/app.example.com/.well-known/acme-challenge;"
        "echo token > /var/www/app.example.com/.well-known/acme-challenge/x"
    )
    apache.reload()
    before = apache.tree()
    assert apache.plain_request(HOST).status == 200
    refused = apache.apply([clients.wanted(HOST, "enforce")])
    assert "its content is served without TLS at *:80, to everybody" in refused["error"]
    assert f"{path.replace('available', 'enabled')}:1)" in refused["error"]
    outcome = apache.apply([clients.wanted(HOST, "enforce")], plain_http="redirect")
    assert outcome.get("changed"), outcome
    answer = apache.plain_request(HOST, "/a/b?c=d")
    assert answer.status == 301
    assert f"Location: https://{HOST}/a/b?c=d" in answer.headers
    for host in ("APP.example.com:80", "app.example.com."):
        assert apache.plain_request(host).status == 301
    assert "token" in apache.plain_request(HOST, "/.well-known/acme-challenge/x").body
    assert apache.plain_request(HOST, "/.well-known/acme-challenge/../../index.html").status == 301
    assert apache.plain_request("www.example.org").status == 301
    assert not apache.apply([clients.wanted(HOST, "enforce")], plain_http="redirect")["changed"]
    apache.apply([clients.wanted(HOST, "off")])
    assert apache.tree() == before


def test_sites_that_another_tool_owns(apache: ApacheHost, clients: Clients) -> None:
    path = "/etc/apache2/sites-available/app.example.com.conf"
    asked = apache.apply([clients.wanted(HOST, "log_only")], manage_sites=False)
    line = "IncludeOptional /etc/apache2/aop/app.example.com.conf"
    assert f"the line '{line}' is missing" in asked["error"]
    number = asked["details"]["findings"][0]["line"]
    apache.sh(f"sed -i '{number}i {line}' {path}")
    apache.reload()
    before = apache.tree()
    outcome = apache.apply([clients.wanted(HOST, "enforce")], manage_sites=False)
    assert path not in [entry["after_header"] for entry in outcome["diff"]], outcome
    assert not apache.request(HOST, HOST).served
    apache.apply([clients.wanted(HOST, "off")], manage_sites=False)
    assert apache.tree() == before


def test_a_site_in_pieces_with_conditions_variables_and_continued_lines(apache: ApacheHost, clients: Clients) -> None:
    apache.sh("a2enmod -q macro; a2dissite -q app.example.com")
    apache.put("/etc/apache2/pieces/names.conf", "ServerAlias \\\r\n   app.example.com\r\n")
    apache.put(
        "/etc/apache2/sites-enabled/pieces.conf",
        "# Gr\u00fc\u00dfe \\\nServerName nothing\nDefine WHERE pieces\n<Macro Cert $x>\n" + TLS + "</Macro>\n"
        "<IfModule mod_ssl.c>\n<VirtualHost \\\n\t*:443>\n\tServerName app.${WHERE}.example.com\n"
        "\t<IfDefine WHERE>\n\tInclude ${WHERE}/*.conf\n\t</IfDefine>\n\tUse Cert none\n"
        "\tDocumentRoot /var/www/app.example.com\n\tSSLVerifyClient none\n"
        '\tCustomLog "|/usr/bin/rotatelogs -l /var/log/apache2/piped 86400" combined\n'
        "</VirtualHost>\n</IfModule>",
    )
    apache.sh("systemctl restart apache2")
    before = apache.tree()
    outcome = apache.apply([clients.wanted(HOST, "log_only"), clients.wanted("app.pieces.example.com", "log_only")])
    assert outcome.get("changed"), outcome
    assert {(one["hostname"], one["line"]) for one in outcome["sites"]} == {(HOST, 11), ("app.pieces.example.com", 11)}
    assert apache.request(HOST, HOST, identity=clients.files["valid"]).served
    assert [row["verify"] for row in apache.log()] == ["SUCCESS"]
    wanted = [clients.wanted(HOST, "enforce"), clients.wanted("app.pieces.example.com", "enforce")]
    assert apache.apply(wanted)["changed"]
    assert not apache.request(HOST, HOST).served
    apache.apply([clients.wanted(HOST, "off"), clients.wanted("app.pieces.example.com", "off")])
    assert apache.tree() == before


def test_a_variable_that_each_file_sets_for_itself(apache: ApacheHost, clients: Clients) -> None:
    apache.sh("a2dissite -q app.example.com")
    for file, name in (("a", "alpha.example.com"), ("z", HOST)):
        text = f"Define SITE {name}\n" + site("*:443", "${SITE}", "ServerAlias www.${Site}")
        apache.put(f"/etc/apache2/sites-enabled/{file}.conf", text + "UnDefine SITE\n")
    apache.reload()
    before = apache.tree()
    names = (HOST, f"www.{HOST}")
    outcome = apache.apply([clients.wanted(name, "enforce") for name in names])
    assert {one["file"] for one in outcome["sites"]} == {"/etc/apache2/sites-enabled/z.conf"}
    for name in names:
        assert apache.request(name, name).status == 0
        assert who(apache.request(name, name, identity=clients.files["valid"])) == HOST
        other = name.replace("app", "alpha")
        assert who(apache.request(other, other)) == "alpha.example.com"
    apache.apply([clients.wanted(name, "off") for name in names])
    assert apache.tree() == before


def test_behind_a_load_balancer_that_speaks_the_proxy_protocol(apache: ApacheHost, clients: Clients) -> None:
    path = "/etc/apache2/sites-available/app.example.com.conf"
    apache.sh(f"a2enmod -q remoteip; sed -i 's|.*SSLEngine on.*|&\\nRemoteIPProxyProtocol On|' {path}")
    apache.put("/etc/apache2/conf-enabled/remoteip.conf", "RemoteIPHeader CF-Connecting-IP\n")
    apache.sh("systemctl restart apache2")
    for stage in ("log_only", "enforce"):
        outcome = apache.apply([clients.wanted(HOST, stage)])
        assert outcome.get("changed"), outcome
    context = client_context(clients.files["valid"], "1.3")
    plain = socket.create_connection((apache.address, 443), timeout=10)
    plain.sendall(b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 443\r\n")
    with plain, context.wrap_socket(plain, server_hostname=HOST) as stream:
        head = f"GET /index.html HTTP/1.1\r\nHost: {HOST}\r\nCF-Connecting-IP: 198.51.100.7\r\n"
        stream.sendall(f"{head}Connection: close\r\n\r\n".encode())
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert [(row["verify"], row["peer"]) for row in apache.log()] == [("SUCCESS", "203.0.113.9")]
    # Connections of this machine itself need no header then.
    apache.put("/etc/apache2/conf-enabled/local.conf", "RemoteIPProxyProtocolExceptions 127.0.0.0/8 ::1\n")
    assert apache.apply([clients.wanted(HOST, "off")])["changed"]


def test_a_virtual_host_of_a_macro_is_refused(apache: ApacheHost, clients: Clients) -> None:
    apache.sh("a2enmod -q macro; a2dissite -q app.example.com")
    apache.put(
        "/etc/apache2/sites-enabled/macro.conf",
        "<Macro Site $name>\n" + site("*:443", "$name") + "</Macro>\nUse Site app.example.com\n",
    )
    apache.sh("systemctl restart apache2")
    error = apache.apply([clients.wanted(HOST, "log_only")])["error"]
    assert "its virtual host is made by the macro site" in error
    assert "/etc/apache2/sites-enabled/macro.conf:11)" in error


def test_the_insecure_sni_policy_is_a_door_and_refused(apache: ApacheHost, clients: Clients) -> None:
    other = dict(clients.wanted("api.example.com", "enforce"), trust_bundle=clients.other_ca.pem)
    apache.apply([clients.wanted(HOST, "enforce"), other])
    apache.put("/etc/apache2/conf-enabled/policy.conf", "SSLVHostSNIPolicy insecure\n")
    apache.reload()
    # That's why: a certificate for the other hostname opens this one.
    assert apache.request("api.example.com", HOST, identity=clients.files["foreign"]).served
    error = apache.apply([clients.wanted(HOST, "enforce")])["error"]
    assert "SSLVHostSNIPolicy insecure lets a client in with a certificate for another virtual host" in error
    assert "/etc/apache2/conf-enabled/policy.conf:1)" in error


def test_mod_ssl_that_is_not_loaded(apache: ApacheHost, clients: Clients) -> None:
    apache.sh("rm /etc/apache2/sites-enabled/*; a2dismod -qf ssl; systemctl restart apache2")
    assert "Load it (a2enmod ssl" in apache.apply([clients.wanted(HOST, "log_only")])["error"]
