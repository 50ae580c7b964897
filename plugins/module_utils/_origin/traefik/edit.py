# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of ours in the files of somebody else's routers, YAML or TOML.

There's no parser of either here. A router is found by its lines; a throw-away process then tells whether the edit did
what it should, and nothing else, or the plan isn't carried out. A line that takes the place of another one keeps that
one in a comment above, so that it comes back byte for byte.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..marks import Piece
from ..model import MARK

_END = f"  # {MARK}"
_WAS = f"# {MARK} was:"
_REPLACED = re.compile(rf"^{re.escape(_WAS)}([^\n]*)\n[^\n]*{re.escape(_END)}(?=\n|\Z)", re.MULTILINE)
_ADDED = re.compile(rf"^(?!{re.escape(_WAS)})[^\n]*\S[^\n]*{re.escape(_END)}\n", re.MULTILINE)
_KEY = re.compile(r"""^([ ]*)(?:"([^"\n]+)"|'([^'\n]+)'|([^\s#'"{}\[\],&*!|>%@`-][^\n:#]*?))[ ]*:(?:[ ]+(.*?))?[ ]*$""")
_TABLE = re.compile(r"^[ \t]*\[(?!\[)(.+?)\][ \t]*(?:#.*)?$")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.|\Z)""")
_PAIR = re.compile(r"""^[ \t]*["']?([A-Za-z]+)["']?[ \t]*=[ \t]*(.*?)[ \t]*$""")
_OPTIONS = re.compile(r"""(\boptions["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,}#]+)""")


@dataclass(frozen=True)
class _Line:
    start: int
    text: str
    number: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class _Block:
    """The lines of a router. ``keys``: each key of its own with its value, the line, and the lines below it."""

    line: _Line
    keys: dict[str, tuple[str, _Line, list[_Line]]]


def line_of(path: str, text: str, router: str) -> int:
    """The line at which a router is defined in a file, 0 if it's not found there."""
    block = _find(path, text, router)
    return block.line.number if block else 0


def without(text: str) -> str:
    """The file without our lines."""
    return _ADDED.sub("", _REPLACED.sub(r"\1", text))


def additions(path: str, text: str, router: str, name: str) -> list[Piece] | None:
    """What gives a router the TLS options and the middleware ``name``; None where that can't be done by lines.

    ``text`` has no lines of ours.
    """
    block = _find(path, text, router)
    tls = block.keys.get("tls") if block else None
    if block is None or tls is None:
        return None
    equals = "=" if _toml(path) else ":"
    pieces: list[Piece | None] = []
    if not _names(tls, name):
        pieces.append(_tls(tls, name, equals))
    if not _names(block.keys.get("middlewares"), name):
        pieces.append(_middlewares(block, name, equals))
    return None if None in pieces else [piece for piece in pieces if piece is not None]


def _names(found: tuple[str, _Line, list[_Line]] | None, name: str) -> bool:
    """Whether somebody has written ``name`` there by hand."""
    texts = [found[0], *(child.text for child in found[2])] if found else []
    return any(re.search(rf"""["'\s\[]{re.escape(name)}(@file)?(["'\s,\]}}]|\Z)""", f" {text}") for text in texts)


def snippet(name: str) -> str:
    """The lines to add by hand, for a finding."""
    return f'options: "{name}" into its tls, and "{name}" as the first of its middlewares'


def _tls(found: tuple[str, _Line, list[_Line]], name: str, equals: str) -> Piece | None:
    value, line, below = found
    pair = f'options{": " if equals == ":" else " = "}"{name}"'
    inline = _uncommented(value)
    if inline.startswith("{") and inline.endswith("}"):
        inner = inline[1:-1].strip()
        if _OPTIONS.search(inner):
            inner = _OPTIONS.sub(lambda one: f'{one.group(1)}"{name}"', inner)
        else:
            inner = f"{pair}, {inner}" if inner else pair
        return _replacing(line, value, "{" + inner + "}")
    if inline:
        return None
    for child in below:
        if re.match(r"""[ \t]*["']?options["']?[ \t]*[:=]""", child.text):
            indent = child.text[: len(child.text) - len(child.text.lstrip())]
            return (child.start, child.end, f"{_WAS}{child.text}\n{indent}{pair}{_END}")
    if equals == "=":
        indent = line.text[: len(line.text) - len(line.text.lstrip())]
        return (line.end + 1, line.end + 1, f"{indent}  {pair}{_END}\n")
    content = [child for child in below if child.text.strip() and not child.text.lstrip().startswith("#")]
    if not content:
        return None
    indent = content[0].text[: len(content[0].text) - len(content[0].text.lstrip())]
    return (content[0].start, content[0].start, f"{indent}{pair}{_END}\n")


def _middlewares(block: _Block, name: str, equals: str) -> Piece | None:
    found = block.keys.get("middlewares")
    if found is None:
        first = next(iter(block.keys.values()))[1]
        indent = first.text[: len(first.text) - len(first.text.lstrip())]
        sign = ": " if equals == ":" else " = "
        return (first.start, first.start, f'{indent}middlewares{sign}["{name}"]{_END}\n')
    value, line, below = found
    inline = _uncommented(value)
    items = [child for child in below if child.text.lstrip().startswith("- ")]
    if inline.startswith("[") and inline.endswith("]"):
        inner = inline[1:-1].strip()
        return _replacing(line, value, f'["{name}", {inner}]' if inner else f'["{name}"]')
    if not inline and items:
        indent = items[0].text[: len(items[0].text) - len(items[0].text.lstrip())]
        return (items[0].start, items[0].start, f'{indent}- "{name}"{_END}\n')
    return None


def _replacing(line: _Line, value: str, new: str) -> Piece:
    head = line.text[: line.text.rindex(value)] if value else line.text + " "
    return (line.start, line.end, f"{_WAS}{line.text}\n{head}{new}{_END}")


def _uncommented(value: str) -> str:
    return re.sub(r"(^|[ \t])#.*$", "", value).strip()


def _toml(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() == ".toml"


def _find(path: str, text: str, router: str) -> _Block | None:
    lines, start = [], 0
    for number, line in enumerate(text.split("\n"), 1):
        lines.append(_Line(start, line, number))
        start += len(line) + 1
    return _find_toml(lines, router) if _toml(path) else _find_yaml(lines, router)


def _find_yaml(lines: Sequence[_Line], router: str) -> _Block | None:
    stack: list[tuple[int, str]] = []
    for index, line in enumerate(lines):
        found = _KEY.match(line.text)
        if not found:
            continue
        indent, key = len(found.group(1)), found.group(2) or found.group(3) or found.group(4)
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if [name.lower() for _indent, name in stack] == ["http", "routers"] and key.strip() == router:
            return _yaml_block(lines, index, indent) if not _uncommented(found.group(5) or "") else None
        stack.append((indent, key.strip()))
    return None


def _yaml_block(lines: Sequence[_Line], index: int, indent: int) -> _Block:
    keys: dict[str, tuple[str, _Line, list[_Line]]] = {}
    own = -1
    current: list[_Line] = []
    for line in lines[index + 1 :]:
        stripped = line.text.strip()
        depth = len(line.text) - len(line.text.lstrip(" "))
        if not stripped or stripped.startswith("#"):
            current.append(line)
            continue
        if depth <= indent:
            break
        own = depth if own < 0 else own
        found = _KEY.match(line.text)
        if depth == own and found and not stripped.startswith("- "):
            key = (found.group(2) or found.group(3) or found.group(4)).strip().lower()
            current = []
            keys[key] = (found.group(5) or "", line, current)
        else:
            current.append(line)
    return _Block(lines[index], keys)


def _find_toml(lines: Sequence[_Line], router: str) -> _Block | None:
    block: _Block | None = None
    current: dict[str, tuple[str, _Line, list[_Line]]] | list[_Line] | None = None
    for line in lines:
        table = _TABLE.match(line.text)
        if table:
            parts = [next(group for group in part if group is not None) for part in _parts(table.group(1))]
            names = [part.lower() for part in parts]
            current = None
            if names[:2] == ["http", "routers"] and parts[2:3] == [router]:
                block = block or _Block(line, {})
                if len(parts) == 3:
                    block = _Block(line, block.keys)
                    current = block.keys
                elif names[3:] == ["tls"]:
                    current = []
                    block.keys["tls"] = ("", line, current)
        elif isinstance(current, dict):
            pair = _PAIR.match(line.text)
            if pair:
                current[pair.group(1).lower()] = (pair.group(2), line, [])
        elif current is not None:
            current.append(line)
    return block


def _parts(header: str) -> list[tuple[str | None, ...]]:
    parts, place = [], 0
    while place < len(header):
        found = _PART.match(header, place)
        if found is None or found.end() == place:
            return []
        parts.append(found.groups())
        place = found.end()
    return parts
