# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import planning
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options

STAGE_HEADER = "# originlock.aop stage={} hostname=app.example.com"


def after(plan, suffix):
    (change,) = [change for change in plan.files if change.path.endswith(suffix)]
    return None if change.after is None else change.after.decode()


def test_log_only_writes_everything_and_touches_only_the_right_virtual_host(apache):
    plan = apache.plan()
    assert plan.errors == []
    assert plan.activation == "reload"
    snippet = after(plan, "/aop/app.example.com.conf")
    assert snippet.startswith(STAGE_HEADER.format("log_only"))
    assert "SSLVerifyClient optional_no_ca\n" in snippet
    assert "SSLVerifyDepth 10\n" in snippet
    assert f'SSLCACertificateFile "{apache.root}/aop/app.example.com.pem"' in snippet
    assert after(plan, "/aop/app.example.com.pem") == apache.ca_one
    assert (plan.sites[0].stage_before, plan.sites[0].stage_after) == ("off", "log_only")
    assert (plan.sites[0].line, plan.sites[0].listeners) == (7, ("*:443",))
    before, now = apache.site.splitlines(), after(plan, "site.conf").splitlines()
    added = [line for line in now if line not in before]
    assert len(now) == len(before) + 2
    assert added[0].startswith("    # originlock.aop: hostname=app.example.com ")
    assert added[1] == f"    IncludeOptional {apache.root}/aop/app.example.com.conf"
    assert now[now.index(added[1]) + 1] == before[10 + 1] == "</VirtualHost>"


def test_the_log_is_additional_and_tells_the_stage(apache):
    text = after(apache.plan(), "originlock-aop.conf")
    assert f'GlobalLog "{apache.root}/log/aop.log" originlock_aop_log_only' in text
    assert "%{SERVER_NAME} in {'app.example.com'}" in text
    assert '\\"stage\\":\\"log_only\\"' in text
    assert "CustomLog" not in text


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_a_second_run_changes_nothing_and_off_leaves_nothing(apache, stage):
    before = apache.tree()
    apache.carry_out(apache.want(stage=stage))
    again = apache.plan(apache.want(stage=stage))
    assert (again.changes, again.activation) == ([], "none")
    assert again.sites[0].stage_before == stage
    apache.carry_out(apache.want(stage="off"))
    assert apache.tree() == before


def test_enforce_requires_and_says_so_in_the_header(apache):
    apache.carry_out()
    plan = apache.carry_out(apache.want(stage="enforce"))
    assert [change.path.rsplit("/", 1)[1] for change in plan.changes] == [
        "app.example.com.conf", "originlock-aop.conf",
    ]  # fmt: skip
    snippet = apache.read("aop/app.example.com.conf")
    assert snippet.startswith(STAGE_HEADER.format("enforce"))
    assert "SSLVerifyClient require\n" in snippet
    assert "SSLStrictSNIVHostCheck" not in snippet


def test_before_the_sni_policy_strict_sni_is_needed(apache):
    apache.version = "2.4.63"
    enforced = apache.plan(apache.want(stage="enforce"))
    assert "SSLStrictSNIVHostCheck on\n" in after(enforced, "/aop/app.example.com.conf")
    assert "SSLStrictSNIVHostCheck" not in after(apache.plan(), "/aop/app.example.com.conf")


def test_hostnames_that_are_not_listed_stay_as_they_are(apache):
    apache.carry_out(apache.want("default.example.net"))
    snippet = apache.read("aop/default.example.net.conf")
    apache.carry_out(apache.want("app.example.com", "enforce", apache.ca_two))
    assert apache.read("aop/default.example.net.conf") == snippet
    assert "'default.example.net'" in apache.read("conf-enabled/originlock-aop.conf")
    apache.carry_out(apache.want("app.example.com", "off"))
    assert apache.read("aop/default.example.net.conf") == snippet
    text = apache.read("sites-enabled/site.conf")
    assert text.count("IncludeOptional") == 1
    assert f"IncludeOptional {apache.root}/aop/default.example.net.conf" in text


def test_every_address_that_serves_the_hostname_gets_the_line(apache):
    apache.write(
        "sites-enabled/six.conf",
        f"<VirtualHost [2001:db8::1]:443>\nServerName app.example.com\n{apache.tls}</VirtualHost>\n",
    )
    plan = apache.carry_out(apache.want(stage="enforce"))
    assert sorted(site.listeners for site in plan.sites) == [("*:443",), ("[2001:db8::1]:443",)]
    assert "IncludeOptional" in apache.read("sites-enabled/six.conf")
    assert [site.stage_before for site in apache.plan(apache.want(stage="enforce")).sites] == ["enforce", "enforce"]


