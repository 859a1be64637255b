"""PostgreSQL: its volume, its container, and the site's role and database in it."""

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from components import sizing
from components.container import announce, run
from components.nginx import USER as NGINX_USER
from components.sizing import Limits
from components.spec import ContainerSpec, Mount, Placement, spec_hash
from components.step import docker_command, docker_words, release_step
from components.volume import SiteVolumes
from release.hold import SPEC_LABEL

USER = "10003:10003"
DATABASE = "site"
PORT = 5432
LONGEST_HOLD_SECONDS = 25
"""Shorter than the time that Nginx waits for an answer by default."""
STOP_SECONDS = 60
"""A fast shutdown ends with a checkpoint, which writes up to `shared_buffers` to the disk."""


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """What the database server is made from."""

    placement: Placement
    image: str
    images_from: str
    """`registry` or `debian`; the data volume remembers it, and a server from the other one does not start on it."""
    network: str
    """Name of the data network."""
    limits: Limits
    password: pulumi.Input[str]
    """Password of the site's role."""
    secrets_version: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Server settings by name that override the derived ones."""
    waiting_room: ContainerSpec
    """Where requests wait while the server is replaced."""
    running_spec: str = ""
    """What the server that runs now is made from, as its label says; empty when none runs or it is not known."""
    data_protected: bool = True
    """Refuse to destroy the data volume. It is kept on the engine in any case."""


class Postgres(pulumi.ComponentResource):
    """A PostgreSQL server on the data network. Ready, role and database included, when its children are."""

    container_name: str
    host: str
    """Host name on the data network."""
    port: int
    database: str
    user: str
    container_id: pulumi.Output[str]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Postgres", name, {}, opts)
        self.host, self.port, self.database = "postgres", PORT, DATABASE
        # A login for each version of the password, all of them for the one role that owns the data: so containers of
        # the release before go on connecting while the next one starts, and a rollback finds its own login.
        self.user = f"{DATABASE}_{args.secrets_version}"
        child = pulumi.ResourceOptions(parent=self)
        volume = docker.Volume(
            f"{name}-data",
            name=f"{args.placement.prefix}-postgres-data",
            labels=[
                docker.VolumeLabelArgs(label="django-stack.stack", value=args.placement.prefix),
                docker.VolumeLabelArgs(label="django-stack.images-from", value=args.images_from),
            ],
            # The label says what the data was made with, for ever; preflight refuses a stack that says otherwise.
            opts=child.merge(
                pulumi.ResourceOptions(protect=args.data_protected, retain_on_delete=True, ignore_changes=["labels"])
            ),
        )
        spec = self._spec(args)
        told = "PostgreSQL will be replaced: requests wait, for a few seconds; those under way are finished first."
        announce(self, running=args.running_spec, wanted=spec.labels[SPEC_LABEL], told=told)
        of_spec = [args.placement.prefix, f"--spec={spec.labels[SPEC_LABEL]}"]
        room = docker_words(args.waiting_room, "--detach")
        hold = release_step(f"{name}-hold", ["hold", *of_spec, "--", *room], child, args.placement)
        running = run(name, spec, child.merge(pulumi.ResourceOptions(depends_on=[volume, hold])))
        site = docker_command(
            f"{name}-site",
            f"docker exec --interactive {shlex.quote(spec.name)} prepare-site {DATABASE} {self.user}",
            child.merge(pulumi.ResourceOptions(depends_on=[running.ready])),
            args.placement,
            again=running.container.id,
            stdin=pulumi.Output.concat(args.password, "\n"),
        )
        release_step(
            f"{name}-resume",
            ["resume", *of_spec],
            child.merge(pulumi.ResourceOptions(depends_on=[site])),
            args.placement,
        )
        self.container_name, self.container_id = spec.name, running.container.id
        self.register_outputs({"host": self.host, "port": self.port, "database": self.database, "user": self.user})

    def _spec(self, args: PostgresArgs) -> ContainerSpec:
        settings = sizing.postgres_settings(args.limits, args.settings)
        spec = ContainerSpec(
            name=f"{args.placement.prefix}-postgres",
            image=args.image,
            user=USER,
            limits=args.limits,
            placement=args.placement,
            role="postgres",
            command=[word for setting, value in settings.items() for word in ("-c", f"{setting}={value}")],
            env={"IMAGES_FROM": args.images_from},
            networks={args.network: [self.host]},
            mounts=[Mount(volume=f"{args.placement.prefix}-postgres-data", path="/var/lib/postgresql/data")],
            tmpfs_mb={"/run/postgresql": 1, "/tmp": 16},  # noqa: S108 - a path in the container
            shared_memory_mb=sizing.postgres_shared_memory_mb(args.limits),
            health=["check-postgres"],
            stop_signal="SIGINT",  # fast shutdown; SIGTERM would wait for every client to leave
            stop_seconds=STOP_SECONDS,
        )
        return dataclasses.replace(spec, labels={SPEC_LABEL: spec_hash(spec)})


def waiting_room(placement: Placement, image: str, volumes: SiteVolumes) -> ContainerSpec:
    """A container that takes over the slots while PostgreSQL is replaced; it lets go by itself if that goes wrong."""
    return ContainerSpec(
        name=f"{placement.prefix}-waiting",
        image=image,
        user=NGINX_USER,
        limits=Limits(cpus=0.5, memory_mb=64, pids=20),
        placement=placement,
        role="waiting",
        command=["python3", "/opt/stack/waiting_room.py", f"--seconds={LONGEST_HOLD_SECONDS}"],
        network_mode="none",
        mounts=[
            Mount(volume=volumes.slots, path="/run/slots"),
            Mount(volume=volumes.sockets, path="/run/web", read_only=True),
        ],
        tmpfs_mb={"/tmp": 1},  # noqa: S108 - a path in the container
    )
