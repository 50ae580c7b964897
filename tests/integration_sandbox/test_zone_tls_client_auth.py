# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zone_tls_client_auth, its twin, and the action group."""

from __future__ import annotations

from tests.sandbox.client import Control

from .play import play


def test_recipe(sandbox: Control) -> None:
    on = {"zone_tls_client_auth": {"value": "on"}}
    reader = sandbox.add_token("Zone Settings Read", "Zone Read")
    ran = play(
        sandbox,
        {"zone_tls_client_auth": {"value": "perhaps"}},
        {"zone_tls_client_auth": {"value": "on", "api_token": reader}},
        dict(on, check_mode=True),
        {"zone_tls_client_auth_info": {}},
        on,
        on,
        {"zone_tls_client_auth_info": {"zone": sandbox.zone_id}},
        {"zone_tls_client_auth": {"value": "off"}},
    )
    bad, denied, check, before, made, again, after, off = ran.results
    assert "value of value must be one of: on, off" in bad["msg"]
    assert "lacks the permission 'Zone Settings Write'" in denied["msg"]
    assert check["changed"]
    assert before["value"] == "off"
    assert made["changed"]
    assert made["diff"] == check["diff"] == {"before": {"tls_client_auth": "off"}, "after": {"tls_client_auth": "on"}}
    assert made["value"] == "on"
    assert not again["changed"]
    assert after["value"] == "on"
    assert off["changed"]
    assert len([entry for entry in sandbox.journal(writes=True) if entry["status"] == 200]) == 2


def test_rate_budget_is_shared_and_its_end_is_clear(sandbox: Control) -> None:
    small = {"rate_budget": 3, "rate_budget_wait": 1, "zone": sandbox.zone_id}
    ran = play(sandbox, *[{"zone_tls_client_auth_info": small}] * 4)
    assert [bool(result.get("failed")) for result in ran.results] == [False, False, False, True]
    assert "budget of 3 API requests per 5 minutes is used up" in ran.last["msg"]
    assert len(sandbox.journal()) == 3


def test_credentials_and_plain_http(sandbox: Control) -> None:
    ask = {"zone": sandbox.zone_id}
    key = {"api_email": "sandbox@example.com", "api_key": "0123456789abcdef0123456789abcdef01234"}
    ran = play(
        sandbox,
        {"zone_tls_client_auth_info": dict(ask, api_url="http://api.example.com/client/v4")},
        {"zone_tls_client_auth_info": dict(ask, api_token="")},
        {"zone_tls_client_auth_info": dict(ask, api_token="", **key)},
        {"zone_tls_client_auth_info": dict(ask, **dict(key, api_key="wrong"))},
    )
    plain, nothing, by_key, token_wins = ran.results
    assert "without encryption" in plain["msg"]
    assert "No credentials" in nothing["msg"]
    assert by_key["value"] == "off"
    assert token_wins["value"] == "off"


def test_a_fresh_token_is_given_time(sandbox: Control) -> None:
    fresh = sandbox.add_token("Zone Settings Read", fresh_failures=2)
    ran = play(sandbox, {"zone_tls_client_auth_info": {"zone": sandbox.zone_id, "api_token": fresh}})
    assert ran.last["value"] == "off"
    assert ran.last["api_calls"] == 3
