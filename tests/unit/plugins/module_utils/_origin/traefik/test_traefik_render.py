# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our file, there and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from ansible_collections.originlock.aop.plugins.module_utils._origin import marks
from ansible_collections.originlock.aop.plugins.module_utils._origin.traefik import render

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
GROUP = render.Group(
    "aop-app.example.com", ("app.example.com", "www.example.com"), "enforce", PEM, "modern@file",
    json.dumps({"minVersion": "VersionTLS13"}),
)  # fmt: skip


@pytest.mark.parametrize("stage", ["off", "log_only", "enforce"])
def test_there_and_back(stage: str) -> None:
    group = replace(GROUP, stage=stage, trust="" if stage == "off" else PEM)
    text = render.text({group.name: group})
    assert render.parse(text) == {group.name: group}
    assert marks.is_ours(text)
    assert marks.stages([text.decode()]) == {"app.example.com": stage, "www.example.com": stage}


def test_what_traefik_reads() -> None:
    data = yaml.safe_load(render.text({GROUP.name: GROUP}))
    assert data["tls"]["options"] == {
        GROUP.name: {
            "minVersion": "VersionTLS13",
            "clientAuth": {"clientAuthType": "RequireAndVerifyClientCert", "caFiles": [PEM]},
        }
    }
    middlewares = data["http"]["middlewares"]
    assert middlewares[GROUP.name] == {"chain": {"middlewares": ["aop-app.example.com-mark", "aop-certificate"]}}
    headers = middlewares["aop-app.example.com-mark"]["headers"]["customRequestHeaders"]
    assert headers.pop("Originlock-Aop") == render.header_of(GROUP)
    assert headers == {"X-Forwarded-Tls-Client-Cert": "", "X-Forwarded-Tls-Client-Cert-Info": ""}
    log_only = yaml.safe_load(render.text({GROUP.name: replace(GROUP, stage="log_only")}))
    assert log_only["tls"]["options"][GROUP.name]["clientAuth"]["clientAuthType"] == "RequestClientCert"


def test_every_part_of_a_group_is_told_apart() -> None:
    others = [replace(GROUP, **change) for change in ({"stage": "log_only"}, {"trust": PEM * 2}, {"settings": "{}"})]
    assert len({render.header_of(one) for one in [GROUP, *others]}) == 4


@pytest.mark.parametrize(
    "content", [b"", b"tls: {}\n", b"# originlock.aop stage=off hostname=a\n{", b"# originlock.aop x\n{}"]
)
def test_what_somebody_else_made_of_it_is_unknown(content: bytes) -> None:
    assert render.parse(content) == {}
