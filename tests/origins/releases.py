# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian releases whose servers are tested here.

One for each server, because all of it takes half an hour on both; ``ORIGINLOCK_RELEASES=bookworm,trixie`` names others.
Molecule, the end-to-end story and the demo always run both.
"""

from __future__ import annotations

import os


def releases(*default: str) -> tuple[str, ...]:
    """What the environment names, or ``default``."""
    return tuple(filter(None, os.environ.get("ORIGINLOCK_RELEASES", ",".join(default)).split(",")))
