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
from functools import cached_property

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

    Arguments have the values that their variables had when they were read. ``sources`` are the files that were read, by
    the name that Apache uses; ``included`` what the arguments of include lines with variables named.
    """

    nodes: tuple[Node, ...]
    sources: Mapping[str, bytes]
    server_root: str
    included: Mapping[str, set[str]]

    def directives(self, *names: str) -> list[Directive]:
        """The directives of server level (outside of any section) with one of these lower-case names."""
        return own(self.level, *names)

    def sections(self, name: str) -> list[Section]:
        """The sections with this lower-case name, at server level."""
        return self._sections.get(name, [])

    @cached_property
    def level(self) -> tuple[Node, ...]:
        """What stands at server level and holds for all virtual hosts: everything but those."""
        return tuple(node for node in self.nodes if node.key != "virtualhost")

    @cached_property
    def _sections(self) -> dict[str, list[Section]]:
        found: dict[str, list[Section]] = {}
        for node in self.nodes:
            if isinstance(node, Section):
                found.setdefault(node.key, []).append(node)
        return found

    def absolute(self, argument: str) -> str:
        """The path that an argument means."""
        return os.path.normpath(os.path.join(self.server_root, argument))

    def patterns(self, written: str) -> set[str]:
        """What an include line with this argument, as it's written, reads: more than one if its variables change."""
        return self.included.get(written, set()) if "${" in written else {self.absolute(written)}


def own(nodes: Sequence[Node], *names: str) -> list[Directive]:
    """The directives with one of these lower-case names, not looking into sections."""
    return [node for node in nodes if isinstance(node, Directive) and node.key in names]


def is_on(directive: Directive) -> bool:
    """Whether a directive says on."""
    return bool(directive.arguments) and directive.arguments[0].lower() == "on"


class Variables:
    """What ``${NAME}`` and ``<IfDefine NAME>`` mean where the reading has come to; ``given`` are defined before it.

    Source: ``set_define``, ``unset_define`` and ``ap_resolve_env`` in server/core.c: the case of a name matters to
    IfDefine only, a name without a value is no variable, and the environment comes last.
    """

    def __init__(self, environment: Mapping[str, str], given: Mapping[str, str]) -> None:
        self.names = set(given)
        self._environment = environment
        self._values = {name.lower(): value for name, value in given.items() if value}

    def expand(self, text: str) -> str:
        """Replace ``${VARIABLE}``; an unknown one stays."""
        return _VARIABLE.sub(self._value, text)

    def carry_out(self, directive: Directive) -> None:
        """Do what Define or UnDefine says; others say nothing."""
        name, *value = directive.arguments or ("",)
        if directive.key == "define":
            self.names.add(name)
            self._values.update({name.lower(): word for word in value[:1]})
        elif directive.key == "undefine":
            self.names.discard(name)
            self._values.pop(name.lower(), None)

    def _value(self, found: re.Match[str]) -> str:
        name = found.group(1)
        return self._values.get(name.lower(), self._environment.get(name, found.group(0)))


def build(dump: Dump, environment: Mapping[str, str], files: Files | None = None) -> Tree:
    """Read what ``dump`` says is loaded. Errors: a file that Apache read isn't found from the includes."""
    given: dict[str, str] = {}
    parsed: dict[str, tuple[bytes, tuple[Node, ...]]] = {}
    while True:
        builder = _Builder(dump, Variables(environment, given), files or Files(), parsed)
        nodes = tuple(builder.file(dump.files[0]))
        # What Apache has defined and no file that it read was defined on its command line, before all files.
        known = builder.variables.names.union(given)
        before = {name: value for name, value in dump.defines.items() if name not in known}
        if not before:
            break
        given.update(before)
    missing = [name for name in dump.files if os.path.normpath(name) not in builder.sources]
    if missing:
        raise OriginError(
            f"Apache loads {missing[0]}, but it isn't told how: the include that reads it couldn't be followed",
            "Include it by a plain path, or report this with the include line.",
        )
    return Tree(nodes, builder.sources, dump.server_root, builder.included)


class _Builder:
    """Follows what Apache read. Variables are replaced in arguments, as Apache does; the text stays as written."""

    def __init__(
        self, dump: Dump, variables: Variables, files: Files, parsed: dict[str, tuple[bytes, tuple[Node, ...]]]
    ) -> None:
        self.dump = dump
        self.variables = variables
        self.files = files
        self.loaded = {os.path.normpath(name) for name in dump.files}
        self.sources: dict[str, bytes] = {}
        self.included: dict[str, set[str]] = {}
        self._parsed = parsed
        self._macros: dict[str, tuple[tuple[str, ...], str]] = {}

    def file(self, path: str, depth: int = 0) -> list[Node]:
        path = os.path.normpath(path)
        if depth > _DEPTH:
            raise OriginError(f"{path} includes itself", "Let the server check its configuration.")
        if path not in self._parsed:
            content = self.files.read(path)
            if content is None:
                raise OriginError(f"Apache loads {path}, but it can't be read", "Run again; it may just be changing.")
            self._parsed[path] = content, grammar.parse(content.decode("latin-1"), path)
        self.sources[path], nodes = self._parsed[path]
        return self.nodes(nodes, depth)

    def nodes(self, nodes: Sequence[Node], depth: int) -> list[Node]:
        result: list[Node] = []
        for node in nodes:
            if isinstance(node, Directive):
                read = self._read(node)
                self.variables.carry_out(read)
                result.append(read)
                result.extend(self._brought(read, depth))
            elif node.key in _CONDITIONS:
                if holds(node, self.dump, self.variables, self.files) is not False:
                    result.extend(self.nodes(node.children, depth))
            elif node.key == "macro":
                name, *parameters = node.arguments
                self._macros[name.lower()] = (tuple(parameters), node.source)
            else:
                argument = self.variables.expand(node.argument)
                result.append(replace(node, argument=argument, children=tuple(self.nodes(node.children, depth))))
        return result

    def _read(self, node: Directive) -> Directive:
        """A directive as Apache reads it: a value may be several words."""
        if "${" not in node.text:
            return node
        name, arguments = grammar.directive(self.variables.expand(node.text))
        if node.key in INCLUDES and node.arguments and arguments:
            pattern = os.path.normpath(os.path.join(self.dump.server_root, arguments[-1]))
            self.included.setdefault(node.arguments[-1], set()).add(pattern)
        return replace(node, name=name, arguments=arguments)

    def _brought(self, node: Directive, depth: int) -> list[Node]:
        if node.key in INCLUDES and node.arguments:
            pattern = os.path.join(self.dump.server_root, node.arguments[-1])
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


def holds(section: Section, dump: Dump, variables: Variables, files: Files) -> bool | None:
    """Whether a condition holds; nothing if only Apache can tell."""
    argument = variables.expand(section.argument.strip()).strip("\"'")
    negated = argument.startswith("!")
    name = argument[1:].strip() if negated else argument
    result: bool | None = None
    if section.key == "ifmodule":
        result = _has_module(name, dump)
    elif section.key == "ifdefine":
        result = name in variables.names
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
