# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line means: trust, certificate, exception, time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.plugins.module_utils._evidence.certificates import (
    Certificates,
    generations,
    normal_name,
)
from ansible_collections.originlock.aop.plugins.module_utils._evidence.exceptions import Exceptions, declared
from ansible_collections.originlock.aop.plugins.module_utils._evidence.record import parse, verification
from ansible_collections.originlock.aop.plugins.module_utils._evidence.scan import Scanner
from ansible_collections.originlock.aop.plugins.module_utils._evidence.times import iso, moment
from ansible_collections.originlock.aop.plugins.module_utils._origin.servers import SERVERS
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._evidence.evidence_lines import (
    DIRECT,
    ISSUER,
    SERIAL,
    SHA1,
    line,
    question,
    raw_line,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "SUCCESS"),
        ({"resumed": "r", "tls": "TLSv1.2"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.2", "resumed": "Initial"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.3", "resumed": "Resumed"}, "SUCCESS"),
        ({"server": "apache", "tls": "TLSv1.2", "resumed": "Resumed"}, "SUCCESS_UNTRUSTED"),
        ({"server": "apache", "tls": "", "resumed": ""}, "SUCCESS_UNTRUSTED"),
        ({"server": "somebody"}, "SUCCESS_UNTRUSTED"),
        ({"server": "caddy"}, "SUCCESS_UNTRUSTED"),
        ({"verify": "NONE"}, "NONE"),
        ({"verify": "NONE", "resumed": "r"}, "NONE_RESUMED"),
        ({"verify": "FAILED:certificate has expired"}, "FAILED"),
        ({"verify": "GENEROUS"}, "GENEROUS"),
        ({"verify": "success"}, "UNKNOWN"),
        ({"verify": ""}, "UNKNOWN"),
    ],
)
def test_verification(changes: dict[str, str], expected: str) -> None:
    record = parse(line(**changes))
    assert record is not None
    assert verification(record, SERVERS.get(record.server)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sni": "APP.example.com"}, "SUCCESS"),
        ({"status": "421"}, "MISDIRECTED"),
        ({"status": "421", "verify": "NONE", "server": "apache"}, "MISDIRECTED"),
        ({"sni": "other.example.com"}, "MISDIRECTED"),
        ({"sni": "", "verify": "NONE", "status": "403"}, "MISDIRECTED"),
        # A request that was cut short is logged for the first name of the block.
        ({"sni": "www.example.com", "status": "400"}, "SUCCESS"),
        ({"sni": "www.example.com", "status": "408"}, "SUCCESS"),
        # Names of one virtual host share a session, as do those with the same settings.
        ({"sni": "www.example.com", "server": "apache"}, "SUCCESS"),
        ({"sni": "other.example.com", "status": "421", "peer": DIRECT}, "SUCCESS"),
    ],
)
def test_a_session_for_another_name_proves_nothing(changes: dict[str, str], expected: str) -> None:
    record = parse(line(**changes))
    assert record is not None
    assert question().bucket(record)[2] == expected


OTHER_CA = {"serial": "9", "issuer": "CN=other CA", "fingerprint": "sha1:" + "00" * 20}
NOTHING = {"verify": "NONE", "serial": "", "issuer": "", "fingerprint": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "400", **NOTHING}, True),
        ({"status": "403", "verify": "FAILED:certificate has expired"}, True),
        ({"status": "400", "resumed": "r", **NOTHING}, True),
        ({"status": "421", "sni": "other.example.com"}, True),
        ({"status": "403", "sni": "other.example.com"}, True),
        ({"status": "421", "server": "apache"}, True),
        ({"status": "403", **OTHER_CA}, True),
        ({"status": "403", "server": "apache", **OTHER_CA}, False),
        ({"status": "404", **OTHER_CA}, False),
        ({"status": "403"}, False),
        ({"status": "403", "server": "apache", "tls": "TLSv1.2", "resumed": "Resumed"}, False),
        ({"status": "200", "server": "apache", "tls": "TLSv1.2", "resumed": "Resumed"}, False),
        ({"status": "200", **NOTHING}, False),
        ({"status": "200", "stage": "log_only", **NOTHING}, False),
        ({"status": "421", "stage": "log_only"}, False),
    ],
)
def test_what_enforcement_refused(changes: dict[str, str], expected: bool) -> None:
    data = line(**{"stage": "enforce", **changes}) + b"\n"
    scanner = Scanner(question())
    scanner.block(data * 3, len(data) * 3)
    (entry,) = scanner.tally.as_dict()["counts"]
    assert (entry["count"], entry["refused"]) == (3, 3 if expected else 0)


