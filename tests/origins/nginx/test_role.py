# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on real hosts, as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.fleet import run_directory
from tests.origins.pki import Clients
from tests.origins.running import prefix_of

from .host import NginxHost

ROOT = Path(__file__).resolve().parents[3]
APP = "app.example.com"
PLAY = """
- hosts: nginx_origins
  gather_facts: false
  roles:
    - role: originlock.aop.nginx
"""


def play(
    directory: Path, variables: dict[str, Any], *options: str, check: bool = True
) -> tuple[str, dict[str, dict[str, int]]]:
    """Run the role; return what Ansible said and its statistics by host."""
    (directory / "play.yml").write_text(PLAY)
    (directory / "vars.json").write_text(json.dumps(variables))
    inventory = run_directory(prefix_of(NginxHost)) / "inventory.json"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)]
        + ["-e", "@" + str(directory / "vars.json"), *options, str(directory / "play.yml")],
        env=dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".collections"),
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
            ANSIBLE_NOCOLOR="1",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    output = done.stdout.decode()
    assert not check or done.returncode == 0, output
    counts = {}
    for line in output.partition("PLAY RECAP")[2].splitlines()[1:]:
        name, colon, rest = line.partition(":")
        if colon:
            counts[name.strip()] = {key: int(value) for key, value in (part.split("=") for part in rest.split())}
    return output, counts


@pytest.fixture
def variables(clients: Clients) -> dict[str, Any]:
    return {
        "nginx_hostnames": [{"name": APP}, {"name": "api.example.com"}],
        "nginx_trust_bundle": clients.ca.pem,
        "nginx_certificate": clients.certificates["valid"],
    }


def test_stages_by_the_role(
    hosts: dict[str, NginxHost], clients: Clients, variables: dict[str, Any], tmp_path: Path
) -> None:
    trees = {}
    for name, host in hosts.items():
        host.reset()
        trees[name] = host.tree()
    for stage, status in (("log_only", 200), ("enforce", 400), ("off", 200)):
        variables["nginx_stage"] = stage
        _output, counts = play(tmp_path, variables, "--check", "--diff")
        assert {count["changed"] for count in counts.values()} == {1}
        _output, counts = play(tmp_path, variables)
        assert {count["changed"] for count in counts.values()} == {1}
        _output, counts = play(tmp_path, variables)
        assert {count["changed"] for count in counts.values()} == {0}
        assert {count["ok"] for count in counts.values()} <= set(range(9))
        for host in hosts.values():
            assert host.request(APP, APP).status == status
            assert host.request(APP, APP, identity=clients.files["valid"]).status == 200
    for name, host in hosts.items():
        assert host.tree() == trees[name]


def test_warnings_and_refusals_reach_the_user(
    hosts: dict[str, NginxHost], variables: dict[str, Any], tmp_path: Path
) -> None:
    for host in hosts.values():
        host.reset()
        there = "location / {"
        host.sh(f"sed -i 's,{there},error_page 496 /x;\\n {there} access_log off;,' /etc/nginx/sites-available/app*")
        host.restart()
    output, _counts = play(tmp_path, variables)
    assert "warning location_has_own_log: app.example.com: access_log off in a location" in output
    assert "/etc/nginx/sites-enabled/app.example.com:23" in output
    output, counts = play(tmp_path, dict(variables, nginx_stage="enforce"), check=False)
    assert {count["failed"] for count in counts.values()} == {1}
    assert "Refused, nothing was changed: app.example.com: error_page 496 /x serves its content" in output
    assert "Traceback" not in output
    output, _counts = play(tmp_path, dict(variables, nginx_stage="sometimes"), check=False)
    assert "value of nginx_stage must be one of: off, log_only, enforce, got: sometimes" in output


def test_a_log_that_is_moved_and_a_switch_given_as_text(
    hosts: dict[str, NginxHost], variables: dict[str, Any], tmp_path: Path
) -> None:
    for host in hosts.values():
        host.reset()
    options = ("-e", "nginx_install=false", "-e", "aop_log_path=/var/log/nginx/moved.log")
    _output, counts = play(tmp_path, dict(variables, nginx_stage="log_only"), *options)
    assert {count["changed"] for count in counts.values()} == {1}
    for host in hosts.values():
        assert host.request(APP, APP).status == 200
        assert [row["hostname"] for row in host.log("/var/log/nginx/moved.log")] == [APP]
        host.sh("rm -f /var/log/nginx/moved.log")


def test_a_host_without_nginx(hosts: dict[str, NginxHost], variables: dict[str, Any], tmp_path: Path) -> None:
    name, host = sorted(hosts.items())[-1]
    host.reset()
    host.sh("mv /usr/sbin/nginx /usr/sbin/nginx.away")
    try:
        output, _counts = play(tmp_path, variables, "--limit", name, check=False)
        assert "/usr/sbin/nginx isn't there" in output
        assert "Install it, or correct its path" in output
    finally:
        host.sh("mv /usr/sbin/nginx.away /usr/sbin/nginx")
