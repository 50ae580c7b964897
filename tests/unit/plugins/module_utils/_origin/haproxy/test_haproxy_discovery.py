# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running HAProxy was started, and which certificates its bind lines have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy import process
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.binds import binds
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.certificates import choose, entries
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.config import parse
from ansible_collections.originlock.aop.plugins.module_utils._origin.haproxy.survey import Paths
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed

_BEGIN, _END = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2046, 1, 1, tzinfo=timezone.utc)


def running(tmp_path: Path, *words: str, environ: str = "") -> process.Process:
    """What is found where process 7 of a made-up /proc was started with these words."""
    folder = tmp_path / "proc" / "7"
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes("\0".join(("haproxy", *words)).encode() + b"\0")
    (folder / "environ").write_text(environ)
    (folder / "exe").symlink_to("/usr/sbin/haproxy")
    (folder / "cwd").symlink_to(tmp_path)

    def run(argv: Sequence[str], _environment: Mapping[str, str]) -> Completed:
        return Completed(0, "7\n" if argv[0] == "systemctl" else "HAProxy version 3.0.11-1+deb13u3 2026/10/17\n")

    return process.find(Paths(), run, str(tmp_path / "proc"))


def test_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text("global\n")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name in ("20.cfg", "10.cfg", "no.txt"):
        (folder / name).write_text('frontend x\n bind "${ADDRESS}:443"\n')
    main = str(tmp_path / "haproxy.cfg")
    words = ("-Ws", "-f", main, "-p", "/run/x.pid", "-S", "/run/m.sock", "-f", "conf.d", "-sf", "8", "9", "-x", "s")
    found = running(tmp_path, *words, environ="ADDRESS=::\0SECRET=x\0")
    assert found.arguments == (main, "conf.d")
    assert found.files == (main, str(folder / "10.cfg"), str(folder / "20.cfg"))
    assert (found.pid_file, found.version, found.options) == ("/run/x.pid", (3, 0), ("-Ws",))
    # Nothing that it doesn't need is kept.
    assert found.environment == {"ADDRESS": "::"}
    assert found.check() == ("haproxy", "-Ws", "-c", "-f", main, "-f", "conf.d")


@pytest.mark.parametrize(("words", "missing"), [(("-D", "-p", "/x"), "-Ws"), (("-Ws",), "-p PIDFILE")])
def test_one_that_can_not_reload(tmp_path: Path, words: tuple[str, ...], missing: str) -> None:
    (tmp_path / "a.cfg").write_text("global\n")
    with pytest.raises(OriginError, match="without losing connections") as error:
        running(tmp_path, *words, "-f", str(tmp_path / "a.cfg"))
    assert missing in error.value.remedy


def test_one_that_does_not_run(tmp_path: Path) -> None:
    def run(_argv: Sequence[str], _environment: Mapping[str, str]) -> Completed:
        return Completed(0, "0\n")

    with pytest.raises(OriginError, match="doesn't run as the service haproxy"):
        process.find(Paths(), run, str(tmp_path))


def pem(names: Sequence[str], common: str = "", kind: str = "ec") -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "some CA")]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_certificates_in_their_order(tmp_path: Path) -> None:
    for name, content in {
        "one.pem": pem(["App.example.com", "*.example.org"], "common.example.com"),
        "d/b.pem.rsa": pem(["b.example.com"], kind="rsa"),
        "d/b.pem.ecdsa": pem(["b.example.com"]),
        "d/a.pem": pem([], "a.example.com"),
        "d/a.pem.key": b"no certificate",
        "d/a.pem.ocsp": b"no certificate",
        "d/.hidden": b"no certificate",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "list").write_text(
        f"# a comment\n{tmp_path}/one.pem [alpn h2] x.example.com !y.example.com\n{tmp_path}/one.pem !App.example.com\n"
        f"{tmp_path}/one.pem !*\n"
    )
    text = f"frontend x\n bind :1 ssl crt one.pem crt d crt-list {tmp_path}/list\n"
    (section,) = parse({"a": text}, {}).sections
    found = entries(binds(section)[0], str(tmp_path))
    names = ("app.example.com", "*.example.org", "common.example.com")
    assert [(Path(one.file).name, one.names, sorted(one.kinds)) for one in found] == [
        ("one.pem", names, ["ecdsa"]),
        ("a.pem", ("a.example.com",), ["ecdsa"]),
        ("b.pem", ("b.example.com",), ["ecdsa", "rsa"]),
        ("one.pem", ("x.example.com", "!y.example.com"), ["ecdsa"]),
        ("one.pem", (*names[1:], "!app.example.com"), ["ecdsa"]),
        ("one.pem", ("!*",), ["ecdsa"]),
    ]
    assert (found[3].options, found[3].line) == (("alpn", "h2"), 2)
    assert choose(found, "x.example.com") == [found[3]]
    assert choose(found, "y.example.org") == [found[0]]
    assert choose(found, "unknown.example.net") == []


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_can_not_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.pem").write_bytes(content)
    (section,) = parse({"a": f"frontend x\n bind :1 ssl crt {tmp_path}/one.pem\n"}, {}).sections
    with pytest.raises(ValueError, match="certificate"):
        entries(binds(section)[0], "")
