# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM text into blocks, strictly.

Servers skip what they do not understand in a PEM file, so a damaged second block silently becomes "one CA fewer"
(or, with Apache, a server that dies on reload). Here every line has to be accounted for.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass

from ansible_collections.originlock.aop.plugins.module_utils._pki.errors import PkiError
from ansible_collections.originlock.aop.plugins.module_utils._pki.library import (
    UnsupportedAlgorithm,
    serialization,
    x509,
)

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
# What openssl itself writes around blocks: `x509 -text`, `s_client -showcerts`, `pkcs12 -nokeys`.
_ANNOTATION = re.compile(r"(subject|issuer)\s?=|(Bag|Key) Attributes|Certificate:\Z")
CLEAN = "Keep only the blocks from -----BEGIN to -----END (comments may start with #)."


@dataclass(frozen=True)
class Block:
    """One PEM block: its label (``CERTIFICATE``), number (from 1), first line (from 1) and decoded bytes.

    ``der`` is empty for the blocks of keys: those are read by their own loader, from ``text``.
    """

    label: str
    number: int
    line: int
    der: bytes
    text: str

    @property
    def is_certificate(self) -> bool:
        """An X.509 certificate in its usual or its old-fashioned label."""
        return self.label in ("CERTIFICATE", "X509 CERTIFICATE")

    @property
    def is_private_key(self) -> bool:
        """Any of the forms of a private key."""
        return self.label.endswith("PRIVATE KEY")


def split(pem: str, label: str) -> list[Block]:
    """Blocks of a PEM text; ``label`` names the text in errors.

    Raises PkiError for a text without blocks, for anything between blocks but blank lines, ``#`` comments and the
    annotations of openssl, for unfinished blocks and for broken base64.
    """
    if pem.startswith("\ufeff"):
        raise PkiError(f"{label} starts with a byte order mark, which servers do not skip.", "Save it without one.")
    if "\0" in pem:
        raise PkiError(f"{label} is not a text in PEM format: it holds NUL bytes.", "Convert it to PEM.")
    blocks: list[Block] = []
    lines = pem.replace("\r\n", "\n").split("\n")
    annotated = False
    position = 0
    while position < len(lines):
        line = lines[position].rstrip()
        begin = _BEGIN.match(line)
        if begin:
            block, position = _read_block(lines, position, begin.group(1), len(blocks) + 1, label)
            blocks.append(block)
            annotated = False
            continue
        position += 1
        if not line or line.startswith("#"):
            continue
        if "-----" not in line and (_ANNOTATION.match(line) or (annotated and line[0] in " \t")):
            annotated = True
            continue
        raise PkiError(
            f"{label}: line {position} ({_where(blocks)}) is neither part of a PEM block nor a comment.",
            "A BEGIN line must start in the first column with five dashes. " + CLEAN,
        )
    if not blocks:
        raise PkiError(f"{label} holds no PEM block.", "Give at least one certificate in PEM format.")
    return blocks


def _where(blocks: list[Block]) -> str:
    return f"after block {len(blocks)}" if blocks else "before the first block"


def _read_block(lines: list[str], start: int, kind: str, number: int, label: str) -> tuple[Block, int]:
    end_line = f"-----END {kind}-----"
    name = f"{label}: block {number} (line {start + 1})"
    body: list[str] = []
    for position in range(start + 1, len(lines)):
        line = lines[position].rstrip()
        if line == end_line:
            text = "\n".join([f"-----BEGIN {kind}-----", *body, end_line]) + "\n"
            der = b"" if kind.endswith("PRIVATE KEY") else _decode(body, name)
            return Block(kind, number, start + 1, der, text), position + 1
        if "-----" in line:
            break
        body.append(line)
    raise PkiError(f"{name} has no line {end_line} of its own.", "The text was cut or damaged; fetch it again.")


def _decode(body: list[str], name: str) -> bytes:
    if not body or not all(_BASE64.match(line) for line in body):
        raise PkiError(f"{name} is not base64 throughout.", "The text was cut or damaged; fetch it again.")
    try:
        return base64.b64decode("".join(body), validate=True)
    except (binascii.Error, ValueError):
        raise PkiError(f"{name} is not valid base64.", "The text was cut or damaged; fetch it again.") from None


def load_certificate(block: Block, label: str) -> x509.Certificate:
    """The certificate in a block, with its extensions and key proved to be readable.

    Raises PkiError naming ``label`` and the block.
    """
    name = f"{label}: block {block.number} (line {block.line})"
    if block.is_private_key:
        raise PkiError(f"{name} is a private key; here only certificates belong.", "Take the key out of it.")
    if not block.is_certificate:
        raise PkiError(f'{name} is a "{block.label}", not a certificate.', CLEAN)
    try:
        certificate = x509.load_der_x509_certificate(block.der)
        list(certificate.extensions)
        # A broken name, key or time is otherwise found only when somebody asks for it.
        certificate.subject.rfc4514_string()
        certificate.issuer.rfc4514_string()
        with contextlib.suppress(UnsupportedAlgorithm):  # a key of a kind that this library does not know yet
            certificate.public_key()
    except Exception as error:  # the library raises many kinds for malformed ASN.1
        raise PkiError(
            f"{name} does not parse as an X.509 certificate ({type(error).__name__}).",
            "The text was cut or damaged; fetch it again.",
        ) from None
    return certificate


def dump(certificates: list[x509.Certificate]) -> str:
    """PEM text of certificates, in the form that every server reads (64 columns, nothing between the blocks)."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode("ascii") for certificate in certificates)
