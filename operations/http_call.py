"""One call of somebody else's HTTP API: encrypted, bounded in time and size, without redirects, and silent about URLs.

An URL may be a secret, and a redirect would carry a token to whoever is named.
"""

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

SECONDS = 15.0
TRIES = 3
LONGEST_WAIT_SECONDS = 20.0
_MOST_BYTES = 32 * 1024**2
_BUSY = (429, 502, 503, 504)


class CallError(Exception):
    """There is no answer; its text says why, without the URL."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whatever the server has said."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own

    def json(self) -> Any:
        """Its content. Raises CallError where it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            raise CallError(f"the answer must be JSON (got {len(self.content)} bytes that are none)") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirect is the answer."""
        return


def is_safe(url: str) -> bool:
    """Whether what is sent there is encrypted, or does not leave this machine."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def call(
    method: Literal["GET", "POST", "PUT", "PATCH"],
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: Mapping[str, Any] | None = None,
    again: bool = True,
) -> Answer:
    """The answer, whatever its status. Raises CallError where there is none.

    A server that is busy is asked again, three times in all; unless `again` is False, so is one that may have done what
    it was asked for.
    """
    if not is_safe(url):
        raise CallError("its address must begin with https:// (http:// is for this machine alone)")
    body = None if content is None else json.dumps(content).encode()
    told = {"User-Agent": "django-stack", "Accept": "application/json", **(headers or {})}
    told |= {"Content-Type": "application/json"} if body is not None else {}
    for left in reversed(range(TRIES)):
        wait = 2.0 ** (TRIES - left)
        try:
            answer = _once(method, url, told, body)
            if not left or answer.status not in (_BUSY if again else _BUSY[:1]):
                return answer
            wait = _retry_after(answer, wait)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            if not left or not again:
                raise CallError(_reason(problem)) from None
        time.sleep(min(wait, LONGEST_WAIT_SECONDS))
    raise AssertionError("the last try returns or raises")


def _once(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - https alone
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(url) else []
    opener = urllib.request.build_opener(_Stay(), *proxies)
    deadline = time.monotonic() + SECONDS
    try:
        response = opener.open(request, timeout=SECONDS)
    except urllib.error.HTTPError as refusal:
        response = refusal
    with response:
        content = bytearray()
        while chunk := response.read1(65536):
            content += chunk
            if time.monotonic() > deadline:
                raise TimeoutError
            if len(content) > _MOST_BYTES:
                raise ValueError
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=int(response.status), content=bytes(content), headers=named)


def _retry_after(answer: Answer, wait: float) -> float:
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else wait


def _reason(problem: Exception) -> str:
    """In words of ours: those of the libraries have the URL in them."""
    cause = getattr(problem, "reason", problem)
    if isinstance(cause, TimeoutError):
        return f"no answer in {SECONDS:.0f} s"
    detail = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or ""
    return f"{type(cause).__name__}{f': {detail}' if detail else ''}"
