# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with keys and certificates."""

from __future__ import annotations

from typing import Any


class PkiError(Exception):
    """A problem with a key or a certificate that the user can solve.

    ``message`` says what is wrong with which object, ``remedy`` what to do next. Neither ever holds a secret.
    ``facts`` (JSON-able values) are handed on with the failure.
    """

    def __init__(self, message: str, remedy: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.remedy = remedy
        self._facts = facts

    def details(self) -> dict[str, Any]:
        """Further keys of the failure."""
        return dict(self._facts)
