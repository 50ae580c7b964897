# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logs are rotated already, on every server by the same reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._origin import logrotate


def test_patterns() -> None:
    text = '/var/log/nginx/*.log "/var/log/my log/x" {\n daily\n postrotate\n  /bin/x { }\n endscript\n}\n'
    text += "/b\n{\n}\n# /c {\n'/d e' {\n}\n"
    assert logrotate.patterns(text) == ["/var/log/nginx/*.log", "/var/log/my log/x", "/b", "/d e"]


@pytest.mark.parametrize(
    ("path", "text", "covered"),
    [
        ("/var/log/x/aop.log", "/var/log/x/*.log {\n daily\n}\n", True),
        ("/var/log/x/aop/aop.log", "/var/log/x/*.log {\n daily\n}\n", False),
        ("/srv/aop.log", "/var/log/a.log {\n postrotate\n  gzip /srv/*.log\n endscript\n}\n", False),
        ("/srv/aop.log", "/var/log/a.log {\n olddir /srv/aop.log\n}\n", False),
        ("/srv/aop.log", "/var/log/a.log\n/srv/aop.log {\n daily\n}\n", True),
        ("/srv/my aop.log", '"/srv/my aop.log" {\n daily\n}\n', True),
    ],
)
def test_covers(path: str, text: str, covered: bool) -> None:
    assert logrotate.covers(logrotate.patterns(text), path) is covered


def test_known_leaves_our_own_rule_out(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("/srv/aop.log {\n}\n")
    (tmp_path / "theirs").write_text("/srv/other.log {\n}\n")
    (tmp_path / "folder").mkdir()
    found = logrotate.known(str(tmp_path), "ours")
    assert "/srv/other.log" in found
    assert "/srv/aop.log" not in found
    assert "/srv/aop.log" in logrotate.known(str(tmp_path), "")
    assert logrotate.known(str(tmp_path / "nowhere"), "") == tuple(one for one in found if not one.startswith("/srv/"))
