# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the statuses of certificates and associations mean. A status that was not told (None) may become active."""

from __future__ import annotations

ACTIVE = "active"
DELETED = "deleted"
PENDING_DELETION = "pending_deletion"
DEPLOYMENT_TIMED_OUT = "deployment_timed_out"
DELETION_TIMED_OUT = "deletion_timed_out"

_GOING = (DELETED, PENDING_DELETION)
_STUCK = (DEPLOYMENT_TIMED_OUT, DELETION_TIMED_OUT)


def is_live(status: str | None) -> bool:
    """False for a certificate that is deleted, being deleted, or that a deletion left in an unknown state."""
    return status not in (*_GOING, DELETION_TIMED_OUT)


def is_going(status: str | None) -> bool:
    """True for an association that is deleted or being deleted. After a time-out it may still be in force."""
    return status in _GOING


def is_stuck(status: str | None) -> bool:
    """True where Cloudflare gave up: only another write moves it."""
    return status in _STUCK


def is_hopeless(status: str | None) -> bool:
    """True where nothing becomes active by waiting longer."""
    return is_going(status) or is_stuck(status)