ZONES = [
    {"label": "mine", "sha1": "a1" * 20, "issuer": "CN=mine", "hostnames": ["app.example.com"]},
    {"label": "older", "sha1": "a0" * 20, "issuer": "CN=mine", "current": False},
    {"label": "theirs", "sha1": "b1" * 20, "issuer": "CN=theirs", "hostnames": ["api.example.net"]},
]
CANARY = "/.well-known/originlock-canary/"


@pytest.mark.parametrize(
    ("digest", "issuer", "label", "current", "refused"),
    [
        ("a1", "CN=mine", "mine", True, False),
        # NGINX lets it in, as it compares issuers, so the 403 is the site's.
        ("a0", "CN=mine", "older", False, False),
        ("b1", "CN=theirs", "theirs", False, True),
        ("c1", "CN=nobody", "other", False, True),
        ("c1", "CN=origin-pull.cloudflare.net", "shared", False, True),
    ],
)
def test_the_leaf_of_another_zone_was_refused(
    digest: str, issuer: str, label: str, current: bool, refused: bool
) -> None:
    nonce = "ab" * 16
    leaf = {"fingerprint": "sha1:" + digest * 20, "issuer": issuer, "serial": "7"}
    enforced = {"stage": "enforce", "status": "403", **leaf}
    data = line(**enforced) + b"\n" + line(path=CANARY + nonce, **enforced) + b"\n"
    scanner = Scanner(question(certificates=Certificates(generations(ZONES)), nonces=frozenset([nonce])))
    scanner.block(data, len(data))
    found = scanner.tally.as_dict()
    (entry,) = found["counts"]
    assert (entry["certificate"], entry["count"], entry["refused"]) == (label, 2, 2 if refused else 0)
    assert found["nonces"][nonce] == {
        "hostname": "app.example.com",
        "source": "edge",
        "verification": "SUCCESS",
        "certificate": label,
        "current": current,
        "refused": refused,
    }


@pytest.mark.parametrize("write", [line, raw_line, lambda **more: line(agent='a "b"', **more)])
def test_a_dash_is_nothing(write: Callable[..., bytes]) -> None:
    # What Apache writes for a request without SNI and certificate.
    absent = {"sni": "-", "serial": "-", "issuer": "-", "fingerprint": ""}
    record = parse(write(server="apache", verify="NONE", **absent))
    assert record is not None
    assert (record.sni, record.serial, record.issuer, record.fingerprint) == ("", "", "", "")
    assert question().bucket(record)[2:] == ("NONE", "none")
    certain = parse(write(server="apache", resumed="Initial", serial=SERIAL, issuer="-", fingerprint="-"))
    assert certain is not None
    assert question().bucket(certain)[2:] == ("SUCCESS", "other"), "a serial without its issuer is anybody's"


