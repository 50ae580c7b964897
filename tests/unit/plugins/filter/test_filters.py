# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as templates call them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.filter import protections
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS


def test_an_unknown_server_is_named_with_the_known_ones():
    filters = protections.FilterModule().filters()
    assert filters["known_server"]("nginx") == "nginx"
    known = ", ".join(sorted(SERVERS))
    with pytest.raises(AnsibleFilterError, match=rf"aop_server is 'iis', which is none of {known}\."):
        filters["known_server"]("iis")


def test_what_an_override_accepted_is_told_apart_from_what_is_new():
    filters = protections.FilterModule().filters()
    seen = [{"hostname": "a.test", "origin": "web1", "refusals": [{"code": "no_evidence"}], "message": "nobody came"}]
    assert filters["new_refusals"](seen, seen, canaries=True) == ["nobody came"]
    assert filters["new_refusals"](seen, seen, canaries=False) == []
    failed = [{"hostname": "a.test", "status": 525, "error": "HTTP 525: x"}] * 4
    assert filters["new_canary_failures"](failed, failed) == ["a.test: HTTP 525: x (4 of 4 canaries)"]
    assert filters["new_canary_failures"](failed, failed, [{}]) == ["a.test: HTTP 525: x (4 of 4 canaries)"]
