# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that forbids a stage is refused with its file, its line and a remedy."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    MAIN,
    SITE,
    TLS,
    codes,
    discover,
    make,
    messages,
    site,
    wish,
)

PLAIN = "server { listen 80; server_name app.example.com; %s }\n"


TAKEN = (
    "app.example.com: {} in {} verifies client certificates for something else already ({}). "
    "Remove it, or give that purpose a server block and hostname of its own."
)


def block(inside: str = "", names: str = APP, listen: str = TLS) -> str:
    return f"server {{\n{listen}\nserver_name {names};\n{inside}\n}}\n"


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
@pytest.mark.parametrize(
    ("inside", "http", "code", "sentence"),
    [
        (
            "ssl_verify_client on;",
            "",
            "client_verification_taken",
            TAKEN.format("ssl_verify_client on", "this server block", f"{SITE}:4"),
        ),
        (
            "ssl_verify_client off;",
            "",
            "client_verification_taken",
            TAKEN.format("ssl_verify_client off", "this server block", f"{SITE}:4"),
        ),
        (
            "ssl_client_certificate staff.pem;",
            "",
            "client_verification_taken",
            TAKEN.format("ssl_client_certificate staff.pem", "this server block", f"{SITE}:4"),
        ),
        (
            "",
            "ssl_verify_client optional;",
            "client_verification_taken",
            TAKEN.format("ssl_verify_client optional", "http", "/etc/nginx/nginx.conf:1"),
        ),
        (
            "ssl_crl crl.pem;",
            "",
            "crl_in_the_way",
            "app.example.com: ssl_crl crl.pem would refuse every certificate of a CA that it has no list for, in "
            f"log_only, too ({SITE}:4). Remove it from this hostname's server block.",
        ),
        (
            "access_log off;",
            "",
            "log_silenced",
            "app.example.com: access_log off in the server block silences the verification log as well "
            f"({SITE}:4). Write access_log /dev/null; instead: the same for this site, and the verification log works.",
        ),
    ],
)
def test_refused_at_every_stage(stage: str, inside: str, http: str, code: str, sentence: str) -> None:
    made = make(site(block(inside), http), wish(stage=stage))
    assert codes(made) == [code]
    assert messages(made, code) == [sentence]


def test_an_inherited_off_is_nothing() -> None:
    assert codes(make(site(block(), "ssl_verify_client off;"), wish(stage="enforce"))) == []


@pytest.mark.parametrize(
    ("inside", "http", "code", "words"),
    [
        (
            "error_page 495 496 /sorry;",
            "",
            "error_page_495_496",
            f"496 /sorry serves its content.*{SITE}:4",
        ),
        ("error_page 496 = @app;", "", "error_page_495_496", "serves its content to clients without a valid cert"),
        ("", "error_page 495 /x;", "error_page_495_496", r"\(/etc/nginx/nginx.conf:1\)\. Remove 495 and 496"),
        (
            "location / {\nerror_page 496 /x; }",
            "",
            "error_page_495_496",
            f"error_page 496 /x serves its content.*{SITE}:5",
        ),
        ("error_page 421 = @app;", "", "error_page_named", "hands refused requests to @app, which serves them"),
        ("error_page 497 /x;", "", "error_page_497", "serves its content to plain HTTP on a TLS port"),
        (
            "ssl_trusted_certificate le.pem;",
            "",
            "other_cas_trusted",
            f"certificates of those CAs, too .{SITE}:4",
        ),
        ("", "ssl_trusted_certificate le.pem;", "other_cas_trusted", r"\(/etc/nginx/nginx.conf:1\)"),
        ("ssl_early_data on;", "", "ssl_early_data", "early data rides on the certificate state of an older session"),
        ("", "ssl_session_ticket_key k;", "ssl_session_ticket_key", "sessions of before outlive the change"),
    ],
)
def test_refused_at_enforce_only(inside: str, http: str, code: str, words: str) -> None:
    found = site(block(inside), http)
    made = make(found, wish(stage="enforce"))
    assert codes(made) == [code]
    assert re.search(words, messages(made, code)[0]), messages(made, code)
    assert codes(make(found, wish(stage="log_only"))) == []


@pytest.mark.parametrize(
    "inside",
    [
        "ssl_early_data off;",
        "error_page 403 404 /x;",
        "error_page 400 @x;",
        "error_page 497 https://$host$request_uri;",
    ],
)
def test_not_refused(inside: str) -> None:
    assert codes(make(site(block(inside)), wish(stage="enforce"))) == []


def test_early_data_and_ticket_keys_of_the_default_server() -> None:
    other = "server { listen 443 ssl default_server; ssl_early_data on; ssl_session_ticket_key k; }\n"
    made = make(site(other + block()), wish(stage="enforce"))
    assert sorted(codes(made)) == ["ssl_early_data", "ssl_session_ticket_key"]


