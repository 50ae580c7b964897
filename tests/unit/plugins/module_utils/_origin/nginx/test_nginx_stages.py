# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stage is what a server block has loaded: lost lines, further listeners, and whom a site trusts."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.model import OFF, Plan, Protection
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import plan
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.survey import Discovery
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    CA,
    OTHER_CA,
    SITE,
    after,
    codes,
    discover,
    make,
    site,
    text_of,
    wish,
)

SHOP = "shop.example.com"
BLOCKS = (
    f"server {{\n    listen 443 ssl;\n    server_name {SHOP};\n    root /srv/shop;\n}}\n"
    f"server {{\n    listen 443 ssl;\n    server_name {APP};\n    root /srv/app;\n}}\n"
)
FURTHER = f"server {{\n    listen 8443 ssl;\n    server_name {APP};\n    root /srv/app;\n}}\n"
CONF_D = "/etc/nginx/conf.d/00-originlock-aop.conf"


def changed(found: Discovery, text: str) -> Discovery:
    """After somebody wrote the site file anew."""
    return discover({**found.dump.files, SITE: text}, found.own)


def stages(found: Discovery, name: str = APP) -> dict[str, str]:
    return {one.listeners[0]: one.stage_after for one in plan.sites(found, [name])}


def ends(made: Plan) -> list[tuple[str, str, str]]:
    return [(one.listeners[0], one.stage_before, one.stage_after) for one in made.sites]


@pytest.mark.parametrize("before", ["enforce", "log_only"])
@pytest.mark.parametrize("what", ["lines removed", "another block"])
def test_what_nothing_loads_protects_nothing(what: str, before: str) -> None:
    found = site(BLOCKS)
    found = after(found, make(found, wish(stage=before)))
    assert plan.lost(found) == []
    line = "\n    include /etc/nginx/aop/app.example.com.con[f];  # originlock.aop"
    assert line in found.dump.files[SITE]
    text = BLOCKS if what == "lines removed" else BLOCKS.replace("{", "{" + line, 1)
    found = changed(found, text)
    (lost,) = plan.lost(found)
    assert (lost.hostname, lost.stage) == (APP, before)
    assert lost.files == ("/etc/nginx/aop/app.example.com.conf",)
    made = make(found, wish(), never_relax=True)
    assert ("*:443", "off", "log_only") in ends(made)
    assert [one.stage_after for one in made.sites].count("enforce") == 0
    later = after(found, made)
    assert stages(later) == {"*:443": "log_only"}
    assert later.protected() == {APP: "log_only"}
    assert plan.lost(later) == []
    gone = after(later, make(later, wish(stage="off")))
    assert (dict(gone.own), gone.dump.files[SITE]) == ({}, BLOCKS)


def test_what_is_lost_can_be_cleaned_up() -> None:
    found = site(BLOCKS)
    found = changed(after(found, make(found, wish(stage="enforce"))), BLOCKS)
    gone = after(found, make(found, wish(stage="off")))
    assert (dict(gone.own), plan.lost(gone)) == ({}, [])


def test_a_further_listener_is_not_enforced_by_log_only() -> None:
    found = site(BLOCKS)
    found = after(found, make(found, wish(stage="enforce")))
    found = changed(found, found.dump.files[SITE] + FURTHER)
    made = make(found, wish(), never_relax=True)
    assert ends(made) == [("*:443", "enforce", "enforce"), ("*:8443", "off", "log_only")]
    assert "ssl_verify_client on;" in text_of(made, "/app.example.com.conf")
    weak = text_of(made, "/app.example.com-2.conf")
    assert "ssl_verify_client optional_no_ca;" in weak
    assert "originlock_aop_2 if=$aop_logged;" in weak
    http = text_of(made, "00-originlock-aop.conf")
    assert 'map $host $aop_stage_2 {\n    default "";\n    app.example.com log_only;\n}' in http
    assert 'map $host $aop_stage {\n    default "";\n    app.example.com enforce;\n}' in http
    found = after(found, made)
    assert stages(found) == {"*:443": "enforce", "*:8443": "log_only"}
    assert make(found, wish(), never_relax=True).changes == []
    # Whoever isn't listed stays as it is, in each block.
    later = after(found, make(found, wish(SHOP)))
    assert stages(later) == {"*:443": "enforce", "*:8443": "log_only"}
    # enforce brings it up.
    made = make(found, wish(stage="enforce"))
    found = after(found, made)
    assert set(stages(found).values()) == {"enforce"}
    assert "aop_stage_2" not in text_of(made, "00-originlock-aop.conf")
    gone = after(found, make(found, wish(stage="off")))
    assert gone.dump.files[SITE] == BLOCKS + FURTHER


