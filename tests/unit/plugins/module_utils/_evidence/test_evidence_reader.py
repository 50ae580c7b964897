# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation, positions, windows, long and torn lines, and several processes."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput, UserError
from ansible_collections.originlock.aop.plugins.module_utils._evidence import reader
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    DIRECT,
    line,
    question,
    reference,
)


def write(path: Path, count: int, start: float = 1764000000.0, **changes: str) -> bytes:
    data = b"".join(line(time=f"{start + i:.3f}", path=f"/{i}", **changes) + b"\n" for i in range(count))
    with open(path, "ab") as stream:
        stream.write(data)
    return data


def test_missing_log_is_no_error(tmp_path: Path) -> None:
    reading = reader.read(str(tmp_path / "aop.log"), question())
    assert (reading.found, reading.tally.lines, reading.cursor) == (False, 0, {})


def test_unreadable_log_names_it(tmp_path: Path) -> None:
    (tmp_path / "aop.log").mkdir()
    with pytest.raises(UserError, match=r"aop\.log can't be read"):
        reader.read(str(tmp_path / "aop.log"), question())


def test_second_reading_costs_only_new_bytes(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    write(log, 1000)
    first = reader.read(str(log), question())
    added = write(log, 7, 1764001000.0, verify="NONE")
    second = reader.read(str(log), question(), first.cursor)
    assert (first.tally.lines, second.tally.lines) == (1000, 7)
    assert second.bytes_read == len(added)
    third = reader.read(str(log), question(), second.cursor)
    assert (third.tally.lines, third.bytes_read, third.cursor) == (0, 0, second.cursor)


def test_line_being_written_belongs_to_the_next_reading(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    log.write_bytes(line() + b"\n" + line()[:50])
    first = reader.read(str(log), question())
    with open(log, "ab") as stream:
        stream.write(line()[50:] + b"\n")
    second = reader.read(str(log), question(), first.cursor)
    assert [(r.tally.lines, r.tally.unreadable) for r in (first, second)] == [(1, 0), (1, 0)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_position_survives_rotation(tmp_path: Path, packed: bool, copied: bool) -> None:
    log, rotated = tmp_path / "aop.log", tmp_path / "aop.log.1"
    write(log, 100)
    first = reader.read(str(log), question())
    write(log, 20, 1764000100.0)
    if copied:  # logrotate's copytruncate
        rotated.write_bytes(log.read_bytes())
        log.write_bytes(b"")
    else:
        log.rename(rotated)
    if packed:
        (tmp_path / "aop.log.2.gz").write_bytes(gzip.compress(rotated.read_bytes()))
        rotated.unlink()
        write(rotated, 5, 1764000200.0)
        os.utime(tmp_path / "aop.log.2.gz", (1764000200, 1764000200))
    write(log, 3, 1764000300.0)
    second = reader.read(str(log), question(), first.cursor)
    assert not second.lost
    assert second.tally.lines == 20 + 3 + (5 if packed else 0)
    assert second.tally.unreadable == 0


def test_lost_position_is_told_and_everything_is_read(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    write(log, 10)
    first = reader.read(str(log), question())
    log.unlink()
    write(log, 4, 1765000000.0)
    second = reader.read(str(log), question(), first.cursor)
    assert (second.lost, second.tally.lines) == (True, 4)


def test_broken_cursor(tmp_path: Path) -> None:
    write(tmp_path / "aop.log", 1)
    with pytest.raises(InvalidInput, match="isn't one that origin_evidence returned"):
        reader.read(str(tmp_path / "aop.log"), question(), {"offset": "x"})


def test_window(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    old = tmp_path / "aop.log.1"
    write(old, 10, 1763000000.0)
    os.utime(old, (1763000010, 1763000010))
    (tmp_path / "aop.log.bak").write_bytes(line() + b"\n")
    write(log, 20000, 1764000000.0)
    reading = reader.read(str(log), question(since=1764019990.0))
    assert reading.files == [str(log)]
    assert sum(seen.count for seen in reading.tally.buckets.values()) == 10
    assert reading.bytes_read < 2 * reader.BLOCK < log.stat().st_size


def old_and_new(count: int, old: frozenset[int]) -> list[bytes]:
    """Lines of 900 bytes, 4 a second, of which those of ``old`` are logged with a time an hour earlier."""
    agent = "x" * 600
    return [line(time=f"{1764000000 + i / 4 - 3600 * (i in old):.3f}", agent=agent) + b"\n" for i in range(count)]


def test_a_long_request_hides_nothing_of_the_window(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    size = sum(map(len, old_and_new(4000, frozenset())))
    probed = size // 2 // (size // 4000) + 1
    log.write_bytes(b"".join(old_and_new(4000, frozenset(range(probed, probed + 5)))))
    assert log.stat().st_size > 3 * reader.BLOCK
    reading = reader.read(str(log), question(since=1763999900.0))
    assert reading.tally.lines == 4000


@pytest.mark.parametrize(
    "suffix",
    [".1", "-20261125", "-20261125-1764000000", "-2026-11-25", ".2026-11-25_06:00", "-20261125T060000", ".2026.11.25"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_rotated_names_that_are_read(tmp_path: Path, suffix: str, packed: bool) -> None:
    write(tmp_path / "aop.log", 3)
    data = line(verify="NONE") + b"\n"
    (tmp_path / f"aop.log{suffix}{'.gz' * packed}").write_bytes(gzip.compress(data) if packed else data)
    reading = reader.read(str(tmp_path / "aop.log"), question())
    assert (reading.tally.lines, len(reading.files), reading.not_read) == (4, 2, [])


@pytest.mark.parametrize("name", ["aop.1.log", "aop-20261126.log", "aop-2026-11-25-1764000000.log"])
@pytest.mark.parametrize("packed", [False, True])
def test_rotated_names_that_keep_the_extension_are_read(tmp_path: Path, name: str, packed: bool) -> None:
    """As logrotate's ``extension .log`` makes them."""
    log, rotated = tmp_path / "aop.log", tmp_path / (name + ".gz" * packed)
    write(log, 3)
    first = reader.read(str(log), question())
    data = log.read_bytes() + line(verify="NONE") + b"\n"
    rotated.write_bytes(gzip.compress(data) if packed else data)
    log.unlink()
    write(log, 2, 1764001000.0)
    reading = reader.read(str(log), question())
    assert (reading.tally.lines, reading.files, reading.not_read) == (6, [str(rotated), str(log)], [])
    assert reader.read(str(log), question(), first.cursor).tally.lines == 3
    if packed:
        rotated.rename(tmp_path / (name + ".xz"))
        assert reader.read(str(log), question()).not_read == [str(tmp_path / (name + ".xz"))]


@pytest.mark.parametrize("suffix", [".1.xz", ".2.zst", "-20261125.bz2", "-20261125-1764000000.xz", ".1.old"])
def test_rotated_files_that_cannot_be_read_are_told(tmp_path: Path, suffix: str) -> None:
    log, rotated = tmp_path / "aop.log", tmp_path / f"aop.log{suffix}"
    write(log, 3)
    write(tmp_path / "aop.log-20261125", 1)
    os.utime(tmp_path / "aop.log-20261125", (1763000000, 1763000000))
    rotated.write_bytes(b"packed")
    os.utime(rotated, (1764000000, 1764000000))
    told = [] if suffix == "-20261125.bz2" else [str(rotated)]  # being packed, while the plain one is still there
    assert reader.read(str(log), question()).not_read == told
    assert reader.read(str(log), question(since=1763999999.0)).not_read == told
    later = reader.read(str(log), question(since=1764000001.0))
    assert later.not_read == []
    assert reader.read(str(log), question(), later.cursor).not_read == []
    os.utime(rotated, (4000000000, 4000000000))
    assert reader.read(str(log), question(), later.cursor).not_read == told


@pytest.mark.parametrize(
    "name",
    [
        *("aop.log~", "aop.log.swp", "aop.log.bak", "aop.log-backup.txt", "aop.log.1~", "x.1.xz"),
        *("aop-error.log", "aop-1.logs", "aop1.log", "aop.1-log", "xaop.1.log", "aop-.log"),
    ],
)
def test_backups_are_no_part_of_the_log(tmp_path: Path, name: str) -> None:
    write(tmp_path / "aop.log", 3)
    write(tmp_path / "aop.log.1", 2)
    write(tmp_path / name, 1)
    reading = reader.read(str(tmp_path / "aop.log"), question())
    assert (reading.tally.lines, reading.not_read) == (5, [])


def test_position_of_an_empty_log_that_was_copied_since(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    log.touch()
    os.utime(log, (1764000000, 1764000000))
    empty = reader.read(str(log), question())
    write(log, 2)
    assert reader.read(str(log), question(), empty.cursor).tally.lines == 2
    (tmp_path / "aop.log.1").write_bytes(log.read_bytes())
    log.write_bytes(b"")
    write(log, 3, 1764000100.0)
    copied = reader.read(str(log), question(), empty.cursor)
    assert (copied.tally.lines, copied.lost) == (5, True)
    os.utime(tmp_path / "aop.log.1", (1763999999, 1763999999))
    assert reader.read(str(log), question(), empty.cursor).tally.lines == 3


def test_idle_log_has_a_position(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    write(log, 10)
    log.write_bytes(log.read_bytes() + b"garbage\n" + line()[:50])
    os.utime(log, (1764000010, 1764000010))
    idle = reader.read(str(log), question(since=1764001000.0))
    assert (idle.tally.lines, idle.tally.unreadable, idle.files) == (0, 0, [])
    with open(log, "ab") as stream:
        stream.write(line()[50:] + b"\n")
    second = reader.read(str(log), question(), idle.cursor)
    assert (second.tally.lines, second.lost) == (1, False)


def test_what_can_not_be_looked_at_is_no_missing_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="can't be read"):
        reader.read(str(tmp_path / "file" / "aop.log"), question())
    assert not reader.read(str(tmp_path / "nowhere" / "aop.log"), question()).found

    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    write(tmp_path / "aop.log", 1)
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError) as failure:
        reader.read(str(tmp_path / "aop.log"), question())
    assert failure.value.remedy.startswith("Run with become")


def test_unreadable_lines_are_as_old_as_the_line_after_them(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    log.write_bytes(b"\x00garbage\n" * 2)
    write(log, 3, 1763900000.0)
    log.write_bytes(log.read_bytes() + b"\x00garbage\n")
    write(log, 3)
    log.write_bytes(log.read_bytes() + b"\x00garbage\n" + line(time="1763900000.000") + b"\n")
    tally = reader.read(str(log), question(since=1763999999.0)).tally
    assert (tally.lines, tally.outside, tally.unreadable) == (11, 6, 2)


def test_failures_from_before_the_window_are_outside(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    write(log, 3)
    log.write_bytes(log.read_bytes() + line(time="1763900000.000", verify="NONE") + b"\n")
    write(log, 3, 1764000010.0, verify="NONE")
    tally = reader.read(str(log), question(since=1763999999.0)).tally
    assert (tally.lines, tally.outside) == (7, 1)
    assert {bucket[2]: seen.count for bucket, seen in tally.buckets.items()} == {"SUCCESS": 3, "NONE": 3}


def test_megabyte_lines_and_garbage(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    huge = line(path="/" + "x" * (3 * reader.BLOCK)) + b"\n"
    log.write_bytes(line() + b"\n" + huge + b"\x00\xff{[\n" + b"[" * 200000 + b"\n" + line(status="000") + b"\n" + huge)
    reading = reader.read(str(log), question())
    assert (reading.tally.lines, reading.tally.unreadable) == (6, 4)
    assert sum(seen.count for seen in reading.tally.buckets.values()) == 2
    assert reading.cursor["offset"] == log.stat().st_size


def test_processes_agree_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "aop.log"
    nonce = "ab" * 16
    for number in range(30):
        name = f"h{number % 3}.example.com"
        write(log, 200, 1764000000.0 + 1000 * number, hostname=name, sni=name, stage="enforce", status="403")
        write(log, 3, 1764000500.0, peer=DIRECT, verify="NONE", agent=f"scanner {number}")
        write(log, 1, 1764000600.0, verify="NONE", stage="enforce", status="400")
    log.write_bytes(log.read_bytes() + line(path="/.well-known/originlock-canary/" + nonce) + b"\n")
    asked = question(nonces=frozenset([nonce]))
    alone = reader.read(str(log), asked)
    monkeypatch.setattr(reader, "_PARALLEL_BYTES", 1000)
    together = reader.read(str(log), asked, None, 3)
    assert together.tally.as_dict()["reasons"] == alone.tally.as_dict()["reasons"]
    assert together.tally.lines == alone.tally.lines == 6121
    assert sum(entry["refused"] for entry in together.tally.as_dict()["counts"]) == 30
    assert list(together.tally.nonces) == [nonce]
    assert [(o["peer"], o["count"]) for o in together.tally.as_dict()["offenders"]] == [(DIRECT, 90), ("edge", 30)]
    buckets, _unreadable = reference(log.read_bytes(), asked)
    assert {bucket: seen.count for bucket, seen in together.tally.buckets.items()} == dict(buckets)


def test_memory_stays_flat(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    peaks = []
    for _round in range(2):
        write(log, 20000 if not peaks else 60000, peer=DIRECT, verify="NONE")
        tracemalloc.start()
        reader.read(str(log), question())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


def test_offenders_are_bounded(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    with open(log, "wb") as stream:
        for number in range(9000):
            stream.write(
                line(peer=f"203.0.{number // 250}.{number % 250}", verify="NONE", path="/" + "p" * 500) + b"\n"
            )
        stream.write(b"".join(line(peer=DIRECT, verify="NONE") + b"\n" for _number in range(50)))
    reading = reader.read(str(log), question())
    result = reading.tally.as_dict(limit=5)
    assert len(reading.tally.offenders) <= 2000
    assert len(result["offenders"]) == 5
    assert result["offenders"][0]["peer"] == DIRECT
    assert sum(o["count"] for o in result["offenders"]) + result["offenders_omitted"] == 9050
    assert max(len(path) for o in result["offenders"] for path in o["paths"]) <= 120


def test_callers_without_exception_are_kept_before_all_others(tmp_path: Path) -> None:
    log = tmp_path / "aop.log"
    scanners = [(f"198.51.{i // 250}.{i % 250}", "enforce") for i in range(2100)]
    for peer, stage in [(DIRECT, "log_only"), *scanners, *scanners]:
        write(log, 1, peer=peer, verify="NONE", stage=stage, status="400")
    assert reader.read(str(log), question()).tally.as_dict(limit=1)["offenders"][0]["peer"] == DIRECT