def test_off_for_a_hostname_that_nobody_serves_any_more_cleans_up(apache):
    before = apache.tree()
    apache.carry_out()
    apache.write("sites-enabled/site.conf", apache.read("sites-enabled/site.conf").replace("Name app.", "Name gone."))
    apache.carry_out(apache.want(stage="off"))
    apache.write("sites-enabled/site.conf", apache.read("sites-enabled/site.conf").replace("Name gone.", "Name app."))
    assert apache.tree() == before


def test_off_takes_the_line_out_of_a_site_that_is_switched_off(apache):
    line = "# originlock.aop: hostname=app.example.com (x)\nIncludeOptional /x.conf\n"
    apache.write("sites-available/other.conf", line)
    apache.write("sites-available/real.conf", apache.site)
    os.unlink(os.path.join(apache.root, "sites-enabled/site.conf"))
    os.symlink("../sites-available/real.conf", os.path.join(apache.root, "sites-enabled/real.conf"))
    apache.carry_out()
    assert "IncludeOptional" in apache.read("sites-available/real.conf")
    assert os.path.islink(os.path.join(apache.root, "sites-enabled/real.conf"))
    apache.carry_out(apache.want(stage="off"))
    assert apache.read("sites-available/other.conf") == ""
    assert apache.read("sites-available/real.conf") == apache.site


def test_line_endings_and_bytes_of_the_users_file_stay(apache):
    site = apache.site.replace("\n", "\r\n").replace("ServerName app", "# Gr\u00fc\u00dfe\r\n\tServerName app")
    apache.write("sites-enabled/site.conf", site)
    apache.carry_out()
    text = apache.read("sites-enabled/site.conf")
    assert "\n" not in text.replace("\r\n", "")
    apache.carry_out(apache.want(stage="off"))
    assert apache.read("sites-enabled/site.conf") == site


def test_inspect(apache):
    driver = apache.driver()
    assert driver.inspect(apache.discover(), []) == []
    apache.carry_out(apache.want(stage="enforce"))
    (site,) = driver.inspect(apache.discover(), [])
    assert (site.hostname, site.stage_before, site.stage_after) == ("app.example.com", "enforce", "enforce")
    (other,) = driver.inspect(apache.discover(), ["default.example.net"])
    assert other.stage_before == "off"


def test_the_stage_is_what_is_loaded_not_what_lies_around(apache):
    apache.carry_out(apache.want(stage="enforce"))
    apache.write("sites-enabled/site.conf", apache.site)
    assert apache.plan(apache.want(stage="enforce")).sites[0].stage_before == "off"


def test_a_line_of_the_users_own_is_recognised_and_stays(apache):
    line = f"    IncludeOptional {apache.root}/aop/app.example.com.conf\n"
    site = apache.site.replace("DocumentRoot /var/www/app\n", f"DocumentRoot /var/www/app\n{line}")
    apache.write("sites-enabled/site.conf", site)
    plan = apache.carry_out(manage_sites=False)
    assert not any(change.path.endswith("site.conf") for change in plan.changes)
    assert apache.plan().sites[0].stage_before == "log_only"
    apache.carry_out(apache.want(stage="off"))
    assert apache.read("sites-enabled/site.conf") == site


def test_a_pattern_of_the_users_own_is_recognised(apache):
    line = "    IncludeOptional aop/app.example.com*.conf\n"
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", line))
    assert not any(change.path.endswith("site.conf") for change in apache.plan().changes)


def test_two_protected_names_in_one_virtual_host(apache):
    name = "ServerName app.example.com"
    both = apache.site.replace(name, f"{name}\n    ServerAlias www.example.com")
    apache.write("sites-enabled/site.conf", both)
    wanted = [apache.want("app.example.com", "enforce"), apache.want("www.example.com", "enforce")]
    apache.carry_out(*wanted)
    assert apache.read("sites-enabled/site.conf").count("IncludeOptional") == 2
    assert apache.plan(*wanted).changes == []
    apache.carry_out(apache.want("app.example.com", "off"), apache.want("www.example.com", "off"))
    assert apache.read("sites-enabled/site.conf") == both


def test_a_log_that_the_distribution_does_not_rotate_gets_a_rule(apache):
    apache.write("srv/x", "")
    before = apache.tree()
    apache.carry_out(log_path=f"{apache.root}/srv/aop.log")
    rule = apache.read("logrotate.d/originlock-aop-apache")
    assert f"{apache.root}/srv/aop.log {{" in rule
    assert "systemctl reload apache2.service" in rule
    # Another run without the option keeps the place.
    assert apache.plan().changes == []
    apache.carry_out(apache.want(stage="off"))
    assert apache.tree() == before


def test_a_rule_for_another_directory_rotates_nothing_here(apache):
    apache.write("log/aop/x", "")
    apache.carry_out(log_path=f"{apache.root}/log/aop/aop.log")
    assert f"{apache.root}/log/aop/aop.log {{" in apache.read("logrotate.d/originlock-aop-apache")


