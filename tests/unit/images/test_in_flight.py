"""Requests that a container is answering, counted from the kernel's table of UNIX sockets."""

import pytest
from in_flight import count

TABLE = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/web/a-1.sock
0000000000000000: 00000003 00000000 00000000 0001 03 12 /run/web/a-1.sock
0000000000000000: 00000003 00000000 00000000 0001 03 13 /run/web/a-1.sock
0000000000000000: 00000002 00000000 00000000 0001 02 14 /run/web/a-1.sock
0000000000000000: 00000003 00000000 00000000 0001 03 15
0000000000000000: 00000002 00000000 00010000 0001 01 16 /run/web/a-1.long.sock
0000000000000000: 00000003 00000000 00000000 0001 03 17 /run/web/a-1.long.sock
0000000000000000: 00000003 00000000 00000000 0001 03 18 /run/web/a-10.sock
"""


@pytest.mark.parametrize(
    ("socket", "connections"), [("/run/web/a-1.sock", 3), ("/run/web/a-1.long.sock", 1), ("/run/web/b-1.sock", 0)]
)
def test_connections_to_one_socket_are_counted(socket: str, connections: int) -> None:
    """Those that wait to be accepted, too; not the listener, nor those of a socket whose name begins alike."""
    assert count(TABLE, socket) == connections


def test_an_idle_container_has_nothing_in_flight() -> None:
    """The table has its listeners alone."""
    idle = "\n".join(line for line in TABLE.splitlines() if " 01 " in line or "Num" in line)
    assert count(idle, "/run/web/a-1.sock") == 0