def test_servers_without_verification_are_believed_by_fingerprint() -> None:
    known = Certificates(generations([{"label": "leaf", "sha256": "ab" * 32}]))
    trait = replace(SERVERS["nginx"], believed=(), by_fingerprint=True)
    asked = question(certificates=known, servers={"caddy": trait})
    for digest, expected in (("AB" * 32, ("SUCCESS", "leaf")), ("cd" * 32, ("SUCCESS_UNTRUSTED", "other"))):
        record = parse(line(server="caddy", fingerprint=f"sha256:{digest}"))
        assert record is not None
        assert asked.bucket(record)[2:] == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"null",
        b'{"verify":"SUCCESS"}',
        raw_line(issuer='CN=x","verify":"SUCCESS'),
        raw_line(agent='x","verify":"SUCCESS'),
        line()[:-3],
        line() + line(),
    ],
)
def test_no_meaning(text: bytes) -> None:
    assert parse(text) is None


def test_apache_bytes_and_numbers_are_read() -> None:
    record = parse(rb'{"hostname":"a","verify":"FAILED:x","issuer":"CN=Soci\xC3\xA9t\xe9 \\x41","status":200}')
    assert record is not None
    assert record.issuer.endswith("\\x41")
    assert record.status == "200"


@pytest.mark.parametrize(
    ("serial", "issuer", "fingerprint", "expected"),
    [
        ("", "", "", "none"),
        (SERIAL, ISSUER, f"sha1:{SHA1}", "current"),
        (SERIAL, ISSUER, f"SHA1:{SHA1.upper()}", "current"),
        (SERIAL, ISSUER, "sha1:" + "00" * 20, "other"),
        ("00" + SERIAL.lower(), "O=Example, CN=example.com client CA", "", "current"),
        (SERIAL, "CN=somebody else", "", "other"),
        ("1", ISSUER, "", "other"),
        ("1", "CN=origin-pull.cloudflare.net,OU=Origin Pull", "", "shared"),
    ],
)
def test_certificate(serial: str, issuer: str, fingerprint: str, expected: str) -> None:
    assert question().certificates.label(serial, issuer, fingerprint) == expected


def test_certificates_need_something_to_compare() -> None:
    with pytest.raises(InvalidInput, match="neither sha256 nor sha1 nor serial"):
        generations([{"label": "x"}])
    with pytest.raises(InvalidInput, match="'other' of a certificate"):
        generations([{"label": "other", "serial": "1"}])


def test_labels_are_unique() -> None:
    with pytest.raises(InvalidInput, match="label 'leaf' is that of two certificates"):
        generations([{"label": "leaf", "serial": "1", "current": False}, {"label": "leaf", "serial": "2"}])


NAMES: list[list[tuple[x509.ObjectIdentifier, str]]] = [
    [(NameOID.COMMON_NAME, "Example CA"), (NameOID.ORGANIZATION_NAME, "Müller GmbH")],
    [(NameOID.COMMON_NAME, "Example CA"), (NameOID.EMAIL_ADDRESS, "pki@example.com")],
    [(NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "BY"), (NameOID.ORGANIZATION_NAME, "Foo, Inc.")],
    [(NameOID.SERIAL_NUMBER, "12"), (NameOID.SURNAME, "+x"), (NameOID.GIVEN_NAME, "#x"), (NameOID.TITLE, '"; <>=')],
    [(NameOID.USER_ID, "u"), (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.STREET_ADDRESS, "a\\")],
    [(NameOID.LOCALITY_NAME, "東京"), (x509.ObjectIdentifier("2.5.4.97"), "VATDE-1"), (NameOID.PSEUDONYM, " p ")],
    [(NameOID.JURISDICTION_COUNTRY_NAME, "DE"), (NameOID.BUSINESS_CATEGORY, "b"), (NameOID.POSTAL_CODE, "1")],
    [(NameOID.DN_QUALIFIER, "q"), (NameOID.GENERATION_QUALIFIER, "g"), (NameOID.INITIALS, "i\n")],
    [(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), "é" + "long" * 40), (NameOID.COMMON_NAME, r"a\,b\41")],
]


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl")
@pytest.mark.parametrize("attributes", NAMES)
def test_issuer_is_the_same_in_the_words_of_openssl(
    tmp_path: Path, attributes: list[tuple[x509.ObjectIdentifier, str]]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 0x1234, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    (tmp_path / "ca.pem").write_bytes(certificate)
    command = ["openssl", "x509", "-in", str(tmp_path / "ca.pem"), "-noout", "-issuer", "-nameopt", "RFC2253"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip("\n")
    apache = told[len("issuer=") :]
    known = Certificates(generations([{"label": "leaf", "serial": "1234", "issuer": name.rfc4514_string()}]))
    assert known.label("1234", apache, "") == "leaf", apache
    assert known.label("1234", apache + "x", "") == "other"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CN=a,O=b", "O=b, CN = a", True),
        ("CN=a+O=b", "O=b,CN=a", True),
        ("CN=a\\,O=b", "CN=a,O=b", False),
        ("CN=a\\\\,O=b", "O=b,CN=a\\\\", True),
        ("emailAddress=a", "1.2.840.113549.1.9.1=a", True),
        ("EMAILADDRESS=a", "emailAddress=a", True),
        ("1.2.3=#0c0161", "1.2.3=a", True),
        ("1.2.3=#0c", "1.2.3=a", False),
        ("1.2.3=#zz", "1.2.3=#zz", True),
        ("O=M\\C3\\BCller", "O=Müller", True),
        ("CN", "CN=", False),
    ],
)
def test_names(one: str, other: str, same: bool) -> None:
    assert (normal_name(one) == normal_name(other)) == same


