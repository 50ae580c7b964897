# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations as people have them: what is protected, and what is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.origins.pki import Clients

from .host import DYNAMIC, TraefikHost

APP = "app.example.com"
OPEN = "www.example.org"
STATIC = "/etc/traefik/traefik.yml"
SERVICES = '  services: {app: {loadBalancer: {servers: [{url: "http://127.0.0.1:8080"}]}}}\n'
MODERN = "tls: {options: {modern: {minVersion: VersionTLS13}}}\n"


def router(
    rule: str, name: str = "more", tls: str = "      tls: {}\n", point: str = "websecure", more: str = ""
) -> str:
    head = f"http:\n  routers:\n    {name}:\n      rule: {rule}\n      entryPoints: [{point}]\n      service: app\n"
    return head + more + tls


def codes(result: dict[str, Any]) -> list[tuple[str, str, int]]:
    found = result["details"]["findings"]
    assert all(one["remedy"] for one in found)
    return [(one["code"], one["file"].rpartition("/")[2], one["line"]) for one in found]


def enforced(host: TraefikHost, clients: Clients, name: str = APP) -> None:
    """To enforce, and back to the byte."""
    before = host.tree()
    result = host.apply([clients.wanted(name, "enforce")])
    assert "error" not in result, result
    assert host.request(name, name, identity=clients.files["valid"]).served
    assert "CERTIFICATE_REQUIRED" in host.request(name, name).problem
    assert host.request(name, name, tls="1.2").status == 0
    assert host.request(OPEN, name).status == 421
    assert host.request(None, name).status == 421
    assert host.request(OPEN, OPEN).served
    assert host.apply([clients.wanted(name, "enforce")])["changed"] is False
    assert "error" not in host.apply([clients.wanted(name, "off")])
    assert host.tree() == before


@pytest.mark.parametrize(
    "files",
    [
        {"more__yml": router(f"Host(`{APP}`) && PathPrefix(`/api`)")},
        {"more__yml": router("HostRegexp(`^.+$`)", more="      priority: 1\n")},
        {"more__yml": router(f"PathPrefix(`/pub`) && !Host(`{APP}`)", more="      priority: 1000\n")},
        {
            "more__yml": MODERN,
            "app__example__com__yml": router(
                f"Host(`{APP}`)", "app", "      tls:\n        # theirs\n        options: modern\n",
                more="      middlewares:\n        - gz\n",
            ) + "  middlewares: {gz: {compress: {}}}\n" + SERVICES,
        },
        {
            "app__example__com__yml": "",
            "app__toml": f'[http.routers.app]\n  rule = "Host(`{APP}`)"\n  service = "app"\n'
            '  entryPoints = ["websecure"]\n'
            "  [http.routers.app.tls]\n\n[http.services.app.loadBalancer]\n"
            '  [[http.services.app.loadBalancer.servers]]\n    url = "http://127.0.0.1:8080"\n',
        },
    ],
    ids=["two routers", "catch-all behind", "catch-all with exception", "own options and middlewares", "TOML"],
)  # fmt: skip
def test_what_people_have(traefik: TraefikHost, clients: Clients, files: dict[str, str]) -> None:
    traefik.reset(**files)
    enforced(traefik, clients)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"more__yml": router("PathPrefix(`/pub`)", more="      priority: 1000\n")}, ("unnamed_router", "more.yml", 3)),
        ({"more__yml": router("HostRegexp(`^.+$`)", more="      priority: 1000\n")}, ("unnamed_router", "more.yml", 3)),
        ({"more__yml": router("Host(`*.example.com`) && Path(`/y`)")}, ("unnamed_router", "more.yml", 3)),
        ({"more__yml": router(f"Host(`{APP}`) || Host(`x.test`)")}, ("shared_names", "app.example.com.yml", 3)),
        (
            {"more__yml": MODERN + router(f"Host(`{APP}`) && Path(`/y`)", tls="      tls: {options: modern}\n")},
            ("other_tls", "dynamic", 0),
        ),
        (
            {"more__yml": "tls: {options: {default: {clientAuth: {clientAuthType: RequestClientCert}}}}\n"},
            ("client_verification_taken", "app.example.com.yml", 3),
        ),
        (
            {
                "more__yml": "tcp:\n  routers:\n    t: {rule: HostSNI(`app.example.com`), entryPoints: [websecure], "
                "service: t, tls: {passthrough: true}}\n"
                '  services: {t: {loadBalancer: {servers: [{address: "127.0.0.1:1"}]}}}\n'
            },
            ("tls_elsewhere", "", 0),
        ),
    ],
)  # fmt: skip
def test_ways_around_are_refused(
    traefik: TraefikHost, clients: Clients, files: dict[str, str], expected: tuple[str, str, int]
) -> None:
    traefik.reset(**files)
    before = traefik.tree()
    for stage in ("log_only", "enforce"):
        assert expected in codes(traefik.apply([clients.wanted(APP, stage)]))
    assert traefik.tree() == before


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ("/transport/d;/keepAliveMaxTime/d", "kept_connections"),
        ("/Originlock-Aop/d", "log_configuration"),
        ("s/watch: true/watch: false/", "not_watched"),
        ("s,access.log,other.log,", "log_path"),
    ],
)
def test_what_the_static_configuration_lacks(traefik: TraefikHost, clients: Clients, edit: str, code: str) -> None:
    traefik.sh(f"sed -i '{edit}' {STATIC}")
    traefik.restart()
    result = traefik.apply([clients.wanted(APP, "log_only")])
    assert code in [found[0] for found in codes(result)]
    traefik.as_it_came()
    traefik.sh(f"touch -d '+5 seconds' {STATIC}")
    assert ("static_configuration_newer", "traefik.yml", 0) in codes(traefik.apply([clients.wanted(APP, "log_only")]))


