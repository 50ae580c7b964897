# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told though nothing is refused: other names, known holes, ACME challenges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed, Finding, Options
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import notices
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.driver import NginxDriver
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.survey import Discovery, Paths
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    SITE,
    TLS,
    after,
    discover,
    make,
    site,
    wish,
)

ACME = "location ^~ /.well-known/acme-challenge/ { root /var/www/acme; }"
SECURE = f"server {{ {TLS} server_name {APP}; root /srv/app; %s }}\n"
PLAIN = f"server {{ listen 80; server_name {APP}; %s }}\n"


def told(found: Discovery, code: str, stage: str = "enforce") -> list[Finding]:
    findings = [*make(found, wish(stage=stage)).findings, *notices.find(found, [wish(stage=stage)])]
    return [finding for finding in findings if finding.code == code]


def test_names_beside_protected_ones() -> None:
    many = " ".join(f"n{number:02}.example.com" for number in range(20))
    blocks = f"server {{ {TLS} server_name _ {many} *.example.net ~^x; }}\n"
    other = "server { listen 8443 ssl; server_name other.test; } server { listen 80; server_name plain.test; }\n"
    found = site(SECURE % "" + blocks + other)
    (finding,) = told(found, "unprotected_name", "log_only")
    assert (finding.severity, finding.hostname, finding.file, finding.line) == ("info", "", SITE, 2)
    assert finding.message.startswith("22 names beside protected hostnames on *:443, [::]:443, not protected: ")
    assert finding.message.endswith("n08.example.com and 12 more")
    assert told(found, "unprotected_name", "off") == []


def test_a_site_in_each_file_is_still_one_finding() -> None:
    files = dict(site(SECURE % "").dump.files)
    for number in range(300):
        text = f"server {{ listen 443 ssl; server_name s{number}.test; }}"
        files[f"/etc/nginx/sites-enabled/s{number}"] = text
    found = discover(files)
    (finding,) = told(found, "unprotected_name")
    assert finding.message.startswith("300 names in 300 files beside protected hostnames on *:443, not protected: ")


def test_names_that_are_protected_already_are_not_told() -> None:
    found = site(f"server {{ {TLS} server_name {APP} www.example.com; }}")
    assert told(found, "unprotected_name")[0].message.endswith(": www.example.com")
    protected = after(found, make(found, wish("www.example.com")))
    assert told(protected, "unprotected_name") == []
    assert told(protected, "unprotected_name", "off")[0].message.endswith(f": {APP}")


@pytest.mark.parametrize(
    ("version", "package", "severity"),
    [
        ((1, 22, 1), "", "warning"),
        ((1, 22, 1), "1.22.1-9+deb12u1", "warning"),
        ((1, 22, 1), "1.22.1-9+deb12u11", "info"),
        ((1, 24, 0), "1.24.0-2ubuntu7", "warning"),
        ((1, 26, 2), "", "warning"),
        ((1, 26, 3), "", ""),
        ((1, 27, 3), "", "warning"),
        ((1, 27, 4), "", ""),
        ((1, 30, 6), "", ""),
    ],
)
def test_sessions_of_other_blocks(version: tuple[int, ...], package: str, severity: str) -> None:
    found = site(SECURE % "")
    found = replace(found, build=replace(found.build, version=version), package=package)
    findings = told(found, "known_hole")
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    for finding in findings:
        assert "CVE-2025-23419" in finding.message
        assert (", unless its package has mended it" in finding.message) is (severity == "warning")


def test_the_package_is_asked_only_where_it_matters() -> None:
    asked: list[Sequence[str]] = []

    def run(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        asked.append(argv)
        return Completed(0, "1.22.1-9+deb12u11")

    def no_dpkg(argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        raise OriginError("dpkg-query isn't there", "")

    assert notices.package((1, 30, 6), run) == ""
    assert asked == []
    assert notices.package((1, 22, 1), run) == "1.22.1-9+deb12u11"
    assert notices.package((1, 22, 1), no_dpkg) == ""
    assert notices.package((1, 22, 1), lambda argv, environment: Completed(1, "no packages found")) == ""


@pytest.mark.parametrize(
    "away",
    [
        "return 301 https://$host$request_uri;",
        "rewrite ^(.*)$ https://$host$1 permanent; " + ACME,
        "if ($scheme = http) { rewrite ^/(.*)$ https://$host/$1 permanent; }",
        "location / { rewrite ^/(.*)$ https://$host/$1 permanent; }",
    ],
)
def test_challenges_that_port_80_redirects(away: str) -> None:
    found = site(SECURE % ACME + PLAIN % away)
    for stage in ("log_only", "enforce"):
        (finding,) = told(found, "acme_http01", stage)
        assert (finding.severity, finding.hostname, finding.file, finding.line) == ("warning", APP, SITE, 1)
        assert "are answered by its TLS site, and port 80 redirects them there" in finding.message
        assert "Answer /.well-known/acme-challenge/ on port 80, without a redirect, or use DNS-01" in finding.remedy
    assert told(found, "acme_http01", "off") == []


def test_a_redirect_of_the_whole_block_comes_before_its_locations() -> None:
    found = site(SECURE % ACME + PLAIN % (ACME + " return 301 https://$host$request_uri;"))
    assert len(told(found, "acme_http01")) == 1


def test_challenges_without_port_80() -> None:
    assert "there is no site on port 80 for it" in told(site(SECURE % ACME), "acme_http01")[0].message


@pytest.mark.parametrize(
    "plain",
    [
        PLAIN % "root /var/www/html;",
        PLAIN % (ACME + " location / { return 301 https://$host$request_uri; }"),
        PLAIN % (ACME + " location / { rewrite ^(.*)$ https://$host$1 permanent; }"),
        "server { listen 80 default_server; " + ACME + " location / { return 301 https://$host$request_uri; } }",
        PLAIN % r"location ~ ^/\.well-known/acme-challenge/ { root /x; } location / { return 404; }",
    ],
)
def test_challenges_that_port_80_answers(plain: str) -> None:
    assert told(site(SECURE % ACME + plain), "acme_http01") == []


def test_no_challenges_no_word() -> None:
    assert told(site(SECURE % "" + PLAIN % "return 301 https://$host$request_uri;"), "acme_http01") == []


def test_they_are_in_the_plan_of_the_driver() -> None:
    driver = NginxDriver(Paths(), lambda argv, environment: Completed(0, ""))
    found = site(SECURE % ACME)
    codes = {finding.code for finding in driver.plan(found, [wish()], Options()).findings}
    assert {"acme_http01", "known_hole"} <= codes
