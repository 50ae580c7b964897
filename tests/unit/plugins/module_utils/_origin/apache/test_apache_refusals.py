# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each refusal, with its message, its place and its remedy."""

from __future__ import annotations

import re

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import apply
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import Refused
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options

PLAIN = "<VirtualHost *:80>\nServerName app.example.com\n{}</VirtualHost>\n"


def in_site(apache, *lines):
    """Put lines into the virtual host of app.example.com, from line 9 of site.conf on."""
    text = "".join(f"{line}\n" for line in lines)
    apache.write("sites-enabled/site.conf", apache.site.replace("    DocumentRoot /var/www/app\n", text))


def notable(plan):
    return [finding for finding in plan.findings if finding.severity != "info"]


def refused(apache, code, stage="enforce", **options):
    found = apache.codes(stage, **options)
    assert code in found, found
    return found[code]


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
@pytest.mark.parametrize(
    ("lines", "code", "message", "line"),
    [
        (
            ["SSLVerifyClient optional"],
            "client_verification_taken",
            "SSLVerifyClient is there already, for something",
            9,
        ),
        (["x", "SSLCACertificateFile /a"], "client_verification_taken", "SSLCACertificateFile is there already", 10),
        (["SSLCACertificatePath /a"], "client_verification_taken", "SSLCACertificatePath is there already", 9),
        (["SSLVerifyDepth 3"], "client_verification_taken", "SSLVerifyDepth is there already", 9),
        (
            ["<Location /in>", "SSLVerifyClient none", "</Location>"],
            "client_verification_taken",
            "in <Location /in>",
            10,
        ),
        (["<If true>", "SSLVerifyClient require", "</If>"], "client_verification_taken", "in <If true>", 10),
        (["SSLOptions +StdEnvVars +FakeBasicAuth"], "fake_basic_auth", "log every visitor in", 9),
        (["SSLUserName SSL_CLIENT_S_DN_CN"], "ssl_user_name", "the user of every visitor", 9),
        (["SSLOpenSSLConfCmd ClientCAFile /a"], "openssl_verification", "SSLOpenSSLConfCmd ClientCAFile changes", 9),
        (["SSLOCSPEnable on"], "ocsp_check", "no OCSP responder vouches for", 9),
        (["SSLCARevocationCheck chain"], "revocation_check", "without a current revocation list", 9),
        (["GnuTLSEnable on"], "other_tls", "comes from mod_gnutls, not from mod_ssl", 9),
    ],
)
def test_what_is_in_the_virtual_host(apache, stage, lines, code, message, line):
    in_site(apache, *lines)
    text = refused(apache, code, stage)
    assert text.startswith("app.example.com: ")
    assert message in text
    assert f"(%s/sites-enabled/site.conf:{line})" % apache.root in text


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("SSLCADNRequestFile /a", "ca_names_differ", "tells clients other CAs than ours"),
        ("SSLInsecureRenegotiation on", "insecure_renegotiation", "requests before those of the edge"),
    ],
)
def test_what_stops_enforce_and_warns_before(apache, line, code, message):
    in_site(apache, line)
    assert message in refused(apache, code)
    (finding,) = notable(apache.plan(apache.want(stage="log_only")))
    assert (finding.code, finding.severity, finding.line) == (code, "warning", 9)


@pytest.mark.parametrize(
    "line",
    ["SSLOptions +StdEnvVars", "SSLOpenSSLConfCmd Curves X25519", "SSLOCSPEnable off", "SSLProxyVerify require",
     "SSLProxyCACertificateFile /a", "SSLCARevocationCheck none", "# SSLVerifyClient require",
     "SSLVerifyClient none", "SSLVerifyClient Off",
     "<IfModule !mod_ssl.c>\nSSLVerifyClient require\n</IfModule>"],
)  # fmt: skip
def test_what_has_nothing_to_do_with_it(apache, line):
    in_site(apache, line)
    assert apache.codes() == {}


