# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the roles of the servers from ``server_roles.yml``: options, defaults, README and tasks.

``python tests/tools/server_roles.py`` writes, with ``--check`` it names the files that differ and ends with 1.
What only one server has, its paths, is in ``roles/<server>/vars/main.yml``, which isn't generated.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROLES = HERE.parents[1] / "roles"
REMARK = (
    "# Written by tests/tools/server_roles.py from server_roles.yml beside it: change it there, then run `make roles`."
)
WIDTH = 118
# A text that YAML would take for something else unless it's quoted.
_PLAIN = re.compile(
    r"(?!(?:off|on|yes|no|true|false|null)$)[A-Za-z][\w./,;' ()-]*(?:: ?\S)?[\w./,;' ()-]*", re.IGNORECASE
)


def described() -> dict[str, Any]:
    """What ``server_roles.yml`` says: ``options`` and ``servers``."""
    found: dict[str, Any] = yaml.safe_load((HERE / "server_roles.yml").read_text())
    return found


def files(known: Mapping[str, Any]) -> dict[Path, str]:
    """Each generated file, as its path below ``roles`` and its text."""
    made = {}
    for server, traits in known["servers"].items():
        shared = {name: option for name, option in known["options"].items() if name not in traits.get("without", ())}
        options = _filled(shared, {"{server}": server, "{title}": traits["title"], "{log}": traits["log"]})
        here = Path(server)
        every = {**options, **traits.get("options", {})}
        made[here / "defaults/main.yml"] = _yaml(_defaults(server, every))
        made[here / "meta/argument_specs.yml"] = _yaml(_specifications(server, traits, every))
        made[here / "meta/main.yml"] = _yaml(_galaxy(server, traits))
        made[here / "tasks/main.yml"] = _yaml(_main(server, options))
        made[here / "tasks/read.yml"] = _yaml(_read(server))
        made[here / "README.md"] = _readme(server, traits, every)
    return made


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, words) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, words) for one in value]
    if isinstance(value, str):
        for mark, word in words.items():
            value = value.replace(mark, word)
    return value


def _yaml(lines: Iterator[str]) -> str:
    return "\n".join(["---", REMARK, *lines]) + "\n"


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and ": " not in value:
        return value
    return json.dumps(value)


def _plain(text: str) -> str:
    """A text of the documentation without its markup, ``C(word)``."""
    return re.sub(r"\bC\(([^)]*)\)", r"\1", text)


