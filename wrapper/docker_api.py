"""Asks a Docker Engine two questions over its HTTP API, with the standard library alone.

The docker SDK is not there yet when the first question is asked, and the docker CLI may never be.
"""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

from wrapper.docker_endpoint import Endpoint

_TIMEOUT_SECONDS = 10.0
_SSH_TIMEOUT_SECONDS = 30.0


class Outcome(Enum):
    """How a question ended."""

    ANSWERED = auto()
    ABSENT = auto()
    """No socket is there."""
    REFUSED = auto()
    """A socket, and nobody behind it."""
    DENIED = auto()
    """No permission on the socket."""
    FAILED = auto()
    """Anything else: time-outs, names that do not resolve, TLS."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an Engine said."""

    outcome: Outcome
    status: int = 0
    """Of HTTP, when answered."""
    body: Any = None
    detail: str = ""
    """Why there is no answer."""


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def version(endpoint: Endpoint) -> Answer:
    """The Engine's version, in the form of the API's /version."""
    if endpoint.url.startswith("ssh://"):
        return _version_over_ssh(endpoint)
    return _get(endpoint, "/version", timeout=_TIMEOUT_SECONDS)


def distribution(endpoint: Endpoint, image: str, *, timeout_seconds: float) -> Answer:
    """What the Engine itself learns from the registry of `image`, without pulling it."""
    return _get(endpoint, f"/distribution/{image}/json", timeout=timeout_seconds)


def _get(endpoint: Endpoint, path: str, *, timeout: float) -> Answer:
    try:
        connection = _connection(endpoint, timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return Answer(outcome=Outcome.ANSWERED, status=response.status, body=_parsed(response.read()))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _failure(error)


def _connection(endpoint: Endpoint, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(endpoint.url)
    if parts.scheme == "unix":
        return _SocketConnection(parts.path, timeout)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname:
        raise ValueError(f"{endpoint.url} is no address of a Docker Engine")
    if endpoint.certificates is None and parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
    context = ssl.create_default_context()
    if endpoint.certificates:
        folder = endpoint.certificates
        context.load_verify_locations(folder / "ca.pem")
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return http.client.HTTPSConnection(parts.hostname, parts.port or 2376, timeout=timeout, context=context)


def _failure(error: Exception) -> Answer:
    detail = str(error) or type(error).__name__
    match error:
        case FileNotFoundError():
            return Answer(outcome=Outcome.ABSENT, detail=detail)
        case ConnectionRefusedError():
            return Answer(outcome=Outcome.REFUSED, detail=detail)
        case PermissionError():
            return Answer(outcome=Outcome.DENIED, detail=detail)
        case _:
            return Answer(outcome=Outcome.FAILED, detail=detail)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"message": body.decode(errors="replace").strip()}


def _version_over_ssh(endpoint: Endpoint) -> Answer:
    docker = shutil.which("docker")
    if not docker:
        return Answer(outcome=Outcome.FAILED, detail="the docker CLI, which reaches it over ssh, is not on PATH")
    command = [docker, "--host", endpoint.url, "version", "--format", "{{json .Server}}"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_SSH_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Answer(outcome=Outcome.FAILED, detail=f"no answer within {_SSH_TIMEOUT_SECONDS:.0f} s")
    if run.returncode:
        return Answer(outcome=Outcome.FAILED, detail=run.stderr.strip().splitlines()[-1] if run.stderr else "")
    return Answer(outcome=Outcome.ANSWERED, status=200, body=_parsed(run.stdout.encode()))
