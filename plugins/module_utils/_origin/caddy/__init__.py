# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy 2.8 and newer, run from a Caddyfile."""

from __future__ import annotations

from .driver import make
from .log import adapt
from .remedies import REMEDIES

__all__ = ["REMEDIES", "adapt", "make"]
