# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters C(zones), C(inventory_problems) and C(pki_dir)."""

from __future__ import annotations

import os
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.originlock.aop.plugins.module_utils._engine import zones as words


def zones(value: Any) -> list[dict[str, Any]]:
    """See the documentation beside this file."""
    found = words.problems(value)
    if found:
        raise AnsibleFilterError(" ".join(found))
    return words.normalised(value)


def inventory_problems(value: Any, hostvars: Any, names: Any, others: Any = ()) -> list[str]:
    """See the documentation beside this file."""
    return words.problems(value) or words.host_problems(words.normalised(value), hostvars, names, others)


def pki_dir(sources: Any) -> str:
    """See the documentation beside this file."""
    return words.pki_dir(sources, os.getcwd())


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function of each."""
        return {"inventory_problems": inventory_problems, "pki_dir": pki_dir, "zones": zones}
