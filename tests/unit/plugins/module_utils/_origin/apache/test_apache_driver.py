# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import tempfile
import threading

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import apache as package
from ansible_collections.originlock.aop.plugins.module_utils._origin import restore
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache import process
from ansible_collections.originlock.aop.plugins.module_utils._origin.apache.process import Server
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError, ValidationFailed
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed, Control, Options


def planned(apache, **options):
    driver = apache.driver()
    found = driver.discover()
    return driver, found, driver.plan(found, [apache.want()], Options(**options))


def test_the_whole_configuration_is_checked_as_it_would_be(apache):
    before = apache.tree()
    driver, found, plan = planned(apache)
    driver.validate(found, plan)
    assert apache.tree() == before
    (texts,) = apache.checked
    by_content = list(texts.values())
    snippet = next(text for text in by_content if "stage=log_only" in text)
    # The bundle isn't in place yet, so the copy of the snippet names a copy of it.
    assert f'"{apache.root}/aop/' not in snippet
    assert any(text == apache.ca_one for text in by_content)
    assert any("GlobalLog" in text for text in by_content)
    site = next(text for text in by_content if "ServerName app.example.com" in text)
    assert f"IncludeOptional {apache.root}" not in site
    main = next(text for text in by_content if "Listen 443" in text)
    assert len(main.splitlines()) == len(apache.read("apache2.conf").splitlines())
    assert "conf-enabled/*.conf" not in main


def test_apaches_words_name_the_real_files_and_the_copies_are_gone(apache, monkeypatch, tmp_path):
    place = tmp_path / "private"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    driver, found, plan = planned(apache)
    apache.check = Completed(1, "Syntax error on line 5 of FOLDER/00000-apache2.conf: Foo")
    with pytest.raises(ValidationFailed) as caught:
        driver.validate(found, plan)
    assert f"Syntax error on line 5 of {apache.root}/apache2.conf: Foo" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert os.listdir(str(place)) == []


def test_continued_includes_and_macros_survive_the_copying(apache):
    apache.write("conf-enabled/a.conf", "Include \\\n  extra/one.conf\n<Macro M $x>\nInclude $x\n</Macro>\nAfter x\n")
    apache.write("extra/one.conf", "Inner x\n")
    driver, found, plan = planned(apache)
    driver.validate(found, plan)
    (texts,) = apache.checked
    copy = next(text for text in texts.values() if "After x" in text)
    assert copy.splitlines()[1:] == ["", "<Macro M $x>", "Include $x", "</Macro>", "After x"]
    assert any(text == "Inner x\n" for text in texts.values())


def test_an_include_that_means_another_file_each_time_names_the_live_ones(apache):
    apache.write(
        "conf-enabled/a.conf",
        "Define X one\nInclude extra/${X}.conf\nInclude more/${X}/a.conf\nDefine X two\nInclude extra/${X}.conf\n"
        "<IfDefine NEVER>\nInclude never/${X}.conf\n</IfDefine>\n",
    )
    for name in ("extra/one", "extra/two", "more/one/a"):
        apache.write(f"{name}.conf", f"Inner {name}\n")
    driver, found, plan = planned(apache)
    driver.validate(found, plan)
    (texts,) = apache.checked
    copy = next(text for text in texts.values() if "Define X two" in text).splitlines()
    assert copy[1] == copy[4] == "Include extra/${X}.conf"
    assert copy[2].startswith("IncludeOptional ")
    assert any(text == "Inner more/one/a\n" for text in texts.values())


def test_unknown_paths_are_refused():
    with pytest.raises(OriginError, match="Unknown paths for Apache: binary"):
        package.make({"binary": "x"}, lambda argv, environment: Completed(0, ""))


def test_all_sockets_that_others_reach(apache):
    driver = apache.driver()
    assert driver.listeners(driver.discover()) == ["*:443 ssl", "*:80 plain"]


def test_live_check_shows_the_words(apache):
    driver = package.make({}, lambda argv, environment: Completed(1, "AH00526: Syntax error"))
    with pytest.raises(ValidationFailed, match="AH00526: Syntax error"):
        driver.validate_live(Control(("apachectl", "-t")))


def test_what_a_revert_needs_starts_a_dead_server(apache):
    _driver, _found, plan = planned(apache)
    (proof,) = plan.undo.proofs
    assert (proof["kind"], os.path.basename(proof["pid_file"])) == ("children", "apache2.pid")
    assert plan.undo.validate == ("apachectl", "-t")
    assert plan.undo.reload == ("systemctl", "reload-or-restart", "apache2.service")


class FakeProcesses:
    """Parent and children over time: each look takes the next of ``states`` (parent, children)."""

    def __init__(self, monkeypatch, states):
        self.states = list(states)
        self.told = []
        self.time = 0.0
        monkeypatch.setattr(process, "children", lambda parent: set(self.now()[1]))
        monkeypatch.setattr(Server, "_parent", lambda server: self.now()[0])
        monkeypatch.setattr(process, "_has_systemd", lambda: False)
        monkeypatch.setattr(process.time, "sleep", self.sleep)

    def now(self):
        return self.states[0]

    def sleep(self, seconds):
        self.time += seconds
        if len(self.states) > 1:
            self.states.pop(0)

    def run(self, argv, environment):
        self.told.append(argv[1:])
        self.sleep(0)
        return Completed(0, "")

    def server(self, apache, *knocks):
        proofs = ({"kind": "children", "pid_file": "/pid"}, *knocks)
        control = Control(proofs=proofs, error_log=f"{apache.root}/log/error.log")
        return Server(apache.paths, self.run, control, lambda: self.time)


