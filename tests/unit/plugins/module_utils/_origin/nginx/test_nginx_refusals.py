# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that forbids a stage is refused with its file, its line and a remedy."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import plan
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.survey import Discovery
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    MAIN,
    SITE,
    TLS,
    after,
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
            "revocation_check",
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
        ("error_page 403 404 = @x;", "", "error_page_named", "hands refused requests to @x, which serves them"),
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


def test_a_hostname_that_is_gone_is_in_nobody_s_way_back() -> None:
    shop = "shop.example.com"
    both = block() + block(names=shop)
    found = after(site(both), make(site(both), wish(stage="enforce"), wish(shop, "enforce")))
    files = dict(found.dump.files)
    files[SITE] = files[SITE][: files[SITE].rindex("server {")]
    found = discover(files, found.own)
    assert found.protected() == {APP: "enforce"}
    assert codes(make(found, wish(stage="enforce"), wish(shop, "enforce"))) == ["not_served"]
    # Again and again: the first run takes its file away.
    for _turn in range(2):
        made = make(found, wish(), wish(shop))
        assert (codes(made), codes(made, "warning")) == ([], ["not_served"])
        found = after(found, made)
        assert found.protected() == {APP: "log_only"}
        assert make(found, wish(), wish(shop)).changes == []
    found = after(found, make(found, wish()))
    assert codes(make(found, wish(shop))) == []
    assert codes(make(found, wish(shop, "enforce"))) == ["not_served"]
    assert codes(make(found, wish("new.example.com"))) == ["not_served"]
    made = make(found, wish(stage="off"), wish(shop, "off"))
    assert codes(made) == codes(made, "warning") == []
    assert after(found, made).own == {}


def renamed(stage: str) -> Discovery:
    """The block is protected; then somebody renames it."""
    found = after(site(block()), make(site(block()), wish(stage=stage)))
    files = dict(found.dump.files)
    files[SITE] = files[SITE].replace(f"server_name {APP}", "server_name www.example.com")
    return discover(files, found.own)


def test_a_renamed_block_is_not_said_to_be_enforced() -> None:
    found = renamed("enforce")
    # What never_relax keeps arrives as enforce.
    assert found.protected() == {APP: "enforce"}
    assert (codes(make(found, wish(stage="enforce"))), codes(make(found))) == (["not_served"], [])
    assert codes(make(renamed("log_only"), wish(stage="enforce"))) == ["not_served"]


@pytest.mark.parametrize("before", ["enforce", "log_only"])
@pytest.mark.parametrize("stage", ["log_only", "off"])
def test_a_renamed_block_is_open_after_the_way_back(before: str, stage: str) -> None:
    found = renamed(before)
    made = make(found, wish(stage=stage))
    assert codes(made) == []
    assert [(one.stage_before, one.stage_after) for one in made.sites] == [(before, "off")]
    assert after(found, made).protected() == {}
    assert [(one.stage_before, one.stage_after) for one in plan.sites(found, [APP])] == [(before, before)]


def test_all_hostnames_are_gone() -> None:
    found = after(site(block()), make(site(block()), wish(stage="enforce")))
    files = {name: text for name, text in found.dump.files.items() if name != SITE}
    found = discover(files, found.own)
    for _turn in range(2):
        made = make(found, wish())
        assert (codes(made), codes(made, "warning")) == ([], ["no_tls"])
        found = after(found, made)
    assert after(found, make(found, wish(stage="off"))).own == {}


def test_an_expression_is_in_nobody_s_way_back() -> None:
    found = after(site(block(listen="listen 443 ssl;")), make(site(block(listen="listen 443 ssl;")), wish()))
    files = dict(found.dump.files)
    files[SITE] += "server { listen [::]:443 ssl; server_name ~^(?|app)x*+; }\n"
    found = discover(files, found.own)
    assert codes(make(found, wish())) == []
    assert codes(make(found, wish(stage="enforce"))) == ["regular_expression"]
    enforced = discover(files, {name: text.replace(b"log_only", b"enforce") for name, text in found.own.items()})
    assert codes(make(enforced, wish())) == []
    assert codes(make(enforced, wish(stage="enforce"))) == ["regular_expression"]


