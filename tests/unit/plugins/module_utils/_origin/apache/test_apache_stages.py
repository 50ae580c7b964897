# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stage is what a virtual host has loaded: lost lines, further listeners, and whom a site trusts."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Protection

APP = "app.example.com"
SITE = "sites-enabled/site.conf"
MORE = "sites-enabled/more.conf"


def stages(apache):
    return {site.listeners[0]: site.stage_after for site in apache.driver().inspect(apache.discover(), [APP])}


def lost(apache):
    return [(one.hostname, one.stage) for one in apache.driver().lost(apache.discover())]


def further(apache, name=APP, port="8443"):
    apache.write("conf-enabled/ports.conf", f"Listen {port}\n")
    apache.write(
        MORE,
        f"<VirtualHost *:{port}>\nServerName {name}\nDocumentRoot /var/www/{name}\n{apache.tls}</VirtualHost>\n",
    )


def moved(text):
    """Our two lines in the virtual host before."""
    lines = text.splitlines(keepends=True)
    ours = [line for line in lines if "aop/" in line or "originlock" in line]
    rest = [line for line in lines if line not in ours]
    rest[3:3] = ours
    return "".join(rest)


def in_plain(text):
    ours = "".join(line for line in text.splitlines(keepends=True) if "aop/" in line or "originlock" in line)
    return text.replace(ours, "").replace("    ServerName default80", ours + "    ServerName default80")


@pytest.mark.parametrize("before", ["enforce", "log_only"])
@pytest.mark.parametrize(
    "what", ["lines removed", "older file", "another host", "plain host", "not loaded", "file gone"]
)
def test_what_nothing_loads_protects_nothing(apache, what, before):
    apache.carry_out(apache.want(stage=before))
    assert lost(apache) == []
    text = apache.read(SITE)
    if what == "file gone":
        further(apache, port="443")
        apache.write(SITE, "")
    elif what == "not loaded":
        apache.not_loaded.add(apache.paths.snippets(APP)[0])
    else:
        changed = {"another host": moved(text), "plain host": in_plain(text)}
        apache.write(SITE, changed.get(what, apache.site))
    assert stages(apache) == {"*:443": "off"}
    assert lost(apache) == [(APP, before)]
    plan = apache.carry_out(apache.want(), never_relax=True)
    assert [(site.stage_before, site.stage_after) for site in plan.sites] == [("off", "log_only")]
    apache.not_loaded.clear()
    assert stages(apache) == {"*:443": "log_only"}
    assert lost(apache) == []
    apache.carry_out(apache.want(stage="off"))
    assert "aop" not in "".join(apache.tree())


def test_what_is_lost_can_be_cleaned_up(apache):
    before = apache.tree()
    apache.carry_out(apache.want(stage="enforce"))
    apache.write(SITE, apache.site)
    (one,) = apache.driver().lost(apache.discover())
    assert one.files == (apache.paths.snippets(APP)[0],)
    apache.carry_out(apache.want(stage="off"))
    assert apache.tree() == before


def test_a_further_listener_is_not_enforced_by_log_only(apache):
    before = apache.tree()
    apache.carry_out(apache.want(stage="enforce"))
    further(apache)
    added = {name: content for name, content in apache.tree().items() if name in (MORE, "conf-enabled/ports.conf")}
    plan = apache.carry_out(apache.want(), never_relax=True)
    assert sorted((site.stage_before, site.stage_after) for site in plan.sites) == [
        ("enforce", "enforce"),
        ("off", "log_only"),
    ]
    assert stages(apache) == {"*:443": "enforce", "*:8443": "log_only"}
    first, second = apache.paths.snippets(APP)
    assert "SSLVerifyClient require" in apache.read(first)
    assert "SSLVerifyClient optional_no_ca" in apache.read(second)
    assert second in apache.read(MORE)
    assert second not in apache.read(SITE)
    log = apache.read("conf-enabled/originlock-aop.conf")
    assert "in {'app.example.com'} && reqenv('originlock_aop_stage') == 'log_only'" in log
    assert "in {'app.example.com'} && reqenv('originlock_aop_stage') != 'log_only'" in log
    assert apache.plan(apache.want(), never_relax=True).changes == []

    # Whoever isn't listed stays as it is, in each virtual host.
    assert [c.path for c in apache.plan(Protection("other.example.com", "off")).changes] == []

    # enforce brings it up, and all use one file again.
    apache.carry_out(apache.want(stage="enforce"))
    assert stages(apache) == {"*:443": "enforce", "*:8443": "enforce"}
    assert second not in apache.read(MORE)
    assert "reqenv" not in apache.read("conf-enabled/originlock-aop.conf")
    apache.carry_out(apache.want(stage="off"))
    assert apache.tree() == {**before, **added}


