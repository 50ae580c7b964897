# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do on NGINX about what the probe finds; codes without an entry have a general text."""

from __future__ import annotations

REMEDIES: dict[str, str] = {
    "asks_only": (
        "A certificate is asked for, and everybody is served. Set ssl_verify_client on (not optional_no_ca), and "
        "remove error_page 495 and 496, which serve pages to those who were refused."
    ),
    "optional": (
        "ssl_verify_client is optional: set it to on. (Or error_page 496 serves those without a certificate: remove "
        "it.)"
    ),
    "error_page": (
        "error_page 495 or 496 serves the protected content to those who were refused: remove it from this site and "
        "from the levels above."
    ),
    "bad_certificate": (
        "Set ssl_verify_client on with ssl_client_certificate naming only our CA; remove error_page 495."
    ),
    "default_server_other_ca": (
        "The default server of this listener verifies against another CA, and its verdict is taken for this hostname. "
        "Make a default_server with ssl_reject_handshake on, or answer 421 in this hostname's server block where "
        "$ssl_server_name and $host differ."
    ),
    "sni_mismatch": (
        "Make a default_server with ssl_reject_handshake on, and answer 421 where $ssl_server_name and $host differ. "
        "Look for a second server block with this name that has no ssl_verify_client."
    ),
    "session_resumption": (
        "A TLS session of another site is taken with that site's verdict. Make a default_server with "
        "ssl_reject_handshake on for every listener (nginx 1.22 and 1.26 take sessions that were made without SNI at "
        "a default server that asks for certificates), or switch ssl_session_tickets and ssl_session_cache off in the "
        "default server; and use ssl_client_certificate instead of ssl_trusted_certificate alone, with which nginx "
        "1.30 takes sessions of any site."
    ),
    "no_ca_names": (
        "The trust bundle is set by ssl_trusted_certificate alone: nginx then names no CA, and on some versions takes "
        "over TLS sessions of other sites. Set ssl_client_certificate."
    ),
}
