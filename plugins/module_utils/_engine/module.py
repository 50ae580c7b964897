# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnsibleModule that masks private keys before it logs its own invocation."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.originlock.aop.plugins.module_utils._engine import private_keys


class Module(AnsibleModule):  # type: ignore[misc]
    """For modules that are given PEM texts: Ansible logs a list as quoted text, where it finds no key of many lines."""

    def _load_params(self) -> None:
        super()._load_params()
        self.no_log_values.update(private_keys.secrets(self.params, self.no_log_values))
