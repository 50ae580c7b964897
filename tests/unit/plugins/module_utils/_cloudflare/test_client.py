# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: retries by operation, time limits, envelopes, errors, credentials."""

from __future__ import annotations

import pytest

from ansible_collections.originlock.aop.plugins.module_utils._cloudflare import operations as op
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.client import (
    Client,
    Credentials,
    checked_url,
)
from ansible_collections.originlock.aop.plugins.module_utils._cloudflare.errors import (
    ApiError,
    ConnectionFailed,
    OutcomeUnknown,
)
from ansible_collections.originlock.aop.plugins.module_utils._common.errors import InvalidInput
from ansible_collections.originlock.aop.tests.unit.plugins.module_utils._cloudflare.stub import TOKEN, ok, refused

UPLOAD = op.HOSTNAME_STORE.upload
LISTING = op.HOSTNAME_STORE.listing
HTML = (502, "<html>bad gateway</html>", {"cf-ray": "77-AMS"})


def test_token_and_path(api):
    api.say(ok([]))
    api.client().call(op.GET_ASSOCIATION, zone_id="z/1", hostname="a.example.com")
    _method, path, _body, headers = api.requests[0]
    assert path == "/client/v4/zones/z%2F1/origin_tls_client_auth/hostnames/a.example.com"
    assert headers["Authorization"] == "Bearer " + TOKEN


def test_netrc_does_not_replace_the_token(api, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api.say(ok([]))
    client = api.client()
    client._session.trust_env = True
    client.call(LISTING, zone_id="z")
    assert api.requests[0][3]["Authorization"] == "Bearer " + TOKEN


def test_token_wins_over_key():
    both = Credentials(token="abc", email="me@example.com", key="k")
    assert both.headers() == {"Authorization": "Bearer abc"}
    assert Credentials(email="me@example.com", key="k").headers() == {
        "X-Auth-Email": "me@example.com",
        "X-Auth-Key": "k",
    }
    assert "abc" not in repr(both)


@pytest.mark.parametrize("given", [{}, {"email": "me@example.com"}, {"key": "k"}, {"token": ""}])
def test_no_credentials(given):
    with pytest.raises(InvalidInput, match="No credentials"):
        Credentials(**given).headers()


def test_token_with_line_break():
    with pytest.raises(InvalidInput, match="line breaks") as caught:
        Credentials(token="abc\r\nX-Evil: 1").headers()
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("email", "key", "named"),
    [
        ("me@example.com", "c0ffee\nEvil: 1", "api_key"),
        ("me@example.com", "c0ffee evil", "api_key"),
        ("me@example.com", "c0ff\u00e9Evil", "api_key"),
        ("me@example.com\r\nEvil: 1", "c0ffee", "api_email"),
    ],
)
def test_key_or_address_with_line_break(email, key, named):
    with pytest.raises(InvalidInput, match="line breaks") as caught:
        Credentials(email=email, key=key).headers()
    assert named in caught.value.remedy
    for word in ("Evil", "c0ff"):
        assert word not in str(caught.value) + caught.value.remedy


def test_blanks_around_credentials_do_not_matter():
    assert Credentials(email=" me@example.com\n", key=" k\n").headers() == {
        "X-Auth-Email": "me@example.com",
        "X-Auth-Key": "k",
    }


@pytest.mark.parametrize("url", ["https://api.cloudflare.com/client/v4/", "http://127.0.0.1:8/x", "http://[::1]:8/x"])
def test_good_urls(url):
    assert checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://api.cloudflare.com", "http://127.0.0.1.evil.example/", "ftp://x", "https://u:p@h/", "x", "http://"]
)
def test_bad_urls(url):
    with pytest.raises(InvalidInput):
        checked_url(url)


