# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client: one session, time limits, retries by operation, the shared budget, one kind of answer and error."""

from __future__ import annotations

import ipaddress
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from .._common.errors import InvalidInput
from .budget import Budget
from .errors import ApiError, CloudflareError, ConnectionFailed, OutcomeUnknown
from .operations import Operation
from .retry import backoff, parse_retry_after, unknown_outcome, worth_retrying

try:
    import requests
    import requests.adapters

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

DEFAULT_URL = "https://api.cloudflare.com/client/v4"
CONNECT_TIMEOUT = 10.0
CONCURRENCY = 8
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class Credentials:
    """An API token, or an e-mail address with the global API key. If both are given, the token is used."""

    token: str | None = field(default=None, repr=False)
    email: str | None = None
    key: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """The request headers that carry the credentials.

        :raises InvalidInput: if there are none, or not whole.
        """
        if self.token:
            return {"Authorization": "Bearer " + _bare(self.token, "API token", "api_token or CLOUDFLARE_API_TOKEN")}
        if self.email and self.key:
            return {
                "X-Auth-Email": _bare(self.email, "e-mail address", "api_email or CLOUDFLARE_EMAIL"),
                "X-Auth-Key": _bare(self.key, "API key", "api_key or CLOUDFLARE_API_KEY"),
            }
        raise InvalidInput(
            "No credentials for Cloudflare were given.",
            "Set api_token (or CLOUDFLARE_API_TOKEN), or both api_email and api_key.",
        )

    def secrets(self) -> list[str]:
        """The values that must not appear in any text."""
        return [value.strip() for value in (self.token, self.key) if value and value.strip()]

    def identity(self) -> str:
        """What the rate limit is counted for: the token, or the user."""
        return (self.token or self.email or "").strip()


def _bare(value: str, noun: str, options: str) -> str:
    """A credential without blanks around it; what else no header may hold is refused, never told."""
    bare = value.strip()
    if not bare.isascii() or any(mark.isspace() or ord(mark) < 33 for mark in bare):
        raise InvalidInput(
            f"The {noun} holds spaces, line breaks or other characters that do not belong there.",
            f"Give the bare {noun} in {options}.",
        )
    return bare


@dataclass(frozen=True)
class Answer:
    """A successful answer. ``result`` is None both for null and for an absent member."""

    result: Any
    result_info: Mapping[str, Any]
    messages: tuple[str, ...]
    status: int
    ray: str

    def items(self) -> list[dict[str, Any]]:
        """The result as a list of objects; null and a single object are lists, too."""
        found = self.result if isinstance(self.result, list) else [self.result]
        return [item for item in found if isinstance(item, dict)]

    def item(self) -> dict[str, Any]:
        """The result as one object; an empty one if it is something else."""
        return next(iter(self.items()), {})


