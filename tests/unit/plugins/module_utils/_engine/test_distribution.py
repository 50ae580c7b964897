# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths an origin gets, by what its os-release says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine.distribution import paths_here

PATHS = {
    "service": "apache2",
    "log_directory": "/var/log/apache2",
    "on": {
        "RedHat": {"service": "httpd", "log_directory": "/var/log/httpd"},
        "rocky": {"log_directory": "/srv/rocky"},
        "rocky-10": {"log_directory": "/srv/rocky10"},
    },
}


@pytest.mark.parametrize(
    ("os_release", "service", "log_directory"),
    [
        ("ID=debian\nVERSION_ID=\"13\"\n", "apache2", "/var/log/apache2"),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n", "apache2", "/var/log/apache2"),
        ("ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n", "httpd", "/var/log/httpd"),
        ("ID='rocky'\nID_LIKE='rhel centos fedora'\nVERSION_ID='9.4'\n", "httpd", "/srv/rocky"),
        ("ID=rocky\nID_LIKE=rhel\nVERSION_ID=10.0\n", "httpd", "/srv/rocky10"),
        ("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n", "apache2", "/var/log/apache2"),
        ("", "apache2", "/var/log/apache2"),
    ],
)  # fmt: skip
def test_the_particular_wins(tmp_path: Path, os_release: str, service: str, log_directory: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(os_release)
    assert paths_here(PATHS, str(path)) == {"service": service, "log_directory": log_directory}


def test_without_differences_nothing_is_read(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert paths_here({"service": "nginx"}, missing) == {"service": "nginx"}
    assert paths_here(PATHS, missing)["service"] == "apache2"
