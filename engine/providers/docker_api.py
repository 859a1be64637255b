"""The seam to a Docker Engine: the few calls that the providers make, over the Docker SDK."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any, Protocol
from urllib.parse import quote

from engine.errors import ProviderError

NOT_FOUND = 404
CONFLICT = 409
_NOT_MODIFIED = 304
_SECONDS = 120  # one call; waiting is done by polling
_POOL = 64


class DockerError(ProviderError):
    """The Docker Engine refused a call. `status` is the HTTP status, 0 when it could not be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.unsure = status == 0


@dataclass(frozen=True, kw_only=True)
class Login:
    """How to log in to a registry."""

    username: str
    password: str
    server: str

    def as_header(self) -> dict[str, str]:
        return {"username": self.username, "password": self.password, "serveraddress": self.server}


class DockerApi(Protocol):
    """Ids and names are interchangeable; inspecting what is not there returns None.

    Everything raises DockerError.
    """

    def create_container(self, name: str, config: Mapping[str, Any], platform: str | None) -> str: ...
    def inspect_container(self, id_: str) -> dict[str, Any] | None: ...
    def start_container(self, id_: str) -> None: ...
    def stop_container(self, id_: str, grace_seconds: int) -> None: ...
    def remove_container(self, id_: str, *, volumes: bool) -> None: ...
    def update_container(self, id_: str, config: Mapping[str, Any]) -> None: ...
    def container_logs(self, id_: str, lines: int | None) -> str: ...
    def put_archive(self, id_: str, data: bytes) -> None: ...
    def create_network(self, config: Mapping[str, Any]) -> str: ...
    def inspect_network(self, id_: str) -> dict[str, Any] | None: ...
    def remove_network(self, id_: str) -> None: ...
    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None: ...
    def disconnect(self, network: str, container: str) -> None: ...
    def create_volume(self, config: Mapping[str, Any]) -> None: ...
    def inspect_volume(self, name: str) -> dict[str, Any] | None: ...
    def remove_volume(self, name: str) -> None: ...
    def inspect_image(self, name: str) -> dict[str, Any] | None: ...
    def remove_image(self, name: str, *, force: bool) -> None: ...
    def pull_image(self, name: str, login: Login | None, platform: str | None) -> Iterator[dict[str, Any]]: ...
    def push_image(self, name: str, login: Login | None) -> Iterator[dict[str, Any]]: ...
    def build_image(self, context: IO[bytes], options: Mapping[str, str]) -> Iterator[dict[str, Any]]: ...


def default_host() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


