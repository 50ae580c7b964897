# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller's side of C(hostname_certificate): shows the progress of waiting."""

from __future__ import annotations

from ansible_collections.originlock.aop.plugins.plugin_utils._cloudflare_wait import WaitingAction


class ActionModule(WaitingAction):
    """Run the module, then wait for the certificates to be active."""

    module = "hostname_certificate"
    noun = "certificates"
    rows = "certificates"
    key = "id"
    asked = "certificate_ids"
