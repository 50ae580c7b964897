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

from ansible_collections.originlock.aop.plugins.module_utils._evidence import reader
from ansible_collections.originlock.aop.plugins.module_utils._evidence.errors import EvidenceError, InvalidInput
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
    with pytest.raises(EvidenceError, match=r"aop\.log can't be read"):
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
        write(log, 200, 1764000000.0 + 1000 * number, hostname=f"h{number % 3}.example.com")
        write(log, 3, 1764000500.0, peer=DIRECT, verify="NONE", agent=f"scanner {number}")
    log.write_bytes(log.read_bytes() + line(path="/.well-known/originlock-canary/" + nonce) + b"\n")
    asked = question(nonces=frozenset([nonce]))
    alone = reader.read(str(log), asked)
    monkeypatch.setattr(reader, "_PARALLEL_BYTES", 1000)
    together = reader.read(str(log), asked, None, 3)
    assert together.tally.as_dict()["reasons"] == alone.tally.as_dict()["reasons"]
    assert together.tally.lines == alone.tally.lines == 6091
    assert list(together.tally.nonces) == [nonce]
    assert [(o["peer"], o["count"]) for o in together.tally.as_dict()["offenders"]] == [(DIRECT, 90)]
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
