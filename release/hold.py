"""Have requests wait while PostgreSQL is replaced, and let them go on when it answers again."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from release.docker_cli import Docker, inspect, labelled
from release.errors import StepError
from release.leftovers import in_flight

POLL_SECONDS = 0.1
LISTENING_SECONDS = 10.0
IN_FLIGHT_SECONDS = 10.0
"""How long requests that are being answered are waited for before the database goes."""
LEAVING_SECONDS = 90.0

SPEC_LABEL = "django-stack.spec"


def hold(docker: Docker, prefix: str, spec: str, room: Sequence[str], tell: Callable[[str], None]) -> None:
    """Start the waiting room if the running PostgreSQL is to be replaced; `room` is its `docker run …`."""
    found = inspect(docker, [f"{prefix}-postgres"])
    if not found or not found[0]["State"]["Running"] or found[0]["Config"]["Labels"].get(SPEC_LABEL) == spec:
        return
    web = labelled(docker, prefix, "web")
    if not web:
        return
    name = _name(prefix)
    docker("rm", "--force", name, check=False)
    docker(*room[1:])
    _until(lambda: "holding" in docker("logs", name), LISTENING_SECONDS, f"{name}: it must take over from the replicas")
    with suppress(StepError):  # a long request is cut off by the database that goes; the others cannot wait for it
        _until(lambda: not any(sum(in_flight(docker, each)) for each in web), IN_FLIGHT_SECONDS, "requests in flight")
    tell("requests wait while PostgreSQL is replaced")


def resume(docker: Docker, prefix: str, tell: Callable[[str], None]) -> None:
    """Let those that wait go on, if there is a waiting room. Raises StepError when it does not empty."""
    name = _name(prefix)
    if not inspect(docker, [name]):
        return
    docker("exec", name, "python3", "/opt/stack/waiting_room.py", "open", check=False)
    _until(lambda: not inspect(docker, [name]), LEAVING_SECONDS, f"{name}: all that waited must be answered")
    tell("requests go on")


def _name(prefix: str) -> str:
    return f"{prefix}-waiting"


def _until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise StepError(f"{what} within {seconds:.0f} s (it has not). Look at the container's log.")
        time.sleep(POLL_SECONDS)
