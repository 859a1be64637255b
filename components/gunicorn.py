"""The Django project's replicas under Gunicorn, and what must be done before a release of them may start."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.container import run
from components.pinned import Pinned
from components.postgres import Postgres
from components.rollout import Rollout
from components.secret_files import DIRECTORY as SECRETS
from components.seed import Seed
from components.sizing import Limits
from components.spec import START_SECONDS, ContainerSpec, Mount, Placement, record_of, spec_hash
from components.step import docker_command, docker_run, docker_words, release_step
from components.volume import SiteVolumes
from release.plan import Plan

USER = "10001:10000"


@dataclass(frozen=True, kw_only=True)
class GunicornArgs:
    """What a release of the site is made from. All of it is plain: the release is named after it."""

    placement: Placement
    image: str
    """The Django project's image, named by its content."""
    built: pulumi.Resource
    """Has made that image when it is ready. Only what needs the image waits for it."""
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
    seed: Seed | None = None
    """What a new database begins with."""
    replicas: int
    limits: Limits
    """Limits of one replica."""
    workers: int
    threads: int
    request_timeout_seconds: int
    drain_timeout_seconds: int
    """Time that requests in flight have when a replica stops."""
    start_timeout_seconds: int = START_SECONDS
    """Time that a replica has to become healthy."""
    parallel_starts: int = 4
    """Replicas that may start at the same time."""
    rollout: Rollout
    pinned: Pinned | None = None
    """A release to run instead of the one that all this makes."""
    lock_timeout_seconds: float = 2.0
    """How long a migration's statement may wait for a lock before it lets others pass and tries again."""


