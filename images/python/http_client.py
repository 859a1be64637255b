"""HTTP as the stack's tools speak it: to a replica's socket, or to Nginx inside the network namespace of the edge."""

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

EDGE_PORT = 8080
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete answer to one request."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    seconds: float = 0.0

    @property
    def release(self) -> str:
        return self.headers.get("x-stack-release", "none")

    @property
    def replica(self) -> str:
        return self.headers.get("x-stack-replica", "none")

    @property
    def edge(self) -> str:
        return self.headers.get("x-stack-edge", "none")


class UnansweredError(Exception):
    """No complete answer came. Its text says what came instead."""


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(target: str | int, seconds: float = 10) -> http.client.HTTPConnection:
    """A new connection to a socket's path, or to a port on loopback."""
    if isinstance(target, str):
        return SocketConnection(target, seconds)
    return http.client.HTTPConnection("127.0.0.1", target, timeout=seconds)


def ask(
    over: http.client.HTTPConnection,
    path: str,
    *,
    host: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Answer:
    """One request and its whole answer over a connection. Raises UnansweredError."""
    start = time.monotonic()
    try:
        over.request(method, path, body=body, headers={"Host": host, "X-Stack-Probe": "1", **headers})
        response = over.getresponse()
        if response.length is None and not response.chunked:  # else any end would pass for it
            raise UnansweredError("an answer that does not say where it ends")
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise UnansweredError(f"{type(error).__name__}: {error}") from error
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=names, body=content, seconds=time.monotonic() - start)


def ask_once(
    target: str | int, path: str, *, host: str, seconds: float = 10, headers: Mapping[str, str] = NO_HEADERS
) -> Answer:
    """One GET over a connection of its own. Raises UnansweredError."""
    over = connection(target, seconds)
    try:
        return ask(over, path, host=host, headers=headers)
    finally:
        over.close()
