# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On every server: what isn't loaded protects nothing, and each listener has its own stage."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.origins.apache.host import ApacheHost
from tests.origins.host import Host, client_context
from tests.origins.nginx.host import NginxHost
from tests.origins.pki import Clients
from tests.origins.running import Machines

APP = "app.example.com"


@dataclass(frozen=True)
class Dialect:
    """How one server's configuration is written. ``ours``: a sed expression that matches our lines."""

    kind: type[Host]
    site: str
    other: str
    ours: str
    #: What opens the TLS site of OTHER, or what closes it: our lines go right after or before it.
    anchor: str
    more: str
    reload: str
    #: A module without which the site isn't loaded, and what wraps the site so.
    wrap: tuple[str, str]
    disable: str
    enable: str


NGINX = Dialect(
    NginxHost,
    "/etc/nginx/sites-available/app.example.com",
    "/etc/nginx/sites-available/www.example.org",
    "originlock.aop",
    "/server_name www.example.org;/a",
    "server {\n    listen 8443 ssl;\n    server_name app.example.com;\n    root /var/www/app.example.com;\n"
    "    ssl_certificate /etc/ssl/sites/example.com.pem;\n"
    "    ssl_certificate_key /etc/ssl/sites/example.com.key;\n}\n",
    "nginx -t && nginx -s reload && sleep 0.5",
    ("", ""),
    "rm /etc/nginx/sites-enabled/app.example.com",
    "ln -s ../sites-available/app.example.com /etc/nginx/sites-enabled/",
)
APACHE = Dialect(
    ApacheHost,
    "/etc/apache2/sites-available/app.example.com.conf",
    "/etc/apache2/sites-available/www.example.org.conf",
    "originlock.aop\\|apache2/aop",
    "/ServerName www.example.org/a",
    "Listen 8443\n<VirtualHost *:8443>\nServerName app.example.com\nDocumentRoot /var/www/app.example.com\n"
    "SSLEngine on\nSSLCertificateFile /etc/ssl/sites/example.com.pem\n"
    "SSLCertificateKeyFile /etc/ssl/sites/example.com.key\n</VirtualHost>\n",
    "apachectl -t && systemctl reload apache2 && sleep 0.7",
    ("<IfModule mod_userdir.c>", "</IfModule>"),
    "a2dismod -q userdir",
    "a2enmod -q userdir",
)


@pytest.fixture(scope="module", params=[NGINX, APACHE], ids=["nginx", "apache"])
def server(request: pytest.FixtureRequest, machines: Machines[Host]) -> tuple[Host, Dialect]:
    dialect: Dialect = request.param
    return next(iter(machines(dialect.kind).values())), dialect


@pytest.fixture
def host(server: tuple[Host, Dialect]) -> Host:
    server[0].reset()
    return server[0]


@pytest.fixture
def dialect(server: tuple[Host, Dialect]) -> Dialect:
    return server[1]


def fresh(host: Host, port: int = 443) -> bool:
    """Whether somebody without a certificate is served."""
    return host.request(APP, APP, port=port).served


