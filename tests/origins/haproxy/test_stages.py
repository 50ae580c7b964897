# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages on a plain site, seen by real TLS clients of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.origins.pki import Authority, Clients

from .host import HAProxyHost, client_context

APP = "app.example.com"
API = "api.example.com"
OPEN = "www.example.org"
KINDS = (None, "foreign", "expired", "early", "server_only")
REASONS = {
    None: "NONE",
    "foreign": "FAILED:unable to verify the first certificate",
    "expired": "FAILED:certificate has expired",
    "early": "FAILED:certificate is not yet valid",
    "server_only": "FAILED:unsuitable certificate purpose",
}


def identity(clients: Clients, kind: str | None) -> str | None:
    return clients.files[kind] if kind else None


def test_log_only_serves_everybody_and_logs_why(haproxy: HAProxyHost, clients: Clients) -> None:
    own_log = haproxy.read("/var/log/haproxy.log").count("GET /?")
    result = haproxy.apply([clients.wanted(APP, "log_only")])
    assert result["reload"] == "reload"
    assert [(site["stage_before"], site["stage_after"]) for site in result["sites"]] == [("off", "log_only")]
    for tls in ("1.2", "1.3"):
        for kind in (*KINDS, "valid"):
            answer = haproxy.request(APP, APP, f"/?{kind}", identity(clients, kind), tls)
            assert (answer.status, answer.body) == (200, haproxy.request(OPEN, APP, "/").body), (kind, tls, answer)
    rows = [row for row in haproxy.log() if row["sni"] == APP]
    assert len(rows) == 12
    for row in rows:
        assert set(row) == {
            *("time", "server", "hostname", "sni", "peer", "status", "method", "path", "agent", "stage"),
            *("verify", "serial", "issuer", "fingerprint", "tls", "resumed"),
        }
        assert all(isinstance(value, str) for value in row.values())
        assert (row["hostname"], row["path"], row["stage"], row["status"]) == (APP, "/", "log_only", "200")
    for number, kind in enumerate(KINDS):
        for row in (rows[number], rows[number + 6]):
            assert row["verify"] == REASONS[kind], (kind, row)
            assert row["fingerprint"].startswith("sha256:") == (kind is not None)
    for row in (rows[5], rows[11]):
        assert (row["verify"], row["issuer"]) == ("SUCCESS", "CN=example.com client CA")
    # The site's own log goes on, in its own format.
    assert haproxy.read("/var/log/haproxy.log").count("GET /?") == own_log + 12


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_enforce_refuses_at_every_door(haproxy: HAProxyHost, clients: Clients, tls: str) -> None:
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
    assert haproxy.request(APP, APP, identity=clients.files["valid"], tls=tls).status == 200
    for address in filter(None, (haproxy.address, haproxy.address6)):
        for kind in KINDS:
            for sni in (APP, None, OPEN, "unknown.example.net", API):
                for host in (APP, "APP.Example.com", APP + ".", APP + ":443", f"{APP},{OPEN}", f"{OPEN},{APP}"):
                    answer = haproxy.request(sni, host, "/", identity(clients, kind), tls, address=address)
                    assert answer.status in (400, 403, 421) or answer.problem, (kind, sni, host, answer)
    # A certificate of ours doesn't open the door of another name.
    for sni in (None, OPEN, "unknown.example.net"):
        assert haproxy.request(sni, APP, identity=clients.files["valid"], tls=tls).status == 421
    assert haproxy.request(OPEN, OPEN, f"https://{APP}/", tls=tls).status in (400, 421)
    # A route by SNI would go there whatever the Host.
    for host in (OPEN, None, "unknown.example.net"):
        assert haproxy.request(APP, host, tls=tls).status == 403
    for name in (OPEN, API):
        for kind in KINDS:
            assert haproxy.request(name, name, identity=identity(clients, kind), tls=tls).status == 200


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", [None, "foreign", "valid"])
def test_enforce_refuses_a_session_of_an_unprotected_site(
    haproxy: HAProxyHost, clients: Clients, tls: str, kind: str | None
) -> None:
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce")])
    context = client_context(identity(clients, kind), tls)
    first = haproxy.request(OPEN, OPEN, context=context)
    assert first.status == 200
    again = haproxy.request(APP, APP, session=first.session, context=context)
    assert again.status in (403, 421) or (kind == "valid" and not again.resumed), again


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_enforce_refuses_a_session_that_another_ca_opened(
    haproxy: HAProxyHost, clients: Clients, tls: str, tmp_path: Path
) -> None:
    """Releases before the fix of August 2026 take it over, with the verdict of the other hostname's CA."""
    ca = Authority("Another CA of ours")
    certificate, key = ca.leaf(API)
    file = tmp_path / "api.pem"
    file.write_text(certificate + key, encoding="ascii")
    other = {"name": API, "stage": "enforce", "trust_bundle": ca.pem, "certificate": certificate}
    assert "error" not in haproxy.apply([clients.wanted(APP, "enforce"), other])
    context = client_context(str(file), tls)
    first = haproxy.request(API, API, context=context)
    assert first.status == 200
    again = haproxy.request(APP, APP, session=first.session, context=context)
    assert again.status in (403, 421), again
    assert haproxy.request(API, API, session=first.session, context=context).status == 200


