# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several CAs on one origin: the certificate of one opens nothing of another, whatever session it comes with."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import remedies
from ansible_collections.originlock.aop.plugins.module_utils._probe import mint
from ansible_collections.originlock.aop.plugins.module_utils._probe.model import (
    OTHER,
    PLAIN,
    TLS,
    VALID,
    Hostname,
    Identity,
    Listener,
    Origin,
    Settings,
)
from ansible_collections.originlock.aop.plugins.module_utils._probe.prover import prove
from tests.origins.pki import Authority

from .host import NginxHost, client_context
from .test_sites import codes, done, site

APP, SHOP, STAFF, OPEN = "app.example.com", "shop.example.net", "staff.example.org", "www.example.org"
UNKNOWN = "unknown.example.net"
LONG = "a-rather-long-name-of-a-hostname.in-some-department.example.com"
NAMES = {
    APP: "example.com",
    SHOP: "Example Holding (Europe): client CA of shop.example.net",
    STAFF: "Staff CA",
    LONG: "example.com client CA @ production/2026",
}
LISTEN = "listen 443 ssl; listen [::]:443 ssl;"
FIRST = "listen 443 ssl default_server; listen [::]:443 ssl default_server;"
STAFF_ONLY = "ssl_client_certificate /etc/nginx/staff-ca.pem; ssl_verify_client on;"
REJECT = f"server {{ {FIRST} ssl_reject_handshake on; }}\n"
TICKETS = {
    "tickets": "",
    "cache": "ssl_session_tickets off; ssl_session_cache shared:test:1m;",
    "both": "ssl_session_cache shared:test:1m;",
}


@dataclass(frozen=True)
class People:
    """A CA and a client of it by the hostname that trusts them; ``files``: certificate and key in one."""

    authorities: dict[str, Authority]
    certificates: dict[str, str]
    files: dict[str, str]
    directory: Path

    def wanted(self, name: str, stage: str = "enforce", by: str = "", **more: Any) -> dict[str, Any]:
        """What the driver is asked for. ``by``: the hostname whose CA it is, its own by default."""
        by = by or name
        bundle, certificate = self.authorities[by].pem, self.certificates[by]
        return {"name": name, "stage": stage, "trust_bundle": bundle, "certificate": certificate, **more}

    def identity(self, kind: str, who: str) -> Identity:
        return Identity(kind, f"{self.files[who]}.crt", f"{self.files[who]}.key")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    directory = tmp_path_factory.mktemp("people")
    made = People({}, {}, {}, directory)
    for name, called in NAMES.items():
        authority = Authority(called)
        certificate, key = authority.leaf(name)
        file = directory / name
        file.write_text(certificate + key, encoding="ascii")
        (directory / f"{name}.crt").write_text(certificate, encoding="ascii")
        (directory / f"{name}.key").write_text(key, encoding="ascii")
        made.authorities[name], made.certificates[name], made.files[name] = authority, certificate, str(file)
    return made


def only(nginx: NginxHost, people: People, *servers: str, http: str = "") -> None:
    """These server blocks and no others."""
    nginx.sh("rm -f /etc/nginx/sites-enabled/*")
    nginx.put("/etc/nginx/staff-ca.pem", people.authorities[STAFF].pem)
    nginx.put("/etc/nginx/conf.d/test.conf", f"server_names_hash_bucket_size 128; {http}\n")
    nginx.put("/etc/nginx/sites-enabled/site.conf", "".join(servers))
    nginx.restart()


def carried(nginx: NginxHost, identity: str | None, made: str | None, used: str, tls: str) -> tuple[int, bool]:
    """A session made with the SNI ``made``, taken to ``used``: the status there, and whether it was resumed."""
    context = client_context(identity, tls)
    first = nginx.request(made, made or used, identity=identity, tls=tls, context=context)
    again = nginx.request(used, used, session=first.session, context=context)
    return again.status, again.resumed


