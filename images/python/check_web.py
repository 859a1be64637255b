"""Healthy means: the site's health path answers 200 on this container's own socket."""

import http.client
import os
import socket
import sys

SECONDS = 4


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket; `host` is what the Host header says."""

    def __init__(self, path: str, host: str) -> None:
        super().__init__(host, timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def main() -> None:
    connection = UnixConnection(os.environ["GUNICORN_SOCKET"], os.environ["ALLOWED_HOSTS"].split(",")[0])
    try:
        connection.request("GET", os.environ["HEALTH_PATH"], headers={"X-Forwarded-Proto": "https"})
        response = connection.getresponse()
        body = response.read(300).decode(errors="replace")
    except OSError as error:
        sys.exit(f"no answer on {os.environ['GUNICORN_SOCKET']}: {error}")
    if response.status != http.client.OK:
        sys.exit(f"{os.environ['HEALTH_PATH']} answered {response.status} {response.reason}: {body}")


if __name__ == "__main__":
    main()
