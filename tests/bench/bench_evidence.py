# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast and how big origin_evidence is, next to grep -c, awk and GoAccess on the same log in the same run.

    .venv/bin/python -m tests.bench.bench_evidence [--lines 1000000,10000000] [--directory DIR]

Makes logs (about 540 bytes a line; 2 in 1,000 lines are direct callers), reads each once to warm the page cache, then
takes the best of some rounds, interleaved so that a noisy machine is noisy for all. Exits with 1 when the reader does
not reach half of grep's speed or its memory grows with the log. Needs about 6 GB in DIR for 10 million lines.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOSTNAMES = ("app.example.com", "api.example.com", "www.example.org")
# grep stops looking at a line when it has matched, so the first is as fast as the key stands early in the line. Hardly
# any line has the second: to find none, grep reads every byte, as the reader has to. That one is the measure.
GREP = "grep -c, few match"
MATCHING = '"verify":"SUCCESS"'
SEARCHING = '"verify":"NONE"'
PEERS = (
    "172.{}.{}.{}",
    "172.{}.{}.{}",
    "162.158.{1}.{2}",
    "108.162.{1}.{2}",
    "141.101.{0}.{2}",
    "2a06:98c0:3600::{2:x}",
)
STATUSES, METHODS = ("200", "304", "301", "404", "500"), ("GET", "POST", "HEAD", "OPTIONS")
MEMORY_GROWTH = 1.25
# What the module does, without Ansible's own start (which depends on the connection, not on the log).
READER = """
import resource, sys
from datetime import date
base = "ansible_collections.originlock.aop.plugins.module_utils._evidence."
load = lambda name: __import__(base + name, fromlist=["x"])
ranges, certificates, exceptions, scan, reader = map(load, "ranges certificates exceptions scan reader".split())
from ansible_collections.originlock.aop.plugins.module_utils._origin import servers
known = [{"serial": serial} for serial in sys.argv[3:]]
question = scan.Question(
    edge=ranges.Ranges(ranges.CLOUDFLARE_RANGES),
    certificates=certificates.Certificates(certificates.generations(known)),
    exceptions=exceptions.Exceptions([], date.today()),
    servers=servers.SERVERS,
)
reading = reader.read(sys.argv[1], question, None, int(sys.argv[2]))
good = sum(s.count for b, s in reading.tally.buckets.items() if b[2] == "SUCCESS")
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(good, peak)
"""


def make_log(path: Path, lines: int) -> list[str]:
    """Writes a log with three hostnames, 3,000 edge addresses and 300 agents; returns the serials of its leaves."""
    chance = random.Random(1)
    serials = [f"{chance.getrandbits(158):040X}" for _name in HOSTNAMES]
    peers = [
        chance.choice(PEERS).format(chance.randint(64, 71), chance.randint(192, 255), chance.randint(1, 254))
        for _peer in range(3000)
    ]
    agent = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537"
    )
    agents = [agent.format(100 + i % 40, i * 7) for i in range(300)]
    digests = [f"{chance.getrandbits(159):040x}" for _name in HOSTNAMES]
    with open(path, "w", encoding="ascii") as log:
        for number in range(lines):
            which = chance.randrange(3)
            name = HOSTNAMES[which]
            direct = chance.random() < 0.002
            peer = f"203.0.113.{number % 50}" if direct else chance.choice(peers)
            verify, serial, issuer, digest = (
                ("NONE", "", "", "")
                if direct
                else ("SUCCESS", serials[which], f"CN={name} client CA,O=Example", "sha1:" + digests[which])
            )
            status = chance.choices(STATUSES, (80, 10, 4, 5, 1))[0]
            method = chance.choices(METHODS, (88, 8, 3, 1))[0]
            log.write(
                f'{{"time":"{1764000000 + number * 0.01:.3f}","peer":"{peer}",'
                f'"status":"{status}","server":"nginx","hostname":"{name}","sni":"{name}",'
                f'"stage":"log_only","verify":"{verify}","serial":"{serial}","issuer":"{issuer}",'
                f'"fingerprint":"{digest}","tls":"TLSv1.3","resumed":"{chance.choice(".r")}",'
                f'"method":"{method}","path":"/static/{chance.randint(0, 1000)}/{chance.getrandbits(32):08x}",'
                f'"agent":"{chance.choice(agents)}"}}\n'
            )
    return serials


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Wall and CPU seconds (of all its processes) and the output of a command."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, done.stdout.strip()


