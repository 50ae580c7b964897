# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official SDK runs its AOP surface against the sandbox, so that its models judge our answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import cloudflare
import pytest
from cloudflare import Cloudflare
from support.pki import Pki

from tests.sandbox.client import SandboxProcess

HOSTNAME_ALERT = "hostname_aop_custom_certificate_expiration_type"


@pytest.fixture
def sdk(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloudflare]:
    """The SDK as a user's environment configures it."""
    for name in ("CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    with Cloudflare(max_retries=0) as client:
        yield client


def test_hostname_certificates(sdk: Cloudflare, sandbox: SandboxProcess, pki: Pki) -> None:
    api, leaf = sdk.origin_tls_client_auth.hostname_certificates, pki.leaf(kind="rsa2048")
    assert list(api.list(zone_id=sandbox.zone_id)) == []
    made = api.create(zone_id=sandbox.zone_id, certificate=leaf.certificate.strip(), private_key=leaf.private_key)
    assert made is not None
    assert made.certificate == leaf.certificate
    assert made.certificate.endswith("-----END CERTIFICATE-----\n")
    assert made.serial_number == str(leaf.x509.serial_number)
    assert made.signature == "ECDSAWithSHA256"
    assert made.status == "pending_deployment"
    assert made.issuer == "CN=Test client CA"
    assert isinstance(made.expires_on, datetime)
    assert made.expires_on.replace(tzinfo=None) == leaf.x509.not_valid_after_utc.replace(tzinfo=None)
    assert made.id is not None
    assert [c.id for c in api.list(zone_id=sandbox.zone_id)] == [made.id]
    sandbox.clock(advance=3)
    got = api.get(made.id, zone_id=sandbox.zone_id)
    assert got is not None
    assert got.status == "active"
    gone = api.delete(made.id, zone_id=sandbox.zone_id)
    assert gone is not None
    assert gone.status == "pending_deletion"


def test_hostnames(sdk: Cloudflare, sandbox: SandboxProcess, pki: Pki) -> None:
    certificates, api = sdk.origin_tls_client_auth.hostname_certificates, sdk.origin_tls_client_auth.hostnames
    leaf = pki.leaf()
    made = certificates.create(zone_id=sandbox.zone_id, certificate=leaf.certificate, private_key=leaf.private_key)
    assert made is not None
    assert made.id is not None
    config = [{"hostname": name, "cert_id": made.id, "enabled": True} for name in ("a.example.com", "b.example.com")]
    answer = list(api.update(zone_id=sandbox.zone_id, config=config))
    assert [(a.hostname, a.cert_id, a.enabled, a.status) for a in answer] == [
        ("a.example.com", made.id, True, "pending_deployment"), ("b.example.com", made.id, True, "pending_deployment"),
    ]
    sandbox.clock(advance=3)
    one = api.get("a.example.com", zone_id=sandbox.zone_id)
    assert one is not None
    assert (one.status, one.cert_status, one.enabled) == ("active", "active", True)
    assert one.serial_number == str(leaf.x509.serial_number)
    assert isinstance(one.expires_on, datetime)
    assert isinstance(one.cert_uploaded_on, datetime)
    list(api.update(zone_id=sandbox.zone_id, config=[{**config[0], "enabled": None}]))
    settling = api.get("a.example.com", zone_id=sandbox.zone_id)
    assert settling is not None
    assert settling.enabled is None
    sandbox.clock(advance=3)
    with pytest.raises(cloudflare.NotFoundError) as caught:
        api.get("a.example.com", zone_id=sandbox.zone_id)
    assert "1553" in str(caught.value)


def test_zone_certificates_and_settings(sdk: Cloudflare, sandbox: SandboxProcess, pki: Pki) -> None:
    api, leaf = sdk.origin_tls_client_auth.zone_certificates, pki.leaf("example.com")
    assert list(api.list(zone_id=sandbox.zone_id)) == []
    made = api.create(zone_id=sandbox.zone_id, certificate=leaf.certificate, private_key=leaf.private_key)
    assert made is not None
    assert made.id is not None
    sandbox.clock(advance=3)
    assert [c.status for c in api.list(zone_id=sandbox.zone_id)] == ["active"]
    settings = sdk.origin_tls_client_auth.settings
    before = settings.get(zone_id=sandbox.zone_id)
    assert before is not None
    assert before.enabled is False
    after = settings.update(zone_id=sandbox.zone_id, enabled=True)
    assert after is not None
    assert after.enabled is True
    gone = api.delete(made.id, zone_id=sandbox.zone_id)
    assert gone is not None
    assert gone.status == "pending_deletion"
    sandbox.clock(advance=3)
    tombstone = api.get(made.id, zone_id=sandbox.zone_id)
    assert tombstone is not None
    assert tombstone.status == "deleted"


def test_zones_and_their_settings(sdk: Cloudflare, sandbox: SandboxProcess) -> None:
    zones = list(sdk.zones.list(name="example.com"))
    assert [(z.id, z.name, z.status, z.account.id) for z in zones] == [
        (sandbox.zone_id, "example.com", "active", sandbox.account_id)
    ]
    assert list(sdk.zones.list(name="nothing.example")) == []
    zone = sdk.zones.get(zone_id=sandbox.zone_id)
    assert zone is not None
    assert zone.name == "example.com"
    setting = sdk.zones.settings.get("tls_client_auth", zone_id=sandbox.zone_id)
    assert setting is not None
    assert setting.value == "off"
    changed = sdk.zones.settings.edit("tls_client_auth", zone_id=sandbox.zone_id, value="on")
    assert changed is not None
    assert changed.value == "on"
    mode = sdk.zones.settings.get("ssl", zone_id=sandbox.zone_id)
    assert mode is not None
    assert mode.value == "full"


def test_zones_over_pages(sdk: Cloudflare, sandbox: SandboxProcess) -> None:
    for number in range(60):
        sandbox.add_zone(f"zone-{number:02}.test")
    assert len({z.name for z in sdk.zones.list(per_page=5)}) == 61
    assert len(list(sdk.zones.list(name="starts_with:zone-1"))) == 10


def test_tokens_and_ips(sdk: Cloudflare, sandbox: SandboxProcess) -> None:
    verified = sdk.user.tokens.verify()
    assert verified is not None
    assert verified.status == "active"
    ranges = sdk.ips.list()
    assert ranges is not None
    assert ranges.ipv4_cidrs == ["127.0.0.1/32"]
    value = sandbox.add_token("Zone Read", account_owned=True)
    assert value.startswith("cfat_")
    own = Cloudflare(api_token=value, max_retries=0)
    with pytest.raises(cloudflare.AuthenticationError) as caught:
        own.user.tokens.verify()
    assert "1000" in str(caught.value)
    again = own.accounts.tokens.verify(account_id=sandbox.account_id)
    assert again is not None
    assert again.status == "active"


def test_notifications(sdk: Cloudflare, sandbox: SandboxProcess) -> None:
    account, alerting = sandbox.account_id, sdk.alerting
    catalogue = alerting.available_alerts.list(account_id=account)
    assert HOSTNAME_ALERT in str(catalogue)
    hook = alerting.destinations.webhooks.create(
        account_id=account, name="ops", url="https://hooks.slack.com/x", secret="hush-hush"
    )
    assert hook is not None
    assert hook.id is not None
    kept = alerting.destinations.webhooks.get(hook.id, account_id=account)
    assert kept is not None
    assert kept.type == "slack"
    assert "hush" not in str(sandbox.api("GET", f"/accounts/{account}/alerting/v3/destinations/webhooks"))
    made = alerting.policies.create(
        account_id=account, name="AOP", alert_type=HOSTNAME_ALERT, enabled=True,
        mechanisms={"email": [{"id": "ops@example.com"}], "webhooks": [{"id": hook.id}]},
    )
    assert made is not None
    assert made.id is not None
    assert [p.id for p in alerting.policies.list(account_id=account)] == [made.id]
    alerting.policies.update(made.id, account_id=account, enabled=False)
    policy = alerting.policies.get(made.id, account_id=account)
    assert policy is not None
    assert (policy.enabled, policy.name) == (False, "AOP")
    status, _answer = sandbox.api("POST", f"/accounts/{account}/alerting/v3/policies/{made.id}/test")
    assert status == 200
    assert sandbox.call("GET", "/control/notifications")["sent"][0]["policy_id"] == made.id
    alerting.policies.delete(made.id, account_id=account)
    alerting.destinations.webhooks.delete(hook.id, account_id=account)
    assert list(alerting.policies.list(account_id=account)) == []


def test_a_hidden_retry_ends_in_1406(sdk: Cloudflare, sandbox: SandboxProcess, pki: Pki) -> None:
    """A lost answer, and the SDK's own retry of the POST: the certificate is there, the caller sees an error."""
    leaf = pki.leaf()
    sandbox.fault("reset_after", operation="H1")
    with pytest.raises(cloudflare.BadRequestError) as caught:
        sdk.with_options(max_retries=2).origin_tls_client_auth.hostname_certificates.create(
            zone_id=sandbox.zone_id, certificate=leaf.certificate, private_key=leaf.private_key
        )
    assert "1406" in str(caught.value)
    assert [e["operation"] for e in sandbox.journal(writes=True)] == ["H1", "H1"]


def test_email_and_key(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    options = {"base_url": sandbox.base_url, "max_retries": 0, "api_email": "sandbox@example.com"}
    key = "0123456789abcdef0123456789abcdef01234"
    assert len(list(Cloudflare(api_key=key, **options).zones.list())) == 1
    # The trap: an e-mail in the environment, and the SDK sends no token at all.
    with pytest.raises(cloudflare.BadRequestError) as caught:
        Cloudflare(api_token=sandbox.token, **options).zones.list()
    assert "6003" in str(caught.value)
