# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files change, byte for byte, and what is refused where."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy import planning
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.certificates import Entry
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.haproxy.configurations import (
    APP,
    BIND,
    FILE,
    HEAD,
    ROUTE,
    TAIL,
    after,
    codes,
    found,
    plan,
    site,
    wish,
)

ADDED = "crt-list /etc/haproxy/aop/www.list ca-ignore-err all crt-ignore-err all "


def test_lines_come_and_go() -> None:
    text = site()
    made = plan(text)
    assert codes(made) == [("unprotected_name", "info", 9)]
    changed, own = after(made)
    assert f"    bind :443 ssl {ADDED}crt /certs/default.pem crt /certs/\n    # originlock.aop begin" in changed
    assert "    # originlock.aop end\n    use_backend app" in changed
    assert own["/etc/haproxy/aop/www.list"].decode().splitlines()[-2:] == [
        "/certs/default.pem !*",
        f"/certs/site.pem [verify optional ca-file /etc/haproxy/aop/{APP}.pem] {APP}",
    ]
    assert "SocketUser=haproxy\n" in own["/etc/systemd/system/originlock-aop-haproxy-log.socket"].decode()
    again = plan(changed, own=own)
    assert (again.changes, again.activation) == ([], "none")
    enforced = plan(changed, wish("enforce"), own=own)
    # Of the user's file nothing changes from one stage to the other.
    assert all(change.path.startswith("/etc/haproxy/aop/") for change in enforced.changes)
    assert [(one.stage_before, one.stage_after) for one in enforced.sites] == [("log_only", "enforce")]
    gone = plan(changed, wish("off"), own=own)
    assert after(gone) == (text, {})


def test_a_second_hostname_keeps_the_first() -> None:
    _changed, own = changed = after(plan(site(), wish("enforce")))
    made = plan(changed[0], wish("log_only", "api.example.com"), own=own)
    stages = after(made)[1]["/etc/haproxy/aop/www.map"].decode()
    assert (
        f"{APP} enforce\napi.example.com log_only\n" in stages or f"api.example.com log_only\n{APP} enforce" in stages
    )
    assert after(made)[1][f"/etc/haproxy/aop/{APP}.pem"] == own[f"/etc/haproxy/aop/{APP}.pem"]
    discovery = found(after(made)[0], own=after(made)[1])
    assert {one.hostname: one.stage_before for one in planning.sites(discovery, [])} == {
        APP: "enforce",
        "api.example.com": "log_only",
    }


def test_a_block_that_somebody_took_out_protects_nothing() -> None:
    _changed, own = after(plan(site(), wish("enforce")))
    discovery = found(site(), own=own)
    assert discovery.protected() == {}
    assert [(one.hostname, one.stage) for one in planning.lost(discovery)] == [(APP, "enforce")]
    assert after(plan(site(), wish("off"), own=own)) == (site(), {})


@pytest.mark.parametrize(
    ("shown", "lines"),
    [
        # Whoever can do ECDSA is shown the wildcard.
        (
            [
                Entry("/r.pem", (APP,), frozenset({"rsa"})),
                Entry("/e.pem", ("*.example.com",), frozenset({"ecdsa"})),
                Entry("/late.pem", (APP,), frozenset({"rsa"})),
            ],
            ["/r.pem !*", f"/r.pem [verify V] {APP}", f"/e.pem [verify V] {APP}"],
        ),
        # Options of a user's list stay; a name may be taken out of a wildcard.
        (
            [
                Entry("/d.pem", ("d",), frozenset({"rsa"}), ("alpn", "h2")),
                Entry("/w.pem", ("*.example.com", "!" + APP), frozenset({"rsa"})),
                Entry("/x.pem", ("*.example.com",), frozenset({"rsa"}), ("ssl-min-ver", "TLSv1.3")),
            ],
            ["/d.pem [alpn h2] !*", f"/x.pem [ssl-min-ver TLSv1.3 verify V] {APP}"],
        ),
        # Nothing fits: the first one is shown.
        (
            [Entry("/d.pem", ("d",), frozenset({"rsa"})), Entry("/o.pem", ("o",), frozenset({"rsa"}))],
            ["/d.pem !*", f"/d.pem [verify V] {APP}"],
        ),
    ],
)
def test_the_certificate_is_the_one_of_before(shown: list[Entry], lines: list[str]) -> None:
    own = after(plan(site(), shown=shown))[1]["/etc/haproxy/aop/www.list"].decode().splitlines()
    asked = f"verify optional ca-file /etc/haproxy/aop/{APP}.pem"
    assert [line.replace(asked, "verify V") for line in own if not line.startswith("#")] == lines


ENFORCED = [
    (site(rules="default_backend app"), "default_server_open"),
    (site(rules="use_backend app if { hdr_end(host) example.com }\n    default_backend other"), "default_server_open"),
    (site(more="frontend b\n    bind :8443 ssl crt x\n    default_backend app\n"), "default_server_open"),
    (site(more="frontend b\n    bind :80\n    use_backend app if { hdr(host) app.example.com }\n"), "plain_http_open"),
    (site(f"{BIND} allow-0rtt"), "ssl_early_data"),
    (site(f"{BIND} tls-ticket-keys /k"), "ssl_session_ticket_key"),
    (site(rules=f"option accept-unsafe-violations-in-http-request\n    {ROUTE}"), "lenient_parser"),
    (site(rules=f"tcp-request content set-src hdr(x)\n    {ROUTE}"), "rule_before_ours"),
    (
        site().replace("option httplog\n", "option httplog\n    http-request set-header Host x if { path /x }\n"),
        "rule_before_ours",
    ),
]
ALWAYS = [
    (site(f"{BIND} verify optional ca-file /x"), "client_verification_taken"),
    (site(rules=f"option dontlog-normal\n    {ROUTE}"), "log_silenced"),
    (site(rules=f"no log\n    {ROUTE}"), "log_silenced"),
    (site(rules=f"log-format-sd x\n    {ROUTE}"), "log_format_taken"),
    (site().replace("    option httplog\n", ""), "log_format_missing"),
    (site(f".if TRUE\n    {BIND}\n    .endif"), "conditional_line"),
    (site().replace("mode http", "mode tcp"), "no_tls"),
    (site("bind :443"), "no_tls"),
]


