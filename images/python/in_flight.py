"""How many requests this container is answering: `ORDINARY LONG`, counted as connections to its two sockets."""

import os
from pathlib import Path

WAITING, CONNECTED = "02", "03"
"""States of a connection in /proc/net/unix: in the listener's queue, accepted. The listener itself has another."""


def count(table: str, socket: str) -> int:
    """Connections to a socket in the text of /proc/net/unix."""
    rows = (line.split() for line in table.splitlines()[1:])
    return sum(len(row) == 8 and row[7] == socket and row[5] in (WAITING, CONNECTED) for row in rows)  # noqa: PLR2004 - its columns


if __name__ == "__main__":
    table = Path("/proc/net/unix").read_text()
    socket = os.environ["GUNICORN_SOCKET"]
    print(count(table, socket), count(table, socket.removesuffix(".sock") + ".long.sock"))
