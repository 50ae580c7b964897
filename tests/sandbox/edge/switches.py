# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the edge behaves towards origins, globally or for one hostname."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

_CHOICES = {"connection": ("keepalive", "close"), "tls": ("1.2", "1.3", "any")}


@dataclass(frozen=True)
class Behaviour:
    """``present``: ``normal``, ``none``, ``previous``, or the name of an identity (``shared``, ``foreign``, ...)."""

    present: str = "normal"
    connection: str = "keepalive"
    resume: bool = False
    tls: str = "any"
    ca_filter: bool = False

    def changed(self, changes: Mapping[str, Any], identities: Mapping[str, Any]) -> Behaviour:
        """A changed copy; ValueError names what does not fit."""
        names = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in names:
                raise ValueError(f"edge: no switch named {name!r}; there are {', '.join(sorted(names))}")
            allowed = _CHOICES.get(name) or (
                ("normal", "none", "previous", *sorted(identities)) if name == "present" else (True, False)
            )
            if value not in allowed:
                raise ValueError(f"edge: {name}: {value!r} is none of {', '.join(map(str, allowed))}")
        return replace(self, **changes)


@dataclass
class EdgeSwitches:
    """The global behaviour and what single hostnames have instead."""

    default: Behaviour = field(default_factory=Behaviour)
    hostnames: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, hostname: str) -> Behaviour:
        """The behaviour for one hostname."""
        own = self.hostnames.get(hostname)
        return replace(self.default, **own) if own else self.default