def knock(address, port, proxied=False):
    return {"kind": "tls", "address": address, "port": port, "server_name": "app.example.com", "proxied": proxied}


def test_a_reload_waits_for_new_children(apache, monkeypatch):
    fake = FakeProcesses(monkeypatch, [(1, {2}), (1, {2}), (1, {2}), (1, {2, 3}), (1, {3})])
    fake.server(apache).activate()
    assert fake.told == [("-k", "graceful")]
    assert process.SETTLE < fake.time < 3


@pytest.mark.parametrize(
    "states",
    [
        [(1, {2}), (1, {2}), (None, set())],
        [(1, {2}), (1, {2, 3}), (1, {2, 3}), (None, set())],
        [(1, {2}), (9, {10})],
    ],
)
def test_a_server_that_dies_of_the_reload_is_noticed(apache, monkeypatch, states):
    fake = FakeProcesses(monkeypatch, states)
    with pytest.raises(OriginError, match="Apache ended when it read the new configuration"):
        fake.server(apache).activate()


def test_the_servers_words_since_the_reload_are_shown(apache, monkeypatch):
    path = apache.write("log/error.log", "[ssl:emerg] [pid 1] old trouble\n")
    fake = FakeProcesses(monkeypatch, [(1, {2})])
    server = fake.server(apache)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("[mpm_event:notice] [pid 1] graceful\n[ssl:emerg] [pid 1] AH02312: Fatal error\n")
    with pytest.raises(OriginError) as caught:
        server.activate()
    assert str(caught.value).endswith("s after the reload. Its own words: [ssl:emerg] [pid 1] AH02312: Fatal error")


def test_a_server_that_does_not_take_it_is_noticed(apache, monkeypatch):
    fake = FakeProcesses(monkeypatch, [(1, {2})])
    with pytest.raises(OriginError, match="no new processes 20 s after the reload"):
        fake.server(apache).activate()


def test_a_dead_server_is_started(apache, monkeypatch):
    fake = FakeProcesses(monkeypatch, [(None, set()), (5, {6})])
    fake.server(apache).activate()
    assert fake.told == [("-k", "start")]


def test_nobody_answers(apache, monkeypatch):
    fake = FakeProcesses(monkeypatch, [(1, {2}), (1, {3})])
    with pytest.raises(OriginError, match="gives no TLS for app.example.com at 127.0.0.1 port 1: "):
        fake.server(apache, knock("127.0.0.1", 1)).activate()


class Listener(threading.Thread):
    """Takes connections at ``port``, keeps what each says first, and hangs up."""

    def __init__(self, family, address):
        super().__init__(daemon=True)
        self.socket = socket.create_server((address, 0), family=family)
        self.port = self.socket.getsockname()[1]
        self.heard = []
        self.start()

    def run(self):
        while True:
            connection, _peer = self.socket.accept()
            with connection:
                self.heard.append(connection.recv(4096))


@pytest.mark.parametrize(
    ("family", "address", "header"),
    [
        (socket.AF_INET, "127.0.0.1", b"PROXY TCP4 127.0.0.1 127.0.0.1 "),
        (socket.AF_INET6, "::1", b"PROXY TCP6 ::1 ::1 "),
    ],
)
def test_behind_a_load_balancer_a_handshake_begins_with_a_proxy_header_if_need_be(
    apache, monkeypatch, family, address, header
):
    try:
        listener = Listener(family, address)
    except OSError:
        pytest.skip(f"no {address} here")
    for proxied in (False, True):
        fake = FakeProcesses(monkeypatch, [(1, {2}), (1, {3})])
        with pytest.raises(OriginError, match=f"gives no TLS for app.example.com at {address} port"):
            fake.server(apache, knock(address, listener.port, proxied)).activate()
    assert [heard.startswith(b"\x16") for heard in listener.heard] == [True, True, False]
    line = listener.heard[2].split(b"\r\n")[0]
    assert line.startswith(header)
    assert line.endswith(b" %d" % listener.port)


def test_knocks_know_whether_a_proxy_header_may_be_needed(apache):
    for line, proxied in (("", False), ("RemoteIPProxyProtocol On\n", True)):
        apache.write("sites-enabled/site.conf", apache.site.replace("</VirtualHost>", f"{line}</VirtualHost>"))
        _driver, _found, plan = planned(apache)
        assert plan.control.proofs[1:] == (knock("127.0.0.1", 443, proxied),)


def test_processes_of_this_machine():
    same_program = restore.process_fields(os.getppid())[:1] == restore.process_fields(os.getpid())[:1]
    assert (os.getpid() in restore.children(os.getppid())) is same_program
    assert restore.process_fields(os.getpid())[2] == str(os.getppid())
    assert restore.process_fields(2**22 + 1) == []
