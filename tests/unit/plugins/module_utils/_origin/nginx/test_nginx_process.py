# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running nginx, played by a directory that looks like /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.process import Nginx

WORKER = "nginx: worker process"
GONE = "nginx: worker process is shutting down"


class Machine:
    """Processes, the pid file, and what happens on a signal. Time passes only when somebody sleeps."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.proc.mkdir()
        self.pid_file = root / "nginx.pid"
        self.error_log = root / "error.log"
        self.error_log.write_text("2026 [emerg] an old story\n")
        self.signals: list[tuple[int, int]] = []
        self.on_signal: dict[int, Callable[[int], None]] = {}
        self.commands: list[tuple[str, ...]] = []
        self.unit = {"Type": "forking", "PIDFile": str(self.pid_file), "MainPID": "100"}
        self.later: list[Callable[[], None]] = []
        self.start(100, "nginx: master process /usr/sbin/nginx", 1, "0::/system.slice/nginx.service\n")
        self.start(101, WORKER, 100)
        self.pid_file.write_text("100\n")

    def start(self, pid: int, title: str, parent: int, group: str = "") -> None:
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "cmdline").write_text(title + "\0")
        (folder / "stat").write_text(f"{pid} (nginx ) x) S {parent} 0 0\n")
        (folder / "cgroup").write_text(group)

    def end(self, pid: int) -> None:
        for name in ("cmdline", "stat", "cgroup"):
            (self.proc / str(pid) / name).unlink()
        (self.proc / str(pid)).rmdir()

    def kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))
        if number in self.on_signal:
            self.on_signal[number](pid)

    def sleep(self, _seconds: float) -> None:
        if self.later:
            self.later.pop(0)()

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> Completed:
        self.commands.append(tuple(argv))
        if argv[1] == "show":
            return Completed(0, "".join(f"{key}={value}\n" for key, value in self.unit.items() if key in argv))
        if argv[1] == "restart":
            self.end(100)
            self.start(200, "nginx: master process x", 1)
            self.pid_file.write_text("200")
        return Completed(0, "")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def nginx(machine: Machine) -> Nginx:
    return Nginx(
        str(machine.pid_file),
        str(machine.error_log),
        "nginx",
        machine.run,
        str(machine.proc),
        machine.kill,
        machine.sleep,
    )


def test_a_reload_is_waited_for(machine: Machine, nginx: Nginx) -> None:
    def reload(_pid: int) -> None:
        machine.later = [lambda: machine.start(102, WORKER, 100), lambda: machine.start(101, GONE, 100)]

    machine.on_signal[signal.SIGHUP] = reload
    nginx.reload()
    assert machine.signals == [(100, signal.SIGHUP)]
    assert machine.later == []


def test_old_workers_that_go_on_are_noticed(machine: Machine, nginx: Nginx) -> None:
    machine.on_signal[signal.SIGHUP] = lambda pid: machine.start(102, WORKER, 100)
    with pytest.raises(OriginError, match="kept its old configuration"):
        nginx.reload()


def test_a_reload_that_is_refused_is_told_in_nginx_s_words(machine: Machine, nginx: Nginx) -> None:
    def refuse(_pid: int) -> None:
        with machine.error_log.open("a") as stream:
            stream.write("2026 [notice] hello\n2026 [emerg] bind() to 0.0.0.0:8443 failed\n")

    machine.on_signal[signal.SIGHUP] = refuse
    with pytest.raises(OriginError) as caught:
        nginx.reload()
    assert str(caught.value) == (
        "nginx took the reload signal but kept its old configuration. "
        "Its own words: 2026 [emerg] bind() to 0.0.0.0:8443 failed"
    )


def test_a_master_that_dies(machine: Machine, nginx: Nginx) -> None:
    machine.on_signal[signal.SIGHUP] = machine.end
    with pytest.raises(OriginError, match="nginx ended when it was reloaded"):
        nginx.reload()


@pytest.mark.parametrize("content", ["", "nonsense", "4711", "101"])
def test_no_master(machine: Machine, nginx: Nginx, content: str) -> None:
    machine.pid_file.write_text(content)
    with pytest.raises(OriginError, match="nginx doesn't run .by its pid file") as caught:
        nginx.need_master()
    assert caught.value.remedy == "Start it (systemctl start nginx) and run again."


def upgrade(machine: Machine) -> None:
    def fork(_pid: int) -> None:
        os.rename(machine.pid_file, str(machine.pid_file) + ".oldbin")
        machine.pid_file.write_text("200")
        machine.start(200, "nginx: master process", 100)
        machine.later = [lambda: machine.start(201, WORKER, 200)]

    def leave(pid: int) -> None:
        assert pid == 100
        machine.later = [lambda: machine.start(101, GONE, 100), lambda: machine.end(101), lambda: machine.end(100)]

    machine.on_signal = {signal.SIGUSR2: fork, signal.SIGQUIT: leave}


def test_a_replacement(machine: Machine, nginx: Nginx) -> None:
    upgrade(machine)
    nginx.replace()
    assert machine.signals == [(100, signal.SIGUSR2), (100, signal.SIGQUIT)]
    assert machine.commands == [("systemctl", "show", "-p", "Type", "-p", "PIDFile", "nginx.service")]
    assert nginx.master() == 200


def test_a_replacement_with_connections_that_stay(machine: Machine, nginx: Nginx) -> None:
    upgrade(machine)
    machine.on_signal[signal.SIGQUIT] = lambda pid: machine.start(101, GONE, 100)
    nginx.replace()
    assert nginx.master() == 200


def test_a_replacement_that_does_not_come_up(machine: Machine, nginx: Nginx) -> None:
    with pytest.raises(OriginError, match="didn't start new processes beside the old ones, which go on"):
        nginx.replace()
    assert machine.signals == [(100, signal.SIGUSR2)]


def test_old_workers_that_do_not_leave(machine: Machine, nginx: Nginx) -> None:
    upgrade(machine)
    machine.on_signal[signal.SIGQUIT] = lambda pid: None
    with pytest.raises(OriginError, match="the old nginx processes didn't stop serving"):
        nginx.replace()


@pytest.mark.parametrize("unit", [{"Type": "simple", "PIDFile": ""}, {"Type": "forking", "PIDFile": "/run/other.pid"}])
def test_a_restart_where_the_service_manager_would_lose_it(
    machine: Machine, nginx: Nginx, unit: dict[str, str]
) -> None:
    machine.unit.update(unit)
    nginx.replace()
    assert machine.signals == []
    assert machine.commands[-1] == ("systemctl", "restart", "nginx.service")
    assert nginx.master() == 200


@pytest.mark.parametrize(
    "group",
    ["system.slice/supervisor.service", "user.slice/user-0.slice/user@0.service/app.slice/x.scope", "machine.slice/x"],
)
def test_what_is_not_nginx_s_own_is_not_restarted(machine: Machine, nginx: Nginx, group: str) -> None:
    machine.start(100, "nginx: master process nginx", 50, f"0::/{group}\n")
    machine.unit = {"Type": "simple", "PIDFile": "", "MainPID": "50"}
    Path(str(machine.pid_file) + ".oldbin").write_text("99")
    machine.start(99, "nginx: master process", 1)
    unit = group.split("/")[-1 if "supervisor" in group else -3] if ".service" in group else "nginx"
    with pytest.raises(OriginError) as caught:
        nginx.replace()
    assert f"nginx must be restarted, but the main process of {unit} isn't nginx's master (100)" in str(caught.value)
    assert "Else run nginx by a systemd unit of its own" in caught.value.remedy
    assert machine.signals == []
    assert not any(command[1] == "restart" for command in machine.commands)


@pytest.mark.parametrize("worker", [None, WORKER])
def test_a_restart_while_somebody_upgrades_by_hand(machine: Machine, nginx: Nginx, worker: str | None) -> None:
    Path(str(machine.pid_file) + ".oldbin").write_text("99")
    machine.start(99, "nginx: master process", 1)
    machine.start(100, "nginx: master process", 99, "0::/system.slice/nginx.service\n")
    if worker:
        machine.start(98, worker, 99)
    nginx.replace()
    assert machine.signals == []
    assert machine.commands[-1] == ("systemctl", "restart", "nginx.service")


def test_a_second_replacement_ends_what_is_left_of_the_first(machine: Machine, nginx: Nginx) -> None:
    Path(str(machine.pid_file) + ".oldbin").write_text("99")
    machine.start(99, "nginx: master process", 1)
    machine.start(98, GONE, 99)
    upgrade(machine)
    machine.on_signal[signal.SIGTERM] = machine.end
    nginx.replace()
    assert machine.signals == [(99, signal.SIGTERM), (100, signal.SIGUSR2), (100, signal.SIGQUIT)]
    assert nginx.master() == 200


def test_a_pid_file_that_an_upgrade_left_behind(machine: Machine, nginx: Nginx) -> None:
    Path(str(machine.pid_file) + ".oldbin").write_text("99")
    upgrade(machine)
    nginx.replace()
    assert nginx.master() == 200


def test_a_replacement_that_nobody_watches(machine: Machine, nginx: Nginx) -> None:
    machine.start(100, "nginx: master process", 1, "0::/\n")
    upgrade(machine)
    nginx.replace()
    assert machine.commands == []
