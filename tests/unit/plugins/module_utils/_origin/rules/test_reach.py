# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the doors that a driver tells of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options
from ansible_collections.originlock.aop.plugins.module_utils._origin.rules.reach import (
    Door,
    challenges,
    to_redirect,
    ways_around,
)

APP = "app.example.com"
PLAIN = Door(("*:80", "[::]:80"), False, ("/site", 3), True, remedy="Let it redirect", site="a block")
SECURE = Door(("*:443",), True, ("/site", 9), True)
DEFAULT = Door(("*:443",), True, ("/default", 1), False, answers=False, shares="root /srv", remedy="Refuse.")
REFUSE, REDIRECT = Options(), Options(plain_http="redirect")


def told(door: Door, options: Options = REFUSE) -> list[tuple[str, str, str, str]]:
    found = ways_around(APP, [SECURE, door], options)
    return [(one.code, one.severity, one.message, one.remedy) for one in found]


def test_content_without_tls_is_refused_or_redirected() -> None:
    message = "its content is served without TLS at *:80 and [::]:80, to everybody"
    refused = [("plain_http_open", "error", message, "Let it redirect, or set plain_http to redirect.")]
    assert told(PLAIN) == refused
    assert told(replace(PLAIN, closed=True)) == []
    assert to_redirect([PLAIN], Options()) == []
    assert told(PLAIN, REDIRECT) == []
    assert [door.site for door in to_redirect([SECURE, PLAIN, replace(PLAIN, closed=True)], REDIRECT)] == ["a block"]
    # What can't be redirected is refused, with the reason.
    stuck = replace(PLAIN, stuck="Split it.")
    assert told(stuck) == [("plain_http_open", "error", message, "Let it redirect.")]
    assert told(stuck, REDIRECT) == [("plain_http_open", "error", message, "Split it.")]
    assert to_redirect([stuck], REDIRECT) == []


def test_a_redirect_of_ours_is_not_taken_away() -> None:
    (finding,) = ways_around(APP, [replace(PLAIN, redirected=True)], Options())
    assert "closed by the redirect that this role made, which would be removed" in finding.message
    assert told(replace(PLAIN, redirected=True), REDIRECT) == []


@pytest.mark.parametrize("tls", [True, False])
def test_the_same_content_under_unknown_names(tls: bool) -> None:
    door = replace(DEFAULT, tls=tls)
    message = "the site for unknown names of *:443 serves the same root /srv"
    assert told(door) == told(door, REDIRECT) == [("default_server_open", "error", message, "Refuse.")]
    assert told(replace(door, surely=False)) == [("default_server_open", "warning", message, "Refuse.")]
    assert told(replace(door, shares="")) == told(replace(door, closed=True)) == []


def test_a_default_site_that_answers_for_the_hostname_can_be_redirected() -> None:
    door = replace(PLAIN, named=False, shares="root /srv")
    assert [one[0] for one in told(door)] == ["plain_http_open"]
    assert to_redirect([door], REDIRECT) == [door]
    assert [one[0] for one in told(replace(door, stuck="No."))] == ["default_server_open"]
    assert told(replace(door, shares="")) == []


def test_challenges_that_end_where_certificates_are_asked_for() -> None:
    over_tls = replace(SECURE, acme=("/site", 12))
    away = replace(PLAIN, closed=True)
    (finding,) = challenges(APP, [over_tls, away])
    assert (finding.code, finding.severity, finding.file, finding.line) == ("acme_http01", "warning", "/site", 12)
    assert "port 80 redirects them there" in finding.message
    assert "there is no site on port 80 for it" in next(challenges(APP, [over_tls])).message
    assert list(challenges(APP, [over_tls, replace(away, acme=("/site", 4))])) == []
    assert list(challenges(APP, [SECURE, away])) == []
    # Who doesn't answer for the hostname is no matter.
    assert list(challenges(APP, [over_tls, away, replace(away, named=False, answers=False, acme=("/x", 1))])) != []
