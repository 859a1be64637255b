"""One container of the stack as data, and what all of them share."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.sizing import Limits

START_SECONDS = 60
"""Time that a container has to become healthy, unless its spec says otherwise."""

FORM = 1
"""Raise it whenever container.py declares the same spec in another way, so that it is a new container by name too."""

OPEN_FILES = 16384
"""Open files of one container; stays below what an unprivileged engine may give (failures seen from 20,000 on)."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A named volume in a container."""

    volume: pulumi.Input[str]
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Port:
    """A published TCP port."""

    address: str
    external: int
    internal: int


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Log rotation."""

    max_size_mb: int = 10
    max_files: int = 3


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a stack's things live and what they are called; every component takes one."""

    prefix: str
    """What every physical name starts with: `<project>-<stack>`."""
    docker_host: str = ""
    """Engine for the docker commands, as DOCKER_HOST has it. Empty is the one that the docker CLI uses."""
    platform: str = ""
    """Platform of the server, such as linux/amd64; images are built for it. Empty is the engine's own."""
    python: str = ".venv/bin/python"
    """Python 3.11 or newer on the machine that runs Pulumi, for the steps of a release."""
    logs: Logs = field(default_factory=Logs)


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container, as far as containers of the stack may differ."""

    name: str
    """Physical name, unique on the engine."""
    image: pulumi.Input[str]
    user: str
    """Numeric `uid:gid`; never 0."""
    limits: Limits
    placement: Placement
    role: str
    """What the container is in the stack, such as `web`. Labels tell it, and whose stack it is."""
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Network name to the container's aliases in it. None at all when `network_mode` is set."""
    network_mode: pulumi.Input[str] | None = None
    mounts: Sequence[Mount] = ()
    tmpfs_mb: Mapping[str, int] = field(default_factory=dict)
    """Writable paths in memory and their sizes in MiB; they count towards the memory limit."""
    ports: Sequence[Port] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    shared_memory_mb: int = 64
    health: Sequence[str] = ()
    """Command that exits 0 when the container can do its work."""
    start_seconds: int = START_SECONDS
    """Time that it has to become healthy."""
    stop_signal: str = "SIGTERM"
    stop_seconds: int = 10
    """Time between the stop signal and a kill."""
    init: bool = False
    """Have Docker's init as PID 1, for a process that handles no signals itself."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        own = {"django-stack.stack": self.placement.prefix, "django-stack.role": self.role}
        return dict(sorted((own | dict(self.labels)).items()))


def record_of(spec: ContainerSpec) -> dict[str, Any]:
    """A spec as plain JSON, without its name and placement: enough to run the same container again."""
    content = dataclasses.asdict(dataclasses.replace(spec, name=""))
    content["logs"] = content.pop("placement")["logs"]
    del content["name"]
    return content


def from_record(record: Mapping[str, Any], *, name: str, placement: Placement) -> ContainerSpec:
    """The spec of a record. Raises TypeError where the record is of another version of the program."""
    record = dict(record)
    placement = dataclasses.replace(placement, logs=Logs(**record.pop("logs")))
    parts: dict[str, Any] = {
        "limits": Limits(**record["limits"]),
        "mounts": [Mount(**mount) for mount in record["mounts"]],
        "ports": [Port(**port) for port in record["ports"]],
    }
    return ContainerSpec(**{**record, **parts, "name": name, "placement": placement})


def spec_hash(spec: ContainerSpec) -> str:
    """Ten hex digits over everything that a container is made from, its name apart. All of it must be plain."""
    placement = Placement(prefix=spec.placement.prefix, logs=spec.placement.logs)  # the rest is not in the container
    content = dataclasses.asdict(dataclasses.replace(spec, name="", placement=placement)) | {"form": FORM}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def cpu_shares(limits: Limits) -> int:
    """Weight against other containers when CPUs are short: 1024 for each CPU, as Docker's default for one container."""
    return max(2, round(limits.cpus * 1024))


def cpus_text(limits: Limits) -> str:
    """In the very words in which provider 5.2.0 reads it back; any others are shown as a difference for ever."""
    text = f"{limits.cpus:.9f}"
    nine_zeros = text.count("0") == 9  # noqa: PLR2004 - the provider's own test for "a round number"
    return f"{limits.cpus:.1f}" if nine_zeros else text.rstrip("0")
