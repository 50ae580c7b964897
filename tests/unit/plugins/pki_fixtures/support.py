# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, certificates and module runs for the tests of everything that handles certificates."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import parameters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)
PASSPHRASE = "correct-horse-battery-9731"
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


@functools.cache
def ec_key(name: str = "a") -> ec.EllipticCurvePrivateKey:
    """A key per name, made once."""
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key per size, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def name(common_name: str, **more: str) -> x509.Name:
    """A distinguished name; further attributes by the names in NameOID."""
    attributes = [x509.NameAttribute(getattr(NameOID, key), value) for key, value in more.items()]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*bits: str) -> x509.KeyUsage:
    """keyUsage with the given bits set."""
    words = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    words += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{word: word in bits for word in words})


def certificate(
    subject: str | x509.Name,
    key: Any,
    issuer: x509.Certificate | None = None,
    issuer_key: Any = None,
    ca: bool | None = False,
    start: float = -1,
    days: float = 365,
    key_usage: x509.KeyUsage | None = None,
    purposes: list[x509.ObjectIdentifier] | None = None,
    names: list[str] | None = None,
    path_length: int | None = None,
    extra: list[tuple[x509.ExtensionType, bool]] | None = None,
) -> x509.Certificate:
    """Any certificate; ``start`` and ``days`` are in days from NOW."""
    subject = name(subject) if isinstance(subject, str) else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=start))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), True)
    if key_usage:
        builder = builder.add_extension(key_usage, True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), False)
    for value, critical in extra or []:
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer_key or key, hashes.SHA256())


@functools.cache
def root(common_name: str = "example.com", key: str = "ca") -> x509.Certificate:
    """A sound root, made once per name and key."""
    return certificate(common_name, ec_key(key), ca=True, days=1826, key_usage=usage("key_cert_sign", "crl_sign"))


def leaf(common_name: str = "app.example.com", key: str = "leaf", **options: Any) -> x509.Certificate:
    """A client certificate by root()."""
    options.setdefault("names", [common_name])
    options.setdefault("purposes", [CLIENT])
    options.setdefault("key_usage", usage("digital_signature"))
    return certificate(common_name, ec_key(key), root(), ec_key("ca"), **options)


def pem(*certificates: x509.Certificate) -> str:
    """Certificates as PEM text."""
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in certificates)


def key_pem(key: Any, passphrase: str | None = None) -> str:
    """A key as PKCS #8 PEM text."""
    encryption: Any = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def openssl(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the openssl command; its output as text, its failure in the return code."""
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, **options)


def run_module(main: Any, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    """What a module answers, after Ansible's own masking of secrets; ``failed`` is there when it failed.

    Settings (``_ansible_...``) that this ansible-core doesn't have are left out: 2.18 always shows the invocation.
    """
    arguments["_ansible_check_mode"] = check_mode
    known = {f"_ansible_{word}" for word in parameters.PASS_VARS}
    arguments = {key: value for key, value in arguments.items() if not key.startswith("_ansible_") or key in known}
    output = io.StringIO()
    with _arguments(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        main()
    return json.loads(output.getvalue())


@contextlib.contextmanager
def _arguments(arguments: dict[str, Any]) -> Any:
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:  # ansible-core 2.18
        before = basic._ANSIBLE_ARGS
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = before
    else:
        with patch_module_args(arguments):
            yield


def tree(directory: Any) -> dict[str, tuple[bytes, int]]:
    """Content and inode of every file: what must not change when something is refused."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_ino)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
