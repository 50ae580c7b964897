# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A discovery made from texts, as if nginx had said that it loads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from ansible_collections.originlock.aop.plugins.module_utils._origin.bundles import certificates
from ansible_collections.originlock.aop.plugins.module_utils._origin.model import Options, Plan, Protection
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx import dump, plan, web
from ansible_collections.originlock.aop.plugins.module_utils._origin.nginx.survey import Build, Discovery
from ansible_collections.originlock.aop.plugins.module_utils._origin.rules.ahead import planned

CA = "-----BEGIN CERTIFICATE-----\nQUE=\n-----END CERTIFICATE-----\n"
OTHER_CA = "-----BEGIN CERTIFICATE-----\nQkI=\n-----END CERTIFICATE-----\n"
APP = "app.example.com"
SITE = "/etc/nginx/sites-enabled/site"
MAIN = "http {\n include conf.d/*.conf;\n include sites-enabled/*;\n}\n"
TLS = "listen 443 ssl; listen [::]:443 ssl;"
VERSION = (1, 22, 1)


def discover(files: Mapping[str, str], own: Mapping[str, bytes] | None = None) -> Discovery:
    """``files``: path to content, the main file first."""
    loaded = dump.resolve(files)
    http = web.web_of(loaded)
    assert http is not None
    ours = dict(own or {})
    for name, content in files.items():
        if content.startswith("# originlock.aop"):
            ours[name] = content.encode("latin-1")
    build = Build(
        VERSION, "/usr/share/nginx", "/var/log/nginx/access.log", "/var/log/nginx/error.log", "/run/nginx.pid"
    )
    return Discovery(loaded, http, build, own=ours, rotated=("/var/log/nginx/*.log",))


def site(content: str, http: str = "") -> Discovery:
    """One site file in a Debian layout; ``http`` stands in the http block before the includes."""
    return discover({"/etc/nginx/nginx.conf": MAIN.replace("{", "{ " + http, 1), SITE: content})


def wish(
    name: str = APP, stage: str = "log_only", bundle: str = CA, issuers: Sequence[str] | None = None
) -> Protection:
    """``issuers``: those of the CAs above, unless told."""
    known = ["CN=one" if one + "\n" == CA else "CN=other" for one in certificates(bundle)]
    return Protection(name, stage, bundle, "", tuple(known if issuers is None else issuers))


def make(found: Discovery, *wishes: Protection, **options: object) -> Plan:
    return planned(partial(plan.make, found), wishes or (wish(),), Options(**options))  # type: ignore[arg-type]


def after(found: Discovery, made: Plan) -> Discovery:
    """What would be found after the plan was carried out."""
    files = dict(found.dump.files)
    own = dict(found.own)
    for change in made.changes:
        path = change.path
        if change.after is None:
            files.pop(path, None)
            own.pop(path, None)
        else:
            if path.endswith(".conf") or path in files:
                files[path] = change.after.decode("latin-1")
            if change.after.startswith(b"# originlock.aop"):
                own[path] = change.after
    main = found.dump.main
    ordered = {main: files.pop(main), **files}
    return replace(discover(ordered, own), build=found.build, rotated=found.rotated)


def text_of(made: Plan, suffix: str) -> str:
    """The new content of the one file whose path ends like this."""
    (content,) = [change.after for change in made.files if change.path.endswith(suffix)]
    assert content is not None
    return content.decode("latin-1")


def codes(made: Plan, severity: str = "error") -> list[str]:
    """Without ``default_site``: nearly every block here is the only one of its addresses."""
    return [one.code for one in made.findings if one.severity == severity and one.code != "default_site"]


def messages(made: Plan, code: str) -> list[str]:
    return [finding.sentence() for finding in made.findings if finding.code == code]


__all__: Sequence[str] = ("APP", "CA", "OTHER_CA", "SITE", "TLS", "after", "codes", "discover", "make", "site", "wish")
