# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache httpd. Where modules of this package get their work from: ``driver``."""

from __future__ import annotations

from ..model import Driver, Runner
from .discovery import Discovery
from .driver import Apache
from .paths import Paths


def make(paths: dict[str, str], run: Runner) -> Driver[Discovery]:
    """The driver for an Apache at ``paths`` (see :class:`.paths.Paths`)."""
    driver: Driver[Discovery] = Apache(Paths.of(paths), run)
    return driver
