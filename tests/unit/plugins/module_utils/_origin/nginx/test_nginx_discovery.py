# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server block gets a hostname, and what is loaded from which file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.originlock.aop.plugins.module_utils._origin import marks
from ansible_collections.originlock.aop.plugins.module_utils._origin.errors import OriginError
from ansible_collections.originlock.aop.plugins.module_utils._origin.hostnames import is_hostname
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Completed
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import dump, edit
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.driver import NginxDriver, make, parse_build
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.names import Index, translate
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.survey import Paths
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.syntax import parse
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.web import Address
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    discover,
    text_of,
)
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._origin.nginx.configurations import (
    make as planned,
)


def served_by(names: list[str], hostname: str) -> int | None:
    blocks = "".join(f"server {{ listen 443 ssl; server_name {name}; }}\n" for name in names)
    web = discover({"/etc/nginx/nginx.conf": "http {\n" + blocks + "}"}).web
    match = Index(web.on(Address("*", 443))).find(hostname)
    return match.server.number if match.server else None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["*.example.com", "app.example.com"], 1),
        (["*.com", "*.example.com"], 1),
        (["app.*", "*.example.com"], 1),
        (["app.*", "app.example.*"], 1),
        ([r"~^app", "app.*"], 1),
        ([r"~^nope", r"~^app\.", r"~example"], 1),
        ([r"~^(?<sub>\w+)\.example\.com$"], 0),
        ([".example.com"], 0),
        (["example.com", ".app.example.com"], 1),
        (["APP.Example.COM"], 0),
        (["other.example.com"], None),
        (["*.app.example.com"], None),
        (["ample.com", "*.ample.com"], None),
        (["_", '""'], None),
        (["app.example.com app.example.net", "app.example.com"], 0),
    ],
)
def test_names(names: list[str], expected: int | None) -> None:
    assert served_by(names, "app.example.com") == expected


@pytest.mark.parametrize("expression", [r"(?|a)", r"a*+", r"(?>a)", r"\Ka", r"[[:alpha:]]", r"(*UTF8)a", r"(?R)", "("])
def test_expressions_that_python_reads_otherwise(expression: str) -> None:
    assert translate(expression) is None


@given(st.text(max_size=30))
def test_no_hostname_is_dangerous(text: str) -> None:
    if is_hostname(text):
        assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789-._")
        assert ".." not in text
        assert not text.startswith(".")


@pytest.mark.parametrize(
    ("listen", "address", "tls"),
    [
        ("listen 443 ssl", "*:443", True),
        ("listen 0.0.0.0:443 ssl", "*:443", True),
        ("listen [::]:443 ssl http2", "[::]:443", True),
        ("listen 443 quic reuseport", "*:443 quic", True),
        ("listen 192.0.2.1", "192.0.2.1:80", False),
        ("listen [2001:DB8::1]", "[2001:db8::1]:80", False),
        ("listen example.com:8443 ssl", "example.com:8443", True),
        ("listen unix:/run/x ssl", "unix:/run/x", True),
        ("listen 8080; ssl on", "*:8080", True),
        ("root x", "*:80", False),
    ],
)
def test_listeners(listen: str, address: str, tls: bool) -> None:
    web = discover({"/etc/nginx/nginx.conf": f"http {{ server {{ {listen}; }} }}"}).web
    assert [str(one) for one in web.addresses(tls=tls)] == [address]


def test_ssl_belongs_to_the_socket() -> None:
    web = discover({"/n/nginx.conf": "http { server { listen 443 ssl; } server { listen 443; server_name b; } }"}).web
    assert [str(one) for one in web.tls_addresses(web.servers[1])] == ["*:443"]
    assert web.default(Address("*", 443)).number == 0


def test_the_default_server() -> None:
    web = discover({"/n/nginx.conf": "http { server { listen 443 ssl; } server { listen 443 default_server; } }"}).web
    assert web.default(Address("*", 443)).number == 1


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("conf.d/*.conf", ["/e/conf.d/a.conf", "/e/conf.d/b.conf"]),
        ("/e/conf.d/a.con[f]", ["/e/conf.d/a.conf"]),
        ("conf.d/*", ["/e/conf.d/a.conf", "/e/conf.d/b.conf", "/e/conf.d/c"]),
        ("*/a.conf", ["/e/conf.d/a.conf"]),
        ("conf.d/?", ["/e/conf.d/c"]),
        ("conf.d/[!a].conf", ["/e/conf.d/b.conf"]),
        ("conf.d/c", ["/e/conf.d/c"]),
        ("conf.d/d", []),
    ],
)
def test_includes(pattern: str, names: list[str]) -> None:
    there = ("b.conf", "a.conf", ".h.conf", "x/a.conf", "c")
    files = {f"/e/conf.d/{name}": "" for name in there}
    assert dump.included(pattern, "/e", files) == names


