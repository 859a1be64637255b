"""PostgreSQL: its volume, its container, and the site's role and database in it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from components import sizing
from components.container import ContainerSpec, Mount, Placement, docker_command, run
from components.sizing import Limits

USER = "10003:10003"
DATABASE = "site"
PORT = 5432
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
    data_protected: bool = True
    """Refuse to destroy the data volume. It is kept on the engine in any case."""


class Postgres(pulumi.ComponentResource):
    """A PostgreSQL server on the data network. Ready, role and database included, when its children are."""

    host: str
    """Host name on the data network."""
    port: int
    database: str
    user: str
    container_id: pulumi.Output[str]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Postgres", name, {}, opts)
        self.host, self.port, self.database, self.user = "postgres", PORT, DATABASE, DATABASE
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
        container = run(
            name,
            spec,
            child.merge(pulumi.ResourceOptions(depends_on=[volume])),
        )
        docker_command(
            f"{name}-site",
            f"docker exec --interactive {shlex.quote(spec.name)} prepare-site {self.user} {self.database}",
            child,
            args.placement,
            triggers=[container.id, str(args.secrets_version)],
            stdin=pulumi.Output.concat(args.password, "\n"),
        )
        self.container_id = container.id
        self.register_outputs({"host": self.host, "port": self.port, "database": self.database, "user": self.user})

    def _spec(self, args: PostgresArgs) -> ContainerSpec:
        settings = sizing.postgres_settings(args.limits, args.settings)
        return ContainerSpec(
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