def test_content_without_tls(traefik: TraefikHost, clients: Clients) -> None:
    traefik.sh(f"sed -i '/^    http:/,/permanent/d' {STATIC}")
    traefik.put(f"{DYNAMIC}/more.yml", router(f"Host(`{APP}`)", point="web", tls=""))
    traefik.restart()
    assert traefik.plain_request(APP).served
    assert ("plain_http_open", "more.yml", 3) in codes(traefik.apply([clients.wanted(APP, "enforce")]))
    result = traefik.apply([clients.wanted(APP, "log_only")])
    assert "plain_http_open" in [one["code"] for one in result["findings"]]


def test_a_router_that_cannot_be_edited(traefik: TraefikHost, clients: Clients) -> None:
    flow = (
        "http: {routers: {app: {rule: Host(`app.example.com`), entryPoints: [websecure], service: app, %stls: {%s}}}, "
        'services: {app: {loadBalancer: {servers: [{url: "http://127.0.0.1:8080"}]}}}}\n'
    )
    plain = flow % ("", "")
    traefik.reset(app__example__com__yml=plain)
    before = traefik.tree()
    result = traefik.apply([clients.wanted(APP, "log_only")])
    (finding,) = [one for one in result["findings"] if one["severity"] == "warning"]
    assert finding["code"] == "options_line_missing"
    assert {site["stage_after"] for site in result["sites"]} == {"off"}
    assert "not_attached" in [found[0] for found in codes(traefik.apply([clients.wanted(APP, "enforce")]))]
    by_hand = flow % ("middlewares: [aop-app.example.com], ", "options: aop-app.example.com")
    traefik.put(f"{DYNAMIC}/app.example.com.yml", by_hand)

    def taken() -> bool:
        return bool(traefik.driver(what="inspect", hostnames=[])["sites"])

    traefik.wait_until(taken, "Traefik takes the line")
    assert traefik.apply([clients.wanted(APP, "enforce")])["sites"][0]["stage_after"] == "enforce"
    assert not traefik.request(APP, APP).served
    off = traefik.apply([clients.wanted(APP, "off")])
    assert "options_line_left" in [one["code"] for one in off["findings"]]
    assert traefik.request(APP, APP).served
    traefik.put(f"{DYNAMIC}/app.example.com.yml", plain)
    traefik.wait_until(lambda: not taken(), "Traefik takes it back")
    traefik.wait_until(lambda: "aop-" not in traefik.sh("curl -s http://127.0.0.1:8081/api/http/routers"), "it's gone")
    assert "error" not in traefik.apply([clients.wanted(APP, "off")])
    assert traefik.tree() == before


def test_a_visitor_cannot_write_the_verdict(traefik: TraefikHost, clients: Clients) -> None:
    """Also where the entry point trusts forwarded headers of everybody."""
    traefik.sh(f"sed -i 's,^    transport:,    forwardedHeaders: {{insecure: true}}\\n    transport:,' {STATIC}")
    traefik.restart()
    assert "error" not in traefik.apply([clients.wanted(APP, "log_only")])
    traefik.sh("truncate -s 0 /var/log/traefik/access.log")
    spoofed = "\\r\\n".join(
        f"{name}: {value}"
        for name, value in (
            ("X-Forwarded-Tls-Client-Cert", "AAAA"), ("X_Forwarded_Tls_Client_Cert", "AAAA"),
            ("Originlock-Aop", "enforce 000000000000"),
        )
    )  # fmt: skip
    done = traefik.sh(
        f"printf 'GET / HTTP/1.1\\r\\nHost: {APP}\\r\\nConnection: close\\r\\n{spoofed}\\r\\n\\r\\n' | "
        f"timeout 5 openssl s_client -quiet -connect 127.0.0.1:443 -servername {APP} 2>/dev/null",
        check=False,
    )
    assert "200 OK" in done
    (line,) = traefik.sh("cat /var/log/traefik/access.log").splitlines()
    assert "AAAA" not in line
    assert '"request_Originlock-Aop":"log_only ' in line
