# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust bundle of a site: its certificates, which hostnames trust each, and what each CA is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from .model import MARK

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_OWNERS = re.compile(rf"^# {re.escape(MARK)} trusted for (?P<names>.+)$", re.MULTILINE)
_SUBJECT = re.compile(rf"^# {re.escape(MARK)} name (?P<subject>[ -~]+)$", re.MULTILINE)
_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def bundle_file(bundles: Mapping[str, str], subjects: Mapping[str, str]) -> str:
    """The file: each CA once. ``bundles``: hostname to PEM; ``subjects``: certificate to the name of its subject."""
    owners: dict[str, list[str]] = {}
    for name in sorted(bundles):
        for certificate in certificates(bundles[name]):
            names = owners.setdefault(certificate, [])
            if name not in names:
                names.append(name)
    parts = []
    for certificate, names in owners.items():
        parts.append(f"# {MARK} trusted for {' '.join(names)}\n")
        if certificate in subjects:
            parts.append(f"# {MARK} name {subjects[certificate]}\n")
        parts.append(f"{certificate}\n")
    return "".join(parts)


def read_file(content: str) -> tuple[dict[str, str], dict[str, str]]:
    """The reverse of :func:`bundle_file`: its two arguments."""
    bundles: dict[str, str] = {}
    subjects: dict[str, str] = {}
    places = list(_OWNERS.finditer(content))
    for number, place in enumerate(places):
        end = places[number + 1].start() if number + 1 < len(places) else len(content)
        part = content[place.end() : end]
        subject = _SUBJECT.search(part)
        for certificate in certificates(part):
            for name in place.group("names").split():
                bundles[name] = bundles.get(name, "") + certificate + "\n"
            if subject is not None:
                subjects[certificate] = subject.group("subject")
    return bundles, subjects


@lru_cache(maxsize=2048)
def certificates(pem: str) -> tuple[str, ...]:
    """The certificates of a PEM text, each in one spelling."""
    blocks = _PEM.findall(pem.replace("\r", ""))
    return tuple("\n".join(line.strip() for line in block.split("\n")) for block in blocks)


def subjects_of(pem: str, names: Sequence[str]) -> dict[str, str]:
    """Which certificate has which name; ``names`` are those of the certificates in ``pem``, in the same order.

    Nothing if there is not one for each, or one that can't be written into a configuration file.
    """
    found = certificates(pem)
    if len(found) != len(names) or not all(_PRINTABLE.fullmatch(name) for name in names):
        return {}
    return dict(zip(found, names))
