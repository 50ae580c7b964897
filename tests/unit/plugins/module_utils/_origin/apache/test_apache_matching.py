# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import matching, sites


def site(apache, addresses, name, *more, tls=True):
    lines = "".join(f"    {line}\n" for line in more)
    server_name = f"    ServerName {name}\n" if name else ""
    return f"<VirtualHost {addresses}>\n{server_name}{lines}{apache.tls if tls else ''}</VirtualHost>\n"


def served(apache, hostname):
    """Label of each endpoint with the virtual host's name, a star when it's only the default one, and TLS or not."""
    return {
        answer.endpoint.label: "{}{}{}".format(
            answer.host.name if answer.host else "main", "" if answer.named else "*", " tls" if answer.tls else ""
        )
        for answer in matching.answers(apache.discover(), hostname)
    }


def test_named_default_and_main_server(apache):
    assert served(apache, "app.example.com") == {"*:80": "default80.example.net*", "*:443": "app.example.com tls"}
    assert served(apache, "unknown.example.com")["*:443"] == "default.example.net* tls"
    apache.write("conf-enabled/ports.conf", "Listen 8080\n")
    assert served(apache, "app.example.com")["*:8080"] == "main*"


def test_an_address_of_its_own_beats_the_wildcard(apache):
    apache.write("sites-enabled/ip.conf", site(apache, "192.0.2.1:443", "only.example.net"))
    assert served(apache, "app.example.com") == {
        "*:80": "default80.example.net*",
        "192.0.2.1:443": "only.example.net* tls",
        "*:443": "app.example.com tls",
    }


def test_ipv6_and_several_addresses_and_any_port(apache):
    apache.write("sites-enabled/a.conf", site(apache, "[2001:db8::1]:443 192.0.2.1:*", "app.example.com"))
    found = served(apache, "app.example.com")
    own = {label: answer for label, answer in found.items() if not label.startswith("*")}
    assert own == dict.fromkeys(("[2001:db8::1]:443", "192.0.2.1:443", "192.0.2.1:80"), "app.example.com tls")


def test_listening_on_one_address_only(apache):
    apache.write("apache2.conf", apache.read("apache2.conf").replace("Listen 443", "Listen 192.0.2.7:443 https"))
    assert served(apache, "app.example.com")["192.0.2.7:443"] == "app.example.com tls"


@pytest.mark.parametrize(
    ("line", "hostname", "named"),
    [
        ("ServerAlias b.example.com *.wild.example.com", "x.wild.example.com", True),
        ("ServerAlias b.example.com *.wild.example.com", "wild.example.com", False),
        ("ServerAlias B.Example.com.", "b.example.com", True),
        ("ServerAlias www?.example.com", "www1.example.com", True),
        ("# ServerAlias b.example.com", "b.example.com", False),
    ],
)
def test_aliases(apache, line, hostname, named):
    apache.write("sites-enabled/site.conf", apache.site + site(apache, "*:443", "first.example.com", line))
    assert (served(apache, hostname)["*:443"] == "first.example.com tls") is named


def test_aliases_of_a_virtual_host_that_is_alone_at_its_address(apache):
    # Apache's dump leaves them out, and so does the fake one.
    apache.write("sites-enabled/site.conf", site(apache, "*:443", "a.example.com", "ServerAlias app.example.com"))
    assert served(apache, "app.example.com")["*:443"] == "a.example.com tls"


def test_names_in_an_included_file_and_in_a_condition(apache):
    apache.write("extra/names.conf", "ServerAlias app2.example.com\n")
    include = ("<IfModule mod_alias.c>", "Include extra/names.conf", "</IfModule>")
    apache.write("sites-enabled/z.conf", site(apache, "*:443", "z.example.com", *include))
    assert served(apache, "app2.example.com")["*:443"] == "z.example.com tls"


def test_variables_in_names_and_addresses(apache):
    apache.defines.update(ZONE="example.com", PORT="443")
    text = site(apache, "*:443", "unused", "ServerAlias v.${ZONE}").replace("ServerName unused", "ServerName w.${ZONE}")
    apache.write("sites-enabled/v.conf", text)
    found = apache.discover()
    (place,) = sites.places(found, "v.example.com", tls=True)
    assert place.own_names == ["w.example.com", "v.example.com"]


def test_the_first_with_the_name_wins(apache):
    apache.write("sites-enabled/zz.conf", site(apache, "*:443", "app.example.com"))
    (place,) = sites.places(apache.discover(), "app.example.com", tls=True)
    assert place.host.file.endswith("site.conf")
    assert place.listeners == ("*:443",)
    assert not place.is_default


def test_the_default_virtual_host_decides_about_tls(apache):
    apache.write("sites-enabled/a.conf", "Listen 8443\n" + site(apache, "*:8443", "x.example.com", tls=False))
    apache.write("sites-enabled/b.conf", site(apache, "*:8443", "app.example.com"))
    assert served(apache, "app.example.com")["*:8443"] == "app.example.com"


def test_the_name_in_the_virtual_host_line_counts(apache):
    apache.write("sites-enabled/site.conf", apache.site + site(apache, "other.example.com:443", ""))
    (section,) = [s for s in apache.discover().tree.sections("virtualhost") if s.argument.startswith("other")]
    host = next(h for g in apache.discover().dump.groups for h in g.hosts if g.address == "other.example.com")
    assert matching.names_of(host, section).match("other.example.com")
