# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: what is written, what stays, what comes back, and how it becomes live."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import bundles
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import plan
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    CA,
    OTHER_CA,
    SITE,
    TLS,
    after,
    codes,
    discover,
    make,
    messages,
    site,
    text_of,
    wish,
)

SHOP = "shop.example.com"


def block(names: str = APP, inside: str = "root /srv;", listen: str = TLS) -> str:
    return f"server {{\n    {listen}\n    server_name {names};\n    {inside}\n}}\n"


def test_a_round_over_all_stages_ends_where_it_began() -> None:
    found = site(block() + block(SHOP))
    began = dict(found.dump.files)
    for stage in ("log_only", "enforce", "log_only", "off"):
        made = make(found, wish(stage=stage), wish(SHOP, stage))
        assert codes(made) == []
        found = after(found, made)
        assert found.protected() == ({} if stage == "off" else {APP: stage, SHOP: stage})
        assert make(found, wish(stage=stage)).changes == []
    assert dict(found.dump.files) == began
    assert found.own == {}
    assert made.own_directories == ("/etc/nginx/aop",)


def test_log_only_text() -> None:
    made = make(site(block()))
    assert text_of(made, "app.example.com.conf") == (
        "# originlock.aop stage=log_only hostname=app.example.com\n"
        "# Generated; changes are overwritten.\n"
        'ssl_client_certificate "/etc/nginx/aop/app.example.com.pem";\n'
        "ssl_verify_client optional_no_ca;\n"
        "ssl_verify_depth 3;\n"
        "error_page 495 = @aop_log_only;\n"
        "location @aop_log_only {\n"
        "    rewrite ^ $uri last;\n"
        "}\n"
        'access_log "/var/log/nginx/aop.log" originlock_aop if=$aop_logged;\n'
        'access_log "/var/log/nginx/access.log";\n'
    )
    assert "ssl_trusted_certificate" not in "".join(str(change.after) for change in made.files)


def test_enforce_text() -> None:
    text = text_of(make(site(block()), wish(stage="enforce")), "app.example.com.conf")
    assert "ssl_verify_client on;\n" in text
    assert "if ($aop_sni_mismatch) { return 421; }\n" in text
    assert "if ($aop_other_issuer) { return 403; }\n" in text
    assert "error_page" not in text


@pytest.mark.parametrize(
    ("http", "inside", "logs", "pages"),
    [
        ("access_log /a combined; access_log syslog:server=x;", "", ["/a combined", "syslog:server=x"], []),
        ("access_log off;", "", [], []),
        ("", "access_log /own;", [], []),
        ("", "", ['"/var/log/nginx/access.log"'], []),
        ("error_page 500 502 /5; error_page 404 =200 /x;", "access_log /own;", [], ["500 502 /5", "404 =200 /x"]),
        ("error_page 500 /50x.html;", "access_log /own; error_page 404 /own.html;", [], []),
    ],
)
def test_what_would_no_longer_be_inherited(http: str, inside: str, logs: list[str], pages: list[str]) -> None:
    text = text_of(make(site(block(inside=inside), http)), "app.example.com.conf")
    lines = text.splitlines()
    ours = 'access_log "/var/log/nginx/aop.log" originlock_aop if=$aop_logged;'
    assert [line for line in lines if line.startswith("access_log")] == [ours, *(f"access_log {log};" for log in logs)]
    assert [line for line in lines if line.startswith("error_page")] == [
        "error_page 495 = @aop_log_only;",
        *(f"error_page {page};" for page in pages),
    ]


@pytest.mark.parametrize(
    ("names", "listen", "whole"),
    [
        (APP, TLS, True),
        (f"{APP} _", TLS, True),
        (f"{APP} {SHOP}", TLS, False),
        (f"{APP} intranet", TLS, False),
        (f"{APP} *.example.net", TLS, False),
        ("*.example.com", TLS, False),
        (r"~^app\.", TLS, False),
        (APP, "listen 443 ssl default_server;", False),
    ],
)
def test_who_must_show_a_certificate(names: str, listen: str, whole: bool) -> None:
    made = make(site(block(names, listen=listen)), wish(stage="enforce"))
    text = text_of(made, "app.example.com.conf")
    assert ("ssl_verify_client on;" in text) == whole
    assert ("if ($aop_denied) { return 403; }" in text) == (not whole)
    assert ("$aop_denied {" in text_of(made, "00-originlock-aop.conf")) == (not whole)


def test_all_names_of_a_block_together() -> None:
    made = make(site(block(f"{APP} {SHOP}")), wish(stage="enforce"), wish(SHOP, "enforce", OTHER_CA))
    assert "ssl_verify_client on;" in text_of(made, "app.example.com.conf")
    bundle = text_of(made, "app.example.com.pem")
    assert bundles.read_file(bundle)[0] == {APP: CA, SHOP: OTHER_CA}


