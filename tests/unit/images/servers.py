"""Servers that answer as they are told: on a UNIX socket as a replica does, or on a port as Nginx does."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def answer(status: int = 200, body: bytes = b"ok", *, release: str = "", length: int | None = None) -> bytes:
    """A complete answer, if `length` does not say that there is more of it."""
    names = {"content-length": str(len(body) if length is None else length)}
    names |= {"x-stack-release": release} if release else {}
    lines = [f"HTTP/1.1 {status} X", *(f"{key}: {value}" for key, value in names.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """Each connection has a script: one text for each request, then the connection is closed.

    The last script is that of all further connections. An empty text is a connection closed instead of an answer.
    """

    def __init__(self, listener: socket.socket, scripts: Sequence[Sequence[bytes]], pages: Mapping[str, bytes]) -> None:
        self.requests: list[str] = []
        """Method and path of each, in their order."""
        self._listener, self._scripts, self._pages = listener, list(scripts), pages
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            threading.Thread(target=self._answer, args=(connection, script), daemon=True).start()

    def _answer(self, connection: socket.socket, script: Sequence[bytes]) -> None:
        with connection:
            for text in script:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(4096)
                    if not more:
                        return
                    head += more
                words = head.decode().split()
                self.requests.append(f"{words[0]} {words[1]}")
                connection.sendall(self._pages.get(words[1], text))


@contextmanager
def on_port(*scripts: Sequence[bytes]) -> Iterator[Server]:
    """A server on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Server(listener, scripts, {})
        listener.shutdown(socket.SHUT_RDWR)  # else the thread that accepts would keep it open


@contextmanager
def on_socket(path: Path, text: bytes, **pages: bytes) -> Iterator[Server]:
    """A server on a UNIX socket that answers this text, or another one on some pages, by name without slashes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield Server(listener, [[text]], {f"/{name}/": page for name, page in pages.items()})
        listener.shutdown(socket.SHUT_RDWR)