def test_no_client_authentication_counts_only_where_it_overrules_ours(apache):
    line = "IncludeOptional aop/app.example.com.conf"
    in_site(apache, "SSLVerifyClient none", line)
    assert apache.codes() == {}
    in_site(apache, line, "SSLVerifyClient none")
    assert "site.conf:10)" in refused(apache, "client_verification_taken")
    in_site(apache)
    apache.carry_out(apache.want(stage="enforce"))
    ours = apache.read("sites-enabled/site.conf")
    text = ours.replace("aop/app.example.com.conf\n", "aop/app.example.com.conf\n    SSLVerifyClient none\n")
    apache.write("sites-enabled/site.conf", text)
    assert "SSLVerifyClient is there already" in refused(apache, "client_verification_taken")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("SSLVerifyClient optional", "client_verification_taken", "at server level is inherited by every virtual host"),
        ("SSLCACertificatePath /a", "client_verification_taken", "SSLCACertificatePath at server level"),
        ("SSLCACertificateFile /a", "client_verification_taken", "SSLCACertificateFile at server level"),
        ("SSLVHostSNIPolicy insecure", "sni_policy_insecure", "a certificate for another virtual host"),
        ("SSLCADNRequestPath /a", "ca_names_differ", "tells clients other CAs"),
        ("<Location />\nSSLVerifyClient none\n</Location>", "client_verification_taken", "in <Location />"),
        (
            "<Directory /var/www>\nSSLVerifyClient none\n</Directory>",
            "client_verification_taken",
            "<Directory /var/www>",
        ),
        (
            "<DirectoryMatch x>\nSSLVerifyClient none\n</DirectoryMatch>",
            "client_verification_taken",
            "<DirectoryMatch x>",
        ),
    ],
)
def test_what_is_at_server_level(apache, line, code, message):
    apache.write("conf-enabled/a.conf", line + "\n")
    text = refused(apache, code)
    assert message in text
    assert "conf-enabled/a.conf:" in text


def test_server_level_that_does_not_concern_the_site(apache):
    apache.write(
        "conf-enabled/a.conf",
        "SSLVerifyClient none\nSSLVHostSNIPolicy secure\n"
        "<Directory /var/www/other>\nSSLVerifyClient require\n</Directory>\n",
    )
    assert apache.codes() == {}


def test_the_sni_policy_warns_in_log_only(apache):
    apache.write("conf-enabled/a.conf", "SSLVHostSNIPolicy insecure\n")
    (finding,) = notable(apache.plan())
    assert (finding.code, finding.severity) == ("sni_policy_insecure", "warning")


def test_another_virtual_host_with_client_authentication_is_left_alone(apache):
    text = apache.site.replace("    DocumentRoot /var/www/default\n", "    SSLVerifyClient require\n")
    apache.write("sites-enabled/site.conf", text)
    assert apache.codes() == {}


def test_several_names_of_which_some_are_not_protected(apache):
    in_site(apache, "ServerAlias www.example.com *.app.example.com")
    assert apache.codes("log_only") == {}
    text = refused(apache, "shared_names")
    assert "serves www.example.com, *.app.example.com too, and those would be refused" in text
    assert "Split the virtual host" in text
    assert "site.conf:7)" in text


def test_names_of_one_virtual_host_share_stage_and_trust(apache):
    in_site(apache, "ServerAlias www.example.com")
    both = [apache.want(), apache.want("www.example.com", "enforce")]
    messages = [finding.message for finding in apache.plan(*both).errors if finding.code == "shared_stage"]
    assert messages == [
        "its virtual host serves www.example.com too, at the stage enforce",
        "its virtual host serves app.example.com too, at the stage log_only",
    ]
    both = [apache.want(), apache.want("www.example.com", bundle=apache.ca_two)]
    messages = {finding.code: finding.message for finding in apache.plan(*both).errors}
    assert "serves app.example.com too, which trusts other client CAs" in messages["shared_trust"]
    apache.carry_out(apache.want(), apache.want("www.example.com"))
    (finding, *_others) = apache.plan(apache.want(bundle=apache.ca_two)).errors
    assert finding.code == "shared_trust"


def test_one_of_two_names_that_are_enforced_cannot_go_alone(apache):
    in_site(apache, "ServerAlias www.example.com")
    both = [apache.want(stage="enforce"), apache.want("www.example.com", "enforce")]
    apache.carry_out(*both)
    assert [finding.code for finding in apache.plan(apache.want(stage="log_only")).errors] == ["shared_stage"]
    (finding,) = apache.plan(apache.want(stage="off")).errors
    assert "serves www.example.com too, at the stage enforce, and would go on refusing" in finding.message


