# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log that C(origin_site_info) reads along: options as of C(origin_evidence), and what the playbooks make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._engine import fleet
from ansible_collections.originlock.aop.plugins.module_utils._engine.evidence import with_sites


def test_it_reads_with_the_defaults_of_the_other_module(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    log.write_text("")
    told = with_sites("nginx", {"path": str(log), "since": "24h", "hostnames": ["a.example.com"]}, True)
    assert (told["found"], told["counts"], told["path"]) == (True, [], str(log))
    left = {"web1": {"common_sites": {"sites": [], "lost": [], "evidence": told}}}
    assert fleet.origins(left, ["web1"])["web1"]["evidence"] == told


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(UserError, match=r"log: pth\. Supported parameters include: .*path"):
        with_sites("nginx", {"pth": "/var/log/x"}, True)
