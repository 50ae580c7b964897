# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as people write them: what can be done is done and comes back byte for byte, the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.origins.pki import Clients

from .host import CaddyHost

APP = "app.example.com"
TLS = "/etc/caddy/tls/example.com.pem /etc/caddy/tls/example.com.key"
GLOBAL = "{\n\tlocal_certs\n\tskip_install_trust\n}\n"


def site(name: str = APP, tls: str = f"tls {TLS}", inside: str = 'respond "content"') -> str:
    return f"{name} {{\n\t{tls}\n\t{inside}\n}}\n"


def codes(result: dict[str, Any]) -> set[str]:
    details = result.get("details") or result
    return {finding["code"] for finding in details["findings"]}


#: Sites that go all the way, each with a hostname of its own (NAME).
FINE = {
    "no-tls": 'NAME {\n\trespond "content"\n}\n',
    "internal": site("NAME", tls="tls internal"),
    "comment": site("NAME", tls=f"tls {TLS} # ours\t "),
    "block": site("NAME", tls=f"tls {TLS} {{\n\t\tprotocols tls1.2 tls1.3\n\t}}"),
    "two-addresses": site("https://NAME, NAME:8443"),
    "escaped": site("NAME", tls=f"tls \\\n\t\t{TLS}"),
    "variable": site("{$APP_NAME:NAME}"),
    "heredoc": site("NAME", inside="respond <<HTML\n\t\t} content {\n\t\tHTML 200"),
    "quotes": site("NAME", inside='respond "content } {"'),
    "snippet": site("NAME", inside='import common app\n\trespond "content"'),
    "matcher": site("NAME", inside='@a path /a\n\thandle @a {\n\t\trespond "a"\n\t}\n\trespond "content"'),
}
SNIPPET = '(common) {\n\tencode gzip\n\theader X-From "{args[0]}"\n}\n'


def all_the_way_and_back(caddy: CaddyHost, clients: Clients, caddyfile: str, names: list[str]) -> None:
    caddy.reset(caddyfile)
    before = caddy.tree()
    for stage in ("log_only", "enforce"):
        wanted = [clients.wanted(name, stage) for name in names]
        done = caddy.apply(wanted)
        assert "error" not in done, done
        assert {(one["hostname"], one["stage_after"]) for one in done["sites"]} == {(name, stage) for name in names}
        for name in names:
            assert caddy.request(name, name, identity=clients.files["valid"]).status == 200, name
    for name in names:
        assert not caddy.request(name, name).served, name
    assert not caddy.apply(wanted)["changed"]
    assert "error" not in caddy.apply([clients.wanted(name, "off") for name in names])
    assert caddy.tree() == before
    for name in names:
        assert caddy.request(name, name).served, name


def test_sites_go_all_the_way_and_back(caddy: CaddyHost, clients: Clients) -> None:
    names = {kind: f"{kind}.example.com" for kind in FINE}
    blocks = "".join(text.replace("NAME", names[kind]) for kind, text in FINE.items())
    all_the_way_and_back(caddy, clients, GLOBAL + SNIPPET + blocks, list(names.values()))


@pytest.mark.parametrize(
    "caddyfile", [f'{APP}\ntls {TLS}\nrespond "content"', site().replace("\n", "\r\n")], ids=["no-braces", "returns"]
)
def test_a_file_that_is_one_site(caddy: CaddyHost, clients: Clients, caddyfile: str) -> None:
    all_the_way_and_back(caddy, clients, caddyfile, [APP])


REFUSED = {
    "client_verification_taken": site(tls=f"tls {TLS} {{\n\t\tclient_auth {{\n\t\t\tmode request\n\t\t}}\n\t}}"),
    "tls_not_in_site": f"(secure) {{\n\ttls {TLS}\n}}\n{APP} {{\n\timport secure\n\trespond \"content\"\n}}\n",
    "site_not_found": f"(app) {{\n\t{{args[0]}} {{\n\t\ttls {TLS}\n\t\trespond \"x\"\n\t}}\n}}\nimport app {APP}\n",
    "wildcard_site": site("*.example.com"),
    "shared_names": site(f"{APP}, shop.example.com"),
    "sni_policy_insecure": "{\n\tservers {\n\t\tstrict_sni_host insecure_off\n\t}\n}\n" + site(),
    "plain_http_open": site() + f"http://{APP} {{\n\treverse_proxy 127.0.0.1:9\n}}\n",
    "not_served": site(":443"),
    "default_server_open": site(inside="reverse_proxy 127.0.0.1:9")
    + site(":8443", inside="reverse_proxy 127.0.0.1:9"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_would_be_a_hole_is_refused(caddy: CaddyHost, clients: Clients, code: str) -> None:
    caddy.reset(REFUSED[code])
    before = caddy.tree()
    refused = caddy.apply([clients.wanted(APP, "enforce")])
    assert code in codes(refused), refused
    assert caddy.tree() == before


def test_no_reload_without_the_api(caddy: CaddyHost, clients: Clients) -> None:
    caddy.reset("{\n\tadmin off\n}\n" + site())
    assert "no_reload" in codes(caddy.apply([clients.wanted(APP, "log_only")]))


def test_an_api_at_a_socket(caddy: CaddyHost, clients: Clients) -> None:
    caddy.sh("install -d -o caddy /run/caddy")
    caddy.reset("{\n\tadmin unix//run/caddy/admin.sock\n}\n" + site())
    assert "error" not in caddy.apply([clients.wanted(APP, "enforce")])
    assert not caddy.request(APP, APP).served


def test_a_site_file_that_somebody_broke(caddy: CaddyHost, clients: Clients) -> None:
    caddy.reset(site())
    caddy.put("/etc/caddy/Caddyfile", site(inside="no_such_directive"))
    before = caddy.tree()
    refused = caddy.apply([clients.wanted(APP, "log_only")])
    assert "no_such_directive" in refused["error"]
    assert caddy.tree() == before
    assert caddy.request(APP, APP).served
