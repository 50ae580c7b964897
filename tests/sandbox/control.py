# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control interface: HTTP and JSON on loopback, all below /control."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Callable

from aiohttp import web

from .associations import change
from .call import Call
from .certificates import schedule_deletion
from .config import describe
from .edge.choice import presented
from .edge.control import dns_as_dict, set_dns, set_edge, set_identity
from .model import DELETED
from .world import ALL_PERMISSIONS, DEFAULT_ACCOUNT_ID, DEFAULT_EMAIL, Token, World, Zone, new_id

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Every answer is an object; mistakes are 400 with ``{"error": text}``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=16 * 2**20, middlewares=[_guard])
        app.router.add_routes([
            web.get("/control/config", self.get_config), web.put("/control/config", self.put_config),
            web.get("/control/codes", self.get_codes), web.put("/control/codes", self.put_codes),
            web.get("/control/clock", self.get_clock), web.put("/control/clock", self.put_clock),
            web.get("/control/zones", self.get_zones), web.post("/control/zones", self.post_zone),
            web.put("/control/zones/{zone}", self.put_zone),
            web.post("/control/tokens", self.post_token),
            web.get("/control/dns", self.get_dns), web.put("/control/dns", self.put_dns),
            web.get("/control/faults", self.get_faults), web.post("/control/faults", self.post_fault),
            web.delete("/control/faults", self.delete_faults),
            web.post("/control/drift", self.post_drift),
            web.get("/control/edge", self.get_edge), web.put("/control/edge", self.put_edge),
            web.put("/control/identities/{name}", self.put_identity),
            web.put("/control/origin-ca", self.put_origin_ca),
            web.get("/control/presented", self.get_presented),
            web.get("/control/journal", self.get_journal), web.get("/control/edge-journal", self.get_edge_journal),
            web.get("/control/notifications", self.get_notifications),
            web.post("/control/reset", self.post_reset),
        ])
        return app

    async def get_config(self, request: web.Request) -> web.Response:
        """Switches, or with ``describe=1`` their meaning."""
        described = "describe" in request.query
        return web.json_response({"switches": describe()} if described else self.world.config.as_dict())

    async def put_config(self, request: web.Request) -> web.Response:
        """Change switches; the answer shows all."""
        self.world.config.update(await _body(request))
        return web.json_response(self.world.config.as_dict())

    async def get_codes(self, request: web.Request) -> web.Response:
        """The error table."""
        return web.json_response(self.world.codes.as_dict())

    async def put_codes(self, request: web.Request) -> web.Response:
        """Change errors: ``{name: {http, code, message}}``."""
        self.world.codes.update(await _body(request))
        return web.json_response(self.world.codes.as_dict())

    async def get_clock(self, request: web.Request) -> web.Response:
        """Simulated time and speed."""
        return web.json_response({"now": self.world.clock.now(), "scale": self.world.clock.scale})

    async def put_clock(self, request: web.Request) -> web.Response:
        """``{scale?, advance?}``."""
        body = await _body(request, "scale", "advance")
        if "scale" in body:
            self.world.clock.set_scale(float(body["scale"]))
        if "advance" in body:
            self.world.clock.advance(float(body["advance"]))
        return await self.get_clock(request)

    async def get_zones(self, request: web.Request) -> web.Response:
        """Zones with their counts."""
        now = self.world.clock.now()
        return web.json_response({"zones": [
            {
                "id": z.id, "name": z.name, "account_id": z.account_id, "paused": z.paused, "plan": z.plan,
                "aop": z.aop.value, "settings": {name: s.value for name, s in z.settings.items()},
                "certificates": {
                    store: sum(1 for c in kept.values() if c.status(now) != DELETED)
                    for store, kept in z.certificates.items()
                },
                "associations": sum(1 for a in z.associations.values() if not a.gone(now)),
            }
            for z in self.world.zones.values()
        ]})

    async def post_zone(self, request: web.Request) -> web.Response:
        """``{name, id?, account_id?, status?, paused?, plan?, settings?}``."""
        body = await _body(request, "name", "id", "account_id", "account_name", "status", "paused", "plan", "settings")
        if not body.get("name"):
            raise ValueError("a zone needs a name")
        settings = body.pop("settings", {})
        zone = Zone(id=body.pop("id", None) or new_id(), account_id=body.pop("account_id", DEFAULT_ACCOUNT_ID), **body)
        self.world.add_zone(zone)
        self._settings(zone, settings)
        return web.json_response({"id": zone.id, "name": zone.name, "account_id": zone.account_id}, status=201)

    async def put_zone(self, request: web.Request) -> web.Response:
        """Change a zone (by id or name) behind the API: ``{paused?, status?, plan?, aop?, settings?}``; at once."""
        zone = self._zone(request.match_info["zone"])
        body = await _body(request, "paused", "status", "plan", "aop", "settings")
        self._settings(zone, body.pop("settings", {}))
        if "aop" in body:
            zone.aop.set(bool(body.pop("aop")), self.world.clock.now(), 0)
        for name, value in body.items():
            setattr(zone, name, value)
        return web.json_response({"id": zone.id, "name": zone.name})

    async def post_token(self, request: web.Request) -> web.Response:
        """``{value?, permissions?, zones?, account_owned?, status?, user?, ...}``; answers id and value."""
        body = await _body(request, "value", "permissions", "zones", "account_owned", "status", "user", "not_before",
                           "expires_on", "fresh_failures")
        permissions = body.get("permissions", list(ALL_PERMISSIONS))
        known = set(ALL_PERMISSIONS) | {p.replace("Write", "Read") for p in ALL_PERMISSIONS}
        for name in permissions:
            if name not in known:
                raise ValueError(f"permission {name!r} is none of {', '.join(sorted(known))}")
        owned = bool(body.get("account_owned"))
        zones = body.get("zones")
        token = Token(
            id=new_id(),
            value=body.get("value") or ("cfat_" if owned else "") + new_id() + new_id()[:8],
            permissions=frozenset(permissions),
            zones=None if zones is None else frozenset(self._zone(z).id for z in zones),
            user=body.get("user", DEFAULT_ACCOUNT_ID if owned else DEFAULT_EMAIL),
            account_owned=owned,
            status=body.get("status", "active"),
            not_before=body.get("not_before"),
            expires_on=body.get("expires_on"),
            fresh_failures=int(body.get("fresh_failures", self.world.config.fresh_token_failures)),
        )
        self.world.add_token(token)
        return web.json_response({"id": token.id, "value": token.value}, status=201)

    async def get_dns(self, request: web.Request) -> web.Response:
        """DNS records."""
        return web.json_response(dns_as_dict(self.world))

    async def put_dns(self, request: web.Request) -> web.Response:
        """``{hostname: {addresses, proxied, http_port, https_port} | null}``; other records stay."""
        set_dns(self.world, await _body(request))
        return web.json_response(dns_as_dict(self.world))

    async def get_faults(self, request: web.Request) -> web.Response:
        """Faults that still wait."""
        return web.json_response({"faults": [fault.as_dict() for fault in self.world.faults.queue]})

    async def post_fault(self, request: web.Request) -> web.Response:
        """Queue a fault."""
        body = await _body(request)
        fault = self.world.faults.add(body)
        if fault.kind == "config":
            try:
                self.world.config.with_changes(fault.options.get("set") or {})
            except ValueError:
                self.world.faults.queue.remove(fault)
                raise
        return web.json_response(fault.as_dict(), status=201)

    async def delete_faults(self, request: web.Request) -> web.Response:
        """Drop all faults."""
        self.world.faults.queue.clear()
        return web.json_response({})

    async def post_drift(self, request: web.Request) -> web.Response:
        """Somebody else's change: ``{zone?, delete_certificate: id, repoint: {hostname, cert_id, enabled}}``.

        Both take effect at once and ask no questions (a certificate in use is deleted all the same).
        """
        body = await _body(request, "zone", "delete_certificate", "repoint")
        zone = self._zone(body.get("zone") or next(iter(self.world.zones)))
        now = self.world.clock.now()
        config = self.world.config.with_changes({
            "certificate_delete_seconds": 0, "delete_outcome": "deleted", "void_seconds": 0,
            "association_deploy_seconds": 0, "association_outcome": "active",
        })
        call = Call(self.world, config, now, None, {}, {}, None, zone)
        if "delete_certificate" in body:
            certificate = zone.certificate(str(body["delete_certificate"]))
            if certificate is None:
                raise ValueError("there is no such certificate in the zone")
            schedule_deletion(call, certificate)
        if "repoint" in body:
            wish = body["repoint"]
            certificate = zone.certificates["hostname"].get(wish.get("cert_id", ""))
            if certificate is None:
                raise ValueError("repoint: there is no such hostname certificate in the zone")
            change(call, wish["hostname"].lower(), certificate, wish.get("enabled", True))
        return web.json_response({})

    async def get_edge(self, request: web.Request) -> web.Response:
        """The edge's behaviour."""
        edge = self.world.edge
        return web.json_response({**vars(edge.default), "hostnames": edge.hostnames})

    async def put_edge(self, request: web.Request) -> web.Response:
        """``{present?, connection?, resume?, tls?, ca_filter?, hostnames?: {hostname: {...} | null}}``."""
        set_edge(self.world, await _body(request))
        return await self.get_edge(request)

    async def put_identity(self, request: web.Request) -> web.Response:
        """A client certificate for ``present``: ``{certificate, private_key}``; built-in ones can be replaced."""
        body = await _body(request, "certificate", "private_key")
        return web.json_response(set_identity(self.world, request.match_info["name"], body))

    async def put_origin_ca(self, request: web.Request) -> web.Response:
        """``{certificate: PEM bundle}``: what SSL mode strict trusts."""
        body = await _body(request, "certificate")
        self.world.origin_ca = str(body.get("certificate") or "")
        self.world.generation += 1
        return web.json_response({})

    async def get_presented(self, request: web.Request) -> web.Response:
        """What the edge would present for a hostname now."""
        return web.json_response(presented(self.world, request.query["hostname"].lower()).as_dict())

    async def get_journal(self, request: web.Request) -> web.Response:
        """API requests; ``writes=1``, ``since=N``."""
        return _entries(self.world.journal, request)

    async def get_edge_journal(self, request: web.Request) -> web.Response:
        """Visitors' requests and their pulls; ``since=N``."""
        return _entries(self.world.edge_journal, request)

    async def get_notifications(self, request: web.Request) -> web.Response:
        """Test notifications that were sent."""
        return web.json_response({"sent": [s for a in self.world.accounts.values() for s in a.sent]})

    async def post_reset(self, request: web.Request) -> web.Response:
        """Back to the defaults."""
        self.world.reset()
        return web.json_response({})

    def _zone(self, name: str) -> Zone:
        for zone in self.world.zones.values():
            if name in (zone.id, zone.name):
                return zone
        raise ValueError(f"there is no zone {name!r}")

    def _settings(self, zone: Zone, settings: dict[str, str]) -> None:
        for name, value in settings.items():
            if name not in zone.settings:
                raise ValueError(f"zone settings: {name!r} is none of {', '.join(zone.settings)}")
            zone.settings[name].set(value, self.world.clock.now(), 0)


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    if "Origin" in request.headers:  # a web page in somebody's browser
        return web.json_response({"error": "not for browsers"}, status=403)
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"missing: {error}" if isinstance(error, KeyError) else str(error)
        return web.json_response({"error": text}, status=400)


async def _body(request: web.Request, *allowed: str) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    extra = set(body) - set(allowed)
    if allowed and extra:
        raise ValueError(f"unknown member {sorted(extra)[0]!r}; there are {', '.join(allowed)}")
    return body


def _entries(journal: Any, request: web.Request) -> web.Response:
    since = int(request.query.get("since", "0"))
    entries = journal.select(since, request.query.get("writes", "0") not in ("0", ""))
    return web.json_response({"entries": entries, "last": journal.last})
