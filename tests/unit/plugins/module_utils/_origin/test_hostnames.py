# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule for the names that can be protected, on every server."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.hostnames import bad_hostname, is_hostname


@pytest.mark.parametrize("name", ["app.example.com", "xn--bcher-kva.example", "a_b.example.com", "1.example.com"])
def test_hostnames(name: str) -> None:
    assert is_hostname(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "localhost", "192.0.2.1", "*.example.com", "App.example.com", "a b.example.com", "../x.example.com"),
        *("-a.example.com", "a-.example.com", "a..example.com", "app.example.com.", "app.example.com\n"),
        *("a" * 64 + ".example.com", ".".join(["a" * 63] * 4) + ".com", "2001:db8::1", "müller.example"),
    ],
)
def test_other_names(name: str) -> None:
    assert not is_hostname(name)
    assert bad_hostname(name).code == "bad_hostname"
