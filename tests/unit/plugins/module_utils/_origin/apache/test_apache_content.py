# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import content, grammar

HTTPS = "https://app.example.com"
TO_NAME = f"{HTTPS}%{{REQUEST_URI}} [END,NE,R=permanent]"


WEBSOCKETS = (
    "RewriteEngine on\nRewriteCond {}\nRewriteRule /(.*) ws://127.0.0.1:81/$1 [P,L]\n"
    "RewriteCond {}\nRewriteRule /(.*) http://127.0.0.1:81/$1 [P,L]"
)


def serves(text, is_default=False):
    (section,) = grammar.parse(f"<VirtualHost *:80>\n{text}\n</VirtualHost>\n", "f")
    return content.serves_content(section, "app.example.com", is_default, "/own")


@pytest.mark.parametrize(
    "text",
    [
        f"Redirect / {HTTPS}/",
        f"redirect permanent / {HTTPS}/",
        f"Redirect 301 / {HTTPS}/",
        f"RedirectPermanent / {HTTPS}/",
        f"RedirectTemp / {HTTPS}/",
        "Redirect 404 /",
        "Redirect gone /",
        f"RedirectMatch ^/(.*)$ {HTTPS}/$1",
        f"RedirectMatch permanent ^/(?!\\.well-known/acme-challenge/)(.*) {HTTPS}/$1",
        f"DocumentRoot /x\nAlias /.well-known/acme-challenge /acme\nRedirect permanent / {HTTPS}/",
        f"ProxyPass /.well-known/acme-challenge http://127.0.0.1:81/\nRedirect / {HTTPS}/",
        f"ProxyPass / !\nRedirect / {HTTPS}/",
        f"RewriteEngine On\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{HTTPS}} off\nRewriteRule ^(.*)$ {HTTPS}$1 [R=301,L]",
        f"RewriteEngine on\nRewriteCond %{{HTTPS}} !=on\nRewriteRule .* {HTTPS}",
        # As certbot writes it.
        f"RewriteEngine on\nRewriteCond %{{SERVER_NAME}} =app.example.com\nRewriteRule ^ {TO_NAME}",
        "RewriteEngine on\nRewriteCond %{SERVER_NAME} =www.example.com [OR]\n"
        f"RewriteCond %{{SERVER_NAME}} =app.example.com\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{REQUEST_URI}} !^/\\.well-known/acme-challenge/\nRewriteRule ^ {TO_NAME}",
        "RewriteEngine on\nRewriteRule ^/\\.well-known/acme-challenge/ - [L]\nRewriteRule ^ " + TO_NAME,
        "RewriteEngine on\nRewriteRule ^ - [F]",
        '<Location "/">\nRequire all denied\n</Location>',
    ],
)
def test_what_leads_away(text):
    assert serves(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "DocumentRoot /x",
        f"Redirect /old {HTTPS}/",
        "Redirect permanent / /other",
        f"RedirectMatch ^/$ {HTTPS}/",
        f"RedirectMatch ^/(?!secret)(.*) {HTTPS}/$1",
        f"ProxyPass /api http://127.0.0.1:81/\nRedirect / {HTTPS}/",
        f"<Location /api>\nProxyPass http://127.0.0.1:81/\n</Location>\nRedirect / {HTTPS}/",
        f"RewriteRule ^ {TO_NAME}",
        f"RewriteEngine off\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteRule ^/old {TO_NAME}",
        f"RewriteEngine on\nRewriteRule ^/health - [L]\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteRule ^/a /b\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{SERVER_NAME}} =other.example.com\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{SERVER_NAME}} !=app.example.com\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{HTTP_USER_AGENT}} bot\nRewriteRule ^ {TO_NAME}",
        f"RewriteEngine on\nRewriteCond %{{HTTPS}} off\nRewriteCond %{{QUERY_STRING}} x\nRewriteRule ^ {TO_NAME}",
        "RewriteEngine on\nRewriteRule ^ http://127.0.0.1:81/ [P]",
        '<Location "/">\nRequire all granted\n</Location>',
        '<Location "/">\nRequire all denied\n</Location>\n<Location "/x">\nRequire all granted\n</Location>',
    ],
)
def test_what_serves(text):
    assert serves(text) is not None


