# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose certificates count for a hostname: what is written, kept, and told where that isn't known."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import bundles
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Plan
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    APP,
    CA,
    OTHER_CA,
    SITE,
    TLS,
    after,
    codes,
    make,
    messages,
    site,
    text_of,
    wish,
)

SHOP = "shop.example.net"
REJECT = "server { listen 443 ssl default_server; listen [::]:443 ssl default_server; ssl_reject_handshake on; }\n"
STAFF = "ssl_client_certificate /staff.pem; ssl_verify_client on;"
HTTP = "00-originlock-aop.conf"
KEY = "issuer_not_pinned"


def block(names: str = APP, inside: str = "root /srv;", listen: str = TLS) -> str:
    return f"server {{\n    {listen}\n    server_name {names};\n    {inside}\n}}\n"


def entries(made: Plan, variable: str) -> list[str]:
    """The rows of one map."""
    text = text_of(made, HTTP)
    rows = text[text.index(f" {variable} {{\n") :].partition("{\n")[2].partition("\n}")[0]
    return [line.strip().rstrip(";") for line in rows.splitlines()]


def test_each_hostname_has_its_own_cas() -> None:
    content = block() + block(SHOP) + block("www.example.net") + block("log.example.com")
    wishes = [wish(stage="enforce"), wish(SHOP, "enforce", OTHER_CA), wish("log.example.com")]
    made = make(site(content), *wishes, wish("www.example.net", "enforce", CA + OTHER_CA))
    assert codes(made) == codes(made, "warning") == []
    hosts = [f"{APP} 1", f"{SHOP} 3", "www.example.net 2"]
    assert entries(made, "$aop_trust") == ['default ""', *hosts]
    assert entries(made, "$aop_other_issuer") == [
        "default 1",
        r'"~^\|" 0',
        r'"~^on\|any\|" 0',
        *(f'"on|{key}" 0' for key in ("1|CN=one", "2|CN=one", "2|CN=other", "3|CN=other")),
    ]
    for name in (APP, SHOP, "www.example.net"):
        assert "if ($aop_other_issuer) { return 403; }" in text_of(made, f"/{name}.conf")
    assert "aop_other_issuer" not in text_of(made, "log.example.com.conf")


def test_blocks_with_other_names() -> None:
    made = make(site(block(f"{APP} {SHOP}")), wish(stage="enforce"))
    assert entries(made, "$aop_denied")[1:] == ['"~^00:" 0', '"~^1[01]:0:0:0$" 0']
    assert ":$aop_unverified:$aop_other_issuer" in text_of(made, HTTP)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("CN=a", '"on|1|CN=a" 0'),
        ('CN=a "b" $c', r'"on|1|CN=a \"b\" $c" 0'),
        (r"CN=a\, b", r'"on|1|CN=a\\, b" 0'),
        ("CN=" + "x" * 32, '"on|1|CN=' + "x" * 32 + '" 0'),
        ("CN=" + "x" * 33, r'"~^on\\|1\\|CN=' + "x" * 33 + '$" 0'),
        (
            "CN=Client CA (production), example.com",
            r'"~^on\\|1\\|CN=Client\\ CA\\ \\(production\\),\\ example\\.com$" 0',
        ),
    ],
)
def test_names_are_written_so_that_nginx_reads_them(name: str, row: str) -> None:
    made = make(site(block()), wish(stage="enforce", issuers=[name]))
    assert entries(made, "$aop_other_issuer")[3:] == [row]


def test_names_that_differ_in_case_are_written_once() -> None:
    made = make(site(block()), wish(stage="enforce", bundle=CA + OTHER_CA, issuers=["CN=A", "CN=a"]))
    assert len(entries(made, "$aop_other_issuer")) == 4


def test_names_stay_for_hostnames_that_are_not_listed() -> None:
    found = site(block() + block(SHOP))
    found = after(found, make(found, wish(stage="enforce"), wish(SHOP, "enforce", OTHER_CA)))
    assert bundles.read_file(found.own["/etc/nginx/aop/app.example.com.pem"].decode()) == (
        {APP: CA},
        {CA[:-1]: "CN=one"},
    )
    made = make(found, wish(SHOP, "enforce", CA))
    assert entries(made, "$aop_trust") == ['default ""', f"{APP} 1", f"{SHOP} 1"]
    assert make(found, wish(stage="enforce", bundle="", issuers=[])).changes == []


