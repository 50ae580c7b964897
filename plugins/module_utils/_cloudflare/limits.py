# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's limits, which it raises for some customers.

Source: API reference of Authenticated Origin Pulls (10 hostname certificates in a zone, 100 associations of a
certificate).
"""

from __future__ import annotations

CERTIFICATES_PER_ZONE = 10
HOSTNAMES_PER_CERTIFICATE = 100
