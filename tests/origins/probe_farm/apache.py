# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache httpd: the same, as far as it can go wrong there."""

from __future__ import annotations

_MODULES = "authz_core authz_host reqtimeout dir mime rewrite alias socache_shmcb ssl http2 headers"
_HEAD = """
ServerRoot /etc/apache2
DefaultRuntimeDir /tmp
PidFile /tmp/%(name)s.pid
ErrorLog /tmp/%(name)s.log
ServerName localhost
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
%(modules)s
Mutex file:/tmp/locks-%(name)s default
StartServers 1
MinSpareThreads 5
MaxSpareThreads 50
ThreadsPerChild 25
MaxRequestWorkers 50
TypesConfig /etc/mime.types
DirectoryIndex index.html
Protocols h2 http/1.1
SSLSessionCache shmcb:/tmp/%(name)s.cache(512000)
SSLSessionTickets off
SSLProtocol -all +TLSv1.2 +TLSv1.3
Listen 127.0.0.1:%(P)d
Listen [::1]:%(P)d
Listen 127.0.0.1:%(Q)d
Listen [::1]:%(Q)d
Listen 127.0.0.1:%(H)d
Listen [::1]:%(H)d
<Directory /farm/www>
  Require all granted
</Directory>
"""
_CA = "SSLCACertificateFile /farm/ca.crt\nSSLVerifyDepth 10\n"
_REQUIRE = _CA + "SSLVerifyClient require"
_NO_CA = _CA + "SSLVerifyClient optional_no_ca"


def _site(name: str, policy: str = "", where: str = "*:%(P)d", tls: bool = True) -> str:
    lines = [f"<VirtualHost {where}>", f"ServerName {name}.test", "DocumentRoot /farm/www/" + name]
    if tls:
        lines += ["SSLEngine on", "SSLCertificateFile /farm/server.crt", "SSLCertificateKeyFile /farm/server.key"]
    return "\n".join([*lines, policy, "</VirtualHost>"])


_OPEN = _site("open")
_STAFF = _site("staff", _REQUIRE.replace("ca.crt", "staff-ca.crt"))
_REWRITE = "RewriteEngine on\nRewriteRule ^ https://%%{HTTP_HOST}%%{REQUEST_URI} [R=301,L]"
_REDIRECT = _site("app", _REWRITE, "*:%(H)d", False)
_SECOND_OPEN = _site("open", "", "*:%(Q)d")
_GOOD = [_OPEN, _STAFF, _site("app", _REQUIRE), _REDIRECT, _SECOND_OPEN, _site("app", _REQUIRE, "*:%(Q)d")]

SCENARIOS: dict[str, list[str]] = {
    "good": _GOOD,
    "per_location": [
        _OPEN,
        _site("app", _CA + "<Location />\nSSLVerifyClient require\n</Location>"),
        _REDIRECT,
    ],
    "per_location_elsewhere": [
        _OPEN,
        _site("app", _CA + "<Location /private>\nSSLVerifyClient require\n</Location>"),
    ],
    "sni_policy": ["SSLVHostSNIPolicy insecure", *_GOOD],
    "second_listener": [_OPEN, _site("app", _REQUIRE), _REDIRECT, _SECOND_OPEN, _site("app", "", "*:%(Q)d")],
    "port_80": [_OPEN, _site("app", _REQUIRE), _site("app", "", "*:%(H)d", False)],
    "ipv6": [
        _site("open", "", "127.0.0.1:%(P)d"),
        _site("app", _REQUIRE, "127.0.0.1:%(P)d"),
        _site("app", "", "[::1]:%(P)d"),
        _REDIRECT,
    ],
    "expression": [
        _OPEN,
        _site(
            "app",
            _NO_CA + "\n<Location />\nRequire expr \"%%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"\n</Location>",
        ),
        _REDIRECT,
    ],
    "optional": [_OPEN, _site("app", _CA + "SSLVerifyClient optional"), _REDIRECT],
    "log_only": [_OPEN, _site("app", _NO_CA), _REDIRECT],
    "off": [_OPEN, _site("app")],
}


def render(scenario: str, ports: dict[str, int]) -> str:
    """The configuration file."""
    line = "LoadModule {0}_module /usr/lib/apache2/modules/mod_{0}.so"
    modules = "\n".join(line.format(name) for name in _MODULES.split())
    values = {**ports, "name": scenario, "modules": modules}
    return (_HEAD + "\n".join(SCENARIOS[scenario])) % values + "\n"