def test_off_leaves_everything_as_it_was(haproxy: HAProxyHost, clients: Clients) -> None:
    before = haproxy.tree()
    units = haproxy.sh("ls -R /etc/systemd/system; systemctl list-units --all --no-legend 'originlock*'")
    for stage in ("log_only", "enforce"):
        result = haproxy.apply([clients.wanted(APP, stage), clients.wanted(API, stage)])
        assert result["changed"] is True
        assert haproxy.tree() != before
        assert haproxy.apply([clients.wanted(APP, stage)])["changed"] is False
    result = haproxy.apply([clients.wanted(APP, "off"), clients.wanted(API, "off")])
    assert [site["stage_after"] for site in result["sites"]] == ["off", "off"]
    assert haproxy.tree() == before
    assert haproxy.sh("ls -R /etc/systemd/system; systemctl list-units --all --no-legend 'originlock*'") == units
    assert haproxy.request(APP, APP).status == 200
    assert haproxy.apply([clients.wanted(APP, "off")])["changed"] is False


def test_check_mode_predicts_and_touches_nothing(haproxy: HAProxyHost, clients: Clients) -> None:
    before, workers = haproxy.tree(), haproxy.generation()
    predicted = haproxy.apply([clients.wanted(APP, "enforce")], check_mode=True)
    assert haproxy.tree() == before
    assert haproxy.generation() == workers
    assert haproxy.log() == []
    assert haproxy.sh("ls -d /tmp/originlock-aop-* 2>/dev/null", check=False) == ""
    done = haproxy.apply([clients.wanted(APP, "enforce")])
    assert (predicted["changed"], predicted["reload"], predicted["diff"], predicted["sites"]) == (
        *(True, done["reload"], done["diff"], done["sites"]),
    )


def test_a_ca_whose_name_can_not_be_compared_is_refused(haproxy: HAProxyHost, clients: Clients) -> None:
    odd = dict(
        clients.wanted(APP, "enforce"), trust_bundle=clients.other_ca.pem, certificate=clients.certificates["foreign"]
    )
    before = haproxy.tree()
    refused = haproxy.apply([odd])
    assert [one["code"] for one in refused["details"]["findings"]] == ["issuer_not_pinned"]
    assert haproxy.tree() == before
    assert "error" not in haproxy.apply([dict(odd, stage="log_only")])


def test_never_relax_keeps_enforce(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.apply([clients.wanted(APP, "enforce")])
    kept = haproxy.apply([clients.wanted(APP, "log_only")], never_relax=True)
    assert kept["changed"] is False
    assert kept["sites"][0]["stage_after"] == "enforce"
    relaxed = haproxy.apply([clients.wanted(APP, "log_only")])
    assert relaxed["changed"] is True
    assert haproxy.request(APP, APP).status == 200


def test_hostnames_that_are_not_listed_stay(haproxy: HAProxyHost, clients: Clients) -> None:
    haproxy.apply([clients.wanted(APP, "enforce")])
    haproxy.apply([clients.wanted(API, "log_only")])
    assert haproxy.request(APP, APP).status == 403
    assert haproxy.request(APP, APP, identity=clients.files["valid"]).status == 200
    seen = haproxy.driver(what="inspect", hostnames=[])["sites"]
    assert {(site["hostname"], site["stage_before"]) for site in seen} == {(APP, "enforce"), (API, "log_only")}
    assert all(site["trusts"] and site["trusts"] == site["trusts_before"] for site in seen)
    haproxy.apply([clients.wanted(API, "off")])
    assert haproxy.request(APP, APP).status == 403