def test_bundles_of_hostnames_that_are_not_listed_stay() -> None:
    found = site(block(f"{APP} {SHOP}"))
    found = after(found, make(found, wish(stage="enforce"), wish(SHOP, "enforce", OTHER_CA)))
    found = after(found, make(found, wish(SHOP, "off")))
    assert found.protected() == {APP: "enforce"}
    assert bundles.read_file(found.own["/etc/nginx/aop/app.example.com.pem"].decode())[0] == {APP: CA}
    assert make(found, wish(stage="enforce", bundle="")).changes == []


def test_one_ca_is_written_once() -> None:
    text = bundles.bundle_file({APP: CA + OTHER_CA + CA, SHOP: CA.replace("\n", "\r\n")}, {})
    assert text.count("BEGIN") == 2
    assert "# originlock.aop trusted for app.example.com shop.example.com\n" in text
    assert bundles.read_file(text) == ({APP: CA + OTHER_CA, SHOP: CA}, {})


def test_a_moved_server_name_takes_its_protection_along() -> None:
    found = site(block() + block(SHOP))
    found = after(found, make(found, wish(stage="enforce")))
    files = dict(found.dump.files)
    renamed = files[SITE].replace(f"server_name {APP}", "server_name old.example.com")
    files[SITE] = renamed.replace(SHOP, f"{SHOP} {APP}")
    moved = discover(files, found.own)
    later = after(moved, make(moved, wish(SHOP, "off")))
    assert [later.loaded(server) for server in later.web.servers] == [{}, {APP: "enforce"}]


@pytest.mark.parametrize(
    ("before", "stage", "bundle", "http", "activation"),
    [
        ("off", "log_only", CA, "ssl_session_cache shared:x:1m;", "reload"),
        ("off", "enforce", CA, "ssl_session_cache shared:x:1m;", "replace"),
        ("log_only", "enforce", CA, "ssl_session_cache shared:x:1m;", "replace"),
        ("log_only", "enforce", CA, "ssl_session_cache builtin:100 shared:x:1m;", "replace"),
        ("log_only", "enforce", CA, "", "reload"),
        ("log_only", "enforce", CA, "ssl_session_cache none;", "reload"),
        ("enforce", "log_only", CA, "ssl_session_cache shared:x:1m;", "reload"),
        ("enforce", "off", CA, "ssl_session_cache shared:x:1m;", "reload"),
        ("enforce", "enforce", CA, "ssl_session_cache shared:x:1m;", "none"),
        ("enforce", "enforce", CA + OTHER_CA, "ssl_session_cache shared:x:1m;", "reload"),
        ("enforce", "enforce", OTHER_CA, "ssl_session_cache shared:x:1m;", "replace"),
        ("log_only", "log_only", OTHER_CA, "ssl_session_cache shared:x:1m;", "replace"),
    ],
)
def test_activation(before: str, stage: str, bundle: str, http: str, activation: str) -> None:
    found = site(block(), http)
    found = after(found, make(found, wish(stage=before)))
    assert make(found, wish(stage=stage, bundle=bundle)).activation == activation


def test_a_shared_cache_of_another_block_counts() -> None:
    found = site(block() + block(SHOP, "ssl_session_cache shared:x:1m;"))
    assert make(found, wish(stage="enforce")).activation == "replace"


def test_the_log_gets_a_rotation_where_nothing_covers_it() -> None:
    found = replace(site(block()), rotated=("/var/log/nginx/access.log",))
    made = make(found, log_path="/srv/logs/aop.log")
    assert "/srv/logs/aop.log {" in text_of(made, "/etc/logrotate.d/originlock-aop-nginx")
    assert 'access_log "/srv/logs/aop.log" originlock_aop' in text_of(made, "app.example.com.conf")
    assert not any(change.path.startswith("/etc/logrotate.d") for change in make(site(block())).files)
    later = after(found, made)
    gone = make(later, wish(stage="off"), log_path="/srv/logs/aop.log")
    assert [change.after for change in gone.changes if "logrotate" in change.path] == [None]


def test_plain_http_is_not_logged() -> None:
    made = make(site(block(listen="listen 80; listen 443 ssl;")))
    http = text_of(made, "/00-originlock-aop.conf")
    assert 'map $https $aop_logged {\n    default "";\n    on $aop_stage;\n}\n' in http


@pytest.mark.parametrize(("realip", "peer"), [(True, "$realip_remote_addr"), (False, "$remote_addr")])
def test_who_a_load_balancer_names_is_the_peer(realip: bool, peer: str) -> None:
    found = site(block())
    made = make(replace(found, build=replace(found.build, realip=realip)))
    http = text_of(made, "/00-originlock-aop.conf")
    assert '\'{"time":"$msec","peer":"$aop_peer","status":"$status","server":"nginx","hostname":"$host",' in http
    assert "map $proxy_protocol_addr $aop_peer {\n    default $proxy_protocol_addr;\n" + f'    "" {peer};\n}}\n' in http


