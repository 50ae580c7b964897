# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import dumps
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError

# As Apache 2.4.71 of Debian writes it.
DUMP = """\
AH00558: apache2: Could not reliably determine the server's fully qualified domain name, using 10.0.0.1.
VirtualHost configuration:
[::1]:443              macro.example (/etc/apache2/sites-enabled/zz.conf:14)
10.0.0.1:443           is a NameVirtualHost
         default server Macro.example (/etc/apache2/sites-enabled/zz.conf:14)
         port 443 namevhost macro.example (/etc/apache2/sites-enabled/zz.conf:14)
                 alias Bar.example
                 alias baz.example
                 wild alias *.foo.example
         port 443 namevhost q.example (/etc/apache2/sites-enabled/zz.conf:23)
*:443                  is a NameVirtualHost
         default server fd6f:726c:636b:e::b (/etc/apache2/sites-enabled/000-default-ssl.conf:2)
         port 443 namevhost fd6f:726c:636b:e::b (/etc/apache2/sites-enabled/000-default-ssl.conf:2)
         port 443 namevhost m1.example (macro 'vh' (defined on line 2 of "/a.conf") used on line 10 of "/b.conf":1)
*:*                    star.example (/etc/apache2/sites-enabled/with blank.conf:29)
Included configuration files:
  (*) /etc/apache2/apache2.conf
    (146) /etc/apache2/mods-enabled/alias.load
      (3) /etc/apache2/snip/a b.conf
ServerRoot: "/etc/apache2"
Main DocumentRoot: "/var/www/html"
Main ErrorLog: "/var/log/apache2/error.log"
Mutex default: dir="/var/run/apache2/" mechanism=default
PidFile: "/var/run/apache2/apache2.pid"
Define: DUMP_VHOSTS
Define: SITE=macro.example
Define: EMPTY
User: name="www-data" id=33
Loaded Modules:
 core_module (static)
 ssl_module (shared)
"""
VERSION = "Server version: Apache/2.4.62 (AlmaLinux)\nServer built:   Jan 1 2026 00:00:00\n"


def test_the_whole_dump():
    dump = dumps.parse_dump(VERSION, DUMP)
    assert dump.version == (2, 4, 62)
    assert dump.modules == {"core", "ssl"}
    assert dump.files[0] == "/etc/apache2/apache2.conf"
    assert dump.files[2] == "/etc/apache2/snip/a b.conf"
    assert dump.defines == {"SITE": "macro.example", "EMPTY": ""}
    assert dump.document_root == "/var/www/html"
    assert dump.error_log == "/var/log/apache2/error.log"
    assert (dump.server_root, dump.pid_file) == ("/etc/apache2", "/var/run/apache2/apache2.pid")


def test_virtual_hosts_keep_apaches_order():
    groups = dumps.parse_groups(DUMP)
    assert [group.label for group in groups] == ["[::1]:443", "10.0.0.1:443", "*:443", "*:*"]
    assert [group.wildcard for group in groups] == [False, False, True, True]
    first, second = groups[1].hosts
    assert (first.name, first.aliases, first.wildcards) == (
        "macro.example", ("bar.example", "baz.example"), ("*.foo.example",),
    )  # fmt: skip
    assert second.place == ("/etc/apache2/sites-enabled/zz.conf", 23)
    assert [host.alone for group in groups for host in group.hosts] == [True, False, False, False, False, True]
    assert groups[3].hosts[0].place == ("/etc/apache2/sites-enabled/with blank.conf", 29)


def test_a_virtual_host_of_a_macro_is_where_the_macro_was_used():
    host = dumps.parse_groups(DUMP)[2].hosts[1]
    assert (host.name, host.macro, host.place) == ("m1.example", "vh", ("/b.conf", 10))


def test_words_that_are_no_dump():
    with pytest.raises(OriginError, match="didn't tell its configuration: Syntax OK"):
        dumps.parse_dump(VERSION, "Syntax OK\n")
    with pytest.raises(OriginError, match="doesn't tell its version: nginx"):
        dumps.parse_version("nginx version: nginx/1.22\n")
