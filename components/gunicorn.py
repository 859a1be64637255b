"""The Django project's replicas under Gunicorn, and what must be done before a release of them may start."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.container import ContainerSpec, Mount, Placement, docker_command, docker_run, run, spec_hash
from components.postgres import Postgres
from components.secret_files import DIRECTORY as SECRETS
from components.sizing import Limits
from components.volume import SiteVolumes

USER = "10001:10000"


@dataclass(frozen=True, kw_only=True)
class GunicornArgs:
    """What a release of the site is made from. All of it is plain: the release is named after it."""

    placement: Placement
    image: str
    """The Django project's image, named by its content."""
    edge_network: str
    data_network: str
    postgres: Postgres
    secrets_volume: str
    volumes: SiteVolumes
    django_settings_module: str
    wsgi_application: str
    hosts: tuple[str, ...]
    """Host names of the site; the health check asks for the first."""
    health_path: str
    environment: Mapping[str, str]
    """Further environment variables of the site."""
    release_commands: tuple[str, ...] = ()
    """Shell commands to run in the new image after its migrations."""
    replicas: int
    limits: Limits
    """Limits of one replica."""
    workers: int
    threads: int
    request_timeout_seconds: int
    drain_timeout_seconds: int
    """Time that requests in flight have when a replica stops."""


class Gunicorn(pulumi.ComponentResource):
    """One release: its static files, its migrations, its replicas. Ready when every replica is healthy."""

    release: str
    """The release's name: a hash of its image, its plain config and its secrets' version."""
    sockets: list[str]
    """Path of each replica's socket in the sockets volume."""

    def __init__(self, name: str, args: GunicornArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Gunicorn", name, {}, opts)
        template = _spec(args)
        self.release = spec_hash(template)
        self.sockets = [f"/run/web/{self.release}-{replica}.sock" for replica in range(1, args.replicas + 1)]
        child = pulumi.ResourceOptions(parent=self)
        steps = [
            # The command's text names the image and the settings, so a new release is a new run.
            docker_command(f"{name}-{step}", docker_run(spec), child, args.placement)
            for step, spec in (("static", _static_spec(args)), ("migrate", _migrate_spec(args, template)))
        ]
        for replica, socket in enumerate(self.sockets, start=1):
            run(
                f"{name}-{self.release}-{replica}",
                _replica_spec(args, template, self.release, replica, socket),
                child.merge(pulumi.ResourceOptions(depends_on=steps)),
            )
        self.register_outputs({"release": self.release, "sockets": self.sockets})


def _spec(args: GunicornArgs) -> ContainerSpec:
    """What all replicas of a release have in common."""
    return ContainerSpec(
        name=f"{args.placement.prefix}-web",
        image=args.image,
        user=USER,
        limits=args.limits,
        placement=args.placement,
        role="web",
        command=["gunicorn", "--config", "/opt/stack/gunicorn.conf.py"],
        env=dict(args.environment)
        | {
            "DJANGO_SETTINGS_MODULE": args.django_settings_module,
            "WSGI_APPLICATION": args.wsgi_application,
            "ALLOWED_HOSTS": ",".join(args.hosts),
            "DATABASE_HOST": args.postgres.host,
            "DATABASE_PORT": str(args.postgres.port),
            "DATABASE_NAME": args.postgres.database,
            "DATABASE_USER": args.postgres.user,
            "DATABASE_PASSWORD_FILE": f"{SECRETS}/database_password",
            "SECRET_KEY_FILE": f"{SECRETS}/django_secret_key",
            "STATIC_ROOT": "/srv/static",
            "MEDIA_ROOT": "/srv/media",
            "HEALTH_PATH": args.health_path,
            "GUNICORN_WORKERS": str(args.workers),
            "GUNICORN_THREADS": str(args.threads),
            "GUNICORN_TIMEOUT": str(args.request_timeout_seconds),
            "GUNICORN_GRACEFUL_TIMEOUT": str(args.drain_timeout_seconds),
        },
        networks={args.data_network: [], args.edge_network: []},
        mounts=[
            Mount(volume=args.secrets_volume, path=SECRETS, read_only=True),
            Mount(volume=args.volumes.sockets, path="/run/web"),
            Mount(volume=args.volumes.media, path="/srv/media"),
        ],
        tmpfs_mb={"/tmp": 64},  # noqa: S108 - a path in the container
        health=["python3", "/opt/stack/check_web.py"],
        stop_signal="SIGTERM",
        stop_seconds=args.drain_timeout_seconds + 5,
    )


def _replica_spec(
    args: GunicornArgs, template: ContainerSpec, release: str, replica: int, socket: str
) -> ContainerSpec:
    own = {"RELEASE": release, "REPLICA": str(replica), "GUNICORN_SOCKET": socket}
    return dataclasses.replace(
        template,
        name=f"{args.placement.prefix}-web-{release}-{replica}",
        env=dict(template.env) | own,
        labels={"django-stack.release": release},
    )


def _static_spec(args: GunicornArgs) -> ContainerSpec:
    """Adds the image's static files to those that are there: pages of the release before still ask for theirs."""
    return ContainerSpec(
        name=f"{args.placement.prefix}-static",
        image=args.image,
        user=USER,
        limits=Limits(cpus=1, memory_mb=128, pids=20),
        placement=args.placement,
        role="static",
        command=["cp", "-R", "--update=none", "/srv/static/.", "/srv/published"],
        network_mode="none",
        mounts=[Mount(volume=args.volumes.static, path="/srv/published")],
    )


def _migrate_spec(args: GunicornArgs, template: ContainerSpec) -> ContainerSpec:
    """The site's migrations and release commands, in the new image, with the new settings."""
    commands = ["python manage.py migrate --noinput", *args.release_commands]
    return dataclasses.replace(
        template,
        name=f"{args.placement.prefix}-migrate",
        role="migrate",
        command=["sh", "-ec", "\n".join(commands)],
        env=dict(template.env) | {"RELEASE": "migrate", "REPLICA": "0"},
        networks={args.data_network: []},
    )
