# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the test hosts, built once and kept until the files they are made of change."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .commands import CACHE, ROOT, SUDO, HostsError, need, podman, podman_json, run, say, settle_runtime

HERE = Path(__file__).resolve().parent
RELEASES = ("bookworm", "trixie")
_LABEL = "originlock.content"


def servers() -> list[str]:
    return sorted(folder.name for folder in (HERE / "servers").iterdir() if (folder / "Containerfile").exists())


def tested() -> list[str]:
    """The servers that there is a role for: those with a Molecule scenario."""
    return [server for server in servers() if (ROOT / "extensions" / "molecule" / server).is_dir()]


def image_name(server: str, release: str) -> str:
    return f"localhost/originlock-{server}-{release}"


def split_kind(kind: str) -> tuple[str, str]:
    """``nginx-trixie`` → (``nginx``, ``trixie``)."""
    server, _dash, release = kind.rpartition("-")
    if server not in servers() or release not in RELEASES:
        raise HostsError(
            f"unknown host '{kind}': say SERVER-RELEASE with a server of {', '.join(servers())} and a release of "
            f"{', '.join(RELEASES)}"
        )
    return server, release


def _content(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file.relative_to(HERE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _has(name: str, content: str = "") -> bool:
    found = podman_json("image", "inspect", name)
    return bool(found) and (not content or (found[0].get("Labels") or {}).get(_LABEL) == content)


def _debian(release: str) -> str:
    """Name of the Debian base image, which is there afterwards.

    The registry is asked only when ORIGINLOCK_PULL=1 says so; otherwise the image is made from Debian's packages and
    stands in under the registry's name, so that the Containerfiles are the same either way.
    """
    name = f"docker.io/library/debian:{release}-slim"
    if _has(name):
        return name
    if os.environ.get("ORIGINLOCK_PULL") == "1":
        say(f"{release}: pulling {name}")
        if podman("pull", "-q", name, check=False, timeout=120).returncode == 0:
            return name
        say(f"{release}: the pull failed; making the image from packages instead")
    need("mmdebstrap")
    say(f"{release}: making a base image with mmdebstrap (downloads about 60 MB of Debian packages)")
    archive = f"/var/tmp/originlock-{release}-{os.getpid()}.tar"
    mirror = os.environ.get("ORIGINLOCK_DEBIAN_MIRROR")
    try:
        run(
            [*SUDO, "mmdebstrap", "--quiet", "--variant=minbase", '--aptopt=APT::Sandbox::User "root"']
            + ["--include=ca-certificates", release, archive, *([mirror] if mirror else [])],
            timeout=900,
        )
        podman("import", "-q", archive, name)
    finally:
        run([*SUDO, "rm", "-f", archive])
    return name


def _programs(server: str) -> Path | None:
    """Where the programs of the server's requirements.txt are, unpacked by pip; None if it has none."""
    requirements = HERE / "servers" / server / "requirements.txt"
    if not requirements.exists():
        return None
    target = CACHE / "programs" / f"{server}-{_content(requirements)}"
    if not target.exists():
        say(f"{server}: pip downloads the programs of {requirements.relative_to(ROOT)}")
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
                + ["--only-binary=:all:", "--target", folder + "/programs", "-r", str(requirements)]
            )
            target.parent.mkdir(exist_ok=True)
            Path(folder, "programs").rename(target)
    return target


def _build(name: str, base: str, containerfile: Path, content: str, programs: Path | None = None) -> None:
    say(f"{name}: building (downloads Debian packages)")
    podman(
        *("build", "-q", "--network=host", "--build-arg", "BASE=" + base, "--label", f"{_LABEL}={content}"),
        *(("-v", f"{programs}:/programs:ro") if programs else ()),
        *("-t", name, "-f", str(containerfile), str(HERE)),
        timeout=900,
    )


def build(kinds: Iterable[tuple[str, str]]) -> None:
    """Make the images of ``(server, release)`` that are missing or out of date."""
    need("podman")
    wanted = sorted(set(kinds))
    common = HERE / "Containerfile"

    stale = [(s, r) for s, r in wanted if not _has(image_name(s, r), _host_content(s))]
    if not stale:
        # The images may be from another checkout, which had found out for itself.
        for kind in wanted[:1]:
            settle_runtime(image_name(*kind))
        return

    def release_base(release: str) -> None:
        name = "localhost/originlock-base-" + release
        if not _has(name, _content(common)):
            _build(name, _debian(release), common, _content(common))

    releases = sorted({release for _server, release in stale})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_debian, releases))
        settle_runtime(f"docker.io/library/debian:{releases[0]}-slim")
        list(pool.map(release_base, releases))
        programs = {server: _programs(server) for server in sorted({server for server, _release in stale})}
        list(pool.map(lambda kind: _build_server(*kind, programs[kind[0]]), stale))


def _host_content(server: str) -> str:
    """What the image of a server is made of: its folder, and the shared ones that its Containerfile copies."""
    steps = (HERE / "servers" / server / "Containerfile").read_text()
    shared = [HERE / name for name in ("backend", "www") if f"COPY {name}/" in steps]
    return _content(HERE / "Containerfile", HERE / "servers" / server, *shared)


def _build_server(server: str, release: str, programs: Path | None) -> None:
    containerfile = HERE / "servers" / server / "Containerfile"
    base = "localhost/originlock-base-" + release
    _build(image_name(server, release), base, containerfile, _host_content(server), programs)
