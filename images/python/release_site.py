"""Point Nginx's slots at a release's sockets, then ask through Nginx until that release answers, and only it.

Runs in a container of its own, inside the network namespace that holds the published ports. Safe to repeat.
"""

import argparse
import http.client
import sys
import time
from pathlib import Path

SLOTS = Path("/run/slots")
PORT = 8080


def switch(sockets: list[str], slots: int) -> None:
    """Give every slot a socket, round-robin. Each slot changes in one atomic rename."""
    for slot in range(slots):
        fresh = SLOTS / f".{slot}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(sockets[slot % len(sockets)])
        fresh.rename(SLOTS / f"{slot}.sock")


def ask(host: str, path: str) -> tuple[int, str, str]:
    """Status, release and replica of one answer, on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    connection.request("GET", path, headers={"Host": host, "X-Stack-Probe": "1", "Connection": "close"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return (
        response.status,
        response.getheader("X-Stack-Release", "none"),
        response.getheader("X-Stack-Replica", "none"),
    )


def verify(host: str, path: str, release: str, replicas: int, seconds: float) -> None:
    """Ask until every replica of the release has answered 200 and nothing else has answered since."""
    deadline = time.monotonic() + seconds
    seen: set[str] = set()
    last = "no answer yet"
    while time.monotonic() < deadline:
        try:
            status, answered_by, replica = ask(host, path)
        except (OSError, http.client.HTTPException) as error:
            seen.clear()
            last = f"no answer: {error}"
            time.sleep(0.2)
            continue
        last = f"status {status} from release {answered_by}"
        if (status, answered_by) != (http.client.OK, release):
            seen.clear()
            time.sleep(0.2)
            continue
        seen.add(replica)
        if len(seen) == replicas:
            print(f"release {release}: {replicas} of {replicas} replicas answer 200 on {path} through Nginx")
            return
    missing = f"{len(seen)} of {replicas} replicas answered"
    sys.exit(
        f"through Nginx: {path} must answer 200 from release {release} within {seconds:.0f} s"
        f" (got {last}; {missing}). Look at the logs of the web containers."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("sockets", nargs="+")
    arguments = parser.parse_args()
    missing = [socket for socket in arguments.sockets if not Path(socket).exists()]
    if missing:
        sys.exit(f"switch: {', '.join(missing)} must exist before traffic can move (got nothing there).")
    switch(arguments.sockets, arguments.slots)
    verify(arguments.host, arguments.path, arguments.release, len(arguments.sockets), arguments.seconds)


if __name__ == "__main__":
    main()