def test_the_dump_is_taken_apart_by_what_is_on_disk() -> None:
    files = {
        "/e/nginx.conf": b"include x;\n# configuration file /etc/fake:\n\xff",
        "/e/x": "ü;\n".encode(),
    }
    output = "nginx: test is successful\n" + "".join(
        f"# configuration file {name}:\n{content.decode('utf-8', 'replace')}\n" for name, content in files.items()
    )
    assert dump.split(output, files.__getitem__) == {name: text.decode("latin-1") for name, text in files.items()}
    with pytest.raises(OriginError, match="/e/x changed while nginx was asked what it loads"):
        dump.split(output, {**files, "/e/x": b"other"}.__getitem__)
    with pytest.raises(OriginError, match="named no configuration file"):
        dump.split("", files.__getitem__)


def applied(text: str, piece: marks.Piece) -> str:
    after = marks.spliced("f", text, [piece]).after
    return (after or b"").decode("latin-1")


def test_a_circle() -> None:
    with pytest.raises(OriginError, match="circle"):
        dump.resolve({"/e/nginx.conf": "include a;", "/e/a": "include a;"})


@pytest.mark.parametrize(
    "text",
    [
        "server {\n    listen 80;\n}\n",
        "server\n{\n\tlisten 80;\n}\n",
        "server { # mine\n  listen 80;\n}",
        "server { listen 80; }",
        "server {}",
        "server {\r\n  listen 80;\r\n}\r\n",
        "server {",
    ],
)
def test_a_line_goes_in_and_comes_out(text: str) -> None:
    text = text if text.rstrip().endswith("}") else text + "\n}"
    (block,) = parse(text, "f")
    path = "/etc/nginx/aop/x.conf"
    changed = applied(text, edit.insertion(text, block, path))
    (again,) = parse(changed, "f")
    line = again.block[0]
    assert (line.name, line.args) == ("include", ("/etc/nginx/aop/x.con[f]",))
    assert [child.text() for child in again.block[1:]] == [child.text() for child in block.block]
    assert applied(changed, edit.removal(changed, line)) == text


def test_a_line_that_was_moved_behind_something() -> None:
    text = "server { listen 80; include x;  # originlock.aop\n}"
    (block,) = parse(text, "f")
    assert applied(text, edit.removal(text, block.block[1])) == "server { listen 80; \n}"


def test_build() -> None:
    build = parse_build(
        "nginx version: nginx/1.26.3 (Debian)\nconfigure arguments: --with-cc-opt='-g -O2' --prefix=/usr/share/nginx "
        "--conf-path=/etc/nginx/nginx.conf --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid "
        "--with-http_realip_module"
    )
    assert (build.version, build.prefix, build.pid_path) == ((1, 26, 3), "/usr/share/nginx", "/run/nginx.pid")
    assert build.realip
    assert build.error_log_path == "logs/error.log"
    with pytest.raises(OriginError, match="Correct|answers"):
        parse_build("sh: nginx: not found")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("", "/run/nginx.pid"),
        ("pid /run/own/nginx.pid;", "/run/own/nginx.pid"),
        ("pid own.pid;", "/usr/share/nginx/own.pid"),
    ],
)
def test_one_pid_file_for_signals_and_rotation(line: str, path: str) -> None:
    block = "server { listen 443 ssl; server_name app.example.com; }"
    found = discover({"/etc/nginx/nginx.conf": line + "http {\n" + block + "\n}\n"})
    assert found.pid_file == path
    driver = NginxDriver(Paths(), lambda argv, environment: Completed(0, ""))
    assert driver.control(found).proofs[0]["pid_file"] == path
    rule = text_of(planned(found, log_path="/srv/aop.log"), "/originlock-aop-nginx")
    assert f'[ ! -f {path} ] || kill -USR1 "$(cat {path})"' in rule


def test_all_sockets_that_others_reach() -> None:
    blocks = """
    server { listen 443 ssl; listen [::]:443 ssl; listen 443 quic; server_name app.example.com; }
    server { listen 443; listen 8080; listen 192.0.2.1:9443 ssl; listen 127.0.0.1:8081; listen unix:/run/x; }
    server { server_name no-listen.example.com; }
    """
    found = discover({"/etc/nginx/nginx.conf": "http {" + blocks + "}"})
    driver = NginxDriver(Paths(), lambda argv, environment: Completed(0, ""))
    expected = ["*:443 quic", "*:443 ssl", "*:80 plain", "*:8080 plain", "192.0.2.1:9443 ssl", "[::]:443 ssl"]
    assert driver.listeners(found) == expected


def test_make_takes_what_it_knows() -> None:
    driver = make({"binary": "/opt/nginx", "config": "", "unknown": "x"}, lambda argv, environment: None)  # type: ignore
    assert driver.control(discover({"/etc/nginx/nginx.conf": "http {}"})).reload == ("/opt/nginx", "-s", "reload")
