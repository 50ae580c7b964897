# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as loaded: includes followed, conditions decided, macros used, variables known.

Apache's dump lists the files it read. They are found again from the include directives, and the two must agree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ..errors import OriginError
from . import grammar
from .dumps import Dump
from .filesystem import Files
from .grammar import Directive, Node, Section

_VARIABLE = re.compile(r"\$\{([^}:$]+)\}")
_CONDITIONS = ("ifmodule", "ifdefine", "ifversion", "iffile", "ifdirective", "ifsection")
INCLUDES = ("include", "includeoptional")
_DEPTH = 30


@dataclass(frozen=True)
class Tree:
    """``nodes`` is the whole configuration in reading order; an include directive stays before what it brought.

    ``sources`` are the files that were read, by the name that Apache uses.
    """

    nodes: tuple[Node, ...]
    sources: Mapping[str, bytes]
    variables: Mapping[str, str]
    server_root: str

    def directives(self, *names: str) -> list[Directive]:
        """The directives of server level (outside of any section) with one of these lower-case names."""
        return own(self.nodes, *names)

    def sections(self, name: str) -> list[Section]:
        """The sections with this lower-case name, at server level."""
        return [node for node in self.nodes if isinstance(node, Section) and node.key == name]

    def expand(self, text: str) -> str:
        """Replace ``${VARIABLE}``; an unknown one stays."""
        return expand(text, self.variables)

    def absolute(self, argument: str) -> str:
        """The path that an argument means."""
        return os.path.normpath(os.path.join(self.server_root, self.expand(argument)))


def own(nodes: Sequence[Node], *names: str) -> list[Directive]:
    """The directives with one of these lower-case names, not looking into sections."""
    return [node for node in nodes if isinstance(node, Directive) and node.key in names]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``${VARIABLE}``; an unknown one stays."""
    return _VARIABLE.sub(lambda found: variables.get(found.group(1), found.group(0)), text)


def build(dump: Dump, environment: Mapping[str, str], files: Optional[Files] = None) -> Tree:
    """Read what ``dump`` says is loaded. Errors: a file that Apache read isn't found from the includes."""
    builder = _Builder(dump, dict(environment, **dump.defines), files or Files())
    nodes = tuple(builder.file(dump.files[0]))
    missing = [name for name in dump.files if os.path.normpath(name) not in builder.sources]
    if missing:
        raise OriginError(
            f"Apache loads {missing[0]}, but it isn't told how: the include that reads it couldn't be followed",
            "Include it by a plain path, or report this with the include line.",
        )
    return Tree(nodes, builder.sources, builder.variables, dump.server_root)


class _Builder:
    """Follows what Apache read. Variables are replaced in arguments, as Apache does; the text stays as written."""

    def __init__(self, dump: Dump, variables: Mapping[str, str], files: Files) -> None:
        self.dump = dump
        self.variables = variables
        self.files = files
        self.loaded = {os.path.normpath(name) for name in dump.files}
        self.sources: dict[str, bytes] = {}
        self._parsed: dict[str, tuple[Node, ...]] = {}
        self._macros: dict[str, tuple[tuple[str, ...], str]] = {}

    def file(self, path: str, depth: int = 0) -> list[Node]:
        path = os.path.normpath(path)
        if depth > _DEPTH:
            raise OriginError(f"{path} includes itself", "Let the server check its configuration.")
        if path not in self._parsed:
            content = self.files.read(path)
            if content is None:
                raise OriginError(f"Apache loads {path}, but it can't be read", "Run again; it may just be changing.")
            self.sources[path] = content
            self._parsed[path] = grammar.parse(content.decode("latin-1"), path)
        return self.nodes(self._parsed[path], depth)

    def nodes(self, nodes: Sequence[Node], depth: int) -> list[Node]:
        result: list[Node] = []
        for node in nodes:
            if isinstance(node, Directive):
                result.append(replace(node, arguments=tuple(self.expand(word) for word in node.arguments)))
                result.extend(self._brought(node, depth))
            elif node.key in _CONDITIONS:
                if holds(node, self.dump, self.variables, self.files) is not False:
                    result.extend(self.nodes(node.children, depth))
            elif node.key == "macro":
                name, *parameters = node.arguments
                self._macros[name.lower()] = (tuple(parameters), node.source)
            else:
                children = tuple(self.nodes(node.children, depth))
                result.append(replace(node, argument=self.expand(node.argument), children=children))
        return result

    def expand(self, text: str) -> str:
        return expand(text, self.variables)

    def _brought(self, node: Directive, depth: int) -> list[Node]:
        if node.key in INCLUDES and node.arguments:
            pattern = os.path.join(self.dump.server_root, self.expand(node.arguments[-1]))
            found = [path for path in self.files.resolve(pattern) if os.path.normpath(path) in self.loaded]
            return [inner for path in found for inner in self.file(path, depth + 1)]
        if node.key == "use" and node.arguments and node.arguments[0].lower() in self._macros:
            return self._used(node, depth)
        return []

    def _used(self, node: Directive, depth: int) -> list[Node]:
        parameters, source = self._macros[node.arguments[0].lower()]
        for name, value in sorted(zip(parameters, node.arguments[1:]), key=lambda pair: -len(pair[0])):
            source = source.replace(name, value)
        if depth > _DEPTH:
            raise OriginError(f"{node.file}:{node.line} uses a macro that uses itself", "Let the server check it.")
        return [_placed(inner, node) for inner in self.nodes(grammar.parse(source, node.file), depth + 1)]


def _placed(node: Node, use: Directive) -> Node:
    """What a macro made stands where the macro was used."""
    if isinstance(node, Directive):
        return replace(node, file=use.file, line=use.line, end_line=use.end_line)
    children = tuple(_placed(child, use) for child in node.children)
    return replace(node, file=use.file, line=use.line, end_line=use.end_line, children=children)


def holds(section: Section, dump: Dump, variables: Mapping[str, str], files: Files) -> bool | None:
    """Whether a condition holds; nothing if only Apache can tell."""
    argument = expand(section.argument.strip(), variables).strip("\"'")
    negated = argument.startswith("!")
    name = argument[1:].strip() if negated else argument
    result: bool | None = None
    if section.key == "ifmodule":
        result = _has_module(name, dump)
    elif section.key == "ifdefine":
        result = name in dump.defines
    elif section.key == "iffile":
        result = files.exists(os.path.join(dump.server_root, name))
    elif section.key == "ifversion":
        result = _has_version(name, dump.version)
    if result is None:
        return None
    return result is not negated


def _has_module(name: str, dump: Dump) -> bool | None:
    if name.endswith(".c"):
        if not name.startswith("mod_"):
            return None
        name = name[4:-2] + "_module"
    return name[: -len("_module")] in dump.modules if name.endswith("_module") else name in dump.modules


def _has_version(argument: str, version: tuple[int, int, int]) -> bool | None:
    parts = argument.split()
    operator, number = (parts[0], parts[-1]) if len(parts) > 1 else ("=", argument)
    if not re.match(r"^\d+(\.\d+){0,2}$", number):
        return None
    wanted = tuple(int(part) for part in number.split("."))
    wanted = wanted + (0,) * (3 - len(wanted))
    answers = {
        "=": version == wanted,
        "==": version == wanted,
        ">": version > wanted,
        ">=": version >= wanted,
        "<": version < wanted,
        "<=": version <= wanted,
    }
    return answers.get(operator)