def test_redirects_are_not_followed(api):
    api.say((302, "", {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(ApiError, match="redirect, which is not followed") as caught:
        api.client().call(LISTING, zone_id="z")
    assert caught.value.status == 302
    assert len(api.requests) == 1


@pytest.mark.parametrize("failure", [HTML, refused(500, 1), refused(429, 971), refused(409, 1), "drop"])
def test_repeatable_operations_are_repeated(api, failure):
    api.say(failure, failure, ok([{"id": "1"}]))
    assert api.client().call(LISTING, zone_id="z").items() == [{"id": "1"}]
    assert len(api.requests) == 3
    assert len(api.slept) == 2


@pytest.mark.parametrize("failure", [HTML, refused(500, 1), refused(408, 1), "drop", (200, "not json", {})])
def test_an_upload_is_never_blindly_repeated(api, failure):
    api.say(failure)
    with pytest.raises(OutcomeUnknown):
        api.client().call(UPLOAD, zone_id="z", body={"private_key": "secret"})
    assert len(api.requests) == 1


@pytest.mark.parametrize("failure", [refused(429, 971), refused(403, 10001), refused(409, 1)])
def test_an_upload_that_was_surely_not_carried_out_is_repeated(api, failure):
    api.say(failure, ok({"id": "1"}))
    assert api.client().call(UPLOAD, zone_id="z").item() == {"id": "1"}
    assert len(api.requests) == 2


def test_no_connection_is_repeated_also_for_uploads():
    slept = []
    client = Client(Credentials(token="x"), "http://127.0.0.1:1/", retries=2, sleep=slept.append)
    with pytest.raises(ConnectionFailed) as caught:
        client.call(UPLOAD, zone_id="z")
    assert not caught.value.sent
    assert len(slept) == 2
    assert client.calls == 3


def test_retries_end(api):
    api.say(HTML)
    with pytest.raises(ApiError) as caught:
        api.client().call(LISTING, zone_id="z")
    assert len(api.requests) == 4
    assert "HTTP 502" in str(caught.value)
    assert "77-AMS" in str(caught.value)
    assert "bad gateway" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "least", "most"), [("7", 7, 7), ("99999", 310, 310), ("-3", 0.25, 0.5), ("soon", 0.25, 0.5)]
)
def test_retry_after_is_honoured_and_clamped(api, header, least, most):
    api.say(refused(429, 971, Retry_After=header), ok([]))
    api.client().call(LISTING, zone_id="z")
    assert least <= api.slept[0] <= most


def test_a_read_timeout_is_an_unknown_outcome(api):
    import threading

    hang = threading.Event()
    api.take = lambda: hang.wait(3) and None
    with pytest.raises(OutcomeUnknown, match="no answer within"):
        api.client(timeout=0.2).call(UPLOAD, zone_id="z")
    hang.set()


@pytest.mark.parametrize("body", [[], "text", 7, {"success": True, "result": None}, {"result": None}])
def test_odd_envelopes(api, body):
    api.say((200, body, {}))
    client = api.client(retries=0)
    if isinstance(body, dict) and body.get("success"):
        assert client.call(LISTING, zone_id="z").items() == []
    else:
        with pytest.raises(ApiError):
            client.call(LISTING, zone_id="z")


def test_odd_errors(api):
    said = {
        "success": False,
        "errors": [
            None,
            "words",
            {"code": "12"},
            {"code": 6003, "error_chain": [{"code": 6111, "message": "bad header"}]},
        ],
        "result": None,
    }
    api.say((400, said, {}))
    with pytest.raises(ApiError) as caught:
        api.client().call(LISTING, zone_id="z")
    assert caught.value.has(6111)
    assert caught.value.unauthenticated
    assert "credentials are not valid" in caught.value.remedy


@pytest.mark.parametrize(("status", "code"), [(403, 10000), (400, 10000), (403, 9109), (403, 0)])
def test_missing_permission_is_named(api, status, code):
    api.say(refused(status, code))
    with pytest.raises(ApiError) as caught:
        api.client().call(UPLOAD, zone_id="z", subject="thing")
    assert "lacks the permission 'SSL and Certificates Write'" in caught.value.remedy
    assert caught.value.details()["missing_permission"] == "SSL and Certificates Write"
    assert "8a1b2c3d4e5f-FRA" in str(caught.value)
    assert "(thing)" in str(caught.value)


def test_fresh_tokens_get_a_second_chance_but_not_for_ever(api):
    api.say(refused(403, 10001))
    with pytest.raises(ApiError, match="10001") as caught:
        api.client().call(LISTING, zone_id="z")
    assert len(api.requests) == 4
    assert "new one needs a minute" in caught.value.remedy


def test_an_error_that_quotes_the_token_is_cleaned(api):
    api.say(refused(400, 6003, f"bad header Bearer {TOKEN}!"))
    with pytest.raises(ApiError) as caught:
        api.client().call(LISTING, zone_id="z")
    assert TOKEN not in str(caught.value)
    assert "***" in str(caught.value)


def test_pages_past_the_second(api):
    def page(number, count, **info):
        return ok([{"n": number * 10 + i} for i in range(count)], result_info=info)

    api.say(page(1, 2, total_pages=3), page(2, 2, total_pages=3), page(3, 1, total_pages=3))
    found = list(api.client().pages(op.LIST_ASSOCIATIONS, 2, query={"status": "all"}, zone_id="z"))
    assert [one["n"] for one in found] == [10, 11, 20, 21, 30]
    assert [path.split("?")[1] for _m, path, _b, _h in api.requests] == [
        f"status=all&page={number}&per_page=2" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("info", [{}, {"total_count": 3}])
def test_pages_without_totals(api, info):
    api.say(ok([{"n": 1}, {"n": 2}], result_info=info), ok([{"n": 3}], result_info=info))
    assert len(list(api.client().pages(op.LIST_ASSOCIATIONS, 2, zone_id="z"))) == 3
    assert len(api.requests) == 2


def test_email_and_key_are_sent(api):
    api.say(ok([]))
    client = Client(Credentials(email="me@example.com", key="k1"), api.url)
    client.call(LISTING, zone_id="z")
    headers = api.requests[0][3]
    assert headers["X-Auth-Email"] == "me@example.com"
    assert headers["X-Auth-Key"] == "k1"
    assert "Authorization" not in headers
