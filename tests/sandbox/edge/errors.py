# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a visitor sees when a pull fails."""

from __future__ import annotations

TITLES = {
    403: "Forbidden",
    501: "Not Implemented",
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    524: "A timeout occurred",
    525: "SSL handshake failed",
    526: "Invalid SSL certificate",
    530: "Origin DNS error",
}


class EdgeError(Exception):
    """A pull that failed: the visitor's status, and the reason for the journal."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class NoAnswerError(Exception):
    """The connection ended before the first byte of an answer; on a reused one the pull may be repeated."""
