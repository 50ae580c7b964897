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
