# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: the same, as far as it can go wrong there. Lists of certificates are written beside the configuration."""

from __future__ import annotations

from dataclasses import dataclass

_HEAD = """
global
    user haproxy
    group haproxy
    ssl-load-extra-del-ext
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
"""
_BACKENDS = """
backend app
    http-request return status 200 content-type text/html file /farm/www/app/index.html
backend open
    http-request return status 200 content-type text/html file /farm/www/open/index.html
backend staff
    http-request return status 200 content-type text/html file /farm/www/staff/index.html
"""
_HOST = r"req.hdr(host),lower,field(1,:),regsub(\.$,)"
_ROUTES = f"""
    use_backend app if {{ {_HOST} app.test }}
    use_backend staff if {{ {_HOST} staff.test }}
    default_backend open
"""
_NAMES = f"""
    http-request deny deny_status 421 if {{ {_HOST} app.test }} !{{ ssl_fc_sni -i app.test }}
    http-request deny deny_status 421 if {{ {_HOST} staff.test }} !{{ ssl_fc_sni -i staff.test }}
"""
_PRESENT = f"    http-request deny deny_status 403 if {{ {_HOST} app.test }} !{{ ssl_c_used }}\n"
_VERIFIED = f"    http-request deny deny_status 403 if {{ {_HOST} app.test }} !{{ ssl_c_verify 0 }}\n"
_CA = "ssl_c_i_dn(cn) -m str Our\\ AOP\\ CA"
_ISSUER = f"    http-request deny deny_status 403 if {{ {_HOST} app.test }} !{{ {_CA} }}\n"
_RULES = _NAMES + _PRESENT + _VERIFIED + _ISSUER
_FORGIVING = "ca-ignore-err all crt-ignore-err all"


@dataclass(frozen=True)
class Scenario:
    """``lines``: of the crt-list. ``after``: the crt-list comes after the certificate that fits as well."""

    rules: str = _RULES
    app: str = "[verify required ca-file /farm/ca.crt] app.test"
    options: str = ""
    after: bool = False
    where: tuple[str, ...] = ("127.0.0.1:%(P)d", "[::1]:%(P)d")
    plain: str = "    http-request redirect scheme https\n"
    second: str = ""


_OPTIONAL = "[verify optional ca-file /farm/ca.crt] app.test"
SCENARIOS: dict[str, Scenario] = {
    # As the role writes it: everybody passes TLS, rules decide.
    "good": Scenario(app=_OPTIONAL, options=_FORGIVING),
    "good_required": Scenario(),
    "list_only": Scenario(rules=""),
    "names_only": Scenario(rules=_NAMES),
    "ignored_errors": Scenario(rules=_NAMES + _PRESENT, options=_FORGIVING),
    "only_the_code": Scenario(rules=_NAMES + _VERIFIED, app=_OPTIONAL),
    "list_after": Scenario(rules=_NAMES, after=True),
    "no_issuer": Scenario(rules=_NAMES + _PRESENT + _VERIFIED),
    "exact_spelling": Scenario(rules=_RULES.replace(_HOST, "req.hdr(host)")),
    "allowed_before": Scenario(rules="    http-request allow if { method GET }\n" + _RULES, app=_OPTIONAL),
    "second_listener": Scenario(second="    default_backend app\n"),
    "port_80": Scenario(plain=""),
    "ipv6": Scenario(where=("127.0.0.1:%(P)d",), second="ipv6"),
    "log_only": Scenario(rules="", app=_OPTIONAL, options=_FORGIVING),
    "off": Scenario(rules="", app="app.test"),
}


def render(name: str, ports: dict[str, int]) -> str:
    """The configuration file."""
    scenario = SCENARIOS[name]
    return (
        (_HEAD + _frontends(name, scenario) + _BACKENDS)
        .replace("%(P)d", str(ports["P"]))
        .replace("%(Q)d", str(ports["Q"]))
        .replace("%(H)d", str(ports["H"]))
    )


def lists(name: str) -> str:
    """The crt-list of a scenario."""
    staff = "/farm/server.crt [verify required ca-file /farm/staff-ca.crt] staff.test"
    return f"/farm/server.crt !*\n/farm/server.crt {SCENARIOS[name].app}\n{staff}\n"


def _frontends(name: str, scenario: Scenario) -> str:
    certificates = [f"crt-list /farm/{name}.list", "crt /farm/server.crt"]
    if scenario.after:
        certificates.reverse()
    tls = " ".join(["ssl", *certificates, scenario.options, "alpn h2,http/1.1"])
    binds = "".join(f"    bind {place} {tls}\n" for place in scenario.where)
    text = f"frontend tls\n{binds}{scenario.rules}{_ROUTES}"
    text += f"frontend plain\n    bind 127.0.0.1:%(H)d\n    bind [::1]:%(H)d\n{scenario.plain}{_ROUTES}"
    if scenario.second == "ipv6":
        text += f"frontend six\n    bind [::1]:%(P)d ssl crt /farm/server.crt alpn h2,http/1.1\n{_ROUTES}"
    elif scenario.second:
        text += "frontend second\n    bind 127.0.0.1:%(Q)d ssl crt /farm/server.crt\n"
        text += f"    bind [::1]:%(Q)d ssl crt /farm/server.crt\n{scenario.second}"
    return text
