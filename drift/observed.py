"""What Docker says of a stack: one question for many things at a time, and none that changes anything."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from drift.errors import DriftError
from drift.recorded import Recorded
from release.docker_cli import Docker
from release.errors import DockerError

_LISTED = (
    "[{{json .Names}},{{json .State}},{{json .Image}},{{json .Networks}},{{json .Mounts}},"
    '{{json (.Label "django-stack.stack")}},{{json (.Label "django-stack.role")}}]'
)
TRANSIENT = {"tools", "waiting", "static", "migrate", "secrets-writer"}
"""Roles of containers that live as long as a release is under way."""

LOOKING = "drift"
"""Role of a container that only lives while somebody looks for drift: this look, or another one."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A container of the engine, whoever's."""

    name: str
    state: str
    image: str
    networks: frozenset[str]
    volumes: frozenset[str]
    stack: str
    """The prefix of the stack that its labels say it is of; empty without."""
    role: str


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All that can be compared with the recorded state. Inspections are as Docker has them, by name."""

    listed: Sequence[Listed] = ()
    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stack_volumes: frozenset[str] = frozenset()
    """Names of all volumes with the stack's label."""
    images: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By recorded name, and by the id of an image that a container has."""
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What `docker diff` says of containers with a writable root, by name."""

    def runs(self, name: str) -> bool:
        """Whether a container of the stack is there and runs."""
        return name in self.containers and self.containers[name]["State"]["Status"] == "running"


def observe(docker: Docker, recorded: Recorded) -> Observed:
    """Raises DriftError where Docker does not answer, or a release is under way."""
    try:
        listed = listing(docker)
        _refuse_a_release_under_way(recorded.prefix, listed)
        return _look(docker, recorded, listed)
    except DockerError as problem:
        raise DriftError(
            f"Docker: the engine must answer (got {problem})."
            " Start it, or correct DOCKER_HOST or docker:host; ./ops doctor shows where it is asked."
        ) from None


def _look(docker: Docker, recorded: Recorded, listed: Sequence[Listed]) -> Observed:
    label = f"--filter=label=django-stack.stack={recorded.prefix}"
    with ThreadPoolExecutor(max_workers=4) as pool:
        containers = pool.submit(inspect_all, docker, "container", [each.name for each in recorded.containers])
        networks = pool.submit(inspect_all, docker, "network", [each.name for each in recorded.networks])
        volumes = pool.submit(inspect_all, docker, "volume", [each.name for each in recorded.volumes])
        labelled = pool.submit(docker, "volume", "ls", "--quiet", label)
        found = containers.result()
        names = {image.name for image in recorded.images} | {image.id for image in recorded.images if image.id}
        names |= {info["Image"] for info in found.values()}
        images = pool.submit(inspect_all, docker, "image", sorted(names))
        writable = [name for name, info in found.items() if not info["HostConfig"].get("ReadonlyRootfs")]
        written = list(pool.map(lambda name: docker("diff", name, check=False).splitlines(), writable))
    return Observed(
        listed=listed,
        containers=found,
        networks=networks.result(),
        volumes=volumes.result(),
        stack_volumes=frozenset(labelled.result().split()),
        images=images.result(),
        written=dict(zip(writable, written, strict=True)),
    )


def listing(docker: Docker) -> list[Listed]:
    """Every container of the engine, stopped ones included."""
    rows = [json.loads(line) for line in docker("ps", "--all", "--no-trunc", f"--format={_LISTED}").splitlines()]
    return [
        Listed(
            name=names.partition(",")[0],
            state=state,
            image=image,
            networks=frozenset(filter(None, networks.split(","))),
            volumes=frozenset(filter(None, mounts.split(","))),
            stack=stack,
            role=role,
        )
        for names, state, image, networks, mounts, stack, role in rows
    ]


def under_way(prefix: str, listed: Iterable[Listed]) -> list[str]:
    """Containers that only live while a release does."""
    return [each.name for each in listed if each.stack == prefix and each.state == "running" and each.role in TRANSIENT]


def _refuse_a_release_under_way(prefix: str, listed: Iterable[Listed]) -> None:
    if names := under_way(prefix, listed):
        raise DriftError(
            f"stack {prefix}: no release may be under way (got {', '.join(names)}, which lives as long as one is)."
            " Wait for its end; if it was killed, run ./pulumiw up, which goes on from there."
        )


def inspect_all(docker: Docker, kind: str, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The inspections of those that exist, by the name that was asked for. Raises DockerError if that is not known."""
    if not names:
        return {}
    told = docker(kind, "inspect", *names, check=False, both=True)
    array = re.search(r"^\[", told, re.MULTILINE)  # with errors and warnings before or after it
    found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(told[array.start() :])[0] if array else []
    by_name: dict[str, Mapping[str, Any]] = {
        name: info for name in names for info in found if {name, familiar(name)} & _names(kind, info)
    }
    for name in set(names) - by_name.keys():
        missing = [
            line for line in told.splitlines() if name in line and re.search(r"no such|not found", line, re.IGNORECASE)
        ]
        if not missing:
            raise DockerError(f"docker {kind} inspect: {told.removeprefix('[]').strip()[:500]}")
    return by_name


def _names(kind: str, info: Mapping[str, Any]) -> set[str]:
    if kind == "image":
        return {info["Id"], *(info.get("RepoTags") or ()), *(info.get("RepoDigests") or ())}
    return {info["Name"].lstrip("/")}


def familiar(image: str) -> str:
    """The name that an inspection has: without Docker's own registry, and without a tag that a digest makes idle."""
    name, at, digest = image.removeprefix("docker.io/").removeprefix("library/").partition("@")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}" if at else name
