# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module origin_probe, run whole; its requests are answered by rules instead of a network."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from ansible_collections.originlock.aop.plugins.module_utils._engine import probe as engine
from ansible_collections.originlock.aop.plugins.module_utils._probe import prover
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import Case, Identity, Outcome, Settings
from ansible_collections.originlock.aop.plugins.modules import origin_probe
from ansible_collections.originlock.aop.tests.unit.plugins.pki_fixtures import support

PAGE = Outcome("response", 200, body=b"the shop", asked=True)
REFUSED = Outcome("alert", alert=116, asked=True)
ORIGINS = [{"name": "web1", "addresses": ["192.0.2.1", "2001:db8::1"]}]


class Origins:
    """Answers like origins that enforce, and remembers who came."""

    def __init__(self) -> None:
        self.seen: list[tuple[Case, Identity, Settings, list[str]]] = []
        self.open = False

    def ask(self, case: Case, identity: Identity, settings: Settings) -> Outcome:
        names = sorted(p.name for p in Path(identity.certificate).parent.iterdir()) if identity.certificate else []
        self.seen.append((case, identity, settings, names))
        if case.listener.kind == "plain":
            return Outcome("refused")
        if case.sni.lower() != case.hostname:
            return Outcome("response", 421)
        return PAGE if self.open or identity.kind == "valid" else REFUSED


@pytest.fixture
def origins(monkeypatch: pytest.MonkeyPatch) -> Origins:
    found = Origins()

    def fast(*arguments: Any) -> prover.Report:
        return prover.prove(*arguments, ask=found.ask)

    monkeypatch.setattr(engine, "prove", fast)
    return found


@pytest.fixture
def leaf(tmp_path: Path) -> dict[str, str]:
    return _write(tmp_path, "app", support.leaf(), support.ec_key("leaf"))


def _write(directory: Path, name: str, certificate: Any, key: Any, passphrase: str | None = None) -> dict[str, str]:
    (directory / (name + ".crt")).write_text(support.pem(certificate))
    (directory / (name + ".key")).write_text(support.key_pem(key, passphrase))
    return {"certificate": str(directory / (name + ".crt")), "private_key": str(directory / (name + ".key"))}


def run(**options: Any) -> dict[str, Any]:
    options = {"origins": ORIGINS, "hostnames": [{"name": "App.example.com"}], "rate": 100000, **options}
    return support.run_module(origin_probe.main, **options)


@pytest.mark.parametrize("check_mode", [True, False])
def test_enforced(origins: Origins, leaf: dict[str, str], check_mode: bool) -> None:
    found = run(_ansible_check_mode=check_mode, **leaf)
    assert (found["changed"], found["as_expected"], found["holes"], found["rows"]) == (False, True, [], [])
    assert found["summary"][0]["class"] == "enforced"
    assert found["summary"][0]["hostname"] == "app.example.com"
    assert {case.listener.address for case, *_rest in origins.seen} == {"192.0.2.1", "2001:db8::1"}
    assert found["table"][1].split()[:4] == ["app.example.com", "web1", "enforce", "enforced"]


def test_open(origins: Origins, leaf: dict[str, str]) -> None:
    origins.open = True
    found = run(**leaf)
    assert found["as_expected"] is False
    assert {hole["code"] for hole in found["holes"]} == {"asks_only"}
    assert {hole["listener"] for hole in found["holes"]} == {"192.0.2.1:443", "[2001:db8::1]:443"}
    assert set(found["holes"][0]) == {
        *("code", "severity", "hostname", "origin", "listener", "variant", "variants", "evidence", "remedy")
    }
    assert {row["class"] for row in found["rows"]} == {"asks_only"}
    assert run(rows="none", **leaf)["rows"] == []
    assert len(run(rows="all", **leaf)["rows"]) == run(**leaf)["summary"][0]["requests"]


def test_forged_certificates_are_gone_afterwards(origins: Origins, leaf: dict[str, str]) -> None:
    run(certificates=["foreign_ca", "expired"], **leaf)
    forged = {identity.certificate: names for _c, identity, _s, names in origins.seen if identity.kind == "expired"}
    assert len(forged) == 1
    ((path, names),) = forged.items()
    assert "expired.key" in names
    assert not Path(path).parent.exists()
    assert {identity.kind for _c, identity, _s, _n in origins.seen} == {"none", "valid", "foreign_ca", "expired"}


def test_leaves_of_other_hostnames_are_tried_where_they_are_of_another_ca(
    origins: Origins, leaf: dict[str, str], tmp_path: Path
) -> None:
    stranger = support.certificate(
        "b.example.net", support.ec_key("b"), support.root("other", "other"), support.ec_key("other")
    )
    sibling = support.leaf("c.example.com", "c")
    run(
        hostnames=[
            {"name": "app.example.com", **leaf},
            {"name": "b.example.net", **_write(tmp_path, "b", stranger, support.ec_key("b"))},
            {"name": "c.example.com", **_write(tmp_path, "c", sibling, support.ec_key("c"))},
        ],
        certificates=[],
    )
    used = {(case.hostname, identity.kind) for case, identity, *_rest in origins.seen}
    assert ("app.example.com", "other:b.example.net") in used
    assert ("app.example.com", "other:c.example.com") not in used
    assert ("b.example.net", "other:app.example.com") in used
    sni = {case.sni for case, *_rest in origins.seen if case.hostname == "app.example.com"}
    assert {"b.example.net", "c.example.com"} <= sni


def test_stages_and_controls(origins: Origins) -> None:
    origins.open = True
    hostnames = [{"name": "a.example.com"}, {"name": "b.example.com", "expect": "log_only"}]
    found = run(hostnames=hostnames, certificates=[])
    assert [entry["as_expected"] for entry in found["summary"]] == [False, True]
    origins.open = False
    found = run(hostnames=[{"name": "a.example.com", "edge_status": 200}], certificates=[])
    assert [(entry["class"], entry["control"]) for entry in found["summary"]] == [("enforced", "edge")]