def test_the_log_has_the_time_at_which_a_request_ended(apache):
    apache.carry_out()
    assert '\\"time\\":\\"%{end:sec}t.%{end:msec_frac}t\\"' in apache.read("conf-enabled/originlock-aop.conf")


def test_the_peer_behind_a_load_balancer_is_who_the_proxy_header_names(apache):
    plain = after(apache.plan(apache.want(), apache.want("default.example.net", "enforce")), "originlock-aop.conf")
    assert plain.count("GlobalLog") == plain.count('\\"peer\\":\\"%{c}a\\"') == 2
    apache.write(
        "sites-enabled/z.conf",
        f"Listen 8443\n<VirtualHost *:8443>\nServerName lb.example.com\nRemoteIPProxyProtocol On\n{apache.tls}"
        "</VirtualHost>\n",
    )
    apache.carry_out(apache.want(), apache.want("lb.example.com"))
    log = apache.read("conf-enabled/originlock-aop.conf").splitlines()
    formats = {line.rpartition(" ")[2]: line for line in log if line.startswith("LogFormat")}
    assert '"peer\\":\\"%{c}a\\"' in formats["originlock_aop_log_only"]
    assert '"peer\\":\\"%a\\"' in formats["originlock_aop_log_only_proxied"]
    (line,) = [line for line in log if " originlock_aop_log_only_proxied " in line and line.startswith("GlobalLog")]
    assert "{'lb.example.com'}" in line


def test_the_log_goes_where_apache_includes_it(apache):
    apache.write("apache2.conf", apache.read("apache2.conf").replace("IncludeOptional conf-enabled/*.conf\n", ""))
    apache.carry_out()
    assert "GlobalLog" in apache.read("sites-enabled/originlock-aop.conf")
    assert apache.plan().changes == []
    apache.carry_out(apache.want(stage="off"))
    assert "sites-enabled/originlock-aop.conf" not in apache.tree()


def test_plain_http_is_redirected_on_wish(apache):
    plain = "<VirtualHost *:80>\nServerName app.example.com\nDocumentRoot /var/www/app\n</VirtualHost>\n"
    apache.write("sites-enabled/plain.conf", plain)
    before = apache.tree()
    apache.carry_out(apache.want(stage="enforce"), plain_http="redirect")
    text = apache.read("aop/plain/app.example.com.conf")
    assert 'Redirect permanent "https://%{SERVER_NAME}%{REQUEST_URI}"' in text
    assert "acme-challenge" in text
    assert f"IncludeOptional {apache.root}/aop/plain/app.example.com.conf" in apache.read("sites-enabled/plain.conf")
    assert apache.plan(apache.want(stage="enforce"), plain_http="redirect").changes == []
    assert "closed by the redirect that this role made, which would be removed" in apache.codes()["plain_http_open"]
    assert "Set plain_http to redirect, as before" in apache.codes()["plain_http_open"]
    assert apache.plan(apache.want(stage="enforce")).changes == []
    apache.carry_out(apache.want(stage="log_only"))
    assert apache.read("sites-enabled/plain.conf") == plain
    apache.carry_out(apache.want(stage="off"))
    assert apache.tree() == before


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("127.0.0.1:8443", ""),
        ("[::1]:8443", ""),
        ("8443", ":8443"),
        ("192.0.2.1:8443", ":8443"),
        ("127.0.0.1:8443\nListen 9443", ":9443"),
    ],
)
def test_a_redirect_leads_to_no_port_of_this_machine_alone(apache, listen, place):
    site = (
        "<VirtualHost *:8443 *:9443>\nServerName app.example.com\n{}</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName app.example.com\nDocumentRoot /var/www/app\n</VirtualHost>\n"
    )
    apache.write("conf-enabled/listen.conf", f"Listen {listen}\n")
    apache.write("sites-enabled/site.conf", site.format(f"DocumentRoot /var/www/app\n{apache.tls}"))
    plan = apache.plan(apache.want(stage="enforce"), plain_http="redirect")
    assert plan.errors == []
    assert f'"https://%{{SERVER_NAME}}{place}%{{REQUEST_URI}}"' in after(plan, "/plain/app.example.com.conf")


def test_many_hostnames_are_planned_in_reasonable_time(apache):
    names = [f"h{number}.example.com" for number in range(300)]
    for name in names:
        apache.write(
            f"sites-enabled/{name}.conf",
            f"<VirtualHost *:80>\nServerName {name}\nRedirect / https://{name}/\n</VirtualHost>\n"
            f"<VirtualHost *:443>\nServerName {name}\nDocumentRoot /var/www/{name}\nInclude extra/tls.conf\n"
            f"{apache.tls}</VirtualHost>\n",
        )
    apache.write("extra/tls.conf", "SSLProtocol all\n")
    found = apache.discover()
    started = time.monotonic()
    plan = planning.plan(found, [apache.want(name, "enforce") for name in names], Options())
    assert plan.errors == []
    assert len(plan.sites) == 300
    assert time.monotonic() - started < 20