def test_an_unreadable_expression_is_nothing_where_a_plain_name_decides() -> None:
    assert codes(make(site("server { listen 443 ssl; server_name ~^(?|app)x*+; }\n" + block()))) == []


@pytest.mark.parametrize("name", ["*.example.com", "../../etc/passwd", "a.com/x", "192.0.2.1", "APP", "a b.c", ""])
def test_no_hostname(name: str) -> None:
    made = make(site(block()), wish(name))
    assert codes(made) == ["bad_hostname"]
    assert not made.changes


def test_no_bundle() -> None:
    made = make(site(block()), wish(bundle="nothing"))
    assert messages(made, "bad_trust_bundle") == [
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
        "rewrite ^/$ https://$host$request_uri permanent; root /srv;",
        "rewrite /$ https://$host$request_uri permanent; root /srv;",
        "rewrite ^ /x permanent; root /srv;",
        "location / { rewrite ^/x https://$host$request_uri permanent; }",
        "location / { rewrite ^/x /y break; return 301 https://$host$request_uri; }",
        "location / { return 301 https://$host$request_uri; location /api { proxy_pass http://app; } }",
        "location / { location /api { root /a; } rewrite ^ https://$host$request_uri? permanent; }",
        "location / { deny all; location /x { allow all; root /a; } }",
        "location / { return 404; location /x { return 404; location /x/y { root /a; } } }",
        "location ~ ^/x/.well-known/acme-challenge { root /a; } location ~ x { root /a; } location / { return 404; }",
        "location ~ /.well-known/acme-challenge { root /a; }",
        "rewrite ^/(.+)$ https://$host/$1 permanent; root /srv;",
        "rewrite (?s)^(.*)$ https://$host/$1 permanent; root /srv;",
        "if ($scheme = http) { rewrite ^/x https://$host$request_uri permanent; } root /srv;",
        "if ($scheme = http) { rewrite ^/x /y last; rewrite ^ https://$host$request_uri; } root /srv;",
    ],
)
def test_plain_http_with_content(inside: str) -> None:
    found = site(block() + PLAIN % inside)
    made = make(found, wish(stage="enforce"))
    assert messages(made, "plain_http_open") == [
        "app.example.com: its content is served without TLS at *:80, to everybody "
        f"({SITE}:6). Let it redirect (return 301 https://$host$request_uri;), or set plain_http to redirect."
    ]
    assert codes(made) == ["plain_http_open"]
    assert codes(make(found)) == []
    assert codes(make(found), "warning") == ["plain_http_open"]
    assert codes(make(found, wish(stage="enforce"), plain_http="redirect")) == []


@pytest.mark.parametrize(
    "expression", ["^(.*)$", "^/(.*)$", "^/?(.*)$", "^.*$", "(.*)$", ".*$", "/(.*)$", "^/.*$", "^/?.*$"]
)
@pytest.mark.parametrize(
    "inside",
    [
        "rewrite {} https://$host/$1 permanent;",
        "location / {{ rewrite {} https://$host/$1 permanent; proxy_pass http://app; }}",
        "if ($scheme = http) {{ rewrite {} https://$host/$1 permanent; }} root /srv;",
        "rewrite ^/old(.*) /new$1; rewrite {} https://$host/$1 permanent;",
    ],
)
def test_a_dot_stops_at_a_line_feed(expression: str, inside: str) -> None:
    """nginx: ``/%0Aa`` passes ``rewrite ^/(.*)$``."""
    found = site(block() + PLAIN % inside.format(expression))
    made = make(found, wish(stage="enforce"))
    assert codes(made) == ["plain_http_open"]
    assert messages(made, "plain_http_open")[0].endswith(
        f"({SITE}:6). Write return 301 https://$host$request_uri; instead of rewrite {expression} https://$host/$1 "
        "permanent in line 6 (a path with an encoded line feed passes this expression), "
        "or set plain_http to redirect."
    )
    closed = inside.format(expression.rstrip("$"))
    assert codes(make(site(block() + PLAIN % closed), wish(stage="enforce"))) == []


