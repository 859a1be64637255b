"""Healthy means: the site's health path answers 200 on this container's own socket.

Over a bare socket: it is run twice a second while the site starts, when CPU is short, and an HTTP library takes longer
to import than all the rest.
"""

import os
import socket
import sys

SECONDS = 4
SHOWN_BYTES = 300
"""Of an answer that is not good."""


def ask(path: str, request: bytes) -> bytes:
    """The answer, or the start of a long one. Raises OSError."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(request)
        while len(answer.partition(b"\r\n\r\n")[2]) < SHOWN_BYTES and (more := connection.recv(4096)):
            answer += more
    return answer


def main() -> None:
    own, health = os.environ["GUNICORN_SOCKET"], os.environ["HEALTH_PATH"]
    host = os.environ["ALLOWED_HOSTS"].split(",")[0]
    request = f"GET {health} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    try:
        answer = ask(own, request.encode())
    except OSError as error:
        sys.exit(f"no answer on {own}: {error}")
    head, _, body = answer.partition(b"\r\n\r\n")
    first = head[:SHOWN_BYTES].partition(b"\r\n")[0].decode(errors="replace")
    status = first.removeprefix("HTTP/1.1 ").removeprefix("HTTP/1.0 ")
    if not status.startswith("200"):
        sys.exit(f"{health} answered {status or 'nothing'}: {body[:SHOWN_BYTES].decode(errors='replace')}")


if __name__ == "__main__":
    main()
