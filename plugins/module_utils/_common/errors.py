# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all errors that a user can do something about."""

from __future__ import annotations

from typing import Any


class UserError(Exception):
    """``message`` says what is wrong with which object, ``remedy`` what to do next. Neither ever holds a secret.

    ``facts`` (JSON-able values) become further keys of the failure; the caller may add to them.
    """

    def __init__(self, message: str, remedy: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.facts: dict[str, Any] = facts

    def details(self) -> dict[str, Any]:
        """Further keys of the failure."""
        return dict(self.facts)


class InvalidInput(UserError):
    """A value that the user gave can't be used; nothing was done."""
