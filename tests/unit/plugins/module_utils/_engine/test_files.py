# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._engine import files


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_secret_is_closed_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at from inside: at the moment of the flush to disk, and whatever the umask is."""
    seen: list[int] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    mask = os.umask(0)
    try:
        staged = files.stage(str(tmp_path / "key"), "secret")
    finally:
        os.umask(mask)
    assert seen == [0o600]
    assert mode(staged) == 0o600
    assert not (tmp_path / "key").exists()


def test_secret_stays_closed_over_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    (tmp_path / "key").chmod(0o644)
    assert mode(files.stage(str(tmp_path / "key"), "secret")) == 0o600


def test_public_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "cert"
    path.write_text("old")
    path.chmod(0o640)
    files.stage(str(path), "new", 0o644)
    files.promote(str(path))
    assert (path.read_text(), mode(path)) == ("new", 0o640)
    assert [item.name for item in tmp_path.iterdir()] == ["cert"]


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("old")
    (tmp_path / "cert").symlink_to("v1")
    files.stage(str(tmp_path / "cert"), "new", 0o644)
    files.promote(str(tmp_path / "cert"))
    assert (tmp_path / "cert").is_symlink()
    assert (tmp_path / "v1").read_text() == "new"


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(files.staged_path(str(tmp_path / "key"))).symlink_to(victim)
    files.stage(str(tmp_path / "key"), "secret")
    assert victim.read_text() == "precious"


def test_reading(tmp_path: Path) -> None:
    assert files.read_text(str(tmp_path / "none"), "The key") is None
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * (files.MAXIMUM_BYTES + 1))
    for name, words in (
        (".", "is a directory"),
        ("binary", "is not a text in PEM format"),
        ("fifo", "is not a regular file"),
        ("large", "is too large"),
        ("binary/below", "cannot be read: Not a directory"),
    ):
        with pytest.raises(files.FileProblem, match=words) as caught:
            files.read_text(str(tmp_path / name), "The key")
        assert str(caught.value).startswith("The key " + str(tmp_path))
        assert caught.value.remedy


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(files.FileProblem, match="none does not exist"):
        files.stage(str(tmp_path / "none" / "key"), "x")


def test_copies(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("old")
    copy = files.keep_copy(str(tmp_path / "ca"), "20260101")
    assert copy is not None
    assert Path(copy).read_text() == "old"
    assert files.keep_copy(str(tmp_path / "none"), "20260101") is None
    with pytest.raises(files.FileProblem, match="cannot be kept"):
        files.keep_copy(str(tmp_path / "ca"), "20260101")