def test_only_the_default_virtual_host_would_answer(apache):
    apache.write("sites-enabled/site.conf", apache.site.replace("app.example.com", "other.example.com"))
    text = refused(apache, "not_served", "log_only")
    assert "no virtual host with TLS has this name; the first one of *:443 answers for it" in text
    assert "Give it a <VirtualHost>" in text
    assert "site.conf:1)" in text


def test_no_tls_at_all(apache):
    apache.write("sites-enabled/site.conf", PLAIN.format("DocumentRoot /x\n"))
    assert "no virtual host with TLS has this name. Give it" in refused(apache, "not_served", "log_only")


def test_a_hostname_that_is_gone_does_not_keep_others_enforced(apache):
    before = apache.tree()
    both = ("app.example.com", "default.example.net")
    apache.carry_out(*(apache.want(name, "enforce") for name in both))
    site = apache.read("sites-enabled/site.conf")
    apache.write("sites-enabled/site.conf", site.replace("ServerName default.", "ServerName other."))
    (error,) = apache.plan(*(apache.want(name, "enforce") for name in both)).errors
    assert (error.code, error.hostname) == ("not_served", "default.example.net")
    plan = apache.carry_out(*(apache.want(name, "log_only") for name in both))
    warned = [(item.code, item.severity) for item in plan.findings if item.hostname == "default.example.net"]
    assert warned == [("not_served", "warning")]
    assert "SSLVerifyClient optional_no_ca" in apache.read("aop/app.example.com.conf")
    assert "SSLVerifyClient optional_no_ca" in apache.read("aop/default.example.net.conf")
    (error,) = apache.plan(*(apache.want(name, "enforce") for name in both)).errors
    assert (error.code, error.hostname) == ("not_served", "default.example.net")
    (error,) = apache.plan(apache.want("new.example.com"), apache.want()).errors
    assert (error.code, error.hostname) == ("not_served", "new.example.com")
    apache.carry_out(*(apache.want(name, "off") for name in (*both, "new.example.com")))
    site = apache.read("sites-enabled/site.conf")
    apache.write("sites-enabled/site.conf", site.replace("ServerName other.", "ServerName default."))
    assert apache.tree() == before


def test_an_enforced_hostname_that_is_renamed_does_not_become_open_silently(apache):
    apache.carry_out(apache.want(stage="enforce"))
    site = apache.read("sites-enabled/site.conf")
    apache.write("sites-enabled/site.conf", site.replace("ServerName app.", "ServerName www."))
    assert set(apache.codes()) == {"not_served"}
    assert apache.plan(apache.want(stage="enforce")).files == ()
    kept = Options(never_relax=True)
    with pytest.raises(Refused, match="no virtual host with TLS has this name"):
        apply.apply(apache.driver(), [apache.want()], kept, apache.run, root=f"{apache.root}/state")
    warned = {(item.code, item.severity) for item in apache.carry_out(apache.want()).findings}
    assert ("not_served", "warning") in warned


def test_an_include_line_astray_of_a_hostname_that_is_gone_keeps_nothing_enforced(apache):
    in_site(apache, "IncludeOptional aop/app.example.com.conf")
    apache.carry_out()
    site = apache.read("sites-enabled/site.conf")
    apache.write("sites-enabled/site.conf", site.replace("ServerName app.", "ServerName renamed."))
    assert {"not_served", "include_line_astray"} == set(apache.codes("enforce"))
    assert apache.codes("log_only") == apache.codes("off") == {}


def test_mod_ssl_is_not_loaded(apache):
    apache.modules.remove("ssl")
    text = refused(apache, "no_tls_module", "log_only")
    assert "mod_ssl not loaded" in text
    assert "a2enmod ssl" in text
    assert apache.plan(apache.want(stage="off")).errors == []


def test_a_macro_that_makes_the_virtual_host(apache):
    apache.write(
        "sites-enabled/site.conf",
        f"<Macro Site $name>\n<VirtualHost *:443>\nServerName $name\n{apache.tls}</VirtualHost>\n</Macro>\n"
        "Use Site app.example.com\n",
    )
    path = f"{apache.root}/sites-enabled/site.conf"
    line = f'*:443 app.example.com (macro \'site\' (defined on line 1 of "{path}") used on line 8 of "{path}":1)\n'
    original = apache.dump
    apache.dump = lambda: re.sub(r"^\*:443 .*\n", line, original(), flags=re.M)
    text = refused(apache, "macro", "log_only")
    assert "made by the macro site" in text
    assert "site.conf:8)" in text
    assert "Write this virtual host out" in text


