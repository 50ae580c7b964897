# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys where only certificates belong, in options that Ansible shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .._common.errors import UserError

_KEY = re.compile(r"PRIVATE KEY-----(?P<body>(?:[^-]|-(?!----))*)")
# Between the lines of a key; with \n as two characters also where a text was quoted.
_BREAK = re.compile(r"\\[nr]|\s+")
#: A shorter piece tells nothing of a key, but would be masked in innocent texts, too.
_SHORTEST = 16


class MisplacedKey(UserError):
    """A text that should be a certificate holds a private key."""

    def __init__(self, option: str) -> None:
        super().__init__(
            f"{option} holds a private key; only a certificate belongs there.",
            "Give the certificate alone. Consider the key as shown, for Ansible logs this option, and replace it.",
            changed=False,
        )


def refuse(text: str | None, option: str) -> None:
    """Raise MisplacedKey if the certificate in ``text``, called ``option`` in errors, comes with a private key."""
    if text and "PRIVATE KEY" in text:
        raise MisplacedKey(option)


def secrets(params: Any, known: set[str]) -> set[str]:
    """What Ansible has to mask in a module's parameters: each text with a private key, and the lines of the keys.

    The lines, because a whole text is not found again where it is quoted. Texts in ``known`` are masked already.
    """
    found: set[str] = set()
    for text in _texts(params):
        if "PRIVATE KEY" not in text or text in known:
            continue
        found.add(text)
        for key in _KEY.finditer(text):
            found.update(piece for piece in _BREAK.split(key.group("body")) if len(piece) >= _SHORTEST)
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
