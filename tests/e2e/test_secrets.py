# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing secret is shown: not with -vvvv, not in process lists, not in temporary files, not in logs of the origins."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.hosts.commands import podman
from tests.story.story import Story
from tests.story.theatre import HOSTNAMES, PASSPHRASE, Theatre

from .support import PAIR, SWITCHES

pytestmark = pytest.mark.chapters
TOKEN = "e2e-7Qx0vJ3mZ9-token-of-this-test-only-49"
PERMISSIONS = ("SSL and Certificates Write", "Zone Settings Read", "Zone Read")


class Watcher(threading.Thread):
    """Looks over and over at all command lines (containers' are among them) and at who may read temporary files."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(daemon=True)
        self.commands: set[str] = set()
        self.loose: set[str] = set()
        self.kept: set[str] = set()
        self._folders = folders
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.commands.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            for entry in (entry for folder in self._folders if folder.is_dir() for entry in folder.iterdir()):
                try:
                    mode = entry.lstat().st_mode
                except OSError:
                    continue
                self.kept.add(str(entry))
                if stat.S_IMODE(mode) & 0o077:
                    self.loose.add(f"{entry} {stat.filemode(mode)}")

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join(10)


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    settings = {"client_pki_key_size": 2048, "aop_without_visitors": ["*"]}
    with Theatre("e2e-secrets", PAIR, settings=settings, switches=SWITCHES) as theatre:
        theatre.sandbox.add_token(*PERMISSIONS, value=TOKEN)
        home, temporary = theatre.project / "home", theatre.project / "tmp"
        home.mkdir()
        temporary.mkdir()
        # Without pipelining modules are files on the origins, arguments included: that's the harder case.
        theatre.extra_environment = {
            "HOME": str(home),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "TMPDIR": str(temporary),
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "ANSIBLE_PIPELINING": "0",
            # What a person sets who looks for the reason of a failure.
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "ANSIBLE_INJECT_INVOCATION": "1",
        }
        yield theatre


def secrets(theatre: Theatre) -> dict[str, str]:
    """What must not be seen anywhere, and what it is."""
    found = {TOKEN: "the token", PASSPHRASE: "the passphrase"}
    folder = theatre.project / "pki" / "example.com"
    for path in sorted(folder.rglob("*.key")):
        text = path.read_bytes()
        password = PASSPHRASE.encode() if b"ENCRYPTED" in text else None
        key = serialization.load_pem_private_key(text, password)
        for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
            text += key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        lines = [line for line in text.decode().splitlines() if len(line) >= 60 and "-----" not in line]
        found |= dict.fromkeys(lines, f"a line of {path.name}")
    return found


def shown(theatre: Theatre, text: str) -> list[str]:
    return sorted({what for secret, what in secrets(theatre).items() if secret in text})


def written(theatre: Theatre, folder: Path) -> list[str]:
    """Files below ``folder`` that hold a secret."""
    hits = []
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 20_000_000:
            what = shown(theatre, path.read_text(errors="replace"))
            hits += [f"{path}: {what}"] if what else []
    return hits


def played(theatre: Theatre, name: str, **variables: object) -> None:
    folders = [theatre.project / "tmp", theatre.project / "home" / ".ansible" / "tmp"]
    with Watcher(folders) as watcher:
        output = theatre.play(name, "-vvvv", "--diff", **variables).output
    assert "<127.0.0.1> EXEC" in output, "it was really that talkative"
    assert "module_args" in output, "the arguments of modules were shown"
    assert shown(theatre, output) == []
    assert len(watcher.commands) > 20
    assert any("AnsiballZ" in command for command in watcher.commands), "modules were seen in the process list"
    assert shown(theatre, "\n".join(watcher.commands)) == []
    assert watcher.kept, "temporary files were seen"
    assert watcher.loose == set()
    assert [str(entry) for folder in folders for entry in folder.iterdir()] == [], "left behind"
    assert written(theatre, theatre.project / "home") == []


def there(theatre: Theatre, host: str) -> str:
    """Whatever an origin keeps where secrets might end."""
    where = "/tmp /var/tmp /root /var/lib/originlock-aop /var/log /etc/nginx /etc/apache2"
    command = f"cat $(find {where} -xdev -type f 2>/dev/null) || true"
    container = theatre.fleet["hosts"][host]["container"]
    binary = podman("exec", container, "sh", "-c", f"({command}) | tr -cd '\\11\\12\\40-\\176'").stdout
    return binary + theatre.shell(host, "journalctl -a --no-pager 2>/dev/null || true")


def test_onboard(theatre: Theatre) -> None:
    played(theatre, "onboard")
    assert len(secrets(theatre)) > 50
    for host in theatre.fleet["hosts"]:
        kept = there(theatre, host)
        assert "BEGIN CERTIFICATE" in kept, "it was really read"
        assert shown(theatre, kept) == []


def test_enforce_with_the_token_as_a_variable(theatre: Theatre) -> None:
    del theatre.extra_environment["CLOUDFLARE_API_TOKEN"]
    path = theatre.inventory.parent / "group_vars" / "all" / "token.yml"
    path.write_text(json.dumps({"aop_api_token": TOKEN}))
    moment = Story.moment()
    played(
        theatre, "enforce", aop_evidence_since=moment, aop_soak_seconds=0, aop_batches=["100%"], aop_probe_depth="quick"
    )
    for host in theatre.fleet["hosts"]:
        assert shown(theatre, there(theatre, host)) == []


def test_a_wrong_passphrase_is_not_told(theatre: Theatre) -> None:
    wrong = "wrong staple 8852 horse"
    path = theatre.inventory.parent / "group_vars" / "all" / "zz.yml"
    due = {"client_pki_valid_days": 800, "client_pki_renew_before": 790}
    path.write_text(json.dumps({"aop_ca_passphrase": wrong, **due}))
    failed = theatre.play("onboard", "-vvvv", check=False)
    assert failed.status != 0
    assert "Traceback (most recent call last)" in failed.output
    assert "passphrase" in failed.output
    assert wrong not in failed.output
    assert shown(theatre, failed.output) == []
    assert theatre.sandbox.visit(HOSTNAMES[0]).status == 200