@pytest.mark.parametrize(
    "content",
    [
        "DocumentRoot /var/www/app\n",
        "Redirect /old https://app.example.com/new\n",
        "ProxyPass / http://127.0.0.1:8080/\nRedirect permanent / https://app.example.com/\n",
        "RewriteEngine on\nRewriteRule ^/health - [L]\nRewriteRule ^ https://app.example.com%{REQUEST_URI} [R=301,L]\n",
    ],
)
def test_the_content_is_there_without_tls(apache, content):
    apache.write("sites-enabled/plain.conf", PLAIN.format(content))
    assert apache.codes("log_only") == {}
    text = refused(apache, "plain_http_open")
    assert "served without TLS at *:80, to everybody" in text
    assert "sites-enabled/plain.conf:" in text
    assert "set plain_http to redirect" in text
    assert apache.codes(plain_http="redirect") == {}


def test_a_plain_virtual_host_with_other_names_cannot_be_redirected(apache):
    apache.write("sites-enabled/plain.conf", PLAIN.format("ServerAlias other.example.com\nDocumentRoot /x\n"))
    assert "Split the virtual host: other.example.com" in refused(apache, "plain_http_open", plain_http="redirect")


@pytest.mark.parametrize("port", ["*:443", "*:8080"])
def test_optional_tls_is_a_plain_door(apache, port):
    apache.write("conf-enabled/listen.conf", "Listen 8080\n")
    site = f"<VirtualHost {port}>\nServerName app.example.com\nSSLEngine optional\n</VirtualHost>\n"
    apache.write("sites-enabled/a.conf", site)
    found = apache.codes()
    assert set(found) & {"plain_http_open", "tls_unclear", "not_served"}, found


def test_lines_that_are_read_twice_make_two_virtual_hosts(apache):
    apache.write("template.conf", f"<VirtualHost *:443>\nServerName ${{SITE}}\n{apache.tls}</VirtualHost>\n")
    twice = [f"Define SITE {name}.example.com\nInclude template.conf\n" for name in ("alpha", "app")]
    others = apache.site.replace("app.example.com", "other.example.com")
    apache.write("sites-enabled/site.conf", others + "".join(twice))
    text = refused(apache, "macro", "log_only")
    assert "read several times, with other variables each time" in text
    assert "/template.conf:1)" in text
    apache.write("sites-enabled/site.conf", others + twice[1])
    assert apache.codes("log_only") == {}


def test_a_second_listener_with_another_virtual_host_for_the_same_content(apache):
    apache.write(
        "sites-enabled/admin.conf",
        f"Listen 8443\n<VirtualHost *:8443>\nServerName admin\nDocumentRoot /var/www/app\n{apache.tls}</VirtualHost>\n",
    )
    text = refused(apache, "default_server_open")
    assert "unknown names of *:8443 serves the same directory /var/www/app" in text
    assert "admin.conf:2)" in text


def test_the_default_virtual_hosts_must_not_serve_the_content(apache):
    apache.write("sites-enabled/site.conf", apache.site.replace("/www/default\n", "/www/app\n"))
    assert "for unknown names of *:443 serves the same directory" in refused(apache, "default_server_open")
    apache.write("sites-enabled/site.conf", apache.site.replace("/www/default80\n", "/www/app\n"))
    assert "for unknown names of *:80 serves the same directory" in refused(apache, "default_server_open")
    closed = apache.site.replace("/www/default80\n", "/www/app\n<Location />\nRequire all denied\n</Location>\n")
    apache.write("sites-enabled/site.conf", closed)
    assert apache.codes() == {}


def test_the_main_server_must_not_serve_the_content(apache):
    apache.write("conf-enabled/listen.conf", "Listen 8080\n")
    apache.write("apache2.conf", apache.read("apache2.conf").replace("/var/www/main", "/var/www/app"))
    assert "unknown names of *:8080 serves the same directory" in refused(apache, "default_server_open")


