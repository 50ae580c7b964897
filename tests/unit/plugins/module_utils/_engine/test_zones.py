# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write in aop_zones and the inventory: accepted as Cloudflare writes it, or refused in their own words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._engine import zones

APP = "app.example.com"


def zone(*hostnames: Any, name: Any = "example.com", **more: Any) -> dict[str, Any]:
    return {"name": name, "hostnames": list(hostnames or (APP,)), **more}


def test_names_become_what_cloudflare_writes() -> None:
    given_zones = [zone("B.Example.COM.", "a.example.com", "bücher.example.com", name="Example.com.")]
    assert zones.problems(given_zones) == []
    assert zones.normalised(given_zones) == [
        {"name": "example.com", "hostnames": ["a.example.com", "b.example.com", "xn--bcher-kva.example.com"]}
    ]


WRONG: list[tuple[Any, str, str]] = [
    (None, "aop_zones is empty", "Was the inventory given (-i)?"),
    ([], "aop_zones is empty", "group_vars/all"),
    ("example.com", "aop_zones is a text", "Write a list"),
    ({"name": "example.com"}, "aop_zones is a mapping", "Write a list"),
    (["example.com"], "aop_zones[0] is a text", "hostnames: [app.example.com]"),
    ([{"hostnames": [APP]}], "aop_zones[0].name is missing", "Give the name of the zone"),
    ([zone(name="")], "aop_zones[0].name is empty", "Give the name of the zone"),
    ([zone(name=7)], "aop_zones[0].name is a number", "Give the name of the zone"),
    ([zone(name="https://example.com")], "aop_zones[0].name is 'https://example.com'", "Write it plainly"),
    ([{"name": "example.com"}], "aop_zones[0].hostnames is missing", "Write a list"),
    ([{"name": "example.com", "hostnames": APP}], "aop_zones[0].hostnames is a text ('app.ex", "[app.example"),
    ([{"name": "example.com", "hostnames": {APP: 1}}], "aop_zones[0].hostnames is a mapping", "Write a list"),
    ([{"name": "example.com", "hostnames": []}], "aop_zones[0].hostnames is empty", "take the zone out"),
    ([zone(True)], "aop_zones[0].hostnames[0] is true or false", "Give a hostname"),
    ([zone(None)], "aop_zones[0].hostnames[0] is missing", "Give a hostname"),
    ([zone("*.example.com")], "aop_zones[0].hostnames[0] is '*.example.com'. Wildcards", "List the hostnames"),
    ([zone("app")], "aop_zones[0].hostnames[0] is 'app', which is no hostname", "Write it plainly"),
    ([zone("app.example.com:8443")], "aop_zones[0].hostnames[0] is 'app.example.com:8443'", "without scheme, port"),
    ([zone("app.example.com/x")], "aop_zones[0].hostnames[0] is 'app.example.com/x'", "without scheme, port"),
    ([zone("a b.example.com")], "aop_zones[0].hostnames[0] is 'a b.example.com'", "without scheme, port"),
    ([zone(APP, "APP.example.com.")], f"{APP} is listed twice: aop_zones[0].hostnames[0] and", "Take one of them away"),
    ([zone(), zone(name="example.org")], f"{APP} is listed twice", "aop_zones[1].hostnames[0]"),
    ([zone(), zone("b.example.com", name="EXAMPLE.com.")], "aop_zones[0] and aop_zones[1] are both", "into one"),
    ([zone(hostname="x")], "aop_zones[0] has an unknown key 'hostname'", "The keys are name, hostnames"),
    ([zone(ca_path="/x")], "aop_zones[0] has ca_path alone", "needs ca_path and ca_privatekey_path"),
    ([zone(ca_path=["/x"], ca_privatekey_path="/y")], "aop_zones[0].ca_path is a list", "Give a path"),
]


@pytest.mark.parametrize(("given_zones", "object_", "remedy"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_told_once_with_a_remedy(given_zones: Any, object_: str, remedy: str) -> None:
    (sentence,) = zones.problems(given_zones)
    assert sentence.startswith(object_)
    assert remedy in sentence


HOSTS: list[tuple[dict[str, Any], str]] = [
    ({"web1": {}}, "aop_server of web1 isn't set. Set it for this host in the inventory, to one of apache, "),
    ({"web1": {"aop_server": "ngnix"}}, "aop_server of web1 is 'ngnix'. Set it"),
    ({"web1": {"aop_server": "nginx", "aop_serves": APP}}, "aop_serves of web1 is a text. Write a list"),
    ({"localhost": {"aop_server": "nginx"}}, "localhost is the controller"),
    ({"web1": {"aop_server": "nginx", "aop_serves": []}}, f"No origin serves {APP}: every origin has aop_serves"),
]


@pytest.mark.parametrize(("hostvars", "start"), HOSTS)
def test_what_is_wrong_with_origins(hostvars: dict[str, Any], start: str) -> None:
    (sentence,) = zones.host_problems(zones.normalised([zone()]), hostvars, list(hostvars))
    assert sentence.startswith(start)


def test_another_origin_may_serve_it() -> None:
    hostvars = {
        "web1": {"aop_server": "nginx", "aop_serves": ["api.example.com"]},
        "web2": {"aop_server": "nginx", "aop_serves": ["APP.example.com."]},
        "web3": {"aop_server": "apache"},
    }
    wanted = zones.normalised([zone()])
    assert zones.host_problems(wanted, hostvars, ["web1"], ["web2"]) == []
    assert zones.host_problems(wanted, hostvars, ["web1", "web3"]) == []
    assert zones.host_problems(wanted, hostvars, []) == []


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just(APP),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "hostnames", "ca_path", "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(_ANY)
def test_anything_is_refused_or_can_be_normalised(value: Any) -> None:
    if not zones.problems(value):
        again = zones.normalised(value)
        assert zones.problems(again) == []
        assert zones.normalised(again) == again
