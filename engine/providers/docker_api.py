"""The seam to a Docker Engine: one request method, one for a build and one for a pull."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import IO, Any
from urllib.parse import quote

from engine.bare_import import ALONE
from engine.errors import ProviderError

NOT_FOUND, CONFLICT = 404, 409
_SECONDS = 120  # one call; waiting is done by polling
_POOL = 64


class DockerError(ProviderError):
    """The Docker Engine refused a call. `status` is the HTTP status, 0 when it could not be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.unsure = status == 0


class DockerApi:
    """A Docker Engine, over the client of the Docker SDK, which is slow to import. Safe to share between threads.

    Paths are those of the Engine API, without the version. Everything raises DockerError.
    """

    def __init__(self, host: str) -> None:
        self._host = host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"

    @cached_property
    def _client(self) -> Any:
        with ALONE:
            import docker  # noqa: PLC0415

        if self._host.startswith("ssh://"):
            raise DockerError(f"docker host {self._host}: ssh:// is not supported by the embedded engine.", 1)
        try:
            return docker.APIClient(base_url=self._host, version="auto", timeout=_SECONDS, max_pool_size=_POOL)
        except docker.errors.DockerException as error:
            raise DockerError(_unreachable(self._host, str(error)), 1) from error

    def _send(self, method: str, path: str, **options: Any) -> Any:
        import requests  # noqa: PLC0415  comes with the Docker SDK

        client = self._client
        try:
            response = client.request(method, f"{client.base_url}/v{client.api_version}{path}", **options)
        except requests.RequestException as error:
            raise DockerError(_unreachable(self._host, str(error))) from error
        if not response.ok:
            raise DockerError(_message(response), response.status_code)
        return response

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None, seconds: float = 0
    ) -> Any:
        """Sends `body` as JSON; the JSON answer, or None. `seconds` is what the answer may take beyond the usual."""
        response = self._send(method, path, params=params, timeout=_SECONDS + seconds, json=body)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return response.json() if is_json else None

    def build(self, params: Mapping[str, Any], archive: IO[bytes]) -> Iterator[dict[str, Any]]:
        """The messages of an image build."""
        headers = {"Content-Type": "application/x-tar"}
        answer = self._send("POST", "/build", params=params, data=archive, headers=headers, stream=True, timeout=None)
        from docker.utils.json_stream import json_stream  # noqa: PLC0415

        messages: Any = json_stream(answer.iter_content(None))
        yield from messages

    def pull(self, image: str, platform: str | None) -> Iterator[dict[str, Any]]:
        """The messages of a pull, with the login that `docker login` left for the registry."""
        client = self._client  # which takes care that the package is whole
        from docker import errors, utils  # noqa: PLC0415

        repository, tag = utils.parse_repository_tag(image)
        try:
            for message in client.pull(repository, tag, stream=True, decode=True, platform=platform):
                if "error" in message:
                    raise DockerError(str(message["error"]), 1)
                yield message
        except errors.APIError as error:
            raise DockerError(str(error.explanation or error), 1) from error


@contextlib.contextmanager
def tolerating(*words: str) -> Iterator[None]:
    """Inside, it is no error that the thing is not there, nor one in which Docker says one of `words`."""
    try:
        yield
    except DockerError as error:
        if error.status != NOT_FOUND and not any(word in str(error) for word in words):
            raise


def inspect(docker: DockerApi, kind: str, name: str) -> dict[str, Any] | None:
    """What Docker knows of a `containers`, `networks`, `volumes` or `images` entry; None if there is none."""
    tail = "" if kind in ("networks", "volumes") else "/json"
    with tolerating():
        return dict(docker.call("GET", f"/{kind}/{quote(name, safe='/:@')}{tail}"))
    return None


def _unreachable(host: str, reason: str) -> str:
    start = "Start Docker, or set DOCKER_HOST to where it runs."
    cures = {"Permission denied": "Join the docker group (then log in again), or run as root.", "No such file": start}
    cures |= {"refused": start, "": "Check that Docker runs, then run again: the state is kept."}
    cure = next(cure for symptom, cure in cures.items() if symptom in reason)
    return f"docker: {host} does not answer ({reason}). {cure}"


def _message(response: Any) -> str:
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.text.strip() or f"HTTP status {response.status_code}"
    if "no space left on device" in message:
        message += " The disk of the Docker host is full: free space (docker system df), then run again."
    return message
