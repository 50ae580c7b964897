# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do on Caddy about what the probe finds; codes without an entry have a general text."""

from __future__ import annotations

REMEDIES: dict[str, str] = {
    "asks_only": (
        "A certificate is asked for, and everybody is served. Set 'mode require_and_verify' in client_auth (not "
        "request, and not require, which takes any certificate)."
    ),
    "bad_certificate": "Set 'mode require_and_verify' with a trust_pool that names only our CA.",
    "default_server_other_ca": "Take strict_sni_host out of the global options.",
    "sni_mismatch": "Take 'strict_sni_host insecure_off' out of the global options.",
    "session_resumption": "Take 'strict_sni_host insecure_off' out of the global options.",
}
