# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request goes: rules, conditions, ACLs and maps, followed as far as they ask for name and kind of connection.

What can't be known here (paths, headers, Lua) is taken for possible, both ways.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Callable

from .config import Configuration, Line, Section

#: A destination that isn't known: it may be every backend.
ANYWHERE = "*"
#: The rule itself answers with content.
ANSWER = "(answered here)"

_ENDING = ("deny", "reject", "tarpit", "silent-drop", "redirect")
_SEVERAL = ("hdr", "req.hdr", "fhdr", "req.fhdr")
_MATCHES = ("str", "beg", "end", "sub", "dom", "dir", "reg", "len", "bool", "found", "int", "ip", "bin")
_PREDEFINED = {"TRUE": True, "FALSE": False, "HTTP": True, "REQ_CONTENT": None}
_CALL = re.compile(r"([A-Za-z0-9_.]+)(?:\((.*)\))?\Z", re.DOTALL)


@dataclass(frozen=True)
class Request:
    """What is known of a request: its Host without port, the SNI (empty: none), whether TLS ended here."""

    host: str
    sni: str
    tls: bool
    port: int = 0


@dataclass
class Router:
    """Follows requests through one section. ``read``: the lines of a file that a condition or a map names."""

    configuration: Configuration
    section: Section
    read: Callable[[str], Sequence[str]]
    _variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = list(self.section.inherited())
        for line in self.lines:
            name = re.match(r"set-var\((\S+)\)\Z", line.words[1]) if len(line.words) > 2 else None
            if name and line.words[0] in ("http-request", "tcp-request") and not _condition(line.words[3:]):
                self._variables[name.group(1)] = line.words[2]

    def destinations(self, request: Request) -> set[str]:
        """The backends that may get ``request``; nothing if it's refused or redirected."""
        found: set[str] = set()
        for line in self._rules("http-request"):
            holds = self.holds(line.words, request)
            action = line.words[1] if len(line.words) > 1 else ""
            if holds is False:
                continue
            if (action == "return" and not _refuses(line.words)) or action == "use-service":
                found.add(ANSWER)
            elif action == "allow" and holds:
                break
            elif action not in (*_ENDING, "return"):
                if holds and action == "set-header" and [word.lower() for word in line.words[2:3]] == ["host"]:
                    request = replace(request, host=" ".join(line.words[3:4]).lower())
                continue
            if holds:
                return found
        for line in self._rules("redirect"):
            if self.holds(line.words, request):
                return found
        for line in self._rules("use_backend"):
            holds = self.holds(line.words, request)
            if holds is not False and len(line.words) > 1:
                chosen = self._backends(line.words[1], request)
                found |= chosen
                if holds and not chosen:
                    break
                if holds and ANYWHERE not in chosen:
                    return found
        default = self.section.value("default_backend")
        if default:
            found |= self._backends(default, request)
        elif self.section.kind == "listen":
            found.add(self.section.name)
        return found

    def _rules(self, word: str) -> list[Line]:
        return [line for line in self.lines if line.words[0] == word]

    def _backends(self, name: str, request: Request) -> set[str]:
        dynamic = re.fullmatch(r"%\[(.*)\]", name, re.DOTALL)
        if dynamic is None:
            return {ANYWHERE if "%[" in name else name}
        value = self._value(dynamic.group(1), request)
        # A name that is no backend's means the default one.
        known = {section.name for section in self.configuration.of("backend", "listen")}
        return {ANYWHERE} if value is None else {value} & known

    def holds(self, words: Sequence[str], request: Request) -> bool | None:
        """Whether the condition of a rule holds; None if that can't be known. A rule without one always applies."""
        condition = _condition(words)
        if not condition:
            return True
        result = self._either(condition[1:], request)
        if condition[0] == "unless":
            return None if result is None else not result
        return result

    def _either(self, words: Sequence[str], request: Request) -> bool | None:
        results: list[bool | None] = []
        every: list[bool | None] = []
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            if word.lower() in ("or", "||"):
                results.append(_all(every))
                every = []
                continue
            negated = False
            while word.startswith("!"):
                negated = not negated
                word = word[1:]
                if not word and position < len(words):
                    word = words[position]
                    position += 1
            if word == "{":
                end = position
                while end < len(words) and words[end] != "}":
                    end += 1
                value = self._test(words[position:end], request)
                position = end + 1
            else:
                value = self._acl(word, request)
            every.append(None if value is None else value != negated)
        results.append(_all(every))
        return True if True in results else None if None in results else False

    def _acl(self, name: str, request: Request) -> bool | None:
        lines = [line for line in self.lines if line.words[:2] == ("acl", name)]
        if not lines:
            return _PREDEFINED.get(name)
        results = [self._test(line.words[2:], request) for line in lines]
        return True if True in results else None if None in results else False

    def _test(self, words: Sequence[str], request: Request) -> bool | None:
        """An ACL without its name: what is fetched, flags, values."""
        if not words:
            return None
        method, ignore_case, several = "", False, list(words[1:])
        values: list[str] = []
        while several and several[0].startswith("-") and len(several[0]) == 2:
            flag = several.pop(0)
            if flag == "--":
                break
            if flag == "-i":
                ignore_case = True
            elif flag == "-m" and several:
                method = several.pop(0)
            elif flag == "-f" and several:
                values += self.read(several.pop(0))
            elif flag not in ("-n", "-u"):
                return None
        values += several
        fetch, method = _method(words[0], method)
        if fetch == "always_true":
            return True
        if fetch == "always_false":
            return False
        if fetch == "ssl_fc":
            return request.tls
        if fetch == "dst_port":
            known = request.port and all(value.isdigit() for value in values)
            return str(request.port) in values if known else None
        value = self._value(fetch, request)
        if value is None:
            return None
        if method == "found":
            return value != ""
        return _matches(method, value, values, ignore_case)

    def _value(self, expression: str, request: Request) -> str | None:
        """The text of a sample expression; None if it can't be known."""
        first, *converters = _pieces(expression)
        call = _CALL.match(first)
        if call is None:
            return None
        name, argument = call.group(1), (call.group(2) or "").split(",")[0].strip().lower()
        value: str | None = None
        if name in _SEVERAL and argument == "host":
            value = request.host
        elif name == "ssl_fc_sni":
            value = request.sni
        elif name == "var" and call.group(2) in self._variables:
            value = self._value(self._variables[call.group(2)], request)
        elif name == "str":
            value = call.group(2) or ""
        for converter in converters:
            value = self._converted(value, converter) if value is not None else None
        return value

    def _converted(self, value: str, converter: str) -> str | None:
        call = _CALL.match(converter)
        name = call.group(1) if call else ""
        arguments = (call.group(2) or "") if call else ""
        if name == "lower":
            return value.lower()
        if name in ("field", "word") and arguments.replace(" ", "") in ("1,:", "1,\\:"):
            return value.partition(":")[0]
        if name in ("host_only", "rtrim", "ltrim") or (name == "regsub" and re.match(r":|\\?\.\$|\^?www", arguments)):
            # Of a plain name these take nothing away. (A leading "www." aside, which then may have been taken.)
            return value if "www" not in arguments else None
        if name == "map" or name.startswith("map_"):
            return self._mapped(value, name[4:] or "str", arguments)
        return None

    def _mapped(self, value: str, method: str, arguments: str) -> str | None:
        file, _comma, default = arguments.partition(",")
        if method not in ("str", "beg", "end", "sub", "dom", "reg"):
            return None
        for text in self.read(file.strip()):
            key, *result = text.split(None, 1)
            if _matches(method, value, [key], False):
                return "".join(result)
        return default.strip()


