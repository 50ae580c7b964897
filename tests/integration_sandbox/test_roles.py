# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles cloudflare (read) and client_pki: what they do with what Cloudflare says, or does not say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sandbox.client import Control
from tests.sandbox.minting import Authority

from .pki import Pair, leaf
from .play import ansible_environment
from .test_hostname_association import associate, upload

HOST = "app.example.com"
FOREIGN = "did not issue serve these hostnames of example.com today: app.example.com."
UNREADABLE = {"type": "status", "status": 400, "code": 9999, "message": "internal"}


def run(sandbox: Control, home: Path, *names: str, **settings: Any) -> tuple[bool, str]:
    """Make the PKI for these hostnames; whether it went well, and what was printed.

    ``settings`` are given with ``-e name=value`` where they are strings.
    """
    variables = {
        "ansible_python_interpreter": sys.executable,
        "aop_zones": [{"name": "example.com", "hostnames": list(names or (HOST,))}],
        "aop_pki_dir": str(home / "pki"),
        "aop_ca_passphrase": "a passphrase of the tests",
        "client_pki_key_type": "ECDSA",
    }
    book = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": variables,
            "tasks": [
                {"ansible.builtin.include_role": {"name": "originlock.aop.client_pki"}},
                {"ansible.builtin.debug": {"msg": "LEAVES {{ client_pki_plan | map(attribute='hostnames') }}"}},
            ],
        }
    ]
    (home / "play.yml").write_text(json.dumps(book), encoding="utf-8")
    command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), str(home / "play.yml")]
    for name, value in settings.items():
        command += ["-e", f"{name}={value}"]
    ran = subprocess.run(
        command,
        env=ansible_environment(sandbox, str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return ran.returncode == 0, ran.stdout


def planned(said: str) -> str:
    """The hostnames of each leaf, as printed at the end."""
    return said.partition("LEAVES ")[2].partition('"')[0]


def upload_pair(sandbox: Control, pair: Pair) -> str:
    """A certificate in the zone, active; returns its id."""
    path = f"/zones/{sandbox.zone_id}/origin_tls_client_auth/hostnames/certificates"
    status, answer = sandbox.api("POST", path, {"certificate": pair.certificate, "private_key": pair.key})
    assert status == 200, answer
    sandbox.clock(advance=600)
    return str(answer["result"]["id"])


@pytest.fixture
def taken(sandbox: Control) -> Control:
    """A sandbox where a certificate of somebody else serves the hostname."""
    made = Authority.make("somebody else").client(HOST, (-1, 365))
    held = upload_pair(sandbox, Pair(made.certificate.public_bytes(Encoding.PEM).decode(), made.key_pem.decode()))
    associate(sandbox, {"hostname": HOST, "cert_id": held, "enabled": True})
    sandbox.clock(advance=600)
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    return sandbox


@pytest.mark.parametrize("route", ["on", "404"])
def test_a_hostname_of_somebody_else_is_left_alone(taken: Control, tmp_path: Path, route: str) -> None:
    taken.config(list_route=route)
    well, said = run(taken, tmp_path, client_pki_take_over="false")
    assert not well
    assert FOREIGN in said
    assert "Conditional result" not in said
    well, said = run(taken, tmp_path, client_pki_take_over="true")
    assert well, said


def onboarded(sandbox: Control, home: Path) -> str:
    """Make the PKI, and bring Cloudflare to it as the role cloudflare would; returns the id of the certificate."""
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    well, said = run(sandbox, home)
    assert well, said
    made = home / "pki/example.com/leaves" / HOST
    pair = Pair(*(made.with_name(f"{HOST}.{end}").read_text() for end in ("crt", "key")))
    held = upload_pair(sandbox, pair)
    associate(sandbox, {"hostname": HOST, "cert_id": held, "enabled": True})
    sandbox.clock(advance=600)
    return held


@pytest.mark.parametrize("state", ["lost", "another project", "without key"])
def test_a_pki_directory_that_does_not_fit_is_called_so_and_nothing_is_made(
    sandbox: Control, tmp_path: Path, state: str
) -> None:
    onboarded(sandbox, tmp_path)
    zone = tmp_path / "pki/example.com"
    if state == "without key":
        (zone / "ca.key").unlink()
    else:
        (tmp_path / "pki").rename(tmp_path / "gone")
    if state == "another project":
        other = tmp_path / "other"
        other.mkdir()
        well, said = run(sandbox, other, aop_pki_dir=str(tmp_path / "pki"), client_pki_take_over="true")
        assert well, said
    before = {path: path.read_bytes() for path in (tmp_path / "pki").rglob("*") if path.is_file()}
    well, said = run(sandbox, tmp_path)
    assert not well
    wanted = {
        "lost": "The certificates that the edge presents for app.example.com were issued by a client CA of example.com",
        "another project": "has its name, but is another one: the PKI directory is lost, older than",
        "without key": "its key",
    }
    assert wanted[state] in said, said
    assert {path: path.read_bytes() for path in (tmp_path / "pki").rglob("*") if path.is_file()} == before
    if state == "lost":
        assert not (tmp_path / "pki").exists()


def test_a_fresh_disk_with_the_ca_alone_issues_nothing(sandbox: Control, tmp_path: Path) -> None:
    onboarded(sandbox, tmp_path)
    for number in range(3):
        home = tmp_path / str(number)
        (home / "pki/example.com").mkdir(parents=True)
        for name in ("ca.crt", "ca.key"):
            (home / "pki/example.com" / name).write_bytes((tmp_path / "pki/example.com" / name).read_bytes())
        well, said = run(sandbox, home)
        assert well, said
        assert planned(said) == "[['app.example.com']]"
        assert not list((home / "pki/example.com").rglob("*.crt"))[1:], "the CA alone"


@pytest.mark.parametrize(("operation", "fail_on"), [("H2", "error"), ("H2", "none"), ("H7", "none"), ("ZN", "none")])
def test_what_cannot_be_read_is_not_taken_for_nothing(
    taken: Control, tmp_path: Path, operation: str, fail_on: str
) -> None:
    taken.fault(UNREADABLE, operation=operation, times=5)
    well, said = run(taken, tmp_path, client_pki_preflight_fail_on=fail_on)
    assert not well
    assert "code 9999: internal" in said
    assert not (tmp_path / "pki").exists()


def test_a_run_that_was_killed_after_the_uploads_is_continued(sandbox: Control, tmp_path: Path) -> None:
    sandbox.config(id_style="uuid", signature_style="SHA256-RSA", issuer_order="cn_first")
    names = [f"h{number:03}.example.com" for number in range(600)]
    sandbox.dns({"*.example.com": {"addresses": ["192.0.2.1"]}})
    well, first = run(sandbox, tmp_path, *names)
    assert well, first
    for certificate in (tmp_path / "pki/example.com/leaves").glob("*.crt"):
        upload_pair(sandbox, Pair(certificate.read_text(), certificate.with_suffix(".key").read_text()))
    well, second = run(sandbox, tmp_path, *names)
    assert well, second
    assert planned(second) == planned(first)


def test_a_full_zone_is_warned_of(sandbox: Control, tmp_path: Path) -> None:
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    upload(sandbox, 9)
    well, said = run(sandbox, tmp_path)
    assert well, said
    assert "warning Zone example.com uses all 10 client certificates that it may have" in said


def test_a_zone_whose_limits_cloudflare_raised_goes_through_preflight_and_planner(
    sandbox: Control, tmp_path: Path
) -> None:
    sandbox.config(certificate_quota=20)
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    upload(sandbox, 11)
    well, said = run(sandbox, tmp_path)
    assert not well
    assert "[certificate_limit]" in said
    well, said = run(sandbox, tmp_path, client_pki_certificates_per_zone="12")
    assert well, said
    assert "warning Zone example.com uses all 12 client certificates that it may have" in said
    well, said = run(sandbox, tmp_path, client_pki_certificates_per_zone="20", client_pki_hostnames_per_certificate="0")
    assert not well
    assert "hostnames_per_certificate must be 1 or more" in said


def test_a_leaf_that_the_list_does_not_show_yet_is_ours(sandbox: Control, tmp_path: Path) -> None:
    sandbox.dns({"*.example.com": {"addresses": ["192.0.2.1"]}})
    well, first = run(sandbox, tmp_path, HOST)
    assert well, first
    sandbox.config(list_lag_seconds=3600)
    held = upload_pair(sandbox, Pair(*(next(tmp_path.rglob(f"{HOST}.{end}")).read_text() for end in ("crt", "key"))))
    associate(sandbox, {"hostname": HOST, "cert_id": held, "enabled": True})
    well, second = run(sandbox, tmp_path, HOST, "aaa.example.com")
    assert well, second
    assert planned(second) == "[['aaa.example.com', 'app.example.com']]", "placed on the leaf that is there"
    assert "_deleted" not in second


def test_a_certificate_that_was_deleted_behind_our_back_does_not_stop_onboarding(
    sandbox: Control, tmp_path: Path
) -> None:
    held = upload_pair(sandbox, leaf())
    associate(sandbox, {"hostname": HOST, "cert_id": held, "enabled": True})
    sandbox.drift(delete_certificate=held)
    sandbox.dns({HOST: {"addresses": ["192.0.2.1"]}})
    sandbox.clock(advance=600)
    well, said = run(sandbox, tmp_path)
    assert well, said
    assert "warning association_certificate_deleted" in said
    assert planned(said) == "[['app.example.com']]"
