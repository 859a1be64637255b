"""A long-running container of the stack: hardened, limited, with a graceful stop, and shielded from what the Docker
provider gets wrong by default.
"""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
from pulumi_command import local

from components.spec import OPEN_FILES, ContainerSpec, cpu_shares, cpus_text
from components.step import release_step

HEALTH_INTERVAL_SECONDS = 10

_ONLY_SAID_TO_CHANGE = ["healthcheck", "init", "tmpfs"]
"""Properties that provider 5.2.0 reports as updated while the container keeps the old ones; here they replace it."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A declared container, and the step that ends when it is healthy."""

    container: docker.Container
    ready: local.Command


def announce(resource: pulumi.Resource, *, running: str, wanted: str, told: str) -> None:
    """Warn of an interruption where what runs is made from something else than what is wanted; empty: nothing runs."""
    if running not in ("", wanted):
        pulumi.log.warn(told, resource=resource)


def run(name: str, spec: ContainerSpec, opts: pulumi.ResourceOptions, *, disposable: bool = False) -> Running:
    """Declare a long-running container and the step that limits its processes and waits until it is healthy.

    A `disposable` one is stopped when it fails to become so, as its predecessor serves.
    """
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
        cpus=cpus_text(spec.limits),
        cpu_shares=cpu_shares(spec.limits),
        memory=spec.limits.memory_mb,
        memory_swap=spec.limits.memory_mb,
        shm_size=spec.shared_memory_mb,
        ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES)],
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
        # Life. Of the restart policies only this one brings a container back after the engine was killed, and after
        # it was stopped in an orderly way, whatever the container's exit code. Its health is waited for by a step of
        # its own: the provider's wait goes on when the container has long crashed, and shows no log.
        restart="always",
        healthcheck=_health(spec),
        stop_signal=spec.stop_signal,
        stop_timeout=spec.stop_seconds,
        destroy_grace_seconds=spec.stop_seconds,
        log_driver="json-file",
        log_opts={"max-size": f"{logs.max_size_mb}m", "max-file": str(logs.max_files)},
        opts=opts.merge(pulumi.ResourceOptions(replace_on_changes=_ONLY_SAID_TO_CHANGE, delete_before_replace=True)),
    )
    # The provider has no limit of processes; the step that waits sets it.
    limits = [f"--pids={spec.limits.pids}", f"--cpu-shares={cpu_shares(spec.limits)}"]
    words = ["ready", spec.name, *limits, f"--seconds={spec.start_seconds}"]
    ready = release_step(
        f"{name}-ready",
        [*words, *(["--disposable"] if disposable else [])],
        # A sibling, not a child: who depends on the component waits for its children alone.
        pulumi.ResourceOptions(parent=opts.parent, depends_on=[container]),
        spec.placement,
        again=container.id,
    )
    return Running(container=container, ready=ready)


def _health(spec: ContainerSpec) -> docker.ContainerHealthcheckArgs | None:
    if not spec.health:
        return None
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *spec.health],
        interval=f"{HEALTH_INTERVAL_SECONDS}s",
        timeout="5s",
        retries=3,
        start_period=_go_duration(spec.start_seconds),
        start_interval="500ms",
    )


def _go_duration(seconds: int) -> str:
    """As Docker reads it back: `45s`, `1m0s`; any other form is shown as a difference for ever."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"
