# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the work on an origin. Each names its object and says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._common.errors import UserError

if TYPE_CHECKING:
    from .model import Finding


class OriginError(UserError):
    """Something on the origin prevents the work; nothing was changed unless the message says otherwise."""


class ProgramMissing(OriginError):
    """A program that shall be run isn't installed."""


class Refused(OriginError):
    """The plan can't be carried out safely. ``findings`` says why, each with file, line and remedy."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        lines: list[str] = [finding.sentence() for finding in findings]
        super().__init__(
            f"Refused, nothing was changed: {' | '.join(lines)}", findings=[one.as_dict() for one in findings]
        )


class ValidationFailed(OriginError):
    """The server's own check refused a configuration. ``output`` holds the server's words."""

    def __init__(self, server: str, output: str, consequence: str) -> None:
        super().__init__(
            f"{server} refuses the configuration; {consequence}. Its own words: {output.strip()}",
            "Mend what it names, or report it if the named file is one of ours.",
            validator_output=output,
        )