def goaccess(log: Path, report: str) -> list[str]:
    """GoAccess on the same log: its parser needs each field named."""
    shape = (
        '{"time":"%x.%^","peer":"%h","status":"%s","server":"%^","hostname":"%v","sni":"%^","stage":"%^","verify":"%^",'
        '"serial":"%^","issuer":"%^","fingerprint":"%^","tls":"%^","resumed":"%^","method":"%m","path":"%U","agent":"%u"%^'
    )
    return ["goaccess", str(log), "--no-global-config", "--datetime-format=%s", f"--log-format={shape}", "-o", report]


def measure(log: Path, serials: list[str], rounds: int) -> dict[str, tuple[float, float, str]]:
    """Best wall time of each tool, with the CPU time and output of that round."""
    environment = dict(os.environ, LC_ALL="C", PYTHONPATH=os.environ.get("PYTHONPATH", ".collections"))
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    reader = [python, "-c", READER, str(log)]
    tools: dict[str, list[str]] = {
        GREP: ["grep", "-c", SEARCHING, str(log)],
        "grep -c, all match": ["grep", "-c", MATCHING, str(log)],
        "awk": ["awk", "/" + SEARCHING + "/{n++} END{print n}", str(log)],
        "reader, 1 process": [*reader, "1", *serials],
        "reader, 2 processes": [*reader, "2", *serials],
    }
    subprocess.run(["cat", str(log)], stdout=subprocess.DEVNULL, check=True)
    best: dict[str, tuple[float, float, str]] = {}
    for _round in range(rounds):
        for name, command in tools.items():
            found = timed(command, environment)
            if name not in best or found[0] < best[name][0]:
                best[name] = found
    return best


def run_goaccess(log: Path, lines: int) -> str:
    """One run (it is slow), or the reason why there was none."""
    if not shutil.which("goaccess"):
        return "not run: goaccess is not installed (apt-get install goaccess)"
    with tempfile.TemporaryDirectory() as directory:
        command = goaccess(log, directory + "/report.json")
        try:
            wall, cpu, _output = timed([*command, "--no-progress"], dict(os.environ, LC_ALL="C"))
        except subprocess.CalledProcessError as error:
            return "not run: goaccess failed: " + (error.stderr or error.stdout or "").strip()[-200:]
        valid = subprocess.run(
            ["grep", "-o", '"valid_requests": [0-9]*', directory + "/report.json"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        ).stdout.strip()
    return f"{wall:8.2f} s wall {cpu:8.2f} s CPU  {lines / wall / 1e6:6.2f} M lines/s  ({valid})"


def main() -> int:
    """Measures each size and says whether the targets are met."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--lines", default="1000000,10000000")
    options.add_argument("--directory", default=tempfile.gettempdir())
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--goaccess-limit", type=int, default=1000000, help="GoAccess needs a minute for a million lines"
    )
    given = options.parse_args()
    peaks, slow = [], False
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for lines in map(int, given.lines.split(",")):
        with tempfile.TemporaryDirectory(dir=given.directory) as directory:
            log = Path(directory) / "aop.log"
            serials = make_log(log, lines)
            size = log.stat().st_size
            print(f"{lines:,} lines, {size / 1e6:,.0f} MB, {size / lines:.0f} bytes a line")
            best = measure(log, serials, given.rounds if lines <= 1000000 else max(1, given.rounds // 2))
            base = best[GREP][0]
            count = best["grep -c, all match"][2]
            for name, (wall, cpu, output) in best.items():
                extra = ""
                if name.startswith("reader"):
                    good, peak = output.split()
                    if good != count:
                        print(f"WRONG: {name} counts {good}, grep {count}")
                        return 1
                    peaks.append(int(peak))
                    extra = f"  peak {int(peak) / 1024:.1f} MB a process"
                print(
                    f"  {name:20} {wall:8.2f} s wall {cpu:8.2f} s CPU  {lines / wall / 1e6:6.2f} M lines/s"
                    f"  {base / wall:5.2f} of grep{extra}"
                )
            slow = slow or base / best["reader, 2 processes"][0] < 0.5
            told = "not run: longer than --goaccess-limit" if lines > given.goaccess_limit else run_goaccess(log, lines)
            print(f"  {'GoAccess':20} {told}", flush=True)
    grown = max(peaks) > min(peaks) * MEMORY_GROWTH
    print(f"half of grep's speed: {'missed' if slow else 'reached'}; memory: {'grows' if grown else 'flat'}")
    return 1 if slow or grown else 0


if __name__ == "__main__":
    sys.exit(main())
