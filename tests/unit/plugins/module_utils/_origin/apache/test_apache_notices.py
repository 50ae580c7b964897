# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told though nothing is refused: other names, known holes, ACME challenges."""

from __future__ import annotations

import pytest

PLAIN = "<VirtualHost *:80>\nServerName app.example.com\n{}\n</VirtualHost>\n"
REDIRECT = "Redirect permanent / https://app.example.com/"
ACME = "/.well-known/acme-challenge/"
ALIAS = "Alias /.well-known/acme-challenge/ /var/www/acme/"


def told(apache, code, stage="enforce", name="app.example.com"):
    return [finding for finding in apache.plan(apache.want(name, stage)).findings if finding.code == code]


def test_names_beside_protected_ones(apache):
    (finding,) = told(apache, "unprotected_name", "log_only")
    assert (finding.severity, finding.hostname) == ("info", "")
    assert (finding.file, finding.line) == (f"{apache.root}/sites-enabled/site.conf", 1)
    expected = "1 name beside protected hostnames on *:443, not protected: default.example.net"
    assert finding.message == expected, "the names on port 80 are none of them"
    assert finding.sentence().startswith("1 name beside")


def test_many_names_are_one_finding(apache):
    aliases = " ".join(f"n{number:02}.example.com" for number in range(50))
    site = f"<VirtualHost *:443>\nServerName many.example.com\nServerAlias {aliases}\n{apache.tls}</VirtualHost>\n"
    apache.write("sites-enabled/zmany.conf", site)
    (finding,) = told(apache, "unprotected_name")
    assert finding.message.startswith("52 names in 2 files beside protected hostnames on *:443, not protected: ")
    assert finding.message.endswith("n07.example.com and 42 more")


def test_protected_names_and_other_listeners_are_not_told(apache):
    apache.write("conf-enabled/listen.conf", "Listen 8443\n")
    site = f"<VirtualHost *:8443>\nServerName other.example.com\n{apache.tls}</VirtualHost>\n"
    apache.write("sites-enabled/other.conf", site)
    assert len(told(apache, "unprotected_name")) == 1
    apache.carry_out(apache.want("default.example.net"))
    assert told(apache, "unprotected_name", "log_only") == []
    assert told(apache, "unprotected_name", "off", "default.example.net") == []


@pytest.mark.parametrize(
    ("version", "hole"),
    [("2.4.34", False), ("2.4.35", True), ("2.4.63", True), ("2.4.64", False), ("2.4.71", False)],
)
def test_sessions_of_other_virtual_hosts(apache, version, hole):
    apache.version = version
    found = told(apache, "known_hole")
    assert bool(found) is hole
    if hole:
        assert found[0].severity == "info"
        assert f"Apache {version} has CVE-2025-23048" in found[0].message
        assert found[0].remedy.startswith("SSLStrictSNIVHostCheck on, in our file")
        assert told(apache, "known_hole", "log_only")[0].remedy.startswith("At the stage enforce, SSLStrictSNIVHost")


def with_challenges(apache):
    apache.write("sites-enabled/site.conf", apache.site.replace("/var/www/app\n", f"/var/www/app\n{ALIAS}\n"))


def test_challenges_that_port_80_redirects(apache):
    with_challenges(apache)
    apache.write("sites-enabled/plain.conf", PLAIN.format(REDIRECT))
    for stage in ("log_only", "enforce"):
        (finding,) = told(apache, "acme_http01", stage)
        assert (finding.severity, finding.hostname, finding.line) == ("warning", "app.example.com", 10)
        assert "are answered by its TLS site, and port 80 redirects them there" in finding.message
        assert "Answer /.well-known/acme-challenge/ on port 80, without a redirect, or use DNS-01" in finding.remedy
    assert told(apache, "acme_http01", "off") == []


def test_challenges_of_all_virtual_hosts(apache):
    apache.write("conf-enabled/acme.conf", ALIAS + "\n")
    for before in (ALIAS, f"<Location {ACME}>\nRequire all granted\n</Location>"):
        apache.write("sites-enabled/plain.conf", PLAIN.format(before + "\n" + REDIRECT))
        (finding,) = told(apache, "acme_http01")
        assert (finding.file, finding.line) == (f"{apache.root}/conf-enabled/acme.conf", 1), "a Redirect is asked first"


def test_challenges_without_port_80(apache):
    with_challenges(apache)
    apache.write("apache2.conf", apache.read("apache2.conf").replace("Listen 80\n", ""))
    assert "there is no site on port 80 for it" in told(apache, "acme_http01")[0].message


@pytest.mark.parametrize(
    "plain",
    [
        "DocumentRoot /var/www/html",
        f"<Location {ACME}>\nRequire all granted\n</Location>\n<Location />\nRequire all denied\n</Location>",
        f"<Location {ACME}>\nProxyPass http://127.0.0.1:9000/\n</Location>\n{REDIRECT}",
        "RedirectMatch ^/(?!\\.well-known/acme-challenge/)(.*) https://app.example.com/$1",
        "RewriteEngine on\nRewriteCond %{REQUEST_URI} !^/\\.well-known/acme-challenge/\n"
        "RewriteRule ^ https://app.example.com%{REQUEST_URI} [R=301,L]",
        f"ProxyPass /.well-known/acme-challenge/ http://127.0.0.1:9000/\n{REDIRECT}",
    ],
)
def test_challenges_that_port_80_answers(apache, plain):
    with_challenges(apache)
    apache.write("sites-enabled/plain.conf", PLAIN.format(plain))
    assert told(apache, "acme_http01") == []


def test_no_challenges_no_word(apache):
    apache.write("sites-enabled/plain.conf", PLAIN.format(REDIRECT))
    assert told(apache, "acme_http01") == []
    with_challenges(apache)
    apache.write("sites-enabled/plain.conf", "")
    assert told(apache, "acme_http01") == [], "the default virtual host of port 80 answers"
