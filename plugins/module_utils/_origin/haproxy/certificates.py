# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate HAProxy shows for a name: its own rules, from the files that a bind line names.

HAProxy looks for the exact name first, then for the wildcard, among certificates of either kind of key; of those with
the same name the first one counts. Where none fits it shows the first certificate of the line, unless ``strict-sni``.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .binds import Bind

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
#: What HAProxy loads beside a certificate, not as one.
_EXTRA = (".key", ".ocsp", ".sctl", ".issuer")
_BUNDLE = (".rsa", ".ecdsa", ".dsa")
_SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
_COMMON_NAME = bytes.fromhex("0603550403")
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")


@dataclass(frozen=True)
class Entry:
    """A certificate as one bind line uses it.

    ``names`` are those that it's shown for (``!name``: not for that one), in small letters. ``options`` are those of
    its line in a crt-list. ``place`` is that line, or empty.
    """

    file: str
    names: tuple[str, ...]
    kinds: frozenset[str]
    options: tuple[str, ...] = ()
    place: str = ""
    line: int = 0

    def shown_for(self, name: str, wildcard: bool) -> bool:
        """Whether ``name`` (``*.…`` for a wildcard) is one of its names."""
        if not wildcard:
            return name in self.names
        return "*." + name.partition(".")[2] in self.names and "!" + name not in self.names


def entries(bind: Bind, base: str) -> list[Entry]:
    """The certificates of a bind line in their order. Raises OSError or ValueError if one can't be read."""
    found: list[Entry] = []
    for kind, name in bind.sources:
        path = name if kind == "crt-list" else _based(name, base)
        if kind == "crt-list":
            found += _listed(path, base)
        elif os.path.isdir(path):
            found += [_entry(file) for file in _in_directory(path)]
        else:
            found.append(_entry(path))
    return found


def choose(found: Sequence[Entry], name: str) -> list[Entry]:
    """The certificates that clients are shown for ``name``: the first one for each kind of key, or nothing."""
    chosen: dict[str, Entry] = {}
    for wildcard in (False, True):
        for entry in found:
            if entry.shown_for(name, wildcard):
                for kind in entry.kinds:
                    chosen.setdefault(kind, entry)
    return list(dict.fromkeys(chosen.values()))


def _based(name: str, base: str) -> str:
    return name if name.startswith(("/", "@")) or not base else os.path.join(base, name)


def _in_directory(path: str) -> list[str]:
    files = []
    for name in sorted(os.listdir(path), key=os.fsencode):
        stem, suffix = os.path.splitext(name)
        if name.startswith(".") or suffix in _EXTRA or not os.path.isfile(os.path.join(path, name)):
            continue
        files.append(os.path.join(path, stem if suffix in _BUNDLE else name))
    return list(dict.fromkeys(files))


def _listed(path: str, base: str) -> Iterator[Entry]:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        for number, text in enumerate(stream, 1):
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            head, _bracket, rest = text.partition("[")
            inner, _close, tail = rest.partition("]")
            file, *filters = f"{head} {tail}".split()
            entry = _entry(_based(file, base))
            names = tuple(name.lower() for name in filters) or entry.names
            if names and all(name.startswith("!") for name in names):
                names = (*(() if "!*" in names else entry.names), *names)
                names = tuple(name for name in names if "!" + name not in names)
            yield Entry(entry.file, names, entry.kinds, tuple(inner.split()), path, number)


def _entry(path: str) -> Entry:
    files = [path] if os.path.isfile(path) else [path + suffix for suffix in _BUNDLE if os.path.isfile(path + suffix)]
    if not files:
        raise FileNotFoundError(f"{path} isn't there")
    names: list[str] = []
    kinds = set()
    for file in files:
        with open(file, "rb") as stream:
            first = _CERTIFICATE.search(stream.read())
        if first is None:
            raise ValueError(f"{file} holds no certificate")
        der = base64.b64decode(first.group(1))
        names += names_of(der)
        kinds.add("ecdsa" if _EC_KEY in der else "rsa")
    return Entry(path, tuple(dict.fromkeys(names)), frozenset(kinds))


def names_of(der: bytes) -> list[str]:
    """DNS names and common names of a certificate, in small letters. Raises ValueError if it can't be read."""
    try:
        _tag, body, _end = _element(der, 0)
        _tag, certificate, _end = _element(body, 0)
        fields = list(_elements(certificate))
        if fields[0][0] == 0xA0:
            del fields[0]
        subject, extensions = fields[4][1], b"".join(content for tag, content in fields[6:] if tag == 0xA3)
        found = [name.decode("ascii", "replace") for name in _alternative_names(extensions)]
        found += [name.decode("utf-8", "replace") for name in _common_names(subject)]
    except IndexError as error:
        raise ValueError("it isn't a certificate") from error
    return [name.lower() for name in found]


def _alternative_names(extensions: bytes) -> Iterator[bytes]:
    for _tag, sequence in _elements(extensions):
        for _kind, extension in _elements(sequence):
            if extension.startswith(_SUBJECT_ALT_NAME):
                _tag, value, _end = _element(list(_elements(extension))[-1][1], 0)
                yield from (content for tag, content in _elements(value) if tag == 0x82)


def _common_names(subject: bytes) -> Iterator[bytes]:
    for _tag, attributes in _elements(subject):
        for _kind, attribute in _elements(attributes):
            if attribute.startswith(_COMMON_NAME):
                yield _element(attribute, len(_COMMON_NAME))[1]


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, content, position = _element(data, position)
        yield tag, content


def _element(data: bytes, position: int) -> tuple[int, bytes, int]:
    """Tag, content and end of the DER element at ``position``."""
    tag, length = data[position], data[position + 1]
    start = position + 2
    if length > 0x80:
        start += length - 0x80
        length = int.from_bytes(data[position + 2 : start], "big")
    if start + length > len(data):
        raise IndexError
    return tag, data[start : start + length], start + length