class DockerEngine:
    """A DockerApi over HTTP, by the client of the Docker SDK. Safe to share between threads."""

    def __init__(self, host: str) -> None:
        self._host = host or default_host()

    @cached_property
    def _client(self) -> Any:
        import docker  # noqa: PLC0415  0.2 s that a preview need not pay
        from docker.errors import DockerException  # noqa: PLC0415

        if self._host.startswith("ssh://"):
            raise DockerError(f"docker host {self._host}: ssh:// is not supported by the embedded engine.")
        try:
            return docker.APIClient(base_url=self._host, version="auto", timeout=_SECONDS, max_pool_size=_POOL)
        except DockerException as error:
            raise DockerError(explain_unreachable(self._host, str(error))) from error

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """One request; the response, already checked for errors."""
        import requests  # noqa: PLC0415  comes with the Docker SDK

        client = self._client
        url = f"{client.base_url}/v{client.api_version}{path}"
        options.setdefault("timeout", _SECONDS)
        try:
            response = client.request(method, url, **options)
        except requests.RequestException as error:
            raise DockerError(explain_unreachable(self._host, str(error))) from error
        if response.status_code >= 400:  # noqa: PLR2004  HTTP's own limit
            raise DockerError(_message(response), response.status_code)
        return response

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._call(method, path, **options).json()

    def _inspect(self, path: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = self._json("GET", path)
        except DockerError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return content

    def create_container(self, name: str, config: Mapping[str, Any], platform: str | None) -> str:
        params = {"name": name, **({"platform": platform} if platform else {})}
        return str(self._json("POST", "/containers/create", params=params, json=config)["Id"])

    def inspect_container(self, id_: str) -> dict[str, Any] | None:
        return self._inspect(f"/containers/{_quote(id_)}/json")

    def start_container(self, id_: str) -> None:
        self._call("POST", f"/containers/{id_}/start")

    def stop_container(self, id_: str, grace_seconds: int) -> None:
        path = f"/containers/{id_}/stop"
        self._call("POST", path, params={"t": grace_seconds}, timeout=grace_seconds + _SECONDS)

    def remove_container(self, id_: str, *, volumes: bool) -> None:
        self._call("DELETE", f"/containers/{id_}", params={"force": 1, "v": int(volumes)})

    def update_container(self, id_: str, config: Mapping[str, Any]) -> None:
        self._call("POST", f"/containers/{id_}/update", json=config)

    def container_logs(self, id_: str, lines: int | None) -> str:
        tail = "all" if lines is None else str(lines)
        params = {"stdout": 1, "stderr": 1, "tail": tail}
        raw = self._call("GET", f"/containers/{id_}/logs", params=params).content
        return demultiplex(raw).decode("utf-8", "replace")

    def put_archive(self, id_: str, data: bytes) -> None:
        self._call("PUT", f"/containers/{id_}/archive", params={"path": "/"}, data=data)

    def create_network(self, config: Mapping[str, Any]) -> str:
        return str(self._json("POST", "/networks/create", json=config)["Id"])

    def inspect_network(self, id_: str) -> dict[str, Any] | None:
        return self._inspect(f"/networks/{_quote(id_)}")

    def remove_network(self, id_: str) -> None:
        self._call("DELETE", f"/networks/{_quote(id_)}")

    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        body = {"Container": container, "EndpointConfig": endpoint}
        self._call("POST", f"/networks/{_quote(network)}/connect", json=body)

    def disconnect(self, network: str, container: str) -> None:
        self._call("POST", f"/networks/{_quote(network)}/disconnect", json={"Container": container})

    def create_volume(self, config: Mapping[str, Any]) -> None:
        self._call("POST", "/volumes/create", json=config)

    def inspect_volume(self, name: str) -> dict[str, Any] | None:
        return self._inspect(f"/volumes/{_quote(name)}")

    def remove_volume(self, name: str) -> None:
        self._call("DELETE", f"/volumes/{_quote(name)}", params={"force": 1})

    def inspect_image(self, name: str) -> dict[str, Any] | None:
        return self._inspect(f"/images/{name}/json")

    def remove_image(self, name: str, *, force: bool) -> None:
        self._call("DELETE", f"/images/{name}", params={"force": int(force)})

    def pull_image(self, name: str, login: Login | None, platform: str | None) -> Iterator[dict[str, Any]]:
        repository, tag = split_reference(name)
        params = {"fromImage": repository, "tag": tag, **({"platform": platform} if platform else {})}
        return self._stream("/images/create", params=params, headers=self._auth(name, login))

    def push_image(self, name: str, login: Login | None) -> Iterator[dict[str, Any]]:
        repository, tag = split_reference(name)
        headers = self._auth(name, login) or {"X-Registry-Auth": "e30="}  # an empty JSON object
        return self._stream(f"/images/{repository}/push", params={"tag": tag}, headers=headers)

    def build_image(self, context: IO[bytes], options: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        headers = {"Content-Type": "application/x-tar"}
        return self._stream("/build", params=options, headers=headers, data=context)

    def _auth(self, image: str, login: Login | None) -> dict[str, str]:
        """The login header: what the program gave, else what ~/.docker/config.json has."""
        from docker import auth  # noqa: PLC0415

        registry, _ = auth.resolve_repository_name(image)
        if login is not None:
            return {"X-Registry-Auth": auth.encode_header(login.as_header()).decode()}
        known = auth.load_config(config_dict=None).resolve_authconfig(registry)
        return {"X-Registry-Auth": auth.encode_header(known).decode()} if known else {}

    def _stream(self, path: str, **options: Any) -> Iterator[dict[str, Any]]:
        response = self._call("POST", path, stream=True, timeout=None, **options)
        yield from json_stream(response.iter_content(None))


def json_stream(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """JSON objects, one after the other, out of a byte stream."""
    decoder = json.JSONDecoder()
    text = ""
    for chunk in chunks:
        text += chunk.decode("utf-8", "replace")
        while text := text.lstrip():
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                break  # the rest is still to come
            text = text[end:]
            yield value


def demultiplex(raw: bytes) -> bytes:
    """The text of a log in Docker's framed format; other bytes are returned as they are."""
    header = 8
    out = bytearray()
    position = 0
    while position + header <= len(raw):
        if raw[position] > 2 or raw[position + 1 : position + 4] != b"\0\0\0":  # noqa: PLR2004  stream ids
            return raw
        size = int.from_bytes(raw[position + 4 : position + header], "big")
        out += raw[position + header : position + header + size]
        position += header + size
    return bytes(out) if out or not raw else raw


def split_reference(name: str) -> tuple[str, str]:
    """Repository and tag or digest of an image name."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def explain_unreachable(host: str, reason: str) -> str:
    if "Permission denied" in reason:
        cure = "Join the docker group (then log in again), or run as root."
    elif "No such file" in reason or "Connection refused" in reason or "ConnectionRefused" in reason:
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


def _quote(name: str) -> str:
    return quote(name, safe="")