def test_quic_and_every_other_socket_count() -> None:
    content = block(listen="listen 443 ssl; listen 443 quic reuseport;") + block(listen="listen [::]:443 quic;")
    content += block(listen="listen 192.0.2.1:8443 ssl;")
    made = make(site(content), wish(stage="enforce"))
    assert codes(made) == []
    assert [one.listeners for one in made.sites] == [
        ("*:443", "*:443 quic"),
        ("[::]:443 quic",),
        ("192.0.2.1:8443",),
    ]
    names = ("app.example.com.conf", "app.example.com-2.conf", "app.example.com-3.conf")
    assert all("ssl_verify_client on;" in text_of(made, "/" + name) for name in names)


def test_links_are_edited_once() -> None:
    found = discover(
        {"/etc/nginx/nginx.conf": "http {\n include conf.d/*.conf;\n include a;\n include b;\n}\n"}
        | {"/etc/nginx/a": block(listen="listen 443 ssl;"), "/etc/nginx/b": block(listen="listen 443 ssl;")}
    )
    found = replace(found, real={"/etc/nginx/a": "/srv/x", "/etc/nginx/b": "/srv/x"})
    made = make(found)
    assert len([change for change in made.changes if change.path in ("/etc/nginx/a", "/etc/nginx/b")]) == 1


def test_the_http_file_comes_before_its_users() -> None:
    early = {"/etc/nginx/nginx.conf": "http {\n include conf.d/*.conf;\n}\n", "/etc/nginx/conf.d/000.conf": block()}
    assert "/etc/nginx/conf.d/00-originlock-aop.conf" in {change.path for change in make(discover(early)).changes}
    earlier = {"/etc/nginx/nginx.conf": "http {\n include conf.d/*.conf;\n}\n", "/etc/nginx/conf.d/#.conf": block()}
    made = make(discover(earlier))
    assert "/etc/nginx/aop/http.conf" in {change.path for change in made.changes}
    assert text_of(made, "/nginx.conf") == (
        "http {\n include /etc/nginx/aop/http.con[f];  # originlock.aop\n include conf.d/*.conf;\n}\n"
    )
    later = after(discover(earlier), made)
    assert make(later).changes == []
    assert dict(after(later, make(later, wish(stage="off"))).dump.files) == earlier


def test_sites_tell_where_and_what() -> None:
    found = site(block() + block(SHOP))
    made = make(found, wish(stage="enforce"))
    (one,) = made.sites
    assert (one.hostname, one.file, one.line, one.listeners) == (APP, SITE, 1, ("*:443", "[::]:443"))
    assert (one.stage_before, one.stage_after) == ("off", "enforce")
    found = after(found, made)
    assert [(each.hostname, each.stage_before) for each in plan.sites(found, [])] == [(APP, "enforce")]
    assert [(each.hostname, each.stage_before) for each in plan.sites(found, [SHOP])] == [(SHOP, "off")]


def test_redirects_stay_for_hostnames_that_are_not_listed() -> None:
    plain = f"server {{\n    listen 80;\n    server_name {APP};\n    root /srv;\n}}\n"
    found = site(block() + plain + block(SHOP))
    found = after(found, make(found, wish(stage="enforce"), plain_http="redirect"))
    assert make(found, wish(SHOP, "off")).changes == []
    made = make(found, wish(stage="enforce"))
    assert codes(made) == ["plain_http_open"]
    (message,) = messages(made, "plain_http_open")
    assert "is closed by the redirect that this role made, which would be removed" in message
    assert "Set plain_http to redirect, as before" in message
    assert codes(make(found, wish(stage="log_only"))) == []
    other_port = site(block(listen="listen 8443 ssl;") + plain)
    made = make(other_port, wish(stage="enforce"), plain_http="redirect")
    assert "return 308 https://$host:8443$request_uri;" in text_of(made, "app.example.com-2.conf")


@pytest.mark.parametrize(
    ("listen", "suffix"),
    [
        ("listen 127.0.0.1:8443 ssl proxy_protocol;", ""),
        ("listen unix:/run/x ssl; listen [::1]:8443 ssl;", ""),
        ("listen 127.0.0.1:4430 ssl; listen 8443 ssl;", ":8443"),
    ],
)
def test_redirects_never_lead_to_a_port_of_this_machine_alone(listen: str, suffix: str) -> None:
    plain = f"server {{\n    listen 80;\n    server_name {APP};\n    root /srv;\n}}\n"
    made = make(site(block(listen=listen) + plain), wish(stage="enforce"), plain_http="redirect")
    assert f"return 308 https://$host{suffix}$request_uri;" in text_of(made, "app.example.com-2.conf")