def _condition(words: Sequence[str]) -> Sequence[str]:
    for number, word in enumerate(words):
        if word in ("if", "unless"):
            return words[number:]
    return ()


def _refuses(words: Sequence[str]) -> bool:
    return "status" in words[:-1] and words[list(words).index("status") + 1][:1] in ("3", "4", "5")


def _all(values: Sequence[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _method(fetch: str, method: str) -> tuple[str, str]:
    """``hdr_beg(host)`` is ``hdr(host) -m beg``."""
    head, bracket, rest = fetch.partition("(")
    stem, _underscore, suffix = head.rpartition("_")
    if suffix in _MATCHES and stem in (*_SEVERAL, "ssl_fc_sni"):
        return stem + bracket + rest, method or suffix
    return fetch, method or "str"


def _pieces(expression: str) -> list[str]:
    """A sample expression at its commas, those between brackets aside."""
    pieces, depth = [""], 0
    for character in expression:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces


def _matches(method: str, value: str, patterns: Sequence[str], ignore_case: bool) -> bool | None:
    if ignore_case and method != "reg":
        value, patterns = value.lower(), [pattern.lower() for pattern in patterns]
    if method == "str":
        return value in patterns
    if method == "beg":
        return any(value.startswith(pattern) for pattern in patterns)
    if method == "end":
        return any(value.endswith(pattern) for pattern in patterns)
    if method == "sub":
        return any(pattern in value for pattern in patterns)
    if method == "dom":
        return any(f".{pattern.strip('.')}." in f".{value}." for pattern in patterns)
    if method == "reg":
        try:
            flags = re.IGNORECASE if ignore_case else 0
            return any(re.search(pattern, value, flags) is not None for pattern in patterns)
        except re.error:
            return None
    return None