def told(host: Host) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Stage by port, and what is lost."""
    info = host.driver(what="inspect", hostnames=[APP])
    stages = {one["listeners"][0].rpartition(":")[2]: one["stage_after"] for one in info["sites"]}
    return stages, [(one["hostname"], one["stage"]) for one in info["lost"]]


@pytest.mark.parametrize("what", ["lines removed", "older file", "wrong place", "not loaded"])
def test_lost_protection_is_told_and_comes_back_at_log_only(
    host: Host, dialect: Dialect, clients: Clients, what: str
) -> None:
    begin, end = dialect.wrap
    if what == "not loaded":
        host.put(dialect.site, f"{begin}\n{host.read(dialect.site)}\n{end}\n")
        host.sh(f"{dialect.enable} || true; {dialect.reload}")
    before = host.tree()
    host.sh(f"cp {dialect.site} /root/older")
    host.apply([clients.wanted(APP, "enforce")])
    assert not fresh(host)
    assert told(host) == ({"443": "enforce"}, [])
    if what == "lines removed":
        host.sh(f"sed -i '\\%{dialect.ours}%d' {dialect.site}")
    elif what == "older file":
        host.sh(f"cp /root/older {dialect.site}")
    elif what == "wrong place":
        lines = host.sh(f"grep '{dialect.ours}' {dialect.site}")
        host.put("/root/lines", lines)
        host.sh(f"sed -i '\\%{dialect.ours}%d' {dialect.site}; cp {dialect.other} /root/other")
        host.sh(f"sed -i -e '{dialect.anchor.rstrip('a')}r /root/lines' {dialect.other}")
    else:
        host.sh(dialect.disable)
    host.sh(dialect.reload)
    stages, lost = told(host)
    assert lost == [(APP, "enforce")]
    assert stages.get("443", "off") == "off" or what == "wrong place"
    if what == "not loaded":
        # A site that isn't there stops nobody, and nothing of ours stays in it.
        outcome = host.apply([clients.wanted(APP, "log_only")], never_relax=True)
        assert [one["severity"] for one in outcome["findings"] if one["code"] == "not_served"] == ["warning"]
        host.sh(f"{dialect.enable}; {dialect.reload}")
        assert told(host)[0] == {"443": "off"}
        assert [name for name, _stage in told(host)[1]] == [APP]
    assert fresh(host)
    outcome = host.apply([clients.wanted(APP, "log_only")], never_relax=True)
    assert {one["stage_after"] for one in outcome["sites"]} - {"off"} == {"log_only"}, outcome
    # Nobody is refused who wasn't before.
    for kind in (None, "valid", "foreign"):
        assert host.request(APP, APP, identity=clients.files[kind] if kind else None).status == 200
    assert told(host) == ({"443": "log_only"}, [])
    host.apply([clients.wanted(APP, "off")])
    if what == "wrong place":
        assert host.read(dialect.other) == host.read("/root/other")
        host.sh(f"cp -a /root/other {dialect.other}")
    assert host.read(dialect.site) == host.read("/root/older")
    assert set(host.tree()) == set(before)


def test_each_listener_has_its_own_stage(host: Host, dialect: Dialect, clients: Clients) -> None:
    valid = clients.files["valid"]
    host.apply([clients.wanted(APP, "enforce")])
    more = dialect.site.replace("app.example.com", "more").replace("-available", "-enabled")
    host.put(more, dialect.more)
    host.sh(dialect.reload)
    outcome = host.apply([clients.wanted(APP, "log_only")], never_relax=True)
    assert told(host)[0] == {"443": "enforce", "8443": "log_only"}, outcome
    assert host.apply([clients.wanted(APP, "log_only")], never_relax=True)["changed"] is False
    # Served at one, refused at the other, whatever comes; a session of the one is worth nothing at the other.
    for tls in ("1.2", "1.3"):
        for kind in (None, "foreign"):
            identity = clients.files[kind] if kind else None
            assert host.request(APP, APP, identity=identity, tls=tls, port=8443).status == 200
            assert not host.request(APP, APP, identity=identity, tls=tls).served
        for kind in (None, "foreign"):
            context = client_context(clients.files[kind] if kind else None, tls)
            answer = host.request(APP, APP, context=context, port=8443)
            assert answer.status == 200
            assert not host.request(APP, APP, context=context, session=answer.session).served
        assert host.request(APP, APP, identity=valid, tls=tls).status == 200
    stages = {(row["stage"], row["status"]) for row in host.log() if row["verify"] not in ("SUCCESS",)}
    assert ("log_only", "200") in stages
    assert ("enforce", "200") not in stages
    # enforce brings it up; the way back is one for both.
    host.apply([clients.wanted(APP, "enforce")])
    assert told(host)[0] == {"443": "enforce", "8443": "enforce"}
    for port in (443, 8443):
        assert not fresh(host, port)
        assert host.request(APP, APP, identity=valid, port=port).status == 200
    host.apply([{"name": APP, "stage": "log_only"}])
    assert told(host)[0] == {"443": "log_only", "8443": "log_only"}
    assert fresh(host)
    host.apply([clients.wanted(APP, "off")])
    assert host.read(more) == dialect.more
