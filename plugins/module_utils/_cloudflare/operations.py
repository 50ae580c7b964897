# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every API operation that is used: how it is called, what it needs, whether it may be repeated.

Source: Cloudflare's OpenAPI description; the permission names are those of its token groups.
"""

from __future__ import annotations

from dataclasses import dataclass

SSL_READ = "SSL and Certificates Read"
SSL_WRITE = "SSL and Certificates Write"
SETTINGS_READ = "Zone Settings Read"
SETTINGS_WRITE = "Zone Settings Write"
ZONE_READ = "Zone Read"
DNS_READ = "DNS Read"


@dataclass(frozen=True)
class Operation:
    """One API operation.

    ``what`` completes "cannot ..." in messages; ``path`` holds placeholders for :meth:`str.format`;
    ``repeatable`` says that sending it twice means the same as sending it once.
    """

    what: str
    method: str
    path: str
    permission: str
    repeatable: bool = True


@dataclass(frozen=True)
class Store:
    """The four operations of one kind of client certificate, and the codes that mean "there is none"."""

    noun: str
    upload: Operation
    listing: Operation
    get: Operation
    delete: Operation
    missing: tuple[int, ...]


LIST_ZONES = Operation("look up the zone", "GET", "/zones", ZONE_READ)
GET_ZONE = Operation("read the zone", "GET", "/zones/{zone_id}", ZONE_READ)
GET_SETTING = Operation("read the zone setting", "GET", "/zones/{zone_id}/settings/{setting}", SETTINGS_READ)
SET_SETTING = Operation("change the zone setting", "PATCH", "/zones/{zone_id}/settings/{setting}", SETTINGS_WRITE)
LIST_IPS = Operation("read the edge's address ranges", "GET", "/ips", "none")
LIST_DNS = Operation("read the DNS records", "GET", "/zones/{zone_id}/dns_records", DNS_READ)

_AOP = "/zones/{zone_id}/origin_tls_client_auth"

HOSTNAME_STORE = Store(
    noun="hostname certificate",
    upload=Operation("upload a hostname certificate", "POST", _AOP + "/hostnames/certificates", SSL_WRITE, False),
    listing=Operation("list the hostname certificates", "GET", _AOP + "/hostnames/certificates", SSL_READ),
    get=Operation("read a hostname certificate", "GET", _AOP + "/hostnames/certificates/{certificate_id}", SSL_READ),
    delete=Operation(
        "delete a hostname certificate", "DELETE", _AOP + "/hostnames/certificates/{certificate_id}", SSL_WRITE
    ),
    missing=(1551,),
)

PUT_ASSOCIATIONS = Operation("change associations", "PUT", _AOP + "/hostnames", SSL_WRITE)
LIST_ASSOCIATIONS = Operation("list the associations", "GET", _AOP + "/hostnames", SSL_READ)
GET_ASSOCIATION = Operation("read an association", "GET", _AOP + "/hostnames/{hostname}", SSL_READ)
GET_ZONE_AOP = Operation("read the zone-level AOP setting", "GET", _AOP + "/settings", SSL_READ)
