# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where errors of the domain become C(fail_json)."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import UserError
from ansible_collections.originlock.aop.plugins.module_utils._engine import private_keys


def run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Call ``work(module)`` and leave through ``exit_json`` or ``fail_json``.

    ``work`` returns the module's result (a dict with at least ``changed``). An error of the domain is a
    :class:`UserError`: its text becomes ``msg``, its ``details()`` become further keys of the failure. Any other
    exception is a defect of ours; its type and place are told, but never its text, which could hold a secret.
    """
    module.no_log_values.update(private_keys.secrets(module.params, module.no_log_values))
    failure: dict[str, Any] = {}
    result: dict[str, Any] = {}
    try:
        result = work(module)
    except Exception as error:
        failure = _failure(error)
    # Not while the error is handled: Ansible would add its traceback, and with that its text.
    if failure:
        module.fail_json(**failure)
    module.exit_json(**result)


def _failure(error: Exception) -> dict[str, Any]:
    """The arguments of C(fail_json)."""
    if isinstance(error, UserError):
        said = str(error)
        if error.remedy and said[-1:] not in (".", "!", "?"):
            said += "."
        return dict(error.details(), msg=f"{said} {error.remedy}".strip())
    place = traceback.extract_tb(error.__traceback__)[-1]
    path = place.filename.rsplit("/ansible_collections/", 1)[-1]
    return {
        "msg": f"Internal error: {type(error).__name__} in {path} line {place.lineno} ({place.name}). "
        "This is a defect of originlock.aop; please report it."
    }