def test_listeners_of_origin_site(origins: Origins) -> None:
    entry = {"name": "web1", "addresses": ["192.0.2.1"], "ports": [], "plain_ports": [], "listeners": ["*:8443 ssl"]}
    run(origins=[entry], certificates=[])
    assert {case.listener.label for case, *_rest in origins.seen} == {"192.0.2.1:8443"}


def test_too_many_for_the_time_are_refused_before_anything_is_sent(origins: Origins, leaf: dict[str, str]) -> None:
    many = [{"name": f"h{number}.example.com", **leaf} for number in range(30)]
    found = run(hostnames=many, certificates=[], rate=10, time_limit=60)
    assert found["failed"]
    assert f"Probing 30 hostnames takes at least {found['seconds']:.0f} s at 10 connections a second" in found["msg"]
    assert "time_limit is 60 s. Nothing was sent. Set rate (aop_probe_rate) to" in found["msg"]
    assert origins.seen == []
    alike = [dict(entry, alike="a") for entry in many]
    reckoned = run(hostnames=alike, certificates=[], rate=10, time_limit=60, reckon_only=True)
    assert (reckoned["changed"], origins.seen) == (False, [])
    assert reckoned["seconds"] < found["seconds"] / 3
    assert run(hostnames=alike, certificates=[], time_limit=60)["as_expected"] is True


def _expect(message: str, **options: Any) -> None:
    found = run(**options)
    assert found["failed"]
    assert message in found["msg"]
    assert "Internal error" not in found["msg"]


def test_bad_input(origins: Origins, leaf: dict[str, str], tmp_path: Path) -> None:
    _expect("is not a hostname", hostnames=[{"name": "https://app.example.com"}])
    _expect("is not a request path", paths=["index.html"])
    _expect("is not a listener", origins=[{"name": "web1", "addresses": ["192.0.2.1"], "listeners": ["nonsense"]}])
    _expect("has no listener", origins=[{"name": "w", "addresses": ["192.0.2.1"], "ports": [], "plain_ports": []}])
    _expect("can't be resolved", origins=[{"name": "nobody.invalid"}])
    _expect("is no place of an edge", edge="cloudflare")
    _expect("can't be read: No such file", certificate=str(tmp_path / "no.crt"), private_key=leaf["private_key"])
    other = _write(tmp_path, "other", support.leaf(), support.ec_key("another"))
    _expect("can't be used. Both have to be PEM", **other)
    _expect("missing parameter", private_key=leaf["private_key"])
    for name in ("connect_timeout", "timeout", "time_limit", "rate", "workers"):
        for value in (0, -1):
            _expect(f"{name} is {value}", **{name: value})
    _expect("rate is nan", rate="nan")
    _expect("retries is -1", retries=-1)
    _expect("There are no origins", origins=[])
    _expect("There are no hostnames", hostnames=[])
    _expect("is not a hostname", hostnames=[{"name": "a" * 64 + ".example.com"}], edge="dns")
    for edge in ("127.0.0.1:99999", "127.0.0.1:0", ":443"):
        _expect("is no place of an edge", edge=edge)
    assert origins.seen == []


def test_keys_of_the_ca(origins: Origins, leaf: dict[str, str], tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ed25519 CA")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    certificate = builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, None)
    ca = _write(tmp_path, "ed", certificate, key)
    found = run(ca_certificate=ca["certificate"], ca_private_key=ca["private_key"], **leaf)
    assert found["as_expected"]
    _expect("not the key of the CA certificate", ca_certificate=ca["certificate"], ca_private_key=leaf["private_key"])


def test_ports(origins: Origins) -> None:
    """443 where nothing else is known."""
    for listeners, ports in ([], {443, 80}), (["*:8443 ssl"], {8443, 80}), (["unix:/run/nginx.sock"], {443, 80}):
        origins.seen.clear()
        run(origins=[{"name": "web1", "addresses": ["192.0.2.1"], "listeners": listeners}], certificates=[])
        assert {case.listener.port for case, *_rest in origins.seen} == ports


def test_several_origins_and_one_edge(origins: Origins) -> None:
    two = [{"name": "web1", "addresses": ["192.0.2.1"]}, {"name": "web2", "addresses": ["192.0.2.2"]}]
    hostnames = [{"name": "a.example.com", "edge_status": 200}]
    found = run(origins=two, hostnames=hostnames, certificates=[])
    assert found["as_expected"] is False
    assert {entry["control"] for entry in found["summary"]} == {"some_origin"}
    found = run(origins=two, hostnames=hostnames, certificates=[], edge_for_every_origin=True)
    assert found["as_expected"] is True
    assert {finding["code"] for finding in found["findings"]} == {"control_not_this_origin"}


def test_passphrases(origins: Origins, tmp_path: Path) -> None:
    locked = _write(tmp_path, "locked", support.leaf(), support.ec_key("leaf"), support.PASSPHRASE)
    _expect("its passphrase right", **locked)
    found = run(private_key_passphrase=support.PASSPHRASE, **locked)
    assert found["as_expected"]
    ca = _write(tmp_path, "ca", support.root(), support.ec_key("ca"), support.PASSPHRASE)
    authority = {"ca_certificate": ca["certificate"], "ca_private_key": ca["private_key"]}
    _expect("passphrase is wrong", ca_private_key_passphrase="wrong-but-long", **authority)
    found = run(ca_private_key_passphrase=support.PASSPHRASE, **authority)
    assert "failed" not in found
    assert support.PASSPHRASE not in str(found)
