# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the evidence. Each names its object and says what to do next."""

from __future__ import annotations

from typing import Any


class EvidenceError(Exception):
    """The evidence can't be gathered or judged. ``remedy`` is what to do next."""

    def __init__(self, message: str, remedy: str = "", **details: Any) -> None:
        super().__init__(message)
        self.remedy = remedy
        self._details = details

    def details(self) -> dict[str, Any]:
        """Further keys for the failure."""
        return dict(self._details)


class InvalidInput(EvidenceError):
    """A value that the user gave can't be understood."""


class Refused(EvidenceError):
    """The gate refuses at least one hostname on one origin."""
