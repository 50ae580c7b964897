# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors by name: HTTP status, code, text. What the real service has not shown yet is a guess; all can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: name: (HTTP status, code, message, seen at the real service)
_DEFAULTS: dict[str, tuple[int, int, str, bool]] = {
    # authentication and transport
    "no_credentials": (401, 1001, "Authorization header missing", True),
    "bad_authorization": (400, 6003, "Invalid request headers", True),
    "unknown_credentials": (403, 10000, "Authentication error", True),
    "invalid_token": (401, 1000, "Invalid API Token", True),
    "permission": (403, 10000, "Authentication error", True),
    "fresh_token": (403, 10001, "Unable to authenticate request", True),
    "unknown_zone": (403, 9109, "Unauthorized to access requested resource", True),
    "no_route": (400, 7003, "Could not route to {path}, perhaps your object identifier is invalid?", True),
    "method": (405, 10405, "Method not allowed for this authentication scheme", False),
    "not_found": (404, 10007, "Not found", False),
    "bad_json": (400, 6007, "Malformed JSON in request body", False),
    "rate_limited": (429, 971, "Please wait and consider throttling your request speed. "
                               "More than {limit} requests per {window} seconds reached.", False),
    # certificates
    "missing_field": (400, 1400, "{field} is required", False),
    "exists": (400, 1406, "This certificate has already been submitted for this zone.", True),
    "unparsable": (400, 1408, "Unable to parse certificate. Please make sure it is valid.", True),
    "not_leaf": (400, 1412, "Only leaf certificates are allowed.", True),
    "pending_deletion": (400, 1414, "Certificate is pending deletion.", True),
    "bad_certificate_id": (400, 1415, "Certificate ID is invalid or the certificate has been deleted.", True),
    "in_use": (400, 1433, "Certificate is in use. Disassociate it from all hostnames first.", True),
    "pending_deployment": (400, 1434, "Certificate is pending deployment and cannot be deleted yet.", True),
    "hostname_certificate_missing": (404, 1551, "Hostname certificate not found.", True),
    "zone_certificate_missing": (404, 1552, "Zone certificate not found.", True),
    "already_deleted": (400, 1416, "Certificate is already deleted.", False),
    "conflict": (409, 1417, "Another change of this zone's certificates is in progress.", False),
    "quota": (400, 1445, "The quota of {limit} hostname certificates for this zone is used up.", False),
    "key_mismatch": (400, 1409, "The private key does not match the certificate.", False),
    "unreadable_key": (400, 1410, "Unable to parse private key.", False),
    "encrypted_key": (400, 1411, "The private key must not be encrypted.", False),
    "unsupported_key": (400, 1418, "Unsupported key or signature algorithm.", False),
    "expanded_key": (400, 1429, "ML-DSA keys must be seed-only.", False),
    "weak": (400, 1419, "Key or signature algorithm is too weak.", False),
    "expired": (400, 1420, "The certificate has expired.", False),
    "not_yet_valid": (400, 1421, "The certificate is not valid yet.", False),
    "chain": (400, 1422, "Only one certificate may be uploaded.", False),
    # associations
    "missing_certificate_id": (400, 1404, "Certificate ID is required.", True),
    "no_association": (404, 1553, "No authenticated origin pull setting for this hostname.", True),
    "association_quota": (400, 1446, "A certificate can be associated with {limit} hostnames at most.", False),
    "missing_hostname": (400, 1423, "hostname is required.", False),
    "bad_hostname": (400, 1424, "Hostname {hostname} is not valid.", False),
    "foreign_hostname": (400, 1425, "Hostname {hostname} does not belong to this zone.", False),
    "duplicate_hostname": (400, 1426, "Hostname {hostname} is there twice.", False),
    "empty_config": (400, 1427, "config must not be empty.", False),
    "missing_enabled": (400, 1428, "enabled must be true, false or null.", False),
    # settings, zones, notifications
    "unknown_setting": (400, 1006, "Unrecognized zone setting name", True),
    "bad_value": (400, 1007, "Invalid value for zone setting {name}", True),
    "missing_items": (400, 1004, "Missing items", True),
    "not_modifiable": (400, 1057, "Zone setting {name} cannot be modified", True),
    "bad_parameter": (400, 1008, "Invalid value for parameter {name}", False),
    "not_entitled": (403, 17200, "The account is not entitled to this alert type.", True),
    "bad_policy": (400, 17001, "Invalid notification policy: {why}", False),
    "policy_missing": (404, 17002, "Notification policy not found.", False),
    "webhook_missing": (404, 17003, "Webhook destination not found.", False),
}


class Codes:
    """The error table; ``update`` changes entries, so that clients can be tried with other codes than the guesses."""

    def __init__(self) -> None:
        self._table = dict(_DEFAULTS)

    def lookup(self, name: str) -> tuple[int, int, str]:
        """HTTP status, code and message template of an error."""
        return self._table[name][:3]

    def update(self, changes: Mapping[str, Any]) -> None:
        """``{name: {http?, code?, message?}}``. Raises ValueError naming an unknown error or member."""
        for name, change in changes.items():
            if name not in self._table or not isinstance(change, Mapping):
                raise ValueError(f"codes: no error named {name!r}, or its value is not an object")
            extra = set(change) - {"http", "code", "message"}
            if extra:
                raise ValueError(f"codes: {name} has no member {sorted(extra)[0]!r}")
            http, code, message, seen = self._table[name]
            self._table[name] = (
                int(change.get("http", http)), int(change.get("code", code)), str(change.get("message", message)), seen,
            )

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The whole table; ``unknown`` marks codes that are guesses."""
        return {
            name: {"http": http, "code": code, "message": message, "unknown": not seen}
            for name, (http, code, message, seen) in self._table.items()
        }