def test_exceptions_cover_a_mapped_address_in_any_spelling() -> None:
    for source in ("::ffff:203.0.113.9", "::ffff:203.0.113.0/120", "203.0.113.9", "::FFFF:CB00:7109"):
        entry = {"source": source, "hostname": "*", "expires": "2026-11-24"}
        live = Exceptions(declared([entry]), date(2026, 11, 24))
        assert [live.cover(peer, "a", "/") for peer in (DIRECT, f"::ffff:{DIRECT}", "203.0.114.9")] == [
            True,
            True,
            False,
        ]


def test_exceptions_cover_what_they_say_until_they_expire() -> None:
    entry = {"source": "203.0.113.0/28", "hostname": "app.example.com", "path": "/health*", "expires": "2026-11-24"}
    live = Exceptions(declared([entry]), date(2026, 11, 24))
    assert live.cover(DIRECT, "app.example.com", "/healthz")
    assert not live.cover(DIRECT, "app.example.com", "/admin")
    assert not live.cover(DIRECT, "api.example.com", "/health")
    assert not live.cover("203.0.113.16", "app.example.com", "/health")
    assert not Exceptions(declared([entry]), date(2026, 11, 25)).cover(DIRECT, "app.example.com", "/healthz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expires": "soon"}, "no valid expiry date: 'soon'"),
        ({"expires": None}, "no valid expiry date"),
        ({"source": "x"}, "'x' is neither an address"),
        ({"hostname": ""}, "lacks hostname"),
    ],
)
def test_exceptions_are_checked(change: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        declared([dict({"source": DIRECT, "hostname": "a", "expires": "2027-01-01"}, **change)])


def test_times() -> None:
    assert moment("", 5.0) == 0.0
    assert moment("2h", 10000.0) == 2800.0
    assert moment("1764000000.5", 0.0) == 1764000000.5
    assert moment("2026-11-24T06:00:00Z", 0.0) == moment("2026-11-24T07:00:00+01:00", 0.0) == 1795500000.0
    assert iso(1795500000.0) == "2026-11-24T06:00:00Z"
    with pytest.raises(InvalidInput, match="'yesterday' is no point in time"):
        moment("yesterday", 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "1764000000000",
        "1000000d",
        "9" * 400,
        "9" * 400 + "d",
        "9" * 5000 + "d",
        "1903-01-01",
        "0001-01-01T00:00:00+10:00",
    ],
)
def test_times_out_of_reach(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no point in time|is out of reach"):
        moment(text, 1764000000.0)
