"""What a release leaves behind: containers to drain and stop, images and secrets that no release needs any more.

Only what carries the stack's label or its name is ever looked at.
"""

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from release.docker_cli import Docker, inspect, labelled

POLL_SECONDS = 0.3
OWN_IMAGES = ("python", "postgres", "nginx")
GRACE_AFTER_SWITCH_SECONDS = 0.2
"""A connection that Nginx was opening while the slots moved is in a socket's list by then."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long what is in flight may take, in seconds."""

    ordinary: float
    long: float
    """On long paths and WebSockets."""
    stop: int
    """Between the stop signal and a kill."""


def others(docker: Docker, prefix: str, role: str, wanted: Iterable[str]) -> list[str]:
    """The stack's containers with a role that are not among the wanted."""
    return [name for name in labelled(docker, prefix, role) if name not in set(wanted)]


def in_flight(docker: Docker, name: str) -> tuple[int, int]:
    """Requests that a web container is answering: ordinary and long ones. (0, 0) when it does not run."""
    counted = docker("exec", name, "python3", "/opt/stack/in_flight.py", check=False).split()
    return (int(counted[0]), int(counted[1])) if len(counted) == 2 else (0, 0)  # noqa: PLR2004 - ordinary and long


def drain(docker: Docker, name: str, patience: Patience) -> tuple[int, int]:
    """Wait until nothing is in flight or patience ends; what is still in flight then."""
    start = time.monotonic()
    time.sleep(GRACE_AFTER_SWITCH_SECONDS)
    while True:
        ordinary, long = in_flight(docker, name)
        waited = time.monotonic() - start
        if (not ordinary or waited > patience.ordinary) and (not long or waited > patience.long):
            return ordinary, long
        time.sleep(POLL_SECONDS)


def retire(docker: Docker, names: Sequence[str], patience: Patience) -> list[str]:
    """Drain, stop and remove containers, all at the same time; a sentence about each that was cut short."""

    def one(name: str) -> str:
        ordinary, long = drain(docker, name, patience)
        docker("stop", f"--time={patience.stop}", name, check=False)
        docker("rm", "--force", name, check=False)
        cut = f"{ordinary} requests and {long} long ones" if ordinary or long else ""
        return f"{name}: {cut} did not end in time" if cut else ""

    if not names:
        return []
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return [told for told in pool.map(one, names) if told]


def stop_and_remove(docker: Docker, names: Sequence[str], seconds: int) -> None:
    """For containers whose own stop signal lets them finish, such as Nginx."""
    for name in names:
        docker("stop", f"--time={seconds}", name, check=False)
        docker("rm", "--force", name, check=False)


def live_release(docker: Docker, prefix: str) -> str:
    """The release that is live; empty when none is, or no Nginx runs that knows."""
    for name in labelled(docker, prefix, "nginx"):
        told = docker("exec", name, "cat", "/run/slots/.live.json", check=False)
        if told:
            return str(json.loads(told)["release"])
    return ""


def in_slots(docker: Docker, prefix: str) -> set[str]:
    """Names of the web containers that slots point to, as Nginx sees them."""
    names: set[str] = set()
    for nginx in labelled(docker, prefix, "nginx"):
        sockets = docker("exec", nginx, "sh", "-c", "readlink /run/slots/*.sock", check=False).split()
        names |= {f"{prefix}-web-{PurePosixPath(socket).name.partition('.')[0]}" for socket in sockets}
    return names


def kept_images(docker: Docker, prefix: str) -> list[str]:
    """The images that the last switch has left; none when it is not known."""
    for name in labelled(docker, prefix, "nginx"):
        told = docker("exec", name, "cat", "/run/slots/.kept", check=False).split()
        if told:
            return told
    return []


def clear(docker: Docker, prefix: str, release: str, image: str) -> list[str]:
    """Remove web containers and images of releases that failed; what was removed.

    Those of the live release and of this one stay, and whatever takes traffic: a deployment that was killed may have
    left the slots at a release that is not live yet. The next switch takes the traffic from it.
    """
    live = live_release(docker, prefix)
    if not live:
        return []
    serving = in_slots(docker, prefix)
    stale = [
        found["Name"].lstrip("/")
        for found in inspect(docker, labelled(docker, prefix, "web"))
        if found["Config"]["Labels"].get("django-stack.release") not in (live, release)
    ]
    removed = [name for name in stale if name not in serving]
    for name in removed:
        docker("rm", "--force", name, check=False)
    kept = kept_images(docker, prefix)
    return removed + (prune_images(docker, prefix, [*kept, image]) if kept else [])


def prune_images(docker: Docker, prefix: str, kept: Iterable[str]) -> list[str]:
    """Remove the site's images that no kept release is made from; what was removed."""
    return _remove_images(docker, [name for name in _images(docker, f"{prefix}/web") if name not in set(kept)])


def prune_own_images(docker: Docker, prefix: str) -> list[str]:
    """Remove the stack's own images that none of its containers has; what was removed.

    For while all run that the program makes, tools included: before, an image may wait for its container. No release
    needs one to come back: the site's image holds their layers, and the steps are the present program's.
    """
    containers = inspect(docker, labelled(docker, prefix))
    used = {container["Image"] for container in containers} | {container["Config"]["Image"] for container in containers}
    found = [_images(docker, f"{prefix}/{family}") for family in OWN_IMAGES]
    unused = [name for images in found for name, identity in images.items() if not used & {name, identity}]
    return _remove_images(docker, unused)


def _remove_images(docker: Docker, names: list[str]) -> list[str]:
    for name in names:
        docker("image", "rm", name, check=False)
    return names


def _images(docker: Docker, repository: str) -> dict[str, str]:
    """A repository's images, name to id."""
    words = docker("image", "ls", "--no-trunc", "--format={{.Repository}}:{{.Tag}} {{.ID}}", repository).split()
    return dict(zip(words[::2], words[1::2], strict=True))