def test_a_redirect_by_name_does_not_hold_for_unknown_names():
    text = f"RewriteEngine on\nRewriteCond %{{SERVER_NAME}} =app.example.com\nRewriteRule ^ {TO_NAME}"
    assert serves(text, is_default=True) is not None
    assert serves(f"RewriteEngine on\nRewriteRule ^ {TO_NAME}", is_default=True) is None


def test_the_guilty_line_is_told():
    assert serves(f"Foo\nProxyPass / http://127.0.0.1:81/\nRedirect / {HTTPS}/").line == 3
    assert serves("RewriteEngine on\nRewriteRule ^/health - [L]\n").line == 3


def signature(apache):
    found = apache.discover()
    told = content.signature(found.tree.sections("virtualhost")[1].children, found)
    assert not told.pools & told.sources
    return told.sources | told.idle


@pytest.mark.parametrize(
    "text",
    [
        "ProxyPass / http://127.0.0.1:81/",
        "ProxyPassMatch ^/(.*)$ http://127.0.0.1:81/$1",
        "<Location />\nProxyPass http://127.0.0.1:81/\n</Location>",
        "RewriteEngine on\nRewriteRule ^(.*)$ http://127.0.0.1:81/$1 [P]",
        "WSGIScriptAlias / /srv/app.wsgi",
        "Alias / /srv/app/",
        "JkMount /* ajp13",
        "VirtualDocumentRoot /srv/%0",
        "DocumentRoot /srv/app",
        WEBSOCKETS.format("%{HTTP:Upgrade} =websocket [NC]", "%{HTTP:Upgrade} !=websocket [NC]"),
        WEBSOCKETS.format("%{HTTP:Upgrade} !websocket", "%{HTTP:Upgrade} websocket"),
    ],
)
def test_what_does_not_serve_the_document_root_of_the_server(apache, text):
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", f"{text}\n"))
    assert "directory /var/www/main" not in signature(apache)


@pytest.mark.parametrize(
    "text",
    [
        "ProxyPass /api http://127.0.0.1:81/",
        "ProxyPass / !",
        "Alias /img /srv/img",
        "RewriteEngine on\nRewriteCond %{HTTP:Upgrade} websocket\nRewriteRule ^(.*)$ ws://127.0.0.1:81/$1 [P]",
        WEBSOCKETS.format("%{HTTP:Upgrade} =websocket", "%{HTTP:Connection} !=websocket"),
        WEBSOCKETS.format("%{HTTP:Upgrade} =websocket", "%{HTTP:Upgrade} !=websocket [NC]"),
        WEBSOCKETS.format("%{HTTP:Upgrade} =websocket", "%{HTTP:Upgrade} !=websocket").replace("Rule /(", "Rule /x/("),
    ],
)
def test_what_serves_the_document_root_of_the_server(apache, text):
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", f"{text}\n"))
    assert "directory /var/www/main" in signature(apache)


@pytest.mark.parametrize("handler", ["proxy:unix:/run/php/fpm.sock|fcgi://localhost", "proxy:fcgi://127.0.0.1:9000"])
def test_fastcgi_runs_the_files_of_the_document_root(apache, handler):
    lines = f'DocumentRoot /var/www/app\n<FilesMatch "\\.php$">\nSetHandler "{handler}"\n</FilesMatch>\n'
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", lines))
    assert signature(apache) == {"directory /var/www/app"}
    lines = f'<Location />\nSetHandler "{handler}"\n</Location>\n'
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", lines))
    assert signature(apache) == {f"backend {handler}"}


def test_signature(apache):
    in_site = (
        "    ProxyPass /api http://127.0.0.1:81/\n    <Location /b>\n ProxyPass http://127.0.0.1:82\n</Location>\n"
        "    RewriteRule ^/c(.*) http://127.0.0.1:83/$1 [P,L]\n    ProxyPass /no !\n    DocumentRoot sub/dir\n"
    )
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", in_site))
    assert signature(apache) == {
        f"directory {apache.root}/sub/dir", "backend http://127.0.0.1:81", "backend http://127.0.0.1:82",
        "backend http://127.0.0.1:83",
    }  # fmt: skip
