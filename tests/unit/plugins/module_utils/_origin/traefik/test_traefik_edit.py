# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our lines in the files of routers."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.originlock.aop.plugins.module_utils._origin.traefik import edit

NAME = "aop-app.example.com"
HEAD = "http:\n  routers:\n    other:\n      tls: {}\n    app:\n      rule: Host(`app.example.com`)\n"
TAIL = "  services:\n    app: {}\n"


def edited(path: str, text: str) -> str:
    pieces = edit.additions(path, text, "app", NAME)
    assert pieces is not None
    for start, end, new in sorted(pieces, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize(
    "lines",
    [
        "      tls: {}\n",
        "      tls: { certResolver: le }   # ours\n",
        "      tls: {options: modern, certResolver: le}\n",
        "      tls:\n        certResolver: le\n",
        "      tls:\n        # theirs\n        options: modern # old\n        certResolver: le\n",
        "      tls: {}\n      middlewares: [gzip]\n",
        "      middlewares:\n        - gzip\n      tls:\n        certResolver: le\n",
        "      middlewares:\n      - gzip\n      tls: {}\n",
        '      "tls": {}\n',
    ],
)
@pytest.mark.parametrize("tail", [TAIL, ""])
def test_yaml_gets_both_names_and_comes_back_byte_for_byte(lines: str, tail: str) -> None:
    text = HEAD + lines + tail
    before = yaml.safe_load(text)
    changed = edited("app.yml", text)
    router = yaml.safe_load(changed)["http"]["routers"].pop("app")
    expected = before["http"]["routers"].pop("app")
    assert router["tls"] == {**expected["tls"], "options": NAME}
    assert router["middlewares"] == [NAME, *expected.get("middlewares", [])]
    assert router["rule"] == expected["rule"]
    assert yaml.safe_load(changed)["http"]["routers"]["other"] == {"tls": {}}
    assert edit.without(changed) == text
    assert edit.line_of("app.yml", changed, "app") == 5


def test_a_last_line_without_its_end_comes_back() -> None:
    text = HEAD + "      tls: {}"
    assert edit.without(edited("app.yml", text)) == text


TOML = """[http.routers."app"]
  rule = "Host(`app.example.com`)"
  middlewares = ["gzip"]
  [http.routers.app.tls]
    certResolver = "le"

[http.services.app]
"""


@pytest.mark.parametrize(
    "text",
    [
        TOML,
        TOML.replace('    certResolver = "le"\n', '    options = "modern"\n'),
        TOML.replace("  [http.routers.app.tls]\n", "  tls = {}\n").replace('    certResolver = "le"\n', ""),
        TOML.replace('  middlewares = ["gzip"]\n', ""),
    ],
)
def test_toml_gets_both_names_and_comes_back_byte_for_byte(text: str) -> None:
    tomllib = pytest.importorskip("tomllib")
    expected = tomllib.loads(text)["http"]["routers"]["app"]
    changed = edited("app.toml", text)
    router = tomllib.loads(changed)["http"]["routers"]["app"]
    assert router["tls"] == {**expected["tls"], "options": NAME}
    assert router["middlewares"] == [NAME, *expected.get("middlewares", [])]
    assert edit.without(changed) == text


@pytest.mark.parametrize(
    "text",
    [
        "http: {routers: {app: {rule: x, tls: {}}}}\n",
        HEAD + "      service: app\n" + TAIL,
        HEAD + "      tls: &anchor\n        certResolver: le\n" + TAIL,
        HEAD + "      tls: {}\n      middlewares: *theirs\n" + TAIL,
        "tcp:\n  routers:\n    app:\n      tls: {}\n",
        HEAD.replace("\n", "\r\n") + "      tls: {}\r\n",
    ],
)
def test_what_lines_cannot_do_is_left(text: str) -> None:
    assert edit.additions("app.yml", text, "app", NAME) is None


def test_names_that_somebody_wrote_by_hand_are_kept() -> None:
    text = HEAD + f'      tls: {{options: {NAME}@file}}\n      middlewares: ["{NAME}"]\n'
    assert edit.additions("app.yml", text, "app", NAME) == []
    assert edit.additions("app.yml", text, "app", "aop-app.example") != []
