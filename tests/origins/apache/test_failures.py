# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something goes wrong on a real server: the old configuration is back, and the server's words are shown."""

from __future__ import annotations

from tests.origins.pki import Clients

from .host import GARBAGE, ApacheHost

HOST = "app.example.com"


def lives(apache: ApacheHost) -> bool:
    active = apache.sh("systemctl is-active apache2", check=False).strip()
    return active == "active" and apache.request(HOST, HOST).served


def test_a_broken_configuration_of_before_is_shown(apache: ApacheHost, clients: Clients) -> None:
    apache.put("/etc/apache2/conf-enabled/a.conf", "Foo bar\n")
    before = apache.tree()
    error = apache.apply([clients.wanted(HOST, "log_only")])["error"]
    assert "it was broken before we came" in error
    assert "Invalid command 'Foo'" in error
    assert apache.tree() == before


def test_garbage_bundles_never_reach_the_server(apache: ApacheHost, clients: Clients) -> None:
    before, parent = apache.tree(), apache.parent()
    for bundle, message in (
        (GARBAGE, "certificate 1 of the trust bundle can't be read"),
        (clients.ca.pem + GARBAGE, "certificate 2 of the trust bundle can't be read"),
        (clients.certificates["valid"], "holds a certificate that is no CA"),
        ("", "there is no trust bundle"),
    ):
        error = apache.apply([dict(clients.wanted(HOST, "enforce"), trust_bundle=bundle)])["error"]
        assert message in error
    assert (apache.tree(), apache.parent()) == (before, parent)


def test_a_server_that_was_down_is_started(apache: ApacheHost, clients: Clients) -> None:
    apache.sh("systemctl stop apache2")
    outcome = apache.apply([clients.wanted(HOST, "log_only")])
    assert outcome.get("changed"), outcome
    assert lives(apache)


def test_a_revert_uses_the_paths_of_the_change(apache: ApacheHost, clients: Clients) -> None:
    """As on another distribution, where the defaults aren't right; whoever reverts gives none."""
    apache.put("/opt/own/httpd", '#!/bin/sh\necho "$@" >> /opt/own/calls\nexec apachectl "$@"\n')
    apache.sh("chmod +x /opt/own/httpd")
    outcome = apache.apply([clients.wanted(HOST, "enforce")], confirm_within=600, paths={"control": "/opt/own/httpd"})
    assert not apache.request(HOST, HOST).served
    apache.sh("rm /opt/own/calls")
    assert apache.driver(what="revert", id=outcome["transaction"]) == {"outcome": "reverted", "left": []}
    assert "-t" in apache.read("/opt/own/calls")
    assert apache.request(HOST, HOST).served
