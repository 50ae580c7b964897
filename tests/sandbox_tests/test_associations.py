# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""H5-H7."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.api import Api
from support.pki import Pki

from tests.sandbox.client import SandboxProcess


def item(hostname: Any, certificate: Any, enabled: Any = True) -> dict[str, Any]:
    """One entry of a PUT."""
    return {"hostname": hostname, "cert_id": certificate, "enabled": enabled}


def put_error(api: Api, *items: dict[str, Any]) -> tuple[int, int]:
    """A PUT that must fail."""
    return api.error("PUT", api.hostnames, {"config": list(items)})


def test_upsert_leaves_others_alone(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.associate(pki.leaf(), "a.example.com", "b.example.com")
    answer = api.put(certificate, "b.example.com", "c.example.com", enabled=False)
    assert [(a["hostname"], a["enabled"]) for a in answer] == [("b.example.com", False), ("c.example.com", False)]
    assert api.ok("GET", f"{api.hostnames}/a.example.com")["enabled"] is True
    sandbox.config(put_answer="zone")
    assert len(api.put(certificate, "c.example.com")) == 3


def test_full_object(api: Api, pki: Pki) -> None:
    api.associate(pki.leaf(), "a.example.com")
    assert set(api.ok("GET", f"{api.hostnames}/a.example.com")) == {
        "hostname", "cert_id", "enabled", "status", "created_at", "updated_at", "cert_status", "cert_uploaded_on",
        "cert_updated_at", "expires_on", "certificate", "issuer", "serial_number", "signature",
    }


def test_void_settles_slowly_and_holds_the_certificate(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.associate(pki.leaf(), "a.example.com")
    path, one = f"{api.certificates}/{certificate}", f"{api.hostnames}/a.example.com"
    assert api.error("DELETE", path) == (400, 1433)
    api.put(certificate, "a.example.com", enabled=False)
    sandbox.clock(advance=3)
    assert api.error("DELETE", path) == (400, 1433), "false is not void"
    sandbox.config(void_seconds=120)
    api.put(certificate, "a.example.com", enabled=None)
    assert api.ok("GET", one)["enabled"] is None
    assert api.error("DELETE", path) == (400, 1433)
    sandbox.clock(advance=121)
    assert api.error("GET", one) == (404, 1553)
    api.ok("DELETE", path)


def test_disabled_may_free_the_certificate(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.associate(pki.leaf(), "a.example.com")
    api.put(certificate, "a.example.com", enabled=False)
    sandbox.config(disabled_frees_certificate=True)
    api.ok("DELETE", f"{api.certificates}/{certificate}")


@pytest.mark.parametrize("frees", [False, True])
def test_true_false_void_and_delete_at_once(api: Api, pki: Pki, sandbox: SandboxProcess, frees: bool) -> None:
    sandbox.config(void_frees_certificate=frees, disabled_frees_certificate=True, void_seconds=120)
    certificate = api.upload(pki.leaf())
    for enabled in (True, False, None):
        api.put(certificate, "a.example.com", enabled=enabled)
    sandbox.clock(advance=5)
    path = f"{api.certificates}/{certificate}"
    if not frees:
        assert api.error("DELETE", path) == (400, 1433)
        sandbox.clock(advance=120)
    api.ok("DELETE", path)
    assert api.ok("GET", path)["status"] == "pending_deletion"


def test_a_void_that_frees_frees_the_one_that_is_left_too(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    first = api.associate(pki.leaf(), "a.example.com")
    api.put(api.active(pki.leaf()), "a.example.com", enabled=None)
    assert api.error("DELETE", f"{api.certificates}/{first}") == (400, 1433)
    sandbox.config(void_frees_certificate=True)
    api.ok("DELETE", f"{api.certificates}/{first}")


def test_items_that_are_refused(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.active(pki.leaf())
    zone_level = api.active(pki.leaf(), store="zone")
    assert put_error(api, item("a.example.com", None)) == (400, 1404)
    assert put_error(api, item("a.example.com", None, None)) == (400, 1404), "a void needs it, too"
    assert put_error(api, item("a.example.com", "0" * 32)) == (400, 1415)
    assert put_error(api, item("a.example.com", zone_level)) == (400, 1415)
    assert put_error(api, item("", certificate)) == (400, 1423)
    assert put_error(api, item("a b.example.com", certificate)) == (400, 1424)
    assert put_error(api, item("*.example.com", certificate)) == (400, 1424)
    assert put_error(api, item("a.example.com", certificate), item("A.example.com", certificate)) == (400, 1426)
    assert put_error(api, {"hostname": "a.example.com", "cert_id": certificate}) == (400, 1428)
    assert put_error(api, item("a.example.com", certificate, "yes")) == (400, 1428)
    assert put_error(api) == (400, 1427)
    assert api.error("PUT", api.hostnames, {}) == (400, 1400)
    api.put(certificate, "shop.customer.test")
    sandbox.config(foreign_hostname="refuse", wildcard="accept", duplicate_hostname="last", missing_enabled="void",
                   empty_config="accept")
    assert put_error(api, item("x.customer.test", certificate)) == (400, 1425)
    api.put(certificate, "*.example.com")
    api.put(certificate, "b.example.com", "b.example.com")
    assert api.ok("PUT", api.hostnames, {"config": []}) == []
    assert api.ok("PUT", api.hostnames, {"config": [{"hostname": "b.example.com", "cert_id": certificate}]})[0][
        "enabled"
    ] is None
    sandbox.config(require_dns=True)
    assert put_error(api, item("c.example.com", certificate)) == (400, 1424)
    sandbox.dns({"c.example.com": {"addresses": ["127.0.0.1"]}})
    api.put(certificate, "c.example.com")


@pytest.mark.parametrize(("atomic", "made"), [(True, False), (False, True)])
def test_atomicity(api: Api, pki: Pki, sandbox: SandboxProcess, atomic: bool, made: bool) -> None:
    sandbox.config(put_atomic=atomic)
    certificate = api.active(pki.leaf())
    assert put_error(api, item("a.example.com", certificate), item("b.example.com", "gone")) == (400, 1415)
    status, _answer = api.call("GET", f"{api.hostnames}/a.example.com")
    assert (status == 200) is made


def test_hostname_case(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.active(pki.leaf())
    assert api.put(certificate, "APP.Example.com")[0]["hostname"] == "app.example.com"
    assert api.put(certificate, "bücher.example.com")[0]["hostname"] == "xn--bcher-kva.example.com"
    sandbox.config(hostname_case="exact")
    assert api.put(certificate, "APP.Example.com")[0]["hostname"] == "APP.Example.com"


def test_hundred_hostnames_per_certificate(api: Api, pki: Pki) -> None:
    one, two = api.active(pki.leaf()), api.active(pki.leaf())
    names = [f"h{number}.example.com" for number in range(101)]
    assert put_error(api, *(item(name, one) for name in names)) == (400, 1446)
    api.put(one, *names[:100])
    assert put_error(api, item(names[100], one)) == (400, 1446)
    api.put(two, names[0])
    api.put(one, names[100])


def test_the_list(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    certificate = api.active(pki.leaf())
    api.put(certificate, *(f"h{number}.example.com" for number in range(70)))
    assert api.ok("GET", api.hostnames) is None, "only active ones without status=all"
    assert len(api.ok("GET", api.hostnames + "?status=pending_deployment,deleted&per_page=1000")) == 70
    sandbox.clock(advance=3)
    _status, first = api.call("GET", api.hostnames)
    assert first["result_info"] == {"page": 1, "per_page": 50, "count": 50, "total_count": 70, "total_pages": 2}
    _status, second = api.call("GET", api.hostnames + "?page=2")
    names = {a["hostname"] for a in first["result"] + second["result"]}
    assert len(names) == 70
    assert set(first["result"][0]) == {"hostname", "cert_id", "enabled", "status", "created_at", "updated_at"}
    sandbox.config(list_object="full")
    assert "certificate" in api.ok("GET", api.hostnames)[0]
    for query in ("per_page=0", "per_page=1001", "page=0", "status=rubbish", "status=initializing"):
        assert api.error("GET", f"{api.hostnames}?{query}") == (400, 1008)
    api.put(certificate, "h1.example.com", enabled=None)
    sandbox.clock(advance=3)
    everything = api.ok("GET", api.hostnames + "?status=all&per_page=1000")
    assert [(a["status"], a["enabled"]) for a in everything if a["hostname"] == "h1.example.com"] == [("deleted", None)]
    sandbox.config(list_deleted=False)
    assert len(api.ok("GET", api.hostnames + "?status=all&per_page=1000")) == 69


@pytest.mark.parametrize(
    ("mode", "expected"), [("404", (404, 10007)), ("405", (405, 10405)), ("7003", (400, 7003)), ("403", (403, 10000))]
)
def test_the_list_may_be_missing(api: Api, sandbox: SandboxProcess, mode: str, expected: tuple[int, int]) -> None:
    sandbox.config(list_route=mode)
    assert api.error("GET", api.hostnames) == expected


@pytest.mark.parametrize(("switch", "source"), [("old", "association"), ("new", "association"), ("none", "suppressed")])
def test_what_a_re_association_presents(api: Api, pki: Pki, sandbox: SandboxProcess, switch: str, source: str) -> None:
    one, two = pki.leaf(), pki.leaf()
    first = api.associate(one, "a.example.com")
    second = api.active(two)
    sandbox.config(association_switch=switch, association_deploy_seconds=100)
    api.put(second, "a.example.com")
    facts = sandbox.presented("a.example.com")
    assert facts["source"] == source
    assert facts["fingerprint"] == {"old": one.sha256, "new": two.sha256, "none": None}[switch]
    assert api.error("DELETE", f"{api.certificates}/{first}") == (400, 1433)
    sandbox.clock(advance=101)
    assert sandbox.presented("a.example.com")["fingerprint"] == two.sha256
    api.ok("DELETE", f"{api.certificates}/{first}")


def test_the_old_certificate_may_be_free_while_moving(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    first = api.associate(pki.leaf(), "a.example.com")
    api.put(api.active(pki.leaf()), "a.example.com")
    sandbox.config(moving_holds_old=False)
    api.ok("DELETE", f"{api.certificates}/{first}")


def test_drift(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    one, two = pki.leaf(), pki.leaf()
    first = api.associate(one, "a.example.com", "b.example.com")
    second = api.active(two)
    sandbox.drift(repoint={"hostname": "a.example.com", "cert_id": second})
    assert sandbox.presented("a.example.com")["fingerprint"] == two.sha256
    assert api.ok("GET", f"{api.hostnames}/a.example.com")["cert_id"] == second
    sandbox.drift(delete_certificate=first)
    assert api.ok("GET", f"{api.certificates}/{first}")["status"] == "deleted"
    assert sandbox.presented("b.example.com")["source"] == "none"
    left = api.ok("GET", f"{api.hostnames}/b.example.com")
    assert (left["status"], left["cert_status"], left["enabled"]) == ("active", "deleted", True)
    assert put_error(api, item("b.example.com", first, None)) == (400, 1415), "not even a void"


def test_a_thousand_hostnames_are_quick(api: Api, pki: Pki, sandbox: SandboxProcess) -> None:
    ids = [api.upload(pki.leaf()) for _number in range(10)]
    began = time.monotonic()
    for number, certificate in enumerate(ids):
        api.put(certificate, *(f"h{number}-{i}.example.com" for i in range(100)))
    for _attempt in range(5):
        assert len(api.ok("GET", api.hostnames + "?status=all&per_page=1000")) == 1000
    assert time.monotonic() - began < 5