def _defaults(server: str, options: Mapping[str, Any]) -> Iterator[str]:
    for name, option in options.items():
        yield ""
        yield from textwrap.wrap(
            _plain(" ".join(option["description"])), WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        yield f"{server}_{name}: {_scalar(option['default'])}"


def _specifications(server: str, traits: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    yield "argument_specs:"
    yield "  main:"
    yield f"    short_description: Authenticated Origin Pulls on the sites of {traits['existing']}"
    yield "    description:"
    yield f"      - Finds {traits['finds']}, and brings them to their stages."
    yield "      - The variable C(common_result) holds the outcome, the return values of M(originlock.aop.origin_site)."
    yield '    version_added: "0.1.0"'
    yield "    author: originlock contributors"
    yield "    options:"
    for name, option in options.items():
        yield from _option(f"{server}_{name}", option, 6)
    yield "  read:"
    yield f"    short_description: Read where {traits['existing']} serves hostnames, and at which stage"
    yield "    description:"
    yield "      - Changes nothing. The variable C(common_sites) holds what M(originlock.aop.origin_site_info) returns."
    yield '    version_added: "0.1.0"'
    yield "    author: originlock contributors"
    yield "    options: {}"


def _option(name: str, option: Mapping[str, Any], indent: int) -> Iterator[str]:
    space = " " * indent
    yield f"{space}{name}:"
    yield f"{space}  description:"
    for sentence in option["description"]:
        first, *more = textwrap.wrap(sentence, WIDTH - indent - 4)
        yield f"{space}    - {first}"
        yield from (f"{space}      {line}" for line in more)
    for key in ("type", "elements", "required", "default", "choices"):
        if key in option:
            yield f"{space}  {key}: {_scalar(option[key])}"
    if "options" in option:
        yield f"{space}  options:"
        for inner, its in option["options"].items():
            yield from _option(inner, its, indent + 4)


def _galaxy(server: str, traits: Mapping[str, Any]) -> Iterator[str]:
    yield "galaxy_info:"
    yield "  author: originlock contributors"
    yield f"  description: Authenticated Origin Pulls on the sites of {traits['existing']}"
    yield "  license: GPL-3.0-or-later"
    yield '  min_ansible_version: "2.18"'
    yield "  platforms:"
    for name, versions in traits["platforms"].items():
        yield f"    - name: {name}"
        yield f"      versions: {_scalar(versions)}"
    yield f"  galaxy_tags: [cloudflare, {server}, mtls, security]"
    yield "dependencies: []"


def _main(server: str, options: Mapping[str, Any]) -> Iterator[str]:
    if "install" in options:
        yield "- name: Install the server"
        yield "  ansible.builtin.include_role:"
        yield "    name: originlock.aop.common"
        yield "    tasks_from: install"
        yield "  vars:"
        yield f'    common_package: "{{{{ __{server}_package }}}}"'
        yield f'    common_service: "{{{{ __{server}_service }}}}"'
        yield f"  when: {server}_install | bool"
        yield ""
    yield "# Checks the whole configuration before it is live, reloads, and puts the old one back if anything fails."
    yield from _common("Bring the sites to their stages", "site", server, [one for one in options if one != "install"])


def _read(server: str) -> Iterator[str]:
    yield from _common("Read the stages of the sites", "read", server, ["manage_sites", "plain_http", "log_path"])


def _common(title: str, part: str, server: str, options: list[str]) -> Iterator[str]:
    yield f"- name: {title}"
    yield "  ansible.builtin.import_role:"
    yield "    name: originlock.aop.common"
    yield f"    tasks_from: {part}"
    yield "  vars:"
    yield f"    common_server: {server}"
    yield f'    common_paths: "{{{{ __{server}_paths }}}}"'
    for name in options:
        yield f'    common_{name}: "{{{{ {server}_{name} }}}}"'


def _readme(server: str, traits: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| `{server}_{name}` | `{_scalar(option['default'])}` | {_plain(' '.join(option['description']))} |".replace(
            "| default", "\\| default"
        )
        for name, option in options.items()
    )
    note = f"\n{textwrap.fill(traits['note'], WIDTH)}\n" if "note" in traits else ""
    return f"""<!-- {REMARK[2:]} -->
# originlock.aop.{server}

Authenticated Origin Pulls on the sites of {traits["existing"]}. What it does, what it refuses and why:
[docs/servers/{server}.md](../../docs/servers/{server}.md).

```yaml
- hosts: aop_origins
  become: true
  roles:
    - role: originlock.aop.{server}
      vars:
        {server}_stage: log_only
        {server}_hostnames:
          - name: app.example.com
        {server}_trust_bundle: "{{{{ lookup('ansible.builtin.file', 'pki/example.com/ca.crt') }}}}"
        {server}_certificate: "{{{{ lookup('ansible.builtin.file', 'pki/example.com/app.example.com.crt') }}}}"
```
{note}
The outcome is in the variable `common_result` (sites, findings, reload, transaction), as
`ansible-doc originlock.aop.origin_site` describes it. `tasks_from: read` changes nothing, and leaves what
`originlock.aop.origin_site_info` returns in `common_sites`.

| Variable | Default | Meaning |
|---|---|---|
{rows}
"""


def main(arguments: list[str]) -> int:
    stale = []
    for path, text in files(described()).items():
        there = ROLES / path
        if there.exists() and there.read_text() == text:
            continue
        stale.append(f"roles/{path}")
        if "--check" not in arguments:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text)
    for name in stale:
        print(f"{name} differs from tests/tools/server_roles.yml: run make roles" if "--check" in arguments else name)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
