# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports of the collection run one way: modules, action and filter plugins → _engine → domain packages → _common.

``python tests/tools/import_direction.py [DIRECTORY]`` prints each import that doesn't, and exits 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

COLLECTION = "ansible_collections.originlock.aop.plugins."
ENGINE = "_engine"
COMMON = "_common"
PLUGIN_KINDS = {"modules", "action", "filter", "plugin_utils", "doc_fragments"}
# What runs on an origin has nothing but the standard library there.
STDLIB_ONLY = {"_origin", "_evidence", COMMON}
# importer's layer → layer it may import though the rule says no, and why
EXCEPTIONS: dict[tuple[str, str], str] = {}

Import = tuple[int, str]


def imports(path: Path, package: list[str]) -> Iterator[Import]:
    """Line and absolute dotted name of everything ``path`` imports; ``package`` is where relative imports start."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{stem}.{alias.name}"


def layer(dotted: str) -> str | None:
    """``modules``, ``_engine``, ``_pki`` …; None for what isn't ours."""
    if not dotted.startswith(COLLECTION):
        return None
    parts = dotted[len(COLLECTION) :].split(".")
    if parts[0] == "module_utils":
        return parts[1] if len(parts) > 1 else None
    return parts[0]


def problem(importer: str, imported: str) -> str | None:
    """Why code in the layer ``importer`` may not import the dotted name ``imported``; None if it may."""
    target = layer(imported)
    top = imported.split(".")[0]
    if (importer, target or top) in EXCEPTIONS:
        return None
    if importer == "modules" and target in PLUGIN_KINDS:
        return "a module takes only module_utils along to the host it runs on"
    if importer in PLUGIN_KINDS:
        return None
    if target in PLUGIN_KINDS:
        return f"{importer} must not know of plugins"
    if importer == ENGINE:
        return None
    if target and target not in (importer, COMMON):
        return f"domain packages don't import each other, nor {ENGINE}"
    if target is None and top in ("ansible", "ansible_collections"):
        return "domain code works without Ansible"
    if importer in STDLIB_ONLY and target is None and top not in sys.stdlib_module_names:
        return f"{importer} runs on origins, where there is only the standard library"
    return None


def hidden_imports(path: Path) -> Iterator[int]:
    """Lines that import by a computed name: Ansible sends along only what import statements name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ("import_module", "__import__"):
                yield node.lineno


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Each circle of modules that import each other, once."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield [*path[path.index(name) :], name]
            return
        if name in done:
            return
        for following in sorted(graph.get(name, ())):
            yield from walk(following, [*path, name])
        done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def check(plugins: Path) -> list[str]:
    """Problems found under the folder ``plugins``, one line each."""
    found = []
    names: dict[str, Path] = {}
    for path in sorted(plugins.rglob("*.py")):
        parts = list(path.relative_to(plugins).with_suffix("").parts)
        names[COLLECTION + ".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        importer = layer(name)
        if importer is None:
            continue
        found.extend(
            f"{path}:{line}: imported by a computed name, so it would be missing on the host that the module runs on"
            for line in hidden_imports(path)
        )
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for line, imported in imports(path, package):
            why = problem(importer, imported)
            if why:
                found.append(f"{path}:{line}: {imported}: {why}")
            # "from package import name": name is a module or something inside the package
            target = imported if imported in names else imported.rpartition(".")[0]
            if target in names and target != name:
                graph.setdefault(name, set()).add(target)
    found.extend("circle: " + " → ".join(module[len(COLLECTION) :] for module in circle) for circle in circles(graph))
    return found


def main() -> int:
    plugins = Path(sys.argv[1] if len(sys.argv) > 1 else "plugins")
    found = check(plugins)
    for line in found:
        print(line)
    if not found:
        print(f"imports run one way in {len(list(plugins.rglob('*.py')))} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
