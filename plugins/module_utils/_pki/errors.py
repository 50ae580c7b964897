# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with keys and certificates."""

from __future__ import annotations

from .._common.errors import UserError


class PkiError(UserError):
    """A problem with a key or a certificate that the user can solve."""
