# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zone settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import Client
from .operations import GET_SETTING, SET_SETTING

TLS_CLIENT_AUTH = "tls_client_auth"
SSL = "ssl"
SSL_AUTOMATIC_MODE = "ssl_automatic_mode"


@dataclass(frozen=True)
class Setting:
    """One setting of a zone. ``modified_on`` is RFC 3339 or None."""

    id: str
    value: Any
    editable: bool | None
    modified_on: str | None

    def public(self) -> dict[str, Any]:
        """The fields as modules return them."""
        return {"id": self.id, "value": self.value, "editable": self.editable, "modified_on": self.modified_on}


def read_setting(client: Client, zone_id: str, name: str) -> Setting:
    """The setting as it is now."""
    return _setting(name, client.call(GET_SETTING, subject=name, zone_id=zone_id, setting=name).item())


def write_setting(client: Client, zone_id: str, name: str, value: Any) -> Setting:
    """Set it; returns what the API says it is now."""
    body = {"value": value}
    return _setting(name, client.call(SET_SETTING, body=body, subject=name, zone_id=zone_id, setting=name).item())


def _setting(name: str, item: Mapping[str, Any]) -> Setting:
    return Setting(
        id=str(item.get("id") or name),
        value=item.get("value"),
        editable=item.get("editable"),
        modified_on=item.get("modified_on"),
    )