def test_virtual_hosts_without_a_document_root_share_the_servers(apache):
    apache.write("sites-enabled/site.conf", re.sub(r".*DocumentRoot.*\n", "", apache.site))
    assert "for unknown names of *:443 serves the same directory /var/www/main" in refused(
        apache, "default_server_open"
    )
    both = apache.site.replace("/www/default\n", "/www/main\n").replace("    DocumentRoot /var/www/app\n", "")
    apache.write("sites-enabled/site.conf", both)
    assert "serves the same directory /var/www/main" in refused(apache, "default_server_open")


def test_a_shared_pool_of_php_is_not_the_same_content(apache):
    handler = '<FilesMatch php>\nSetHandler "proxy:unix:/run/fpm.sock|fcgi://localhost"\n</FilesMatch>\n</VirtualHost>'
    apache.write("sites-enabled/site.conf", apache.site.replace("</VirtualHost>", handler))
    assert apache.codes() == {}


LISTEN = "Listen 8443\n<VirtualHost *:8443>\nServerName other.example.org\n{}\n{}</VirtualHost>\n"
FASTCGI = '<{0}>\nSetHandler "proxy:unix:/run/fpm.sock|fcgi://localhost"\n</{1}>'
BY_NAME = FASTCGI.format("FilesMatch \\.php$", "FilesMatch")
BY_PLACE = FASTCGI.format('Location "/"', "Location")
TOLD = 'ProxyFCGISetEnvIf true SCRIPT_FILENAME "/srv/app/index.php"'
PARTIAL = "ProxyPass /{0} http://127.0.0.1:{0}/"
WHOLE = (
    "RewriteEngine on\nRewriteCond %{{HTTP:Upgrade}} =websocket [NC]\nRewriteRule /(.*) ws://127.0.0.1:{0}/$1 [P,L]\n"
    "RewriteCond %{{HTTP:Upgrade}} !=websocket [NC]\nRewriteRule /(.*) http://127.0.0.1:{0}/$1 [P,L]"
)
OURS, THEIRS = "DocumentRoot /var/www/app\n", "DocumentRoot /var/www/html\n"
PRESERVED = "ProxyPreserveHost On\nProxyPass /api http://127.0.0.1:3000/"


@pytest.mark.parametrize(
    ("ours", "theirs", "severity", "what"),
    [
        (OURS + BY_NAME, THEIRS + BY_NAME, "", ""),
        (OURS + BY_NAME, THEIRS + BY_NAME + "\nProxyFCGISetEnvIf true SCRIPT_NAME x", "", ""),
        (OURS + BY_PLACE, THEIRS + BY_PLACE, "error", "backend proxy:unix"),
        (OURS + BY_PLACE, THEIRS + BY_NAME, "error", "backend proxy:unix"),
        (OURS + BY_NAME, THEIRS + BY_NAME + "\n" + TOLD, "error", "backend proxy:unix"),
        (OURS + BY_NAME, THEIRS + BY_PLACE + "\n" + TOLD, "error", "backend proxy:unix"),
        (f"{OURS}<Directory /var/www>\n{BY_NAME}\n</Directory>", THEIRS + BY_NAME, "", ""),
        ("", "", "error", "directory /var/www/main"),
        (BY_NAME, BY_NAME, "error", "directory /var/www/main"),
        ("ProxyPass /.well-known/acme-challenge/ http://127.0.0.1:81/", "", "error", "directory /var/www/main"),
        (
            "<Location /.well-known/acme-challenge/>\nProxyPass http://127.0.0.1:81/\n</Location>", "",
            "error", "directory /var/www/main",
        ),
        ("", PARTIAL.format("3000"), "error", "directory /var/www/main"),
        (PARTIAL.format("3000"), PARTIAL.format("4000"), "warning", "directory /var/www/main"),
        (PARTIAL.format("3000"), "DocumentRoot /var/www/main", "warning", "directory /var/www/main"),
        ("DocumentRoot /var/www/main", PARTIAL.format("3000"), "error", "directory /var/www/main"),
        (PARTIAL.format("3000"), PARTIAL.format("3000"), "error", "backend http://127.0.0.1:3000"),
        (WHOLE.format("3000"), WHOLE.format("4000"), "", ""),
        (WHOLE.format("3000"), WHOLE.format("3000"), "error", "backend http://127.0.0.1:3000"),
        (OURS + PRESERVED, OURS + PRESERVED, "error", "backend http://127.0.0.1:3000"),
        (OURS + PRESERVED, f"{THEIRS}{PRESERVED}", "error", "backend http://127.0.0.1:3000"),
        ("DocumentRoot /www/app.example.com/htdocs", "VirtualDocumentRoot /www/%0/htdocs/", "error", "directory /www"),
        ("DocumentRoot /www/app.example.com", "VirtualDocumentRoot /www/%2", "error", "directory /www/app"),
        ("DocumentRoot /www/app.example.com", "VirtualDocumentRoot /www/%0/htdocs", "", ""),
        ("DocumentRoot /www/app.example.com", "VirtualDocumentRoot /w.w/%0", "", ""),
    ],
)  # fmt: skip
def test_what_is_the_same_content_at_another_port(apache, ours, theirs, severity, what):
    in_site(apache, ours)
    apache.write("sites-enabled/zz.conf", LISTEN.format(theirs, apache.tls))
    found = notable(apache.plan(apache.want(stage="enforce")))
    assert [(item.code, item.severity) for item in found] == ([("default_server_open", severity)] if severity else [])
    assert all(f"unknown names of *:8443 serves the same {what}" in item.message for item in found)


