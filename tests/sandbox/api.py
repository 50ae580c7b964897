# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server: one entry point that routes, authenticates, counts, injects faults and keeps the journal."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

from aiohttp import web

from .auth import authenticate
from .call import Call
from .envelope import Answer, ApiError, dumps, error_body
from .faults import Fault
from .ratelimit import RateLimit, Usage
from .routes import Route, find
from .world import Token, World

PREFIX = "/client/v4"
_ID = re.compile(r"[0-9a-f]{32}")
_SETTINGS = {"tls_client_auth": "S1", "ssl": "S2", "ssl_automatic_mode": "S3"}
_HANG = 3600.0
_TEXTS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


class Api:
    """Handles every request below ``/client/v4``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        world = self.world
        ray = secrets.token_hex(8) + "-SBX"
        path = request.path[len(PREFIX):] if request.path.startswith(PREFIX + "/") else ""
        route, params, known = find(request.method, path)
        operation = _SETTINGS.get(params.get("setting", ""), route.operation) if route else None
        entry = world.journal.add(
            time=world.clock.now(), method=request.method, path=request.path, query=request.query_string,
            operation=operation, status=None, token=None, ray=ray, write=request.method not in ("GET", "HEAD"),
            fault=None,
        )
        raw = await request.read()
        fault = world.faults.take(request.method, request.path, operation)
        entry["fault"] = fault.kind if fault else None
        if world.config.latency:
            await asyncio.sleep(world.config.latency)
        if fault is not None:
            early = await self._before(request, fault, ray)
            if early is not None:
                entry["status"] = early.status if fault.kind in ("status", "garbage") else None
                return early
        response = self._answer(request, path, route, params, known, raw, entry, ray, fault)
        if fault is not None and fault.kind in ("timeout_after", "reset_after"):
            await self._lose(request, fault)
        if fault is not None and fault.kind == "status" and fault.options.get("after_commit"):
            response = _injected(fault, ray)
        entry["status"] = response.status
        return response

    def _answer(
        self, request: web.Request, path: str, route: Route | None, params: dict[str, str], known: bool, raw: bytes,
        entry: dict[str, Any], ray: str, fault: Fault | None,
    ) -> web.Response:
        world = self.world
        config = world.config
        if fault is not None and fault.kind == "config":
            config = config.with_changes(fault.options.get("set") or {})
        headers: dict[str, str] = {"cf-ray": ray}
        try:
            limits = RateLimit(world.clock, world.usage)
            limits.count("address " + (request.remote or ""), config, per_address=True)
            token: Token | None = None
            if route is None or not route.public:
                token = authenticate(world, request.headers, verifying=bool(route and route.verifying))
                entry["token"] = token.id
                usage: Usage = limits.count("user " + token.user, config)
                headers.update(limits.headers(usage, config))
            if route is None:
                raise ApiError("method") if known else ApiError("no_route", ((7000, ""),), path=path or request.path)
            call = Call(world, config, world.clock.now(), token, params, request.query, _json(raw))
            self._permit(call, route, path)
            answer: Answer = route.handler(call)
            return web.Response(
                body=dumps(answer.body()), status=answer.status, headers=headers, content_type="application/json"
            )
        except ApiError as error:
            headers.update(error.headers)
            return self._refuse(error, config.error_result, headers)

    def _permit(self, call: Call, route: Route, path: str) -> None:
        zone_id = call.params.get("zone_id")
        if zone_id is not None:
            if not _ID.fullmatch(zone_id):
                raise ApiError("no_route", path=path)
            zone = call.world.zones.get(zone_id)
            if zone is None or (call.token and call.token.zones is not None and zone_id not in call.token.zones):
                raise ApiError("unknown_zone")
            call.zone_checked = zone
        if route.permissions and call.token is not None and not call.token.may(*route.permissions):
            raise ApiError("permission")

    def _refuse(self, error: ApiError, result_mode: str, headers: dict[str, str]) -> web.Response:
        status, code, template = self.world.codes.lookup(error.name)
        first: dict[str, Any] = {"code": code, "message": template.format_map(_Loose(error.values))}
        errors = [first]
        if error.name == "no_route":
            errors.append({"code": 7000, "message": "No route for that URI"})
        elif error.chain:
            first["error_chain"] = [{"code": number, "message": text} for number, text in error.chain]
        return web.Response(
            body=dumps(error_body(errors, result_mode)), status=status, headers=headers,
            content_type="application/json",
        )

    async def _before(self, request: web.Request, fault: Fault, ray: str) -> web.Response | None:
        if fault.kind == "delay":
            await asyncio.sleep(float(fault.options.get("seconds", 1)))
        elif fault.kind in ("timeout_before", "reset_before"):
            await self._lose(request, fault)
            return web.Response(status=500)
        elif fault.kind == "status" and not fault.options.get("after_commit"):
            return _injected(fault, ray)
        elif fault.kind == "garbage":
            return web.Response(body=b"<html><body>not JSON", status=200, headers={"cf-ray": ray},
                                content_type="text/html")
        return None

    async def _lose(self, request: web.Request, fault: Fault) -> None:
        """No answer: hang (until the client gives up), then cut the connection."""
        if fault.kind.startswith("timeout"):
            end = asyncio.get_running_loop().time() + float(fault.options.get("seconds", _HANG))
            while asyncio.get_running_loop().time() < end:
                if request.transport is None or request.transport.is_closing():
                    break
                await asyncio.sleep(0.05)
        if request.transport is not None:
            request.transport.abort()


class _Loose(dict):  # type: ignore[type-arg]
    """Message templates can be changed by users; a placeholder without a value stays as it is."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _json(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _injected(fault: Fault, ray: str) -> web.Response:
    options = fault.options
    status = int(options.get("status", 500))
    headers = {"cf-ray": ray}
    if options.get("retry_after") is not None:
        headers["retry-after"] = str(options["retry_after"])
    text = str(options.get("message", _TEXTS.get(status, "Injected fault")))
    kind = options.get("body", "json")
    if kind == "json":
        body = dumps(error_body([{"code": int(options.get("code", 10000)), "message": text}], "absent"))
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")
    if kind == "html":
        page = f"<html><head><title>{status} {text}</title></head><body><center>cloudflare</center></body></html>"
        return web.Response(text=page, status=status, headers=headers, content_type="text/html")
    return web.Response(text="" if kind == "empty" else text, status=status, headers=headers)