def checked_url(url: str) -> str:
    """The API's base URL without a final slash.

    :raises InvalidInput: unless it is https, or http to this machine itself.
    """
    parts = urllib.parse.urlsplit(url.strip())
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise InvalidInput("api_url is not a plain URL.", f"Give for example {DEFAULT_URL}.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return url.strip().rstrip("/")
    raise InvalidInput(
        f"api_url {url} would send the credentials without encryption.", "Use https; http only to a loopback address."
    )


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Client:
    """Calls operations. Safe to use from several threads.

    ``timeout`` seconds are waited for an answer; a request is tried ``1 + retries`` times at most.
    ``calls`` counts the requests that were sent. ``sleep`` and ``clock`` are what everything that waits uses.
    """

    def __init__(
        self,
        credentials: Credentials,
        url: str = DEFAULT_URL,
        timeout: float = 30.0,
        retries: int = 4,
        budget: Budget | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = checked_url(url)
        self._headers = dict(credentials.headers())
        self._secrets = credentials.secrets()
        self._timeout = timeout
        self.retries = retries
        self._budget = budget or Budget(None, 0)
        self.sleep = sleep
        self.clock = clock
        self.calls = 0
        self._lock = threading.Lock()
        self._session = requests.Session()
        # A callable, so that a .netrc entry for the host cannot replace our credentials.
        self._session.auth = self._authorise
        self._session.headers.update({"User-Agent": "originlock.aop", "Accept": "application/json"})
        if is_loopback(urllib.parse.urlsplit(self._url).hostname or ""):
            self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=CONCURRENCY, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def _authorise(self, request: Any) -> Any:
        request.headers.update(self._headers)
        return request

    def call(
        self,
        operation: Operation,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        subject: str = "",
        **path: str,
    ) -> Answer:
        """Carry out one operation. ``path`` fills the operation's path; ``subject`` names the object in errors.

        :raises ApiError: Cloudflare refused.
        :raises ConnectionFailed: there was no answer.
        :raises OutcomeUnknown: an operation that is not repeatable may or may not have been carried out.
        :raises BudgetExhausted: the rate budget is used up.
        """
        attempt = 0
        while True:
            self._budget.take()
            try:
                return self._once(operation, query, body, subject, path)
            except (ApiError, ConnectionFailed) as error:
                if isinstance(error, ApiError) and error.status == 429:
                    self._budget.block(60.0 if error.retry_after is None else error.retry_after)
                if attempt >= self.retries or not worth_retrying(operation, error):
                    if unknown_outcome(operation, error):
                        raise OutcomeUnknown(error) from error
                    raise
                self.sleep(self._pause(error, attempt))
                attempt += 1

    def pages(
        self, operation: Operation, per_page: int, query: Mapping[str, Any] | None = None, **path: str
    ) -> Iterator[dict[str, Any]]:
        """All objects of a list with pages, page after page until there are no more."""
        page = 1
        seen = 0
        while True:
            asked: dict[str, Any] = dict(query or {})
            asked.update(page=page, per_page=per_page)
            answer = self.call(operation, asked, None, "", **path)
            found = answer.items()
            yield from found
            seen += len(found)
            if not found or not _more(answer.result_info, page, seen, len(found), per_page):
                return
            page += 1

    def _pause(self, error: CloudflareError, attempt: int) -> float:
        if isinstance(error, ApiError) and error.retry_after is not None:
            return max(error.retry_after, backoff(0))
        return backoff(attempt)

    def _once(
        self,
        operation: Operation,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        subject: str,
        path: Mapping[str, str],
    ) -> Answer:
        quoted = {name: urllib.parse.quote(str(value), safe="") for name, value in path.items()}
        with self._lock:
            self.calls += 1
        try:
            response = self._session.request(
                operation.method,
                self._url + operation.path.format(**quoted),
                params=query,
                json=body,
                timeout=(min(CONNECT_TIMEOUT, self._timeout), self._timeout),
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise self._unreachable(operation, error) from None
        return self._understand(operation, response, subject)

    def _unreachable(self, operation: Operation, error: Exception) -> ConnectionFailed:
        kinds = requests.exceptions
        if isinstance(error, kinds.SSLError):
            return ConnectionFailed(
                operation, f"the TLS connection failed ({self._clean(str(error))})", sent=False, retryable=False
            )
        if isinstance(error, kinds.ConnectTimeout):
            return ConnectionFailed(operation, f"no connection within {int(CONNECT_TIMEOUT)} s", sent=False)
        if isinstance(error, kinds.Timeout):
            return ConnectionFailed(operation, f"no answer within {int(self._timeout)} s", sent=True)
        text = self._clean(str(error))
        never = isinstance(error, kinds.ProxyError) or "NewConnectionError" in text or "NameResolutionError" in text
        return ConnectionFailed(operation, f"the connection failed ({text})", sent=not never)

    def _understand(self, operation: Operation, response: Any, subject: str) -> Answer:
        ray = str(response.headers.get("cf-ray", ""))
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            text = self._clean(response.text) if response.text.strip() else "an empty body"
            errors = [(0, f"the answer is not the API's JSON: {text}")]
            document = {}
        else:
            errors = [(code, self._clean(text)) for code, text in _errors(document.get("errors"))]
        if 200 <= response.status_code < 300 and document.get("success") is True:
            info = document.get("result_info")
            return Answer(
                result=document.get("result"),
                result_info=info if isinstance(info, dict) else {},
                messages=tuple(text for _code, text in _errors(document.get("messages"))),
                status=response.status_code,
                ray=ray,
            )
        if 300 <= response.status_code < 400:
            errors = [(0, "a redirect, which is not followed with credentials; check api_url")]
        status = 200 if 200 <= response.status_code < 300 else response.status_code
        raise ApiError(operation, status, errors, ray, subject, parse_retry_after(response.headers.get("retry-after")))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:_LONGEST_TEXT]


def _errors(found: Any) -> list[tuple[int, str]]:
    """(code, text) of an envelope's ``errors`` or ``messages`` with their chains, whatever shape they have."""
    listed: list[tuple[int, str]] = []
    for item in found if isinstance(found, list) else []:
        if isinstance(item, dict):
            code = item.get("code")
            listed.append((code if isinstance(code, int) else 0, str(item.get("message") or "no text")))
            listed.extend(_errors(item.get("error_chain")))
        elif item:
            listed.append((0, str(item)))
    return listed


def _more(info: Mapping[str, Any], page: int, seen: int, count: int, per_page: int) -> bool:
    pages = info.get("total_pages")
    if isinstance(pages, int):
        return page < pages
    total = info.get("total_count")
    if isinstance(total, int):
        return seen < total
    # Without totals a short page is the last one; an answer that ignores paging holds more than was asked for.
    return count == per_page