def test_a_named_error_page_for_403_matters_where_names_are_told_apart() -> None:
    inside = "error_page 403 @app;"
    assert codes(make(site(block(inside)), wish(stage="enforce"))) == []
    assert codes(make(site(block(inside, f"{APP} shop.example.com")), wish(stage="enforce"))) == ["error_page_named"]


def test_doubts_at_log_only() -> None:
    made = make(site(block("error_page 495 /x; ssl_trusted_certificate le.pem;")))
    assert codes(made) == []
    assert codes(made, "warning") == ["error_page_495_496", "other_cas_trusted"]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (
            "server { listen 443 ssl default_server; server_name _; }",
            "not_served",
            f"no TLS server block has this server_name; only the default server would answer ({SITE}:1). Add the",
        ),
        ("server { listen 80; server_name app.example.com; }", "no_tls", "no server block listens with TLS"),
        (
            "server { listen 443 ssl; server_name ~^(?|app)x*+; }",
            "regular_expression",
            "can't be evaluated here, so it's",
        ),
    ],
)
def test_hostnames_that_nothing_serves(content: str, code: str, words: str) -> None:
    made = make(site(content))
    assert code in codes(made)
    assert words in messages(made, code)[0]


def test_an_unreadable_expression_is_nothing_where_a_plain_name_decides() -> None:
    assert codes(make(site("server { listen 443 ssl; server_name ~^(?|app)x*+; }\n" + block()))) == []


@pytest.mark.parametrize("name", ["*.example.com", "../../etc/passwd", "a.com/x", "192.0.2.1", "APP", "a b.c", ""])
def test_no_hostname(name: str) -> None:
    made = make(site(block()), wish(name))
    assert codes(made) == ["bad_hostname"]
    assert not made.changes


def test_no_bundle() -> None:
    made = make(site(block()), wish(bundle="nothing"))
    assert messages(made, "no_trust_bundle") == [
        "app.example.com: there's no certificate in its trust bundle. "
        "Give the PEM of the client CA that signs this hostname's client certificates."
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "root /srv;",
        "return 200 hello;",
        "location / { root /srv; } location /x { return 301 https://$host$request_uri; }",
        "location /x { return 301 https://$host$request_uri; }",
        "rewrite ^/a /b break; return 301 https://$host$request_uri;",
        "if ($uri ~ x) { break; } return 301 https://$host$request_uri;",
        "rewrite ^/x https://$host$request_uri permanent; root /srv;",
    ],
)
def test_plain_http_with_content(inside: str) -> None:
    found = site(block() + PLAIN % inside)
    made = make(found, wish(stage="enforce"))
    assert messages(made, "plain_http_open") == [
        "app.example.com: this server block gives out the hostname's content without TLS, so without a certificate "
        f"({SITE}:6). Let it redirect (return 301 https://$host$request_uri;), or set plain_http to redirect."
    ]
    assert codes(made) == ["plain_http_open"]
    assert codes(make(found)) == []
    assert codes(make(found), "warning") == ["plain_http_open"]
    assert codes(make(found, wish(stage="enforce"), plain_http="redirect")) == []


@pytest.mark.parametrize(
    "inside",
    [
        "return 301 https://$host$request_uri;",
        "return https://$host$request_uri;",
        "return 444;",
        "if ($host = app.example.com) { return 301 https://$host$request_uri; } return 404;",
        "rewrite ^ https://$host$request_uri permanent;",
        "rewrite ^/(.*)$ https://app.example.com/$1 redirect;",
        "location / { return 301 https://$host$request_uri; } location ^~ /.well-known/acme-challenge/ { root /srv; }",
        "location / { deny all; }",
    ],
)
def test_plain_http_without_content(inside: str) -> None:
    assert codes(make(site(block() + PLAIN % inside), wish(stage="enforce"))) == []


def test_plain_http_that_only_this_machine_reaches() -> None:
    local = "server { listen 127.0.0.1:80; listen unix:/run/x; server_name app.example.com; root /srv; }\n"
    assert codes(make(site(block() + local), wish(stage="enforce"))) == []


def test_the_same_content_on_the_plain_default_server() -> None:
    default = "server { listen 80; root /srv/app; }\n"
    assert codes(make(site(block("root /srv/app;") + default), wish(stage="enforce"))) == ["plain_http_open"]
    assert codes(make(site(block("root /srv/other;") + default), wish(stage="enforce"))) == []


def test_one_block_for_both() -> None:
    made = make(site(block(listen="listen 80; listen 443 ssl;")), wish(stage="enforce"))
    assert codes(made) == ["plain_http_open"]