def test_the_way_back_takes_all_to_one_stage(apache):
    apache.carry_out(apache.want(stage="enforce"))
    further(apache)
    apache.carry_out(apache.want(), never_relax=True)
    apache.carry_out(apache.want())
    assert set(stages(apache).values()) == {"log_only"}
    assert apache.plan(apache.want(), never_relax=True).changes == []


def test_somebody_elses_lines_decide_which_file_it_is(apache):
    apache.carry_out(apache.want(stage="enforce"))
    further(apache)
    second = apache.paths.snippets(APP)[1]
    asked = apache.plan(apache.want(), never_relax=True, manage_sites=False).errors
    assert [finding.code for finding in asked] == ["include_line_missing"]
    assert f"IncludeOptional {second}" in asked[0].message
    apache.write(MORE, apache.read(MORE).replace("</V", f"IncludeOptional {second}\n</V"))
    for stage, then in (("log_only", "log_only"), ("enforce", "enforce"), ("log_only", "enforce")):
        apache.carry_out(apache.want(stage=stage), never_relax=True, manage_sites=False)
        assert stages(apache) == {"*:443": "enforce", "*:8443": then}


def test_a_site_that_demands_less_can_be_left_alone(apache):
    further(apache)
    apache.carry_out(apache.want(stage="log_only"))
    apache.write(MORE, apache.read(MORE).replace("IncludeOptional", "#"))
    assert stages(apache) == {"*:443": "log_only", "*:8443": "off"}
    assert apache.plan(apache.want(stage="log_only"), relax_only=True).errors == []
    plan = apache.plan(apache.want(stage="log_only"), relax_only=True)
    assert [(site.listeners[0], site.stage_after) for site in plan.sites] == [("*:443", "log_only"), ("*:8443", "off")]
    assert apache.plan(Protection("other.example.com", "log_only"), relax_only=True).errors == []


def sha256(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_whom_a_site_trusts(apache):
    one, two = sha256(apache.ca_one), sha256(apache.ca_two)
    (site,) = apache.carry_out().sites
    assert (site.trusts_before, site.trusts) == ((), (one,))
    (site,) = apache.driver().inspect(apache.discover(), [])
    assert site.as_dict()["trusts"] == [one]
    (site,) = apache.plan(apache.want(bundle=apache.ca_one + apache.ca_two)).sites
    assert (site.trusts_before, site.trusts) == ((one,), tuple(sorted((one, two))))
    (site,) = apache.plan(apache.want(stage="off")).sites
    assert (site.trusts_before, site.trusts) == ((one,), ())


def test_the_way_back_needs_nothing_but_what_is_on_the_origin(apache):
    apache.carry_out(apache.want(stage="enforce"))
    (site,) = apache.carry_out(Protection(APP, "log_only")).sites
    assert (site.stage_after, site.trusts, site.trusts_before) == (
        "log_only",
        site.trusts_before,
        (sha256(apache.ca_one),),
    )
    assert apache.plan(Protection(APP, "log_only")).changes == []
    # A further virtual host isn't asked to trust what nobody has verified.
    further(apache)
    assert apache.plan(Protection(APP, "log_only")).changes == []
    assert [f.code for f in apache.plan(Protection("default.example.net", "log_only")).errors] == ["bad_trust_bundle"]


def test_what_enforce_will_refuse_is_told_at_log_only(apache):
    apache.write(
        SITE, apache.site.replace("ServerName app.example.com", "ServerName app.example.com\n ServerAlias b.test")
    )
    (refusal,) = apache.plan(apache.want(stage="enforce")).errors
    told = [finding for finding in apache.carry_out().findings if finding.code == "shared_names"]
    assert [(one.severity, one.hostname, one.line, one.remedy) for one in told] == [
        ("warning", APP, refusal.line, refusal.remedy)
    ]
    assert told[0].message == refusal.message + ". It will be refused at enforce"
    # On the way back nobody is told what speaks against going forward.
    assert {finding.severity for finding in apache.plan(Protection(APP, "log_only")).findings} <= {"info"}
