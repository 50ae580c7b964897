# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the test hosts can be checked without starting one."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.hosts import __main__ as command_line  # noqa: E402
from tests.hosts import fleet, images, keys, network  # noqa: E402
from tests.hosts.commands import HostsError  # noqa: E402


def test_hosts_are_named_or_named_after_their_kind() -> None:
    assert fleet.parse_hosts("nginx-bookworm, web2=apache-trixie") == [
        {"name": "nginx-bookworm", "server": "nginx", "release": "bookworm"},
        {"name": "web2", "server": "apache", "release": "trixie"},
    ]


def test_all_is_one_of_each_kind_that_has_a_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {"name": "apache-trixie", "server": "apache", "release": "trixie"} in fleet.parse_hosts("all")
    assert all((ROOT / "roles" / server).is_dir() for server in images.tested())
    (tmp_path / "extensions/molecule/nginx").mkdir(parents=True)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    assert [host["name"] for host in fleet.parse_hosts("all")] == ["nginx-bookworm", "nginx-trixie"]


def test_an_image_is_made_anew_when_a_file_changes_that_it_copies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(images.HERE, tmp_path / "hosts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(images, "HERE", tmp_path / "hosts")
    before = {server: images._host_content(server) for server in images.servers()}
    (tmp_path / "hosts/backend/etc/lighttpd/lighttpd.conf").write_text("")
    changed = [server for server in images.servers() if images._host_content(server) != before[server]]
    assert changed == ["haproxy", "traefik"]
    (tmp_path / "hosts/www/default/index.html").write_text("")
    assert not [server for server in images.servers() if images._host_content(server) == before[server]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iis-bookworm", "unknown host 'iis-bookworm'"),
        ("nginx-potato", "a release of bookworm, trixie"),
        ("nginx", "unknown host 'nginx'"),
        ("", "at least one host"),
        ("a=nginx-trixie,a=apache-trixie", "each name once"),
    ],
)
def test_bad_hosts_are_refused(text: str, words: str) -> None:
    with pytest.raises(HostsError, match=words):
        fleet.parse_hosts(text)


@pytest.mark.parametrize("prefix", ["", "UPPER", "../up", "a" * 32, "-x"])
def test_bad_prefix_is_told_without_a_traceback(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments: list[str] = ["up", "--prefix=" + prefix, "--hosts", "nginx-trixie"]
    assert command_line.main(arguments) == 1
    assert "--prefix must be lower-case letters" in capsys.readouterr().err


def test_addresses_of_a_network() -> None:
    net = network.Network("n", "podman1", "10.214.7.0/24", "fd6f:726c:636b:7::/64")
    assert (net.address(11), net.address6(11), net.edge) == ("10.214.7.11", "fd6f:726c:636b:7::b", "10.214.7.250")
    assert network.Network("n", "podman1", "10.214.7.0/24", "").edge6 == ""


def test_keys_are_private_and_host_keys_known(tmp_path: Path) -> None:
    keys.make_ssh(tmp_path)
    keys.write_known_hosts(tmp_path, ["192.0.2.1", "2001:db8::1"])
    assert stat.S_IMODE((tmp_path / "id_ed25519").stat().st_mode) == 0o600
    found = subprocess.run(
        ["ssh-keygen", "-F", "2001:db8::1", "-f", str(tmp_path / "known_hosts")], capture_output=True, check=False
    )
    assert found.returncode == 0
    assert (tmp_path / "ssh/ssh_host_ed25519_key.pub").read_bytes().split()[1] in found.stdout


def test_sites_have_certificates_of_the_test_ca(tmp_path: Path) -> None:
    keys.make_sites(tmp_path)
    for name, hostnames in keys.SITES.items():
        for hostname in hostnames:
            command = ["openssl", "verify", "-CAfile", str(tmp_path / "origin-ca.pem"), "-verify_hostname", hostname]
            subprocess.run([*command, str(tmp_path / "sites" / (name + ".pem"))], check=True, capture_output=True)
    assert not list(tmp_path.glob("*.csr"))
