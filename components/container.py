"""What every container of the stack shares: limits, hardening, log rotation, health, a graceful stop.

A `ContainerSpec` is data; `run` declares it as a long-running container, `docker_run` words it as a one-shot command.
Both harden it in the same way, and both shield it from what the Docker provider gets wrong by default.
"""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker
from pulumi_command import local

from components.sizing import Limits

HEALTH_INTERVAL_SECONDS = 10
START_SECONDS = 60
"""Time that a container has to become healthy, and the longest that a step waits for it."""


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


def run(name: str, spec: ContainerSpec, opts: pulumi.ResourceOptions) -> docker.Container:
    """Declare a long-running container and its limit of processes. Resolves when the container is healthy."""
    logs = spec.placement.logs
    container = docker.Container(
        name,
        name=spec.name,
        image=spec.image,
        entrypoints=list(spec.entrypoint) or None,
        command=list(spec.command) or None,
        envs=[f"{key}={value}" for key, value in sorted(spec.env.items())],
        labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in spec.all_labels.items()],
        # The container's own limits. Swap equal to memory means none; left out, every update shows a difference.
        cpus=_cpus(spec.limits),
        cpu_shares=_cpu_shares(spec.limits),
        memory=spec.limits.memory_mb,
        memory_swap=spec.limits.memory_mb,
        shm_size=spec.shared_memory_mb,
        ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=_FILES, hard=_FILES)],
        # Hardening.
        user=spec.user,
        read_only=True,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        mounts=[
            docker.ContainerMountArgs(
                type="tmpfs",
                target=path,
                tmpfs_options=docker.ContainerMountTmpfsOptionsArgs(size_bytes=size * 1024 * 1024, mode=0o1777),
            )
            for path, size in sorted(spec.tmpfs_mb.items())
        ],
        volumes=[
            docker.ContainerVolumeArgs(volume_name=mount.volume, container_path=mount.path, read_only=mount.read_only)
            for mount in spec.mounts
        ],
        init=spec.init or None,
        # Networks.
        network_mode=spec.network_mode,
        networks_advanced=[
            docker.ContainerNetworksAdvancedArgs(name=network, aliases=list(aliases))
            for network, aliases in spec.networks.items()
        ],
        ports=[
            docker.ContainerPortArgs(ip=port.address, external=port.external, internal=port.internal)
            for port in spec.ports
        ],
        sysctls=dict(spec.sysctls) or None,
        # Life: the step ends when the container is healthy, and a stop is never a kill at once.
        restart="unless-stopped",
        healthcheck=_health(spec.health),
        wait=bool(spec.health),
        wait_timeout=START_SECONDS + 30,
        stop_signal=spec.stop_signal,
        stop_timeout=spec.stop_seconds,
        destroy_grace_seconds=spec.stop_seconds,
        log_driver="json-file",
        log_opts={"max-size": f"{logs.max_size_mb}m", "max-file": str(logs.max_files)},
        opts=opts.merge(pulumi.ResourceOptions(replace_on_changes=_ONLY_SAID_TO_CHANGE, delete_before_replace=True)),
    )
    _limit_pids(name, spec, container)
    return container


def docker_run(spec: ContainerSpec, *, interactive: bool = False) -> str:
    """The shell command that runs the container once, to its end, and removes it. Its image must be a plain value."""
    words = ["docker", "run", "--rm", "--pull=never", f"--name={spec.name}"]
    words += ["--interactive"] if interactive else []
    words += [f"--label={key}={value}" for key, value in spec.all_labels.items()]
    words += [
        f"--cpus={_cpus(spec.limits)}",
        f"--memory={spec.limits.memory_mb}m",
        f"--memory-swap={spec.limits.memory_mb}m",
        f"--pids-limit={spec.limits.pids}",
        f"--ulimit=nofile={_FILES}:{_FILES}",
        f"--user={spec.user}",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
    ]
    words += [f"--tmpfs={path}:size={size}m,mode=1777" for path, size in sorted(spec.tmpfs_mb.items())]
    words += [f"--volume={m.volume}:{m.path}{':ro' if m.read_only else ''}" for m in spec.mounts]
    words += [f"--env={key}={value}" for key, value in sorted(spec.env.items())]
    words += [f"--network={network}" for network in spec.networks]
    words += [f"--network={spec.network_mode}"] if spec.network_mode else []
    words += [f"--entrypoint={spec.entrypoint[0]}"] if spec.entrypoint else []
    return shlex.join([*words, str(spec.image), *spec.entrypoint[1:], *spec.command])


def docker_command(
    name: str,
    create: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    placement: Placement,
    *,
    triggers: Sequence[pulumi.Input[str]] = (),
    stdin: pulumi.Input[str] | None = None,
) -> local.Command:
    """A step that runs a docker command on the stack's engine; it runs again when its text or a trigger changes."""
    return local.Command(
        name,
        create=create,
        triggers=list(triggers),
        stdin=stdin,
        environment={"DOCKER_HOST": placement.docker_host} if placement.docker_host else None,
        opts=opts,
    )


def spec_hash(spec: ContainerSpec) -> str:
    """Ten hex digits over everything that a container is made from, its name apart. All of it must be plain."""
    placement = Placement(prefix=spec.placement.prefix, logs=spec.placement.logs)  # the rest is not in the container
    content = dataclasses.asdict(dataclasses.replace(spec, name="", placement=placement))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


_FILES = 4096
"""Open files of one container; stays below what an unprivileged engine may give (failures seen from 20,000 on)."""

_ONLY_SAID_TO_CHANGE = ["healthcheck", "init", "tmpfs"]
"""Properties that provider 5.2.0 reports as updated while the container keeps the old ones; here they replace it."""


def _limit_pids(name: str, spec: ContainerSpec, container: docker.Container) -> None:
    """The provider has no such property, so a step of its own sets it whenever there is a new container."""
    docker_command(
        f"{name}-pids",
        f"docker update --pids-limit {spec.limits.pids} {shlex.quote(spec.name)}",
        pulumi.ResourceOptions(parent=container),
        spec.placement,
        triggers=[container.id],
    )


def _health(command: Sequence[str]) -> docker.ContainerHealthcheckArgs | None:
    if not command:
        return None
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *command],
        interval=f"{HEALTH_INTERVAL_SECONDS}s",
        timeout="5s",
        retries=3,
        start_period="1m0s",
        start_interval="500ms",
    )


def _cpu_shares(limits: Limits) -> int:
    """Weight against other containers when CPUs are short: 1024 for each CPU, as Docker's default for one container."""
    return max(2, round(limits.cpus * 1024))


def _cpus(limits: Limits) -> str:
    """In the very words in which provider 5.2.0 reads it back; any others are shown as a difference for ever."""
    text = f"{limits.cpus:.9f}"
    nine_zeros = text.count("0") == 9  # noqa: PLR2004 - the provider's own test for "a round number"
    return f"{limits.cpus:.1f}" if nine_zeros else text.rstrip("0")