class Gunicorn(pulumi.ComponentResource):
    """One release: its static files, its migrations, its replicas. Ready when every replica is healthy.

    Only what needs the database waits for it, and replicas wait for migrations only if there are any to apply.
    """

    release: str
    """The release's name: a hash of its image, its plain config and its secrets' version."""
    container_names: list[str]
    container_ids: list[pulumi.Output[str]]
    before_live: list[pulumi.Resource]
    """What must be there before the release may go live: its containers, but not their health."""
    sockets: list[str]
    """Path of each replica's socket in the sockets volume."""
    migrated: pulumi.Output[str]
    """What the migration step printed; its record is a line of it."""
    published: pulumi.Output[str]
    """What the step that publishes static files printed: how many, and the hash over them, as JSON."""
    plan: Plan
    """What the steps that make the release live are told."""

    def __init__(self, name: str, args: GunicornArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Gunicorn", name, {}, opts)
        pinned, template = args.pinned, _spec(args)
        self.migrated = pulumi.Output.from_input("")
        if pinned:
            pinned.check(spec_hash(template))
            template = pinned.template(template.name, args.placement)
        self.release = spec_hash(template)
        numbers = range(1, args.replicas + 1)
        self.container_names = [f"{args.placement.prefix}-web-{self.release}-{number}" for number in numbers]
        self.sockets = [f"/run/web/{self.release}-{number}.sock" for number in numbers]
        # A rollback is in a hurry, and the release has been watched before.
        rollout = dataclasses.replace(args.rollout, bake_seconds=0) if pinned else args.rollout
        self.plan = rollout.plan(
            release=self.release,
            replicas=self.container_names,
            sockets=self.sockets,
            record={
                "image": template.image,
                "config_hash": spec_hash(dataclasses.replace(template, image="")),
                "secrets_volume": pinned.secrets_volume if pinned else args.secrets_volume,
                "spec": record_of(template),
                "pinned": bool(pinned),
            },
        )
        child = pulumi.ResourceOptions(parent=self)
        clear = ["clear", args.placement.prefix, f"--release={self.release}", f"--image={template.image}"]
        cleared = release_step(f"{name}-clear", clear, child, args.placement)
        after_build = child.merge(pulumi.ResourceOptions(depends_on=[args.built, cleared]))
        # A command's text names the image and the settings, so a new release is a new run.
        static_spec = _static_spec(args.placement, str(template.image), args.volumes, args.rollout.keep)
        static = docker_command(f"{name}-static", docker_run(static_spec), after_build, args.placement)
        self.published = _printed(static)
        migrated = [] if pinned else self._migrate(name, args, template, after_build)
        # Beside migrations, so that the proof shows what these do to visitors, and a failure finds who can record it.
        prepared = release_step(
            f"{name}-prepare",
            ["prepare", self.release],
            after_build.merge(pulumi.ResourceOptions(depends_on=[args.rollout.nginx])),
            args.placement,
            environment={"RELEASE_PLAN": self.plan.text()},
        )
        self.before_live = [static, prepared, *migrated]
        # What has been migrated since a pinned release is there to stay; ./ops rollback has seen that it may.
        first = migrated[:1] or [args.postgres]
        self.container_ids = self._run(name, args, template, after=[args.built, cleared, *first])
        self.register_outputs({"release": self.release, "sockets": self.sockets})

    def _migrate(
        self, name: str, args: GunicornArgs, template: ContainerSpec, opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """Two steps of which one migrates: before replicas start if these have to wait for it, else beside that."""
        run_it = ["--", *docker_words(_migrate_spec(args, template))]
        whose = ["--of", args.placement.prefix, self.release]
        commands = hashlib.sha256("\n".join(args.release_commands).encode()).hexdigest()[:10]
        look = [f"--image={template.image}", f"--postgres={args.postgres.container_name}"]
        look += [f"--database={args.postgres.database}", f"--commands={commands}"]
        ready = opts.merge(pulumi.ResourceOptions(depends_on=[args.postgres]))
        if args.seed:
            seeded = self._seed(name, args.seed, args, template, ready)
            ready = ready.merge(pulumi.ResourceOptions(depends_on=[seeded]))
        first = release_step(f"{name}-migrate", ["migrate", *whose, *look, *run_it], ready, args.placement)
        told = _printed(first)
        beside = release_step(
            f"{name}-release-phase",
            ["once", *whose, *run_it],
            opts.merge(pulumi.ResourceOptions(depends_on=[first])),
            args.placement,
            environment={"RELEASE_MIGRATED": told},
        )
        self.migrated = pulumi.Output.concat(told, "\n", _printed(beside))
        return [first, beside]

    def _seed(
        self, name: str, seed: Seed, args: GunicornArgs, template: ContainerSpec, opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """Fill the database, if it is a new one, before anything else looks at it."""
        migrate = _migrate_spec(dataclasses.replace(args, release_commands=()), template)
        return release_step(
            f"{name}-seed",
            ["seed", args.placement.prefix, self.release],
            opts,
            args.placement,
            again=args.postgres.container_id,
            environment={"SEED_PLAN": seed.plan(args.postgres, migrate).text()},
        )

    def told(self) -> dict[str, pulumi.Input[str]]:
        """What a step that moves traffic to this release finds in its environment."""
        return {
            "RELEASE_PLAN": self.plan.text(),
            "RELEASE_MIGRATED": self.migrated,
            "RELEASE_PUBLISHED": self.published,
        }

    def _run(
        self, name: str, args: GunicornArgs, template: ContainerSpec, after: list[pulumi.Resource]
    ) -> list[pulumi.Output[str]]:
        """Declare the replicas: side by side, or batch by batch, each taking over before the next one starts.

        A batch takes traffic, so it waits for what the release does.
        """
        ids: list[pulumi.Output[str]] = []
        started: list[pulumi.Resource] = []
        strategy = self.plan.strategy
        batch = strategy.batch if strategy.kind == "rolling" else len(self.sockets)
        for number, socket in enumerate(self.sockets, start=1):
            spec = _replica_spec(template, self.release, number, self.container_names[number - 1], socket)
            # A start costs CPU; too many at once would all be late.
            turn = started[-args.parallel_starts :][:1] if len(started) >= args.parallel_starts else []
            child = pulumi.ResourceOptions(parent=self, depends_on=[*after, *turn])
            replica = run(f"{name}-{self.release}-{number}", spec, child, disposable=True)
            ids.append(replica.container.id)
            self.before_live.append(replica.container)
            started.append(replica.ready)
            if number % batch == 0 and number < len(self.sockets):
                roll = release_step(
                    f"{name}-{self.release}-roll-{number}",
                    ["roll", f"--done={number}"],
                    pulumi.ResourceOptions(parent=self, depends_on=[*started, *self.before_live]),
                    args.placement,
                    environment=self.told(),
                )
                after, started = [roll], []
                self.before_live.append(roll)
        return ids


def _printed(step: local.Command) -> pulumi.Output[str]:
    """Empty where it printed nothing."""
    return step.stdout.apply(lambda printed: printed or "")


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
        init=True,  # until Gunicorn handles signals, a stop would else be lost on it
        health=["python3", "-IS", "/opt/stack/check_web.py"],
        start_seconds=args.start_timeout_seconds,
        stop_signal="SIGTERM",
        stop_seconds=args.drain_timeout_seconds + 5,
    )


def _replica_spec(template: ContainerSpec, release: str, number: int, name: str, socket: str) -> ContainerSpec:
    own = {"RELEASE": release, "REPLICA": str(number), "GUNICORN_SOCKET": socket}
    labels = {"django-stack.release": release}
    return dataclasses.replace(template, name=name, env=dict(template.env) | own, labels=labels)


def _static_spec(placement: Placement, image: str, volumes: SiteVolumes, keep: int) -> ContainerSpec:
    """Adds the image's static files to those of the last releases: their pages still ask for theirs."""
    return ContainerSpec(
        name=f"{placement.prefix}-static",
        image=image,
        user=USER,
        limits=Limits(cpus=1, memory_mb=128, pids=20),
        placement=placement,
        role="static",
        command=["python3", "/opt/stack/publish_static.py", f"--image={image}", f"--keep={keep}"],
        network_mode="none",
        mounts=[
            Mount(volume=volumes.static, path="/srv/published"),
            Mount(volume=volumes.ledger, path="/var/lib/ledger", read_only=True),
        ],
    )


def _migrate_spec(args: GunicornArgs, template: ContainerSpec) -> ContainerSpec:
    """The site's migrations and release commands, in the new image, with the new settings."""
    return dataclasses.replace(
        template,
        name=f"{args.placement.prefix}-migrate",
        role="migrate",
        command=[
            *("python", "/opt/stack/migrate.py", f"--lock-timeout={args.lock_timeout_seconds:g}"),
            *("--", *args.release_commands),
        ],
        env=dict(template.env) | {"RELEASE": "migrate", "REPLICA": "0"},
        networks={args.data_network: []},
    )