def test_fastcgi_that_all_virtual_hosts_are_told_other_files_for(apache):
    in_site(apache, OURS + BY_NAME)
    apache.write("sites-enabled/zz.conf", LISTEN.format(THEIRS + BY_NAME, apache.tls))
    apache.write("conf-enabled/php.conf", f"<FilesMatch php>\n{TOLD}\n</FilesMatch>\n")
    assert "serves the same backend proxy:unix" in refused(apache, "default_server_open")


def test_the_main_server_knows_no_names(apache):
    in_site(apache, OURS + PRESERVED)
    apache.write("conf-enabled/main.conf", f"Listen 8080\n{PRESERVED}\n")
    assert "unknown names of *:8080 serves the same backend" in refused(apache, "default_server_open")


@pytest.mark.parametrize(("directory", "is_open"), [("app.example.com", False), ("shop", True)])
def test_document_roots_by_name_are_reached_by_names_that_no_virtual_host_has(apache, directory, is_open):
    text = apache.site.replace("DocumentRoot /var/www/app", f"DocumentRoot /www/{directory}")
    text = text.replace("DocumentRoot /var/www/default\n", "VirtualDocumentRoot /www/%0\n")
    apache.write("sites-enabled/site.conf", text)
    assert ("default_server_open" in apache.codes()) is is_open


def test_a_shared_backend_that_knows_the_name_is_a_warning(apache):
    text = apache.site.replace("DocumentRoot /var/www/app", "ProxyPass / http://127.0.0.1:8080/")
    apache.write(
        "sites-enabled/site.conf",
        text.replace("DocumentRoot /var/www/default\n", "ProxyPass / http://127.0.0.1:8080/\n"),
    )
    assert "serves the same backend http://127.0.0.1:8080" in refused(apache, "default_server_open")
    known = text.replace(
        "DocumentRoot /var/www/default\n", "ProxyPreserveHost On\nProxyPass / http://127.0.0.1:8080/\n"
    )
    apache.write("sites-enabled/site.conf", known)
    assert [(f.code, f.severity) for f in notable(apache.plan(apache.want(stage="enforce")))] == [
        ("default_server_open", "warning")
    ]
    both = known.replace("ProxyPreserveHost On\n", "ProxyPreserveHost On\nDocumentRoot /var/www/app\n")
    both = both.replace("    ProxyPass /", "    DocumentRoot /var/www/app\n    ProxyPass /")
    apache.write("sites-enabled/site.conf", both)
    assert "serves the same directory /var/www/app" in refused(apache, "default_server_open")


def test_warnings_for_the_default_site_and_for_shadowed_ones(apache):
    second = f"<VirtualHost *:443>\nServerName app.example.com\n{apache.tls}</VirtualHost>\n"
    apache.write("sites-enabled/zz.conf", second)
    (finding,) = notable(apache.plan(apache.want(stage="enforce")))
    assert (finding.code, finding.severity, finding.line) == ("shadowed", "warning", 1)
    assert "another one answers first" in finding.message
    (finding,) = notable(apache.plan(apache.want("default.example.net", "enforce")))
    assert (finding.code, finding.severity) == ("default_site", "warning")