@pytest.mark.parametrize(("text", "code"), ENFORCED + ALWAYS)
def test_what_is_refused(text: str, code: str) -> None:
    made = plan(text, wish("enforce"))
    assert {one.code for one in made.errors} == {code}
    assert all(one.remedy for one in made.errors)
    always = plan(text, wish("log_only"))
    assert {one.code for one in always.errors} == ({code} if (text, code) in ALWAYS else set())


def test_another_hostname_of_the_bind_line_that_verifies() -> None:
    staff = Entry(
        "/s.pem", ("staff.example.com",), frozenset({"rsa"}), ("verify", "required", "ca-file", "/x"), "/l", 3
    )
    assert {one.code for one in plan(site(), shown=[staff]).errors} == {"client_verification_taken"}
    none = Entry("/s.pem", (APP,), frozenset({"rsa"}), ("verify", "none"))
    assert codes(plan(site(), shown=[none])) == []


def test_a_hostname_that_nobody_names_is_refused() -> None:
    exact = Entry("/c.pem", ("example.com",), frozenset({"rsa"}))
    assert {one.code for one in plan(site(rules="default_backend app"), shown=[exact]).errors} == {"not_served"}
    assert plan(site(), shown=[exact]).errors == []


def test_a_site_for_the_names_of_its_certificate() -> None:
    """The most common one: no rule names anybody, so whoever knows the address would get it by any name."""
    exact = Entry("/c.pem", ("example.com", APP), frozenset({"rsa"}))
    text = site(rules="default_backend app")
    assert [one[0] for one in codes(plan(text, shown=[exact]))] == ["unprotected_name"]
    made = plan(text, wish("enforce"), shown=[exact])
    assert [(one.code, one.severity) for one in made.findings] == [
        ("default_site", "warning"),
        ("unprotected_name", "info"),
    ]
    changed, own = after(made)
    assert own["/etc/haproxy/aop/www.names"].decode().splitlines()[1:] == [APP, "example.com"]
    assert "deny deny_status 421 if { ssl_fc } !{" in changed
    # It stays while the hostname is enforced, and isn't there before.
    kept = after(plan(changed, wish("log_only", "example.com"), own=own, shown=[exact]))
    assert "/etc/haproxy/aop/www.names" in kept[1]
    relaxed = after(plan(changed, wish("log_only"), own=own, shown=[exact]))
    assert "/etc/haproxy/aop/www.names" not in relaxed[1]
    assert after(plan(changed, wish("off"), own=own, shown=[exact])) == (text, {})
    wildcard = [exact, Entry("/w.pem", ("*.example.com",), frozenset({"rsa"}))]
    assert [one.code for one in plan(text, wish("enforce"), shown=wildcard).errors] == ["default_server_open"]


def test_plain_http_is_redirected() -> None:
    text = site(more="frontend b\n    bind :80\n    use_backend app if { hdr(host) app.example.com }\n")
    changed, own = after(plan(text, wish("enforce"), options=Options(plain_http="redirect")))
    block = changed[changed.index("frontend b") :]
    assert "http-request redirect scheme https code 308 if" in block.split("# originlock.aop end")[0]
    # An enforced hostname that isn't listed keeps its redirect.
    kept = after(plan(changed, wish("log_only", "api.example.com"), own=own))
    assert "/etc/haproxy/aop/b.redirect" in kept[1]
    assert after(plan(changed, wish("off"), own=own)) == (text, {})


def test_a_redirect_that_is_not_wished_any_more_is_refused() -> None:
    text = site(more="frontend b\n    bind :80\n    use_backend app if { hdr(host) app.example.com }\n")
    changed, own = after(plan(text, wish("enforce"), options=Options(plain_http="redirect")))
    assert {one.code for one in plan(changed, wish("enforce"), own=own).errors} == {"plain_http_open"}


def test_files_are_not_edited_if_that_is_not_wished() -> None:
    made = plan(site(), options=Options(manage_sites=False))
    assert {one.code for one in made.errors} == {"include_line_missing"}
    assert any(ADDED in one.remedy for one in made.errors)
    changed, own = after(plan(site()))
    assert plan(changed, options=Options(manage_sites=False), own=own).errors == []


def test_the_same_name_with_and_without_tls_in_one_section() -> None:
    made = plan(f"{HEAD}frontend www\n    bind :80\n    {BIND}\n    {ROUTE}\n{TAIL}", wish("enforce"))
    assert {one.code for one in made.errors} == {"plain_http_open"}


def test_a_section_that_gets_its_connections_from_another_one() -> None:
    made = plan(site("bind abns@www accept-proxy ssl crt /certs/"), wish("enforce"))
    assert made.errors == []
    assert made.sites[0].listeners == ("abns@www",)


def test_a_foreign_file_in_our_place() -> None:
    discovery = found(site())
    strange = planning.make(
        type(discovery)(**{**vars(discovery), "strangers": ["/etc/haproxy/aop/www.map"]}), [wish()], Options()
    )
    assert {one.code for one in strange.errors} == {"file_in_the_way"}
    assert FILE in [change.path for change in strange.changes]
