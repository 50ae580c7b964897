# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write in their inventory: C(aop_zones), C(aop_server), C(aop_serves). Checked once, in their words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._cloudflare.hostnames import normalise
from .._common.errors import InvalidInput
from .._origin.servers import SERVERS

_KEYS = ("name", "hostnames", "ca_path", "ca_privatekey_path")
_EXAMPLE = "{name: example.com, hostnames: [app.example.com]}"


def normalised(zones: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The zones with names as Cloudflare writes them: lower case, no final dot, punycode; each hostname once.

    For zones without :func:`problems`.
    """
    return [
        {
            **zone,
            "name": normalise(zone["name"]),
            "hostnames": sorted({normalise(hostname) for hostname in zone["hostnames"]}),
        }
        for zone in zones
    ]


def problems(zones: Any) -> list[str]:
    """What is wrong with C(aop_zones), each with what to do; nothing where all is well."""
    if zones is None or zones in ([], "", {}):
        return [
            "aop_zones is empty. Set it in group_vars/all, where the inventory finds it. Was the inventory given (-i)?"
        ]
    if not _is_list(zones):
        return [f"aop_zones is {_kind(zones)}. Write a list: [{_EXAMPLE}]."]
    found = [sentence for number, zone in enumerate(zones) for sentence in _zone(f"aop_zones[{number}]", zone)]
    return found or list(_repeated(zones))


def _zone(where: str, zone: Any) -> Iterator[str]:
    if not isinstance(zone, Mapping):
        yield f"{where} is {_kind(zone)}. Write {_EXAMPLE}."
        return
    for key in sorted(set(map(str, zone)) - set(_KEYS)):
        yield f"{where} has an unknown key {key!r}. The keys are {', '.join(_KEYS)}."
    name = zone.get("name")
    if not isinstance(name, str) or not name.strip():
        yield f"{where}.name is {_kind(name)}. Give the name of the zone, such as example.com."
    else:
        yield from _name(f"{where}.name", name)
    hostnames = zone.get("hostnames")
    if not _is_list(hostnames):
        shown = f" ({hostnames!r})" if isinstance(hostnames, str) else ""
        yield f"{where}.hostnames is {_kind(hostnames)}{shown}. Write a list: [app.example.com]."
    elif not hostnames:
        yield f"{where}.hostnames is empty. List the hostnames to protect, or take the zone out of aop_zones."
    else:
        for number, hostname in enumerate(hostnames):
            yield from _name(f"{where}.hostnames[{number}]", hostname)
    given = [key for key in ("ca_path", "ca_privatekey_path") if zone.get(key)]
    if len(given) == 1:
        yield f"{where} has {given[0]} alone. A CA of your own needs ca_path and ca_privatekey_path."
    for key in given:
        if not isinstance(zone[key], str):
            yield f"{where}.{key} is {_kind(zone[key])}. Give a path."


def _name(where: str, name: Any) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"{where} is {_kind(name)}. Give a hostname such as app.example.com."
        return
    try:
        plain = normalise(name)
    except InvalidInput:
        plain = ""
    if name.strip().startswith("*"):
        yield (
            f"{where} is {name!r}. Wildcards can't be protected: each hostname is proved by itself. "
            "List the hostnames that the wildcard stands for."
        )
    elif "." not in plain or "://" in name:
        yield (
            f"{where} is {name!r}, which is no hostname. Write it plainly, without scheme, port or path: "
            "app.example.com."
        )


def _repeated(zones: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names: dict[str, int] = {}
    places: dict[str, str] = {}
    for number, zone in enumerate(zones):
        name = normalise(zone["name"])
        if name in names:
            both = f"aop_zones[{names[name]}] and aop_zones[{number}]"
            yield f"{both} are both the zone {name}. Put their hostnames into one."
        names.setdefault(name, number)
        for position, hostname in enumerate(zone["hostnames"]):
            where, plain = f"aop_zones[{number}].hostnames[{position}]", normalise(hostname)
            if plain in places:
                yield f"{plain} is listed twice: {places[plain]} and {where}. Take one of them away."
            places.setdefault(plain, where)


def host_problems(
    zones: Sequence[Mapping[str, Any]],
    hostvars: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    others: Sequence[str] = (),
) -> list[str]:
    """What is wrong with the origins ``names``. ``others``: further origins, which may serve a hostname, too.

    ``zones`` as :func:`normalised`.
    """
    found = []
    for name in names:
        server, serves = hostvars[name].get("aop_server"), hostvars[name].get("aop_serves")
        if server not in SERVERS:
            said = "isn't set" if server is None else f"is {server!r}"
            known = ", ".join(sorted(SERVERS))
            found.append(f"aop_server of {name} {said}. Set it for this host in the inventory, to one of {known}.")
        if serves is not None and not _is_list(serves):
            found.append(f"aop_serves of {name} is {_kind(serves)}. Write a list of hostnames: [app.example.com].")
    if "localhost" in names:
        found.append(
            "localhost is the controller of these playbooks, so it can't be an origin by that name. Give the machine "
            "another name in the inventory (web1, with ansible_connection: local)."
        )
    if not found:
        found += _unserved(zones, [hostvars[name].get("aop_serves") for name in dict.fromkeys([*names, *others])])
    return found


def _unserved(zones: Sequence[Mapping[str, Any]], lists: Sequence[Sequence[str] | None]) -> Iterator[str]:
    """Every origin has C(aop_serves), and none names the hostname."""
    if not lists or None in lists:
        return
    served = {plain(name) for serves in lists for name in serves or []}
    missing = sorted({hostname for zone in zones for hostname in zone["hostnames"]} - served)
    if missing:
        yield (
            f"No origin serves {', '.join(missing)}: every origin has aop_serves, and none names it. Add it to "
            "aop_serves of the host that serves it, or take it out of aop_zones."
        )


def plain(name: Any) -> str:
    """A hostname of C(aop_serves) as it stands in normalised zones."""
    try:
        return normalise(str(name))
    except InvalidInput:
        return str(name)


def pki_dir(sources: Sequence[str], current: str) -> str:
    """Where the PKI is kept unless told otherwise: C(aop-pki) beside the first inventory, else in ``current``.

    ``sources``: C(ansible_inventory_sources), paths or lists of hosts.
    """
    for source in sources:
        if "," not in source and os.path.exists(source):
            path = os.path.abspath(source)
            return os.path.join(path if os.path.isdir(path) else os.path.dirname(path), "aop-pki")
    return os.path.join(current, "aop-pki")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, str):
        return "a text" if value.strip() else "empty"
    kinds = {bool: "true or false", int: "a number", float: "a number"}
    if type(value) in kinds:
        return kinds[type(value)]
    return "a mapping" if isinstance(value, Mapping) else "a list" if _is_list(value) else type(value).__name__