def strangers(nginx: NginxHost, people: People, target: str, others: list[str]) -> None:
    """Nobody but the hostname's own client gets in, with sessions of every kind."""
    assert nginx.request(target, target, identity=people.files[target]).status == 200
    for tls, who, sni in product(("1.2", "1.3"), [*others, None], [None, UNKNOWN, OPEN, *others]):
        identity = people.files[who] if who else None
        status, _resumed = carried(nginx, identity, sni, target, tls)
        assert status in (0, 400, 403, 421), (tls, who, sni)
        assert nginx.request(sni, target, identity=identity, tls=tls).status in (0, 400, 403, 421), (tls, who, sni)
    for tls in ("1.2", "1.3"):
        assert carried(nginx, people.files[target], target, target, tls) == (200, True), tls


def proved(nginx: NginxHost, people: People, target: str, others: list[str]) -> None:
    """The prover, with the certificates of the other CAs, finds no way in."""
    authority = people.authorities[target]
    key = authority.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ours = mint.Ours(authority.pem.encode(), people.certificates[target].encode(), key)
    forged = Path(tempfile.mkdtemp(dir=people.directory))
    who = [people.identity(VALID, target), *mint.mint(target, ours, forged)]
    who += [people.identity(OTHER + other, other) for other in others]
    listeners = []
    for address in filter(None, (nginx.address, nginx.address6)):
        listeners += [Listener(address, 443, TLS), Listener(address, 80, PLAIN)]
    settings = Settings(rate=400, time_limit=120, foreign_sni=(OPEN, *others), timeout=5, servers=remedies())
    report = prove([Origin("web1", tuple(listeners))], [Hostname(target, identities=tuple(who))], settings)
    (summary,) = report.summaries
    assert (summary.verdict, summary.holes, summary.findings) == ("enforced", (), ())


@pytest.mark.parametrize("kind", list(TICKETS))
def test_two_zones_with_a_ca_each(nginx: NginxHost, people: People, kind: str) -> None:
    only(nginx, people, site(SHOP, listen=LISTEN), site(APP, listen=LISTEN), site(OPEN), http=TICKETS[kind])
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP)]))
    strangers(nginx, people, APP, [SHOP])
    strangers(nginx, people, SHOP, [APP])
    if kind == "tickets":
        proved(nginx, people, APP, [SHOP])
        proved(nginx, people, SHOP, [APP])


def test_without_the_check_it_would_be_open(nginx: NginxHost, people: People) -> None:
    """The door that the check closes is there, and the log tells by which CA somebody came."""
    only(nginx, people, site(SHOP, listen=LISTEN), site(APP, listen=LISTEN))
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP)]))
    assert carried(nginx, people.files[SHOP], None, APP, "1.3") == (403, True)
    row = nginx.log()[-1]
    assert (row["hostname"], row["status"], row["verify"], row["resumed"]) == (APP, "403", "SUCCESS", "r")
    assert (row["sni"], row["issuer"]) == (APP, "CN=" + NAMES[SHOP])
    nginx.sh("sed -i '/aop_other_issuer/d' /etc/nginx/aop/*.conf && nginx -s reload && sleep 1")
    assert carried(nginx, people.files[SHOP], None, APP, "1.3") == (200, True)


@pytest.mark.parametrize("listen", [FIRST, LISTEN])
@pytest.mark.parametrize("kind", ["tickets", "both"])
def test_a_foreign_site_with_client_certificates_first(
    nginx: NginxHost, people: People, listen: str, kind: str
) -> None:
    foreign = site(STAFF, STAFF_ONLY, listen)
    only(nginx, people, foreign, site(APP), site(LONG), site(OPEN), http=TICKETS[kind])
    done(nginx.apply([people.wanted(APP), people.wanted(LONG)]))
    for name in (APP, LONG):
        strangers(nginx, people, name, [STAFF, LONG if name == APP else APP])
    assert nginx.request(STAFF, STAFF, identity=people.files[STAFF]).status == 200
    if kind == "tickets":
        proved(nginx, people, LONG, [STAFF, APP])