@pytest.mark.parametrize("names", [[], ["CN=one", "CN=two"], ["CN=a\nb"], ["CN=\u00e4"], [""], [" CN=a"]])
def test_names_that_are_no_use_are_told(names: list[str]) -> None:
    made = make(site(block()), wish(stage="enforce", issuers=names))
    assert entries(made, "$aop_trust") == ['default ""', f"{APP} any"]
    assert (codes(made), codes(made, "warning")) == ([], [KEY])
    assert messages(made, KEY) == [
        "app.example.com: the names of its CAs aren't known, or can't be compared as text: nobody gets in now, but "
        f"would if a default server asked for certificates of another CA ({SITE}:1). Let the default server of each "
        "of its addresses have ssl_reject_handshake on and nothing else, or use a CA with a plain name that no other "
        "CA has."
    ]
    assert codes(make(site(block()), wish(issuers=names)), "warning") == []


def test_a_default_server_that_rejects_is_enough() -> None:
    assert codes(make(site(REJECT + block()), wish(stage="enforce", issuers=[])), "warning") == []
    one_family = REJECT.replace("listen [::]:443 ssl default_server;", "")
    made = make(site(one_family + block()), wish(stage="enforce", issuers=[]))
    assert codes(made, "warning") == [KEY]


@pytest.mark.parametrize(
    ("first", "http"), [(block("staff.example.org", STAFF), ""), (block("staff.example.org", "root /x;"), STAFF)]
)
def test_a_default_server_with_another_ca_is_refused(first: str, http: str) -> None:
    found = site(first + block(inside="root /srv;"), http)
    wishes = wish(stage="enforce", issuers=[])
    assert KEY in codes(make(found, wishes))
    (message,) = messages(make(found, wishes), KEY)
    assert "the default server of *:443 asks for certificates of another CA" in message
    assert f"({SITE}:1)" in message
    assert KEY not in codes(make(found, wish(stage="enforce")))
    told = make(found, wish(issuers=[]))
    assert KEY not in codes(told)
    assert "Before you enforce: Let the default server" in messages(told, KEY)[0]


def test_the_first_protected_block_is_such_a_default_server() -> None:
    found = site(block(SHOP, "root /srv/shop;") + block())
    made = make(found, wish(stage="enforce", issuers=[]), wish(SHOP, "log_only", OTHER_CA))
    assert codes(made) == [KEY]
    made = make(found, wish(stage="enforce", issuers=[]), wish(SHOP, "log_only", CA, issuers=[]))
    assert (codes(made), codes(made, "warning")) == ([], [KEY])


def test_cas_of_one_block_that_are_not_told_apart() -> None:
    made = make(site(block(f"{APP} {SHOP}")), wish(stage="enforce", issuers=[]), wish(SHOP, "enforce", OTHER_CA))
    assert (codes(made), codes(made, "warning")) == ([], [KEY])
    assert "of other hostnames in this server block are good for it, too" in messages(made, KEY)[0]


def test_cas_with_the_same_name_are_not_told_apart() -> None:
    found = site(block(SHOP) + block())
    made = make(found, wish(stage="enforce"), wish(SHOP, "enforce", OTHER_CA, ["CN=ONE"]))
    assert (codes(made), codes(made, "warning")) == ([], [KEY, KEY])
    one, other = sorted(messages(made, KEY))
    assert "CN=one is the name of another CA, too, which shop.example.net trusts, and the default server of" in one
    assert "CN=ONE is the name of another CA, too, which app.example.com trusts: nobody gets in now" in other
    # In a rotation a hostname trusts both.
    both = wish(stage="enforce", bundle=CA + OTHER_CA, issuers=["CN=one", "CN=one"])
    same = wish(SHOP, "enforce", CA + OTHER_CA, ["CN=one", "CN=one"])
    assert codes(make(found, both, same)) == codes(make(found, both, same), "warning") == []
