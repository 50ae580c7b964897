# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a verification log for the tests, and a plain reference that reads them one by one."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

from ansible_collections.originlock.aop.plugins.module_utils._evidence.certificates import Certificates, generations
from ansible_collections.originlock.aop.plugins.module_utils._evidence.exceptions import Exceptions, declared
from ansible_collections.originlock.aop.plugins.module_utils._evidence.ranges import CLOUDFLARE_RANGES, Ranges
from ansible_collections.originlock.aop.plugins.module_utils._evidence.record import parse
from ansible_collections.originlock.aop.plugins.module_utils._evidence.scan import Question
from ansible_collections.originlock.aop.plugins.module_utils._evidence.tally import Bucket
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS

SERIAL = "12CB8AAF122C4F89"
ISSUER = "CN=example.com client CA,O=Example"
SHA1 = "a9" * 20
EDGE = "172.64.1.23"
DIRECT = "203.0.113.9"

GOOD: dict[str, str] = {
    "time": "1764000000.123",
    "peer": EDGE,
    "status": "200",
    "server": "nginx",
    "hostname": "app.example.com",
    "sni": "app.example.com",
    "stage": "log_only",
    "verify": "SUCCESS",
    "serial": SERIAL,
    "issuer": ISSUER,
    "fingerprint": f"sha1:{SHA1}",
    "tls": "TLSv1.3",
    "resumed": ".",
    "method": "GET",
    "path": "/a/b",
    "agent": "Mozilla/5.0",
}
CERTIFICATES = [{"label": "current", "sha1": SHA1, "serial": SERIAL, "issuer": ISSUER}]


def line(**changes: str) -> bytes:
    """One line as a server that escapes well writes it."""
    return json.dumps(dict(GOOD, **changes), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def raw_line(**changes: str) -> bytes:
    """One line of a server that doesn't escape at all."""
    values = dict(GOOD, **changes)
    return ("{" + ",".join(f'"{key}":"{value}"' for key, value in values.items()) + "}").encode("utf-8", "replace")


def question(**changes: Any) -> Question:
    """Cloudflare's ranges, one known certificate, no exception unless given."""
    options: dict[str, Any] = {
        "edge": Ranges(CLOUDFLARE_RANGES),
        "certificates": Certificates(generations(CERTIFICATES)),
        "exceptions": Exceptions(declared(changes.pop("declared", [])), date(2026, 11, 24)),
        "servers": SERVERS,
    }
    return Question(**dict(options, **changes))


def reference(data: bytes, asked: Question) -> tuple[Counter[Bucket], int]:
    """Sums by the careful reader alone: buckets and unreadable lines."""
    buckets: Counter[Bucket] = Counter()
    unreadable = 0
    for text in data.split(b"\n")[:-1]:
        record = parse(text)
        if record is None:
            unreadable += 1
        else:
            buckets[asked.bucket(record)] += 1
    return buckets, unreadable