def test_names_of_one_block_keep_their_own_stages() -> None:
    """SHOP is enforced in the block where APP, which is enforced elsewhere, only logs."""
    found = site(BLOCKS)
    found = after(found, make(found, wish(stage="enforce")))
    found = changed(found, found.dump.files[SITE] + FURTHER.replace(APP, f"{APP} {SHOP}"))
    made = make(found, wish(), wish(SHOP, "enforce"), never_relax=True)
    assert ends(made) == [
        ("*:443", "enforce", "enforce"),
        ("*:8443", "off", "log_only"),
        ("*:443", "off", "enforce"),
        ("*:8443", "off", "enforce"),
    ]
    weak = next(
        text_of(made, path.path)
        for path in made.files
        if b"$aop_denied_2" in (path.after or b"") and path.path != CONF_D
    )
    assert weak.count("if ($aop_denied_2) { return 403; }") == 2
    http = text_of(made, "00-originlock-aop.conf")
    assert "map $host $aop_by_host_2 {\n    default 0;\n    shop.example.com 1;\n}" in http
    assert "map $host $aop_by_host {\n    default 0;\n    app.example.com 1;\n    shop.example.com 1;\n}" in http


def sha256(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_whom_a_site_trusts() -> None:
    found = site(f"server {{\n    listen 443 ssl;\n    server_name {APP} {SHOP};\n}}\n")
    made = make(found, wish(), wish(SHOP, bundle=OTHER_CA))
    assert [(one.hostname, one.trusts_before, one.trusts) for one in made.sites] == [
        (APP, (), (sha256(CA),)),
        (SHOP, (), (sha256(OTHER_CA),)),
    ]
    found = after(found, made)
    assert [(one.hostname, one.as_dict()["trusts"]) for one in plan.sites(found, [])] == [
        (APP, [sha256(CA)]),
        (SHOP, [sha256(OTHER_CA)]),
    ]
    (one,) = make(found, wish(bundle=CA + OTHER_CA)).sites
    assert (one.trusts_before, one.trusts) == ((sha256(CA),), tuple(sorted((sha256(CA), sha256(OTHER_CA)))))
    (one,) = make(found, wish(stage="off")).sites
    assert (one.trusts_before, one.trusts) == ((sha256(CA),), ())


def test_the_way_back_needs_nothing_but_what_is_on_the_origin() -> None:
    found = site(BLOCKS)
    found = after(found, make(found, wish(stage="enforce")))
    found = changed(found, found.dump.files[SITE] + FURTHER)
    made = make(found, Protection(APP, "log_only"))
    # A further block isn't asked to trust what nobody has verified.
    assert ends(made) == [("*:443", "enforce", "log_only")]
    assert made.sites[0].trusts == made.sites[0].trusts_before == (sha256(CA),)
    found = after(found, made)
    assert make(found, Protection(APP, "log_only")).changes == []
    assert codes(make(found, Protection(SHOP, "log_only"))) == ["bad_trust_bundle"]


def test_a_site_that_demands_less_can_be_left_alone() -> None:
    found = site(BLOCKS)
    found = after(found, make(found, wish()))
    made = make(found, wish(stage="enforce"), wish(SHOP), Protection("none.example.com", "log_only"), relax_only=True)
    assert (codes(made), made.changes) == ([], [])
    assert ends(made) == [("*:443", "log_only", "log_only")]
    assert ends(make(found, wish(stage=OFF), relax_only=True)) == [("*:443", "log_only", "off")]


def test_what_enforce_will_refuse_is_told_at_log_only() -> None:
    found = site(BLOCKS.replace("root /srv/app;", "root /srv/app;\n    ssl_early_data on;\n    error_page 403 @page;"))
    refusals = {one.code: one for one in make(found, wish(stage="enforce")).errors}
    assert set(refusals) == {"ssl_early_data", "error_page_named"}
    told = [one for one in make(found, wish()).findings if one.code in refusals]
    assert {one.code: (one.severity, one.line, one.message) for one in told} == {
        code: ("warning", one.line, one.message + ". It will be refused at enforce") for code, one in refusals.items()
    }
    # It's no warning for one that is enforced, and none for one that stays off.
    assert [one for one in make(found, wish(), relax_only=True).findings if one.code in refusals] == []