@pytest.mark.parametrize(
    "condition", ["($scheme = http)", "($scheme != https)", '($https = "")', "($https != on)", "( $scheme = http )"]
)
def test_one_block_that_redirects_what_has_no_tls(condition: str) -> None:
    listen = "listen 80; listen 443 ssl;"
    inside = f"if {condition} {{ return 301 https://$host$request_uri; }} root /srv;"
    assert codes(make(site(block(inside, listen=listen)), wish(stage="enforce"))) == []
    inside = f"if {condition} {{ set $x 1; }} root /srv;"
    assert codes(make(site(block(inside, listen=listen)), wish(stage="enforce"))) == ["plain_http_open"]


def test_the_same_content_on_a_listener_that_does_not_know_the_name() -> None:
    other = "server { listen [::]:443 ssl default_server; server_name _; root /srv/app; }\n"
    found = site(block("root /srv/app;", listen="listen 443 ssl;") + other)
    made = make(found, wish(stage="enforce"))
    assert messages(made, "default_server_open") == [
        "app.example.com: on [::]:443 the hostname isn't named, and the default server gives out the same content "
        f"({SITE}:6). Let the hostname's server block listen there, too."
    ]
    assert codes(made) == ["default_server_open"]
    assert codes(make(found), "warning") == ["default_server_open"]


def test_site_files_that_are_not_edited() -> None:
    made = make(site(block()), manage_sites=False)
    assert codes(made) == ["include_line_missing"]
    assert messages(made, "include_line_missing") == [
        "app.example.com: site files aren't edited here, and this server block lacks its include line "
        f"({SITE}:1). Put this right after its opening brace: include /etc/nginx/aop/app.example.com.con[f];"
    ]


def test_http_that_is_not_edited() -> None:
    line = "include aop/app.example.com.con[f];"
    found = discover({"/etc/nginx/nginx.conf": "http {\n" + block(line) + "}\n"})
    made = make(found, manage_sites=False)
    assert messages(made, "include_line_missing") == [
        "app.example.com: site files aren't edited here, and this http block lacks its include line "
        "(/etc/nginx/nginx.conf:1). Put this right after its opening brace: include /etc/nginx/aop/http.con[f];"
    ]


@pytest.mark.parametrize("line", ["include aop/*.conf;", "include aop/*;"])
def test_an_include_line_for_more_than_one_file(line: str) -> None:
    made = make(site(block(line)))
    assert codes(made) == ["include_line_unclear"]
    assert "Write include /etc/nginx/aop/app.example.com.con[f]; instead." in messages(made, "include_line_unclear")[0]


def test_an_include_line_that_takes_another_block_s_file_along() -> None:
    content = block("include aop/app.example.com*.conf;") + block(names="app.example.com.au")
    made = make(site(content), wish(), wish("app.example.com.au"))
    assert "include_line_unclear" in codes(made)


def test_one_include_line_in_two_blocks_that_differ() -> None:
    line = f"include aop/{APP}.con[f];"
    content = block(line, listen="listen 443 ssl;") + block(line + " error_page 404 /x;", listen="listen [::]:443 ssl;")
    made = make(site(content, "error_page 500 /y;"))
    assert codes(made) == ["include_line_shared"]
    assert "-2.con[f]" in messages(made, "include_line_shared")[0]


def test_an_include_line_that_comes_too_late() -> None:
    content = block(f"return 200 open;\ninclude aop/{APP}.con[f];")
    made = make(site(content), wish(stage="enforce"))
    assert codes(made) == ["include_line_late"]
    assert f"({SITE}:4)" in messages(made, "include_line_late")[0]


def test_a_file_of_somebody_else_in_our_place() -> None:
    found = replace(site(block()), strangers=("/etc/nginx/aop/app.example.com.pem",))
    made = make(found)
    assert "/etc/nginx/aop/app.example.com.pem is there and wasn't made by us" in messages(made, "file_in_the_way")[0]


def test_an_old_nginx() -> None:
    found = site(block())
    made = make(replace(found, build=replace(found.build, version=(1, 10, 3))))
    assert codes(made) == ["old_nginx"]


def test_only_listed_hostnames_are_judged() -> None:
    content = block("error_page 496 /x;", "shop.example.com") + block()
    assert codes(make(discover({"/etc/nginx/nginx.conf": MAIN, SITE: content}), wish(stage="enforce"))) == []


def test_shared_blocks_are_told_at_enforce() -> None:
    found = site(block(names=f"{APP} shop.example.com"))
    assert codes(make(found), "warning") == []
    assert codes(make(found, wish(stage="enforce")), "warning") == ["block_shared"]
    default = site(block(listen="listen 443 ssl default_server;"))
    assert codes(make(default, wish(stage="enforce")), "warning") == ["default_server_shared"]
