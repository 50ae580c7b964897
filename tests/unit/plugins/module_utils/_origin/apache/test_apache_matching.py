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
        ("ServerAlias B.Example.com", "b.example.com", True),
        ("ServerAlias b.example.com.", "b.example.com", False),
        ("ServerAlias www?.example.com", "www1.example.com", True),
        ("# ServerAlias b.example.com", "b.example.com", False),
    ],
)
def test_aliases(apache, line, hostname, named):
    apache.write("sites-enabled/site.conf", apache.site + site(apache, "*:443", "first.example.com", line))
    assert (served(apache, hostname)["*:443"] == "first.example.com tls") is named


def test_aliases_of_a_virtual_host_that_is_alone_at_its_address(apache):
    # Apache's dump leaves them out.
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


def test_a_variable_that_each_file_sets_for_itself(apache):
    for name, host in (("a", "alpha"), ("z", "app")):
        text = site(apache, "*:443", "${SITE}", "ServerAlias www.${site}", "DocumentRoot ${ROOT}/x")
        undo = "UnDefine SITE\nUnDefine ROOT\n"
        set_both = f"Define SITE {host}.example.com\nDefine ROOT /srv/{host}\n"
        apache.write(f"sites-enabled/{name}.conf", set_both + text + undo)
    apache.write("sites-enabled/site.conf", apache.site.replace("app.example.com", "other.example.com"))
    found = apache.discover()
    for host, file in (("alpha", "a.conf"), ("app", "z.conf")):
        for prefix in ("", "www."):
            (place,) = sites.places(found, f"{prefix}{host}.example.com", tls=True)
            assert place.host.file.endswith(file)
            assert place.own_names == [f"{host}.example.com", f"www.{host}.example.com"]
            assert found.tree.absolute(place.section.children[2].arguments[0]) == f"/srv/{host}/x"
    apache.carry_out(apache.want(stage="enforce"), apache.want("www.app.example.com", "enforce"))
    assert "aop" not in apache.read("sites-enabled/a.conf")
    assert "aop" in apache.read("sites-enabled/z.conf")


def test_what_apache_tells_wins_over_what_we_read(apache):
    # As if a condition that only Apache can decide had defined it.
    apache.write("sites-enabled/a.conf", "Define SITE app.example.com\n" + site(apache, "*:443", "${SITE}"))
    told, place = apache.dump, f"({apache.root}/sites-enabled/a.conf"
    apache.dump = lambda: told().replace(f"app.example.com {place}", f"b.example.com {place}")
    (place,) = sites.places(apache.discover(), "app.example.com", tls=True)
    assert place.host.file.endswith("site.conf")


@pytest.mark.parametrize(
    ("server", "own", "other", "proxied"),
    [
        ("", "", "", False),
        ("", "On", "", True),
        ("", "", "On", True),
        ("", "On", "Off", False),
        ("", "Off", "on", True),
        ("On", "", "", True),
        ("On", "Off", "", False),
        ("Off", "On", "", False),
    ],
)
def test_the_proxy_protocol_is_a_matter_of_addresses(apache, server, own, other, proxied):
    def line(value):
        return (f"RemoteIPProxyProtocol {value}",) if value else ()

    apache.write("conf-enabled/a.conf", "".join(f"{text}\n" for text in line(server)))
    apache.write("sites-enabled/site.conf", site(apache, "*:443", "app.example.com", *line(own)))
    apache.write("sites-enabled/z.conf", site(apache, "*:443", "z.example.com", *line(other)))
    assert sites.behind_proxy(apache.discover(), "app.example.com") is proxied


def test_the_proxy_protocol_of_another_address(apache):
    apache.write("sites-enabled/z.conf", site(apache, "192.0.2.1:443", "app.example.com", "RemoteIPProxyProtocol On"))
    found = apache.discover()
    behind = {point.label: matching.behind_proxy(found, point) for point in matching.endpoints(found)}
    assert behind == {"192.0.2.1:443": True, "*:443": False, "*:80": False}
    assert not sites.behind_proxy(found, "app.example.com")
    assert not sites.behind_proxy(found, "nobody.example.com")


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
