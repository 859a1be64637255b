"""The whole deployment on one page: settings in, components, outputs out."""

from pathlib import Path

import pulumi

import components as stack
import preflight
import settings as stack_settings
from components.gunicorn import USER as WEB_USER
from components.postgres import waiting_room
from release.plan import Probes

settings = stack_settings.load()
server = preflight.check(settings)
preflight.enforce(settings)


def after(*steps: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(depends_on=list(steps))


app, site, web = settings.app, settings.site, settings.web
placement = stack.Placement(
    prefix=settings.prefix,
    docker_host=settings.docker_host,
    platform=server.platform,
    logs=stack.Logs(max_size_mb=settings.logs.max_size_mb, max_files=settings.logs.max_files),
)

images = stack.StackImages(
    "images",
    stack.StackImagesArgs(
        placement=placement,
        source=settings.images.source,
        python=settings.images.python,
        postgres=settings.images.postgres,
        nginx=settings.images.nginx,
        packages_date=settings.images.packages_date,
    ),
)
app_args = stack.AppImageArgs(
    placement=placement,
    path=app.path,
    python_image=images.python,
    django_settings_module=app.django_settings_module,
    build_ca_file=settings.images.build_ca_file,
)
pinned = settings.release.pinned  # a rollback builds nothing
app_image = images if pinned else stack.AppImage("app", app_args, opts=after(images))
networks = stack.Networks("networks", stack.NetworksArgs(placement=placement))
volumes = stack.SiteVolumes("volumes", stack.SiteVolumesArgs(placement=placement, data_protected=settings.protect_data))
secrets = stack.SecretFiles(
    "secrets",
    stack.SecretFilesArgs(
        placement=placement,
        version=settings.secrets.version,
        values={
            "django_secret_key": settings.secrets.django_secret_key,
            "database_password": settings.secrets.database_password,
        },
        image=images.python,
        user=WEB_USER,
        keep=settings.release.keep,
    ),
    opts=after(images),
)
postgres = stack.Postgres(
    "postgres",
    stack.PostgresArgs(
        placement=placement,
        image=images.postgres,
        images_from=settings.images.source,
        network=networks.data_name,
        limits=settings.postgres.limits,
        password=settings.secrets.database_password,
        secrets_version=settings.secrets.version,
        settings=settings.postgres.overrides,
        waiting_room=waiting_room(placement, images.python, volumes),
        running_spec=server.running_specs.get(f"{settings.prefix}-postgres", ""),
        data_protected=settings.protect_data,
    ),
    # Secrets that are refused, as changed under an old version, must not have become a password.
    opts=after(images, networks, volumes, secrets),
)
nginx = stack.Nginx(
    "nginx",
    stack.NginxArgs(
        placement=placement,
        image=images.nginx,
        network=networks.edge_name,
        volumes=volumes,
        hosts=site.hosts,
        publish_address=site.publish_address,
        http_port=site.http_port,
        https_port=site.https_port,
        limits=settings.nginx,
        upload_limit_mb=site.upload_limit_mb,
        request_timeout_seconds=web.request_timeout_seconds,
        drain_timeout_seconds=web.drain_timeout_seconds,
        long_paths=web.long_paths,
        long_timeout_seconds=web.long_timeout_seconds,
        connections_migrate=server.connections_migrate,
        running_holder=server.running_specs.get(f"{settings.prefix}-edge", ""),
    ),
    opts=after(images, networks, volumes),
)
seed = stack.Seed(
    image=images.postgres, dump=settings.seed.dump, checks=settings.seed.checks, commands=settings.seed.commands
)
rollout = stack.Rollout(
    placement=placement,
    image=images.python,
    nginx=nginx,
    volumes=volumes,
    probes=Probes(
        host=site.hosts[0],
        health_path=app.health_path,
        gate_paths=settings.release.gate_paths,
        post_paths=settings.release.post_paths,
        slow_paths=settings.release.slow_paths,
    ),
    strategy=settings.release.strategy,
    start_timeout_seconds=web.start_timeout_seconds,
    drain_timeout_seconds=web.drain_timeout_seconds,
    long_timeout_seconds=web.long_timeout_seconds,
    bake_seconds=settings.release.bake_seconds,
    keep=settings.release.keep,
    source=app.path,
)
gunicorn = stack.Gunicorn(
    "web",
    stack.GunicornArgs(
        placement=placement,
        image=app_args.build.reference,
        built=app_image,
        edge_network=networks.edge_name,
        data_network=networks.data_name,
        postgres=postgres,
        secrets_volume=secrets.volume_name,
        volumes=volumes,
        django_settings_module=app.django_settings_module,
        wsgi_application=app.wsgi_application,
        hosts=site.hosts,
        health_path=app.health_path,
        environment=app.environment,
        release_commands=settings.release.commands,
        seed=seed if settings.seed.dump or settings.seed.commands else None,
        replicas=web.replicas,
        limits=web.limits,
        workers=web.workers,
        threads=web.threads,
        request_timeout_seconds=web.request_timeout_seconds,
        start_timeout_seconds=web.start_timeout_seconds,
        drain_timeout_seconds=web.drain_timeout_seconds,
        rollout=rollout,
        pinned=pinned,
        parallel_starts=max(2, server.cpus),
        lock_timeout_seconds=settings.release.migration_lock_seconds,
    ),
    opts=after(networks, volumes, secrets),
)
release = stack.Release("release", stack.ReleaseArgs(gunicorn=gunicorn, rollout=rollout))

if settings.starts_at_boot:
    boot = stack.BootArgs(placement=placement, script=Path("timer/start-stack").read_text())
    stack.Boot("boot", boot, opts=after(release))
if settings.drift_schedule:
    look = stack.DriftTimerArgs(
        placement=placement,
        stack=settings.stack,
        schedule=settings.drift_schedule,
        script=Path("timer/look-for-drift").read_text(),
    )
    stack.DriftTimer("drift", look, opts=after(release))

pulumi.export("url", site.url)
pulumi.export("release", release.release)
