# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of one run: SSH, and the certificates of the plain sites. Everything is thrown away with the run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .commands import need, run

# Certificate's file name → its host names. The default site's is self-signed, the others come from the test CA.
SITES = {"example.com": ["app.example.com", "api.example.com"], "example.org": ["www.example.org"]}
_DAYS = "30"
_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make_ssh(directory: Path) -> None:
    """``id_ed25519`` of the client (0600), and ``ssh/`` to be mounted into the hosts."""
    need("ssh-keygen")
    mounted = directory / "ssh"
    mounted.mkdir()
    for path in (directory / "id_ed25519", mounted / "ssh_host_ed25519_key"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throw-away test key", "-f", str(path)])
    (mounted / "authorized_keys").write_text((directory / "id_ed25519.pub").read_text())


def write_known_hosts(directory: Path, addresses: Iterable[str]) -> None:
    kind, key = (directory / "ssh" / "ssh_host_ed25519_key.pub").read_text().split()[:2]
    (directory / "known_hosts").write_text("".join(f"{address} {kind} {key}\n" for address in addresses))


def make_sites(directory: Path) -> None:
    """``origin-ca.pem`` for clients that verify, and ``sites/`` (certificates, keys) to be mounted into the hosts."""
    need("openssl")
    mounted = directory / "sites"
    mounted.mkdir()
    ca, ca_key = directory / "origin-ca.pem", directory / "origin-ca.key"
    _self_signed(ca, ca_key, "Test hosts CA")
    _self_signed(mounted / "default.pem", mounted / "default.key", "localhost")
    for name, hostnames in SITES.items():
        request = directory / (name + ".csr")
        extensions = directory / (name + ".ext")
        extensions.write_text(
            f"subjectAltName={','.join('DNS:' + hostname for hostname in hostnames)}\n"
            "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
        )
        run(
            ["openssl", "req", "-new", *_NEW_KEY]
            + ["-subj", "/CN=" + hostnames[0], "-keyout", str(mounted / (name + ".key")), "-out", str(request)]
        )
        run(
            ["openssl", "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial"]
            + ["-days", _DAYS, "-extfile", str(extensions), "-out", str(mounted / (name + ".pem"))]
        )
        request.unlink()
        extensions.unlink()


def _self_signed(certificate: Path, key: Path, common_name: str) -> None:
    run(
        ["openssl", "req", "-x509", *_NEW_KEY, "-days", _DAYS]
        + ["-subj", "/CN=" + common_name, "-keyout", str(key), "-out", str(certificate)]
    )