def test_an_alias_behind_canonical_names_cannot_be_logged(apache):
    in_site(apache, "ServerAlias www.example.com", "UseCanonicalName On")
    (finding,) = apache.plan(apache.want("www.example.com")).errors
    assert (finding.code, finding.line) == ("canonical_name", 10)
    assert "UseCanonicalName Off" in finding.remedy
    assert apache.plan().errors == []


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_a_missing_line_when_sites_are_not_managed(apache, stage):
    text = refused(apache, "include_line_missing", stage, manage_sites=False)
    assert f"the line 'IncludeOptional {apache.root}/aop/app.example.com.conf' is missing" in text
    assert "before the </VirtualHost> in line 12" in text
    assert "site.conf:12)" in text


def test_a_line_of_the_users_own_that_catches_other_hostnames(apache):
    in_site(apache, "IncludeOptional aop/*.conf")
    assert apache.codes("log_only") == {}
    apache.write("aop/default.example.net.conf", "# originlock.aop stage=log_only hostname=default.example.net\n")
    text = refused(apache, "include_line_unclear", "log_only")
    assert "brings the client authentication of default.example.net here, too" in text
    assert "site.conf:9)" in text


@pytest.mark.parametrize("where", ["conf-enabled/a.conf", "sites-enabled/site.conf"])
def test_a_line_of_the_users_own_in_the_wrong_place(apache, where):
    line = "IncludeOptional aop/app.example.com.conf\n"
    if where.startswith("conf"):
        apache.write(where, line)
    else:
        apache.write(where, apache.site.replace("    DocumentRoot /var/www/default\n", line))
    text = refused(apache, "include_line_astray", "log_only")
    assert "would bring this hostname's client authentication there" in text
    assert where in text


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        ("", "there is no trust bundle"),
        ("<html>", "holds no PEM block"),
        ("-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n", "certificate 1 of the trust bundle"),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "holds PRIVATE KEY"),
        ("GOOD-----BEGIN CERTIFICATE-----\nbroken", "has no end"),
        ("GOOD-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 2 of the trust bundle"),
        ("LEAF", "holds a certificate that is no CA"),
    ],
)
def test_bad_bundles(apache, bundle, message):
    bundle = bundle.replace("GOOD", apache.ca_one).replace("LEAF", apache.leaf)
    (finding,) = apache.plan(apache.want(bundle=bundle)).errors
    assert finding.code == "bad_trust_bundle"
    assert message in finding.message
    assert "Apache would die of it" in finding.remedy


def test_good_bundles(apache):
    text = "# comment\n" + apache.ca_one + "junk\n" + apache.ca_two + apache.ca_one
    plan = apache.plan(apache.want(bundle=text))
    (change,) = [change for change in plan.files if change.path.endswith(".pem")]
    assert change.after.decode() == apache.ca_one + apache.ca_two


@pytest.mark.parametrize("stage", ["log_only", "enforce"])
def test_without_the_edges_certificate_nothing_is_asked_for(apache, stage):
    from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Protection

    (finding,) = apache.plan(Protection("app.example.com", stage, apache.ca_one)).errors
    assert finding.code == "certificate_missing"
    assert "refuses an expired or unsuitable one even in log_only" in finding.message


@pytest.mark.parametrize(
    "name", ["*.example.com", "localhost", "192.0.2.1", "a b", "app.example.com\n", "../x", "", "a" * 254]
)
def test_bad_hostnames(apache, name):
    (finding,) = apache.plan(apache.want(name)).errors
    assert (finding.code, finding.message) == ("bad_hostname", "this isn't a plain hostname")


def test_a_log_that_could_not_be_opened_would_end_the_server(apache):
    text = refused(apache, "log_path", "log_only", log_path="/not/there/aop.log")
    assert "/not/there/aop.log can't be written, and Apache would die of it" in text


def test_nowhere_to_configure_the_log(apache):
    apache.write("apache2.conf", apache.read("apache2.conf").replace("/*.conf", "/s*.conf"))
    text = refused(apache, "log_configuration", "log_only")
    assert f"Put IncludeOptional {apache.root}/conf-enabled/originlock-aop.conf" in text


def test_no_log_module(apache):
    apache.modules.remove("log_config")
    assert "mod_log_config not loaded" in refused(apache, "no_log_module", "log_only")
