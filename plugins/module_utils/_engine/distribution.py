# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of a server on this origin's distribution, without gathering facts for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Words of ``ID`` and ``ID_LIKE`` in os-release, and what Ansible calls the family.
_FAMILIES = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "RedHat",
    "fedora": "RedHat",
    "centos": "RedHat",
    "suse": "Suse",
    "opensuse": "Suse",
    "sles": "Suse",
}
OS_RELEASE = "/etc/os-release"


def paths_here(paths: Mapping[str, Any], os_release: str = OS_RELEASE) -> dict[str, str]:
    """``paths`` with what its entry ``on`` has for the family, then for the distribution, then for its major version.

    ``on`` maps Ansible's name of a family (``RedHat``), or ``ID`` of os-release with or without the major version
    (``ubuntu``, ``ubuntu-24``), to paths that differ there.
    """
    differing = paths.get("on") or {}
    found = {key: value for key, value in paths.items() if key != "on"}
    for step in _steps(os_release) if differing else ():
        found.update(differing.get(step) or {})
    return found


def _steps(os_release: str) -> list[str]:
    """From the general to the particular."""
    release: dict[str, str] = {}
    try:
        with open(os_release, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _equals, value = line.strip().partition("=")
                release[key] = value.strip("'\"")
    except OSError:
        return []
    name = release.get("ID", "")
    words = [name, *release.get("ID_LIKE", "").split()]
    family = next((_FAMILIES[word] for word in words if word in _FAMILIES), "")
    return [family, name, f"{name}-{release.get('VERSION_ID', '').partition('.')[0]}"]
