# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: bearer tokens, and e-mail with key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .envelope import ApiError
from .world import Token, World

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,200}")
_KEY = re.compile(r"[0-9a-f]{37,45}")
_BAD_BEARER = (6111, "Invalid format for Authorization header")
_BAD_KEY = (6103, "Invalid format for X-Auth-Key header")


def authenticate(world: World, headers: Mapping[str, str], *, verifying: bool = False) -> Token:
    """The caller's token (a full one for e-mail and key); raises ApiError. ``verifying``: other code for bad tokens."""
    bearer = headers.get("Authorization")
    email, key = headers.get("X-Auth-Email"), headers.get("X-Auth-Key")
    if bearer is not None:
        return _by_token(world, bearer, verifying)
    if email is None and key is None:
        raise ApiError("no_credentials")
    if email is None or key is None or not _KEY.fullmatch(key):
        raise ApiError("bad_authorization", (_BAD_KEY,))
    if world.keys.get(email) != key:
        raise ApiError("unknown_credentials")
    return Token("key:" + email, "", user=email)


def _by_token(world: World, bearer: str, verifying: bool) -> Token:
    scheme, _space, value = bearer.partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(value):
        raise ApiError("bad_authorization", (_BAD_BEARER,))
    token = world.tokens.get(value)
    if token is None or (not verifying and token.status != "active"):
        raise ApiError("invalid_token" if verifying else "unknown_credentials")
    if token.fresh_failures > 0:
        token.fresh_failures -= 1
        raise ApiError("fresh_token")
    return token