@pytest.mark.parametrize(
    "location",
    [
        "location ~ /.well-known/acme-challenge",
        r"location ~* /\.well-known/acme-challenge/(.*)$",
        "location ~ /.well-known/acme-challenge|/x",
        "location ~ ^/.well-known/acme-challenge|/x",
        "location ~ /x/.well-known/acme-challenge?",
    ],
)
def test_an_expression_for_challenges_that_other_paths_match(location: str) -> None:
    found = site(block() + PLAIN % f"{location} {{ proxy_pass http://app; }} location / {{ return 404; }}")
    made = make(found, wish(stage="enforce"))
    assert codes(made) == ["plain_http_open"]
    assert messages(made, "plain_http_open")[0].endswith(
        f"({SITE}:6). Write location ^~ /.well-known/acme-challenge/ instead of {location} in line 6 "
        "(other paths match this expression, too), or set plain_http to redirect."
    )


@pytest.mark.parametrize(
    "inside",
    [
        "return 301 https://$host$request_uri;",
        "return https://$host$request_uri;",
        "return 444;",
        "if ($host = app.example.com) { return 301 https://$host$request_uri; } return 404;",
        "rewrite ^ https://$host$request_uri permanent;",
        "rewrite ^/(.*) https://app.example.com/$1 redirect;",
        "rewrite / https://$host$request_uri? permanent;",
        "location / { return 301 https://$host$request_uri; } location ^~ /.well-known/acme-challenge/ { root /srv; }",
        "location / { deny all; }",
        "location / { rewrite ^ https://$host$request_uri? permanent; }",
        "location / { rewrite ^/?(.*) https://$host/$1 redirect; }",
        "rewrite .* https://$host$request_uri;",
        "rewrite ^/old(.*) /new$1; rewrite ^(.*) https://$host$1 permanent;",
        "location / { deny all; location /x { root /srv; } }",
        "location / { return 404; location /x { return 404; } location ^~ /.well-known/acme-challenge/ { root /a; } }",
        "location ~ ^/.well-known/acme-challenge { root /srv; } location / { return 301 https://$host$request_uri; }",
        r"location ~* ^/\.well-known/acme-challenge/(.*)$ { root /srv; } location / { return 301 https://$host/; }",
        'if ($scheme != "https") { rewrite ^ https://$http_host$request_uri? permanent; } root /srv;',
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


SCRIPTS = "fastcgi_param SCRIPT_FILENAME {};"
ROOT_SCRIPTS = SCRIPTS.format("$document_root$fastcgi_script_name")
PHP = "location ~ \\.php$ { %s fastcgi_pass unix:/run/php/php8.2-fpm.sock; }"
DEBIAN = {
    "/etc/nginx/snippets/fastcgi-php.conf": "fastcgi_index index.php;\ninclude fastcgi.conf;\n",
    "/etc/nginx/fastcgi.conf": f"{ROOT_SCRIPTS}\nfastcgi_param QUERY_STRING $query_string;\n",
}
CHALLENGES = "location ^~ /.well-known/acme-challenge/ { root /var/www/letsencrypt; }"


@pytest.mark.parametrize(
    ("ours", "other", "same"),
    [
        ("root /srv/a; " + PHP % ROOT_SCRIPTS, "location /x { root /srv/a; " + PHP % ROOT_SCRIPTS + "}", True),
        (PHP % "", PHP % "", True),
        ("root /srv/a; " + PHP % "", "root /srv/b; " + PHP.replace("8.2", "7") % "", False),
        *(
            ("root /srv/a; " + PHP % script, "root /srv/b; " + PHP % script, same)
            for script, same in (
                ("", True),
                ("fastcgi_param PATH_INFO $uri;", True),
                (ROOT_SCRIPTS, False),
                ("include snippets/fastcgi-php.conf;", False),
                ("fastcgi_param X y; include fastcgi.conf; fastcgi_param Y z;", False),
                (SCRIPTS.format("$realpath_root/index.php"), False),
                (SCRIPTS.format("$document_root/../index.php"), True),
                (SCRIPTS.format("/srv/index.php"), True),
                (SCRIPTS.format("$fastcgi_script_name"), True),
                (SCRIPTS.format("$document_roots$fastcgi_script_name"), True),
                (SCRIPTS.format("$document_root$arg_x"), True),
                (ROOT_SCRIPTS + SCRIPTS.format("/srv/index.php"), True),
            )
        ),
        *(
            ("root /srv/app; " + PHP % ROOT_SCRIPTS, f"root {root}; " + PHP % script, same)
            for root, script, same in (
                ("/var/www", SCRIPTS.format("/srv/app/index.php"), True),
                ("/var/www", SCRIPTS.format("/srv/app$fastcgi_script_name"), True),
                ("/var/www", SCRIPTS.format("/srv/app/$fastcgi_script_name"), True),
                ("/var/www", SCRIPTS.format("/srv/other$fastcgi_script_name"), False),
                ("/var/www", SCRIPTS.format("/srv/application/index.php"), False),
                ("/var/www", "", True),
                ("/srv/app/", ROOT_SCRIPTS, True),
                ("//srv/app", ROOT_SCRIPTS, True),
                ("/srv", ROOT_SCRIPTS, True),
                ("/srv/app/public", ROOT_SCRIPTS, True),
                ("/srv/$host", ROOT_SCRIPTS, True),
                ("html", ROOT_SCRIPTS, False),
            )
        ),
        # Parameters are inherited where there are none.
        (ROOT_SCRIPTS + "root /srv/a; " + PHP % "", "root /srv/b; " + PHP % ROOT_SCRIPTS, False),
        (ROOT_SCRIPTS + "root /srv/a; " + PHP % "fastcgi_param X y;", "root /srv/b; " + PHP % ROOT_SCRIPTS, True),
        ("location /x { alias /srv/a; " + PHP % ROOT_SCRIPTS + "}", "root /srv/b; " + PHP % ROOT_SCRIPTS, False),
        ("location /x { alias /srv/b/; " + PHP % ROOT_SCRIPTS + "}", "root /srv/b; " + PHP % ROOT_SCRIPTS, True),
        ("root /srv/a; " + CHALLENGES, "root /srv/b; " + CHALLENGES, False),
        (CHALLENGES + "location / { root /srv/a; }", "root /srv/a;", True),
        ("location / { proxy_pass http://app; }", "location / { proxy_pass http://app; }", True),
    ],
)
def test_what_is_the_same_content(ours: str, other: str, same: bool) -> None:
    content = block(ours, listen="listen 443 ssl;")
    content += block(other, "other.example.org", "listen 443 ssl; listen [::]:443 ssl; listen 80;")
    expected = ["default_server_open", "plain_http_open"] if same else []
    files = {"/etc/nginx/nginx.conf": MAIN, SITE: content, **DEBIAN}
    assert codes(make(discover(files), wish(stage="enforce"))) == expected


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


@pytest.mark.parametrize(
    ("listen", "closed"),
    [
        ("listen 80; listen [::]:80;", True),
        ("listen 80; listen 127.0.0.1:8080;", True),
        ("listen 80; listen 8080;", False),
        ("listen 8080;", False),
    ],
)
def test_a_look_at_the_port_tells_of_tls_where_no_other_is_plain(listen: str, closed: bool) -> None:
    inside = "if ($server_port = 80) { return 301 https://$host$request_uri; } root /srv;"
    made = make(site(block(inside, listen=f"{listen} listen 443 ssl;")), wish(stage="enforce"))
    assert codes(made) == ([] if closed else ["plain_http_open"])


def test_the_same_content_on_a_listener_that_does_not_know_the_name() -> None:
    other = "server { listen [::]:443 ssl default_server; server_name _; root /srv/app; }\n"
    found = site(block("root /srv/app;", listen="listen 443 ssl;") + other)
    made = make(found, wish(stage="enforce"))
    assert messages(made, "default_server_open") == [
        "app.example.com: the site for unknown names of [::]:443 serves the same root /srv/app "
        f"({SITE}:6). Let it serve something else, or refuse or redirect everything."
    ]
    assert codes(made) == ["default_server_open"]
    assert codes(make(found), "warning") == ["default_server_open"]


@pytest.mark.parametrize(
    ("default", "told"),
    [
        ("root /srv/app;", True),
        ("root /srv/app; location / { if ($scheme = http) { return 301 https://$host$request_uri; } }", True),
        ("root /srv/other;", False),
        ("root /srv/app; return 444;", False),
        ("root /srv/app; ssl_reject_handshake on;", False),
        ("root /srv/app; location / { deny all; }", False),
    ],
)
@pytest.mark.parametrize("listen", ["listen 443 ssl default_server;", "listen 80 default_server;"])
def test_the_same_content_under_any_other_name(default: str, told: bool, listen: str) -> None:
    other = f"server {{ {listen} server_name _; {default} }}\n"
    mine = block("root /srv/app;", listen="listen 443 ssl;") + PLAIN % "return 301 https://$host$request_uri;"
    found = site(mine + other)
    closed = listen.startswith("listen 80") and "$scheme" in default
    expected = ["default_server_open"] if told and not closed else []
    if listen.startswith("listen 80") and "reject" in default:
        expected = ["default_server_open"]
    assert codes(make(found, wish(stage="enforce"))) == expected
    assert codes(make(found), "warning") == expected


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


LATE = "log_format main '$host'; access_log /a main;"


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_a_log_format_that_comes_after_the_sites(stage: str) -> None:
    main = MAIN.rstrip("}\n") + f"\n {LATE}\n}}\n"
    made = make(discover({"/etc/nginx/nginx.conf": main, SITE: block()}), wish(stage=stage))
    assert codes(made) == ["log_format_late"]
    assert messages(made, "log_format_late") == [
        "app.example.com: its server block's file repeats the access_log of http, whose log_format main comes later "
        "(/etc/nginx/nginx.conf:4). Move log_format before the include (or the server blocks) of the sites."
    ]
    for own in ("access_log /own;", "access_log /own main;"):
        assert codes(make(discover({"/etc/nginx/nginx.conf": main, SITE: block(own)}), wish(stage=stage))) == []
    assert codes(make(site(block(), LATE), wish(stage=stage))) == []


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_the_first_block_refuses_unknown_names_too(stage: str) -> None:
    def told(content: str) -> list[str]:
        return messages(make(site(content), wish(stage=stage)), "default_site")

    assert told(block()) == [
        "app.example.com: this block is the first of *:443, so requests for unknown names reach it, too (a health "
        "check by address): enforce refuses them as well, and they aren't in the verification log "
        f"({SITE}:1). If there are such visitors, add a server block with default_server for them."
    ]
    assert "the first of [::]:443" in told(block(names="x.org", listen="listen 443 ssl;") + block())[0]
    assert told(block(names="x.org") + block()) == []
    assert told(block() + block(names="_", listen=TLS.replace(" ssl", " ssl default_server"))) == []
    assert told(block(listen="listen 443 ssl default_server;")) == []
    assert told(block(names=f"{APP} shop.example.com")) == []


def test_shared_blocks_are_told_at_enforce() -> None:
    found = site(block(names=f"{APP} shop.example.com"))
    assert codes(make(found), "warning") == []
    assert codes(make(found, wish(stage="enforce")), "warning") == ["block_shared"]
    default = site(block(listen="listen 443 ssl default_server;"))
    assert codes(make(default, wish(stage="enforce")), "warning") == ["default_server_shared"]


def test_a_second_block_with_the_name_never_answers() -> None:
    second = block("root /srv/two;", listen="listen [::]:443 ssl; listen 8443 ssl;")
    made = make(site(block("root /srv/one;", listen=TLS) + second))
    assert messages(made, "shadowed") == [
        "app.example.com: this server block has the name on [::]:443, but another one answers first "
        f"({SITE}:6). Remove the name from one of them."
    ]
    assert (codes(made), codes(made, "warning")) == ([], ["shadowed"])
    assert [one.line for one in made.sites] == [1, 6]
