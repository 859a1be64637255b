"""A Docker Engine that dies while it makes a container: the request arrives, the answer does not."""

import contextlib
import socket
import threading
import time
from pathlib import Path

DOCKER_SOCKET = "/var/run/docker.sock"
_DEADLY = b"/containers/create"
_TIME_TO_ACT_SECONDS = 1.0
_READ_BYTES = 65536


class DyingDocker:
    """Passes everything on to the real Docker Engine until the first container is to be made."""

    def __init__(self, path: Path) -> None:
        self._dead = False
        self._path = path
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(DOCKER_SOCKET)
                threading.Thread(target=self._requests, args=(client, upstream), daemon=True).start()
                threading.Thread(target=self._answers, args=(upstream, client), daemon=True).start()

    def _requests(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_READ_BYTES):
                self._dead |= _DEADLY in data
                upstream.sendall(data)
                if self._dead:
                    time.sleep(_TIME_TO_ACT_SECONDS)
                    client.shutdown(socket.SHUT_RDWR)
                    self.close()

    def _answers(self, upstream: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := upstream.recv(_READ_BYTES):
                if not self._dead:
                    client.sendall(data)

    def close(self) -> None:
        self._server.close()
        self._path.unlink(missing_ok=True)
