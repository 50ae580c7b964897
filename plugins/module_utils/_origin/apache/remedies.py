# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do on Apache about what the probe finds; codes without an entry have a general text."""

from __future__ import annotations

REMEDIES: dict[str, str] = {
    "asks_only": (
        "A certificate is asked for, and everybody is served. Set SSLVerifyClient require (not optional_no_ca)."
    ),
    "optional": "SSLVerifyClient is optional: set it to require.",
    "bad_certificate": "Set SSLVerifyClient require with SSLCACertificateFile naming only our CA.",
    "default_server_other_ca": "Set SSLVHostSNIPolicy secure (2.4.66 and later) or SSLStrictSNIVHostCheck on.",
    "sni_mismatch": "Set SSLVHostSNIPolicy secure (2.4.66 and later; never insecure) or SSLStrictSNIVHostCheck on.",
    "session_resumption": (
        "Update Apache (CVE-2025-23048), set SSLStrictSNIVHostCheck on, and switch session caches off until then."
    ),
    "session_same_site": (
        "With optional_no_ca a resumed TLS 1.2 session turns a bad certificate into SUCCESS, and Require expr "
        "believes it. Set SSLVerifyClient require in the virtual host."
    ),
    "late_request": (
        "SSLVerifyClient stands in a Location, Directory or If. Move it to the virtual host: over TLS 1.3 the edge "
        "can't answer to a later request, and other paths stay open."
    ),
    "refuses": "This server refuses some bad certificates at log_only, too. Keep the certificate at Cloudflare valid.",
}
