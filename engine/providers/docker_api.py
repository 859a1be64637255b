"""The seam to a Docker Engine: one request method, and one for streams."""

import codecs
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any, Protocol
from urllib.parse import quote

from engine.errors import ProviderError

NOT_FOUND, CONFLICT = 404, 409
_FIRST_ERROR = 400
_SECONDS = 120  # one call; waiting is done by polling
_POOL = 64
_FRAME_BYTES = 8


class DockerError(ProviderError):
    """The Docker Engine refused a call. `status` is the HTTP status, 0 when it could not be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.unsure = status == 0


@dataclass(frozen=True, kw_only=True)
class Login:
    server: str
    username: str
    password: str


class DockerApi(Protocol):
    """Paths are those of the Engine API, without the version. Everything raises DockerError."""

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None, seconds: float = 0
    ) -> Any:
        """Sends `body` as JSON, or as it is when it is bytes; the JSON answer, bytes, or None."""

    def stream(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        data: IO[bytes] | None = None,
        login: tuple[str, Login | None] = ("", None),
    ) -> Iterator[dict[str, Any]]:
        """The messages of a pull, push or build; `login` is the image whose registry asks, and what to say."""


def inspect(docker: DockerApi, kind: str, name: str) -> dict[str, Any] | None:
    """What Docker knows of a `containers`, `networks`, `volumes` or `images` entry; None if there is none."""
    tail = "" if kind in ("networks", "volumes") else "/json"
    try:
        content: dict[str, Any] = docker.call("GET", f"/{kind}/{quote(name, safe='/:@')}{tail}")
    except DockerError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return content


class DockerEngine:
    """A DockerApi over HTTP, by the client of the Docker SDK. Safe to share between threads."""

    def __init__(self, host: str) -> None:
        self._host = host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"

    @cached_property
    def _client(self) -> Any:
        import docker  # noqa: PLC0415  0.2 s that a preview need not pay
        from docker.errors import DockerException  # noqa: PLC0415

        if self._host.startswith("ssh://"):
            raise DockerError(f"docker host {self._host}: ssh:// is not supported by the embedded engine.", 1)
        try:
            return docker.APIClient(base_url=self._host, version="auto", timeout=_SECONDS, max_pool_size=_POOL)
        except DockerException as error:
            raise DockerError(_unreachable(self._host, str(error)), 1) from error

    def _send(self, method: str, path: str, **options: Any) -> Any:
        import requests  # noqa: PLC0415  comes with the Docker SDK

        client = self._client
        try:
            response = client.request(method, f"{client.base_url}/v{client.api_version}{path}", **options)
        except requests.RequestException as error:
            raise DockerError(_unreachable(self._host, str(error))) from error
        if response.status_code >= _FIRST_ERROR:
            raise DockerError(_message(response), response.status_code)
        return response

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None, seconds: float = 0
    ) -> Any:
        content = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        response = self._send(method, path, params=params, timeout=_SECONDS + seconds, **content)
        if response.headers.get("Content-Type", "").startswith("application/json"):
            return response.json()
        return response.content or None

    def stream(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        data: IO[bytes] | None = None,
        login: tuple[str, Login | None] = ("", None),
    ) -> Iterator[dict[str, Any]]:
        headers = self._auth(*login) if login[0] else {"Content-Type": "application/x-tar"}
        response = self._send("POST", path, params=params, data=data, headers=headers, stream=True, timeout=None)
        yield from json_stream(response.iter_content(None))

    def _auth(self, image: str, login: Login | None) -> dict[str, str]:
        """The header for `image`'s registry: what the program gave, else what ~/.docker/config.json has."""
        from docker import auth  # noqa: PLC0415

        if login is not None:
            known: Any = {"username": login.username, "password": login.password, "serveraddress": login.server}
        else:
            known = auth.load_config().resolve_authconfig(auth.resolve_repository_name(image)[0])
        return {"X-Registry-Auth": auth.encode_header(known or {}).decode()}


def connect(host: str) -> DockerApi:
    return DockerEngine(host)


def json_stream(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """JSON objects, one after the other, out of a byte stream."""
    decoder, utf8, text = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")("replace"), ""
    for chunk in chunks:
        text += utf8.decode(chunk)
        while text := text.lstrip():
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                break  # the rest is still to come
            text = text[end:]
            yield value


def log_text(raw: bytes | None) -> str:
    """The text of a container's log, whose bytes come in frames unless it has a terminal."""
    raw, out, position = raw or b"", b"", 0
    while position + _FRAME_BYTES <= len(raw) and raw[position + 1 : position + 4] == b"\0\0\0":
        end = position + _FRAME_BYTES + int.from_bytes(raw[position + 4 : position + _FRAME_BYTES], "big")
        out += raw[position + _FRAME_BYTES : end]
        position = end
    return (out + raw[position:]).decode("utf-8", "replace")


def _unreachable(host: str, reason: str) -> str:
    if "Permission denied" in reason:
        cure = "Join the docker group (then log in again), or run as root."
    elif "No such file" in reason or "refused" in reason:
        cure = "Start Docker, or set DOCKER_HOST to where it runs."
    else:
        cure = "Check that Docker runs, then run again: the state is kept."
    return f"docker: {host} does not answer ({reason}). {cure}"


def _message(response: Any) -> str:
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.text.strip() or f"HTTP status {response.status_code}"
    if "no space left on device" in message:
        message += " The disk of the Docker host is full: free space (docker system df), then run again."
    return message
