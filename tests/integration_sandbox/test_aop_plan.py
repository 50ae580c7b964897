# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""aop_plan and aop_apply against the sandbox: check, create, check again, again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sandbox.client import Control

from .play import play

NAMES = ["app.example.com", "api.example.com"]
LIVE = "/zones/{}/origin_tls_client_auth/hostnames"


def options(home: Path, **more: Any) -> dict[str, Any]:
    return {
        "zones": [{"name": "Example.com.", "hostnames": NAMES}],
        "pki_dir": str(home / "pki"),
        "passphrase": "a passphrase of the tests",
        "key_type": "ECDSA",
        "state": "present",
        **more,
    }


def associated(sandbox: Control) -> list[str]:
    listed = sandbox.api("GET", LIVE.format(sandbox.zone_id))[1]["result"] or []
    return sorted(one["hostname"] for one in listed if one["enabled"])


def test_check_create_and_again(sandbox: Control, tmp_path: Path) -> None:
    sandbox.config(certificate_deploy_seconds=0.2, association_deploy_seconds=0.2)
    sandbox.dns({name: {"addresses": ["192.0.2.1"]} for name in NAMES})
    steps = ({"aop_plan": options(tmp_path)}, {"aop_apply": {"plan": "{{ result_0.cloudflare }}"}})

    planned, applied = play(sandbox, *steps, check=True).results
    assert planned["changed"], planned
    assert applied["changed"], applied
    assert [one["what"] for one in planned["made"]] == [
        "client CA of example.com",
        "client certificate api.example.com (2 hostnames)",
    ]
    assert all("BEGIN CERTIFICATE" in one["trust_bundle"] for one in planned["protections"])
    assert not (tmp_path / "pki").exists()
    assert associated(sandbox) == []

    made = play(sandbox, *steps)
    planned, applied = made.results
    assert planned["changed"], planned
    assert applied["changed"], applied
    assert applied["zones"][0]["associated"] == sorted(NAMES)
    assert associated(sandbox) == sorted(NAMES)
    assert "PRIVATE KEY" not in made.output + str(made.results)
    assert (tmp_path / "pki/example.com/ca.key").stat().st_mode & 0o777 == 0o600

    planned, applied = play(sandbox, *steps).results
    assert not planned["changed"], planned
    assert not applied["changed"], applied
    assert planned["api_calls"] <= 5, "zone, SSL mode, certificates, associations, address ranges"
    assert applied["api_calls"] == 0
    assert [one["association_status"] for one in planned["protections"]] == ["active", "active"]


def test_what_is_wrong_is_told_in_the_users_words_and_nothing_is_made(sandbox: Control, tmp_path: Path) -> None:
    wrong = [
        ({"zones": [{"name": "example.com", "hostnames": NAMES[0]}]}, "aop_zones[0].hostnames is a text"),
        ({"passphrase": ""}, "aop_ca_passphrase is empty"),
        ({"state": "trusted"}, "The certificate of the client CA of example.com isn't at"),
        ({"certificates_per_zone": 0}, "certificates_per_zone must be 1 or more"),
    ]
    sandbox.dns({name: {"addresses": ["192.0.2.1"]} for name in NAMES})
    results = play(sandbox, *({"aop_plan": options(tmp_path, **given)} for given, _said in wrong)).results
    for result, (_given, said) in zip(results, wrong):
        assert result["failed"]
        assert said in result["msg"]
    assert not (tmp_path / "pki").exists()


def test_a_failed_preflight_is_short(sandbox: Control, tmp_path: Path) -> None:
    sandbox.change_zone("example.com", settings={"ssl": "flexible"})
    result = play(sandbox, {"aop_plan": options(tmp_path)}).last
    assert "[ssl_mode]" in result["msg"]
    assert "certificates" not in result
    assert not (tmp_path / "pki").exists()


def test_without_cloudflare_names_are_enough(sandbox: Control, tmp_path: Path) -> None:
    result = play(sandbox, {"aop_plan": options(tmp_path, state="read", ask_cloudflare=False)}).last
    assert [one["name"] for one in result["protections"]] == sorted(NAMES)
    assert result["cloudflare"] == []
    assert "api_calls" not in result
