# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""aop_preflight against zones in every state of disrepair."""

from __future__ import annotations

from typing import Any

from tests.sandbox.client import Control
from tests.sandbox.minting import Authority

from .pki import authority, leaf
from .play import play
from .test_hostname_association import associate, upload

HOST = "app.example.com"


def codes(result: dict[str, Any], severity: str | None = None) -> list[str]:
    """Codes of the findings, of one severity or of all."""
    return [one["code"] for one in result["findings"] if severity in (None, one["severity"])]


def test_a_zone_in_order(sandbox: Control) -> None:
    pair = leaf()
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    ran = play(
        sandbox,
        {
            "aop_preflight": {
                "hostnames": [HOST],
                "client_certificates": [pair.certificate],
                "trust_bundles": [authority().pem.decode()],
                "fail_on": "warning",
            }
        },
    )
    assert not ran.last.get("failed"), ran.last
    assert ran.last["ok"]
    assert sorted(codes(ran.last)) == ["global_aop_off", "permission_unproven"]
    assert ran.last["counts"] == {"error": 0, "warning": 0, "info": 2}
    assert ran.last["api_calls"] <= 8
    assert not sandbox.journal(writes=True)


def test_zone_findings(sandbox: Control) -> None:
    ask = {"hostnames": [HOST, "www.other.example"]}
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    sandbox.change_zone(
        "example.com",
        paused=True,
        status="pending",
        settings={"ssl": "flexible", "ssl_automatic_mode": "auto", "tls_client_auth": "on"},
    )
    ran = play(
        sandbox,
        {"aop_preflight": ask},
        {"aop_preflight": dict(ask, zone=sandbox.zone_id, fail_on="error")},
        {"aop_preflight": dict(ask, zone="exampel.com")},
        {"aop_preflight": dict(ask, zone="0" * 32)},
    )
    full, failed, typo, wrong_id = ran.results
    assert codes(full, "error") == ["zone_not_active", "zone_paused", "ssl_mode"]
    assert codes(full, "warning") == ["hostname_outside_zone", "ssl_mode_automatic"]
    assert "global_aop_on" in codes(full, "info")
    assert "SSL mode is 'flexible'" in str(full["findings"])
    assert failed["failed"]
    assert "[zone_paused]" in failed["msg"]
    assert failed["findings"] == full["findings"]
    assert codes(typo, "error") == ["zone_not_found"]
    assert set(codes(wrong_id, "error")) == {"permission_missing"}, "an id that is not there looks like one not allowed"
    assert "does not include the zone" in str(wrong_id["findings"])


def test_proxied_or_not(sandbox: Control) -> None:
    sandbox.dns(
        {
            HOST: {"addresses": ["192.0.2.1", "2001:db8::1"]},
            "bare.example.com": {"addresses": ["192.0.2.1"], "proxied": False},
            "*.wild.example.com": {"addresses": ["192.0.2.1"], "proxied": False},
        }
    )
    few = [HOST, "bare.example.com", "a.wild.example.com", "of.a.wild.example.com", "gone.example.com"]
    many = [*few, "b.wild.example.com", "also.gone.example.com"]
    no_dns = sandbox.add_token("Zone Read", "Zone Settings Read", "SSL and Certificates Read")
    ran = play(
        sandbox,
        {"aop_preflight": {"hostnames": few}},
        {"aop_preflight": {"hostnames": many, "fail_on": "error"}},
        {"aop_preflight": {"hostnames": few, "api_token": no_dns}},
    )
    by_name, by_list, blind = ran.results
    assert _of(by_name, "hostname_not_proxied") == few[1:4]
    assert _of(by_name, "hostname_without_record") == ["gone.example.com"]
    assert by_list["failed"]
    assert "bare.example.com is not proxied (DNS only): visitors reach the origin directly" in by_list["msg"]
    assert _of(by_list, "hostname_not_proxied") == [*few[1:4], "b.wild.example.com"]
    assert _of(by_list, "hostname_without_record") == ["gone.example.com", "also.gone.example.com"]
    assert "dns_unchecked" in codes(blind, "info")
    assert "hostname_not_proxied" not in codes(blind)


def _of(result: dict[str, Any], code: str) -> list[str]:
    """The hostnames of the findings with this code."""
    return [one["hostname"] for one in result["findings"] if one["code"] == code]


def test_permissions(sandbox: Control) -> None:
    ask = {"hostnames": [HOST], "purposes": ["upload", "zone_tls_client_auth"]}
    only_zone = sandbox.add_token("Zone Read")
    only_ssl = sandbox.add_token("SSL and Certificates Read")
    ran = play(
        sandbox,
        {"aop_preflight": dict(ask, api_token=only_zone)},
        {"aop_preflight": dict(ask, api_token=only_ssl, zone=sandbox.zone_id)},
        {"aop_preflight": dict(ask, api_token="wrong-token")},
    )
    zone_only, ssl_only, wrong = ran.results
    text = str(zone_only["findings"])
    assert codes(zone_only, "error") == ["permission_missing"] * 2
    assert "'Zone Settings Read'" in text
    assert "'SSL and Certificates Read'" in text
    assert "'SSL and Certificates Write' and 'Zone Settings Write' can only be seen by writing" in text
    assert "permission_missing" in codes(ssl_only)
    assert not wrong["ok"]
    assert codes(wrong, "error") == ["permission_missing"], "10000 means both"
    assert "is not valid at all" in str(wrong["findings"])