def test_hostnames_of_two_cas_in_one_block(nginx: NginxHost, people: People) -> None:
    only(nginx, people, site(f"{APP} {SHOP} {LONG}"), site(OPEN))
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP), people.wanted(LONG)]))
    for name, other in ((APP, SHOP), (SHOP, LONG), (LONG, APP)):
        strangers(nginx, people, name, [other])
        answer = nginx.request(name, name, identity=people.files[other])
        assert answer.status == 403
        row = nginx.log()[-1]
        assert (row["hostname"], row["verify"], row["issuer"]) == (name, "SUCCESS", "CN=" + NAMES[other])
    # One of them relaxed: the block serves it to everybody, and the others to their own clients only.
    done(nginx.apply([people.wanted(SHOP, "log_only")]))
    strangers(nginx, people, APP, [LONG])
    assert nginx.request(APP, APP, identity=people.files[SHOP]).status == 403
    for who in (None, people.files[SHOP], people.files[APP], people.files[STAFF]):
        assert nginx.request(SHOP, SHOP, identity=who).status == 200


@pytest.mark.parametrize("listen", [FIRST, LISTEN])
def test_the_protected_block_is_the_default_server(nginx: NginxHost, people: People, listen: str) -> None:
    only(nginx, people, site(SHOP, listen=listen), site(APP), site(STAFF, STAFF_ONLY), site(OPEN))
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP)]))
    strangers(nginx, people, APP, [SHOP, STAFF])
    strangers(nginx, people, SHOP, [APP, STAFF])


def test_a_block_with_a_redirect_of_its_own_goes_on(nginx: NginxHost, people: People) -> None:
    """Requests without TLS have no issuer, and are not judged by it."""
    both = LISTEN + " listen 80; listen [::]:80;"
    only(nginx, people, site(APP, "if ($https = '') { return 301 https://$host$request_uri; }", both), site(SHOP))
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP)]))
    assert nginx.plain_request(APP, "/a").status == 301
    strangers(nginx, people, APP, [SHOP])


def test_a_ca_without_a_plain_name(nginx: NginxHost, people: People) -> None:
    wanted = people.wanted(APP, issuers=[])
    only(nginx, people, site(STAFF, STAFF_ONLY), site(APP))
    refused = nginx.apply([wanted])
    assert "the default server of *:443 asks for certificates of another CA" in refused["error"], refused
    assert "/etc/nginx/sites-enabled/site.conf:1" in refused["error"]
    only(nginx, people, site(SHOP), site(APP))
    refused = nginx.apply([wanted, people.wanted(SHOP)])
    assert "asks for certificates of another CA" in refused["error"], refused
    only(nginx, people, REJECT, site(STAFF, STAFF_ONLY), site(APP))
    assert "issuer_not_pinned" not in codes(done(nginx.apply([wanted])))
    strangers(nginx, people, APP, [STAFF])
    only(nginx, people, site(OPEN), site(STAFF, STAFF_ONLY), site(APP))
    assert "issuer_not_pinned" in codes(done(nginx.apply([wanted])))
    strangers(nginx, people, APP, [STAFF])


def test_a_new_ca_comes_beside_the_old_one(nginx: NginxHost, people: People) -> None:
    only(nginx, people, site(SHOP), site(APP))
    done(nginx.apply([people.wanted(APP), people.wanted(SHOP)]))
    bundle = people.authorities[APP].pem + people.authorities[LONG].pem
    done(nginx.apply([people.wanted(APP, trust_bundle=bundle)]))
    for who in (APP, LONG):
        assert nginx.request(APP, APP, identity=people.files[who]).status == 200
    assert nginx.request(APP, APP, identity=people.files[SHOP]).status == 400
    assert carried(nginx, people.files[SHOP], None, APP, "1.3") == (403, True)
    done(nginx.apply([people.wanted(APP, by=LONG)]))
    strangers(nginx, people, SHOP, [APP, LONG])
    assert nginx.request(APP, APP, identity=people.files[APP]).status == 400
    assert nginx.request(APP, APP, identity=people.files[LONG]).status == 200