def test_association_findings(sandbox: Control) -> None:
    one, two, three = upload(sandbox, 3)
    sandbox.clock(advance=10)
    entries = [("on.example.com", one, True), ("off.example.com", two, False), ("gone.example.com", three, True)]
    associate(sandbox, *({"hostname": name, "cert_id": held, "enabled": on} for name, held, on in entries))
    sandbox.clock(advance=10)
    sandbox.drift(delete_certificate=three)
    names = [entry[0] for entry in entries]
    sandbox.dns({name: {"addresses": ["192.0.2.1"]} for name in names})
    ran = play(sandbox, {"aop_preflight": {"hostnames": names, "min_days": 10}})
    by_name = {one["hostname"]: one["code"] for one in ran.last["findings"] if one["hostname"]}
    assert by_name["off.example.com"] == "association_suppressed"
    assert by_name["gone.example.com"] == "association_certificate_deleted"
    assert "on.example.com" not in by_name
    sandbox.change_zone("example.com", aop=True)
    ran = play(
        sandbox,
        {"aop_preflight": {"hostnames": names, "min_days": 366, "dns_check": "unassociated"}},
    )
    assert "association_masks_zone_certificate" in codes(ran.last, "warning")
    assert codes(ran.last, "warning").count("association_certificate_expiring") >= 2
    assert "dns_unchecked" not in codes(ran.last)


def test_limits(sandbox: Control) -> None:
    upload(sandbox, 9)
    many = [f"h{number}.example.com" for number in range(101)]
    ran = play(
        sandbox,
        {"aop_preflight": {"hostnames": many, "new_certificates": 1}},
        {"aop_preflight": {"hostnames": many, "new_certificates": 2}},
        {"aop_preflight": {"hostnames": many}},
    )
    tight, over, none = ran.results
    assert "certificate_headroom" in codes(tight, "warning")
    assert "certificate_limit" in codes(over, "error")
    assert "No hostname uses" in str(over["findings"])
    assert not [code for code in codes(none) if code.startswith("certificate_")], "they find places on what is there"


def test_what_cannot_be_read_is_null(sandbox: Control) -> None:
    sandbox.fault({"type": "status", "status": 400, "code": 9999, "message": "internal"}, operation="H2")
    ran = play(
        sandbox,
        {"aop_preflight": {"hostnames": [HOST], "fail_on": "error"}},
        {"aop_preflight": {"hostnames": [HOST]}},
    )
    blind, seeing = ran.results
    assert "[unreadable] the hostname certificates could not be read" in blind["msg"]
    assert (blind["certificates"], blind["associations"], blind["complete"]) == (None, None, False)
    assert (seeing["certificates"], seeing["associations"], seeing["complete"]) == ([], [], True)


def test_a_certificate_that_the_list_does_not_show_yet(sandbox: Control) -> None:
    sandbox.config(list_lag_seconds=3600)
    held = upload(sandbox)[0]
    associate(sandbox, {"hostname": HOST, "cert_id": held, "enabled": True})
    ran = play(sandbox, {"aop_preflight": {"hostnames": [HOST], "dns_check": "none"}})
    assert "association_certificate_deleted" not in codes(ran.last)
    assert [one["id"] for one in ran.last["certificates"]] == [held]


def test_kinds_of_certificates(sandbox: Control) -> None:
    other = leaf(days=(-30, -1))
    shared = Authority.make("origin-pull.cloudflare.net").pem.decode()
    given = [
        "<!DOCTYPE html><html>502</html>",
        authority().pem.decode(),
        other.certificate,
        leaf().key,
        leaf().certificate,
    ]
    ran = play(
        sandbox,
        {"aop_preflight": {"client_certificates": given[:4]}},
        {"aop_preflight": {"trust_bundles": ["<html></html>", shared, leaf().certificate]}},
        {"aop_preflight": {"client_certificates": given[4:], "trust_bundles": [_foreign_ca()]}},
    )
    leaves, trust, pair = ran.results
    assert codes(leaves, "error") == [
        "certificate_is_html",
        "client_certificate_unusable",
        "client_certificate_unusable",
        "certificate_is_private_key",
    ]
    assert codes(trust, "error")[0] == "certificate_is_html"
    assert "trust_bundle_unusable" in codes(trust, "error")
    assert "certificate_is_shared_pull_ca" in codes(trust, "error")
    assert codes(pair, "error") == ["client_certificate_untrusted"]


def _foreign_ca() -> str:
    return Authority.make("somebody else").pem.decode()
