"""The whole deployment on one page: settings in, components, outputs out."""

import pulumi

import components as stack
import preflight
import settings as stack_settings
from components.gunicorn import USER as WEB_USER

settings = stack_settings.load()
server = preflight.check(settings)


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
app_image = stack.AppImage(
    "app",
    stack.AppImageArgs(
        placement=placement,
        path=app.path,
        python_image=images.python,
        django_settings_module=app.django_settings_module,
        build_ca_file=settings.images.build_ca_file,
    ),
    opts=after(images),
)
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
        data_protected=settings.protect_data,
    ),
    opts=after(images, networks),
)
gunicorn = stack.Gunicorn(
    "web",
    stack.GunicornArgs(
        placement=placement,
        image=app_image.reference,
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
        release_commands=app.release_commands,
        replicas=web.replicas,
        limits=web.limits,
        workers=web.workers,
        threads=web.threads,
        request_timeout_seconds=web.request_timeout_seconds,
        drain_timeout_seconds=web.drain_timeout_seconds,
    ),
    opts=after(app_image, networks, volumes, secrets, postgres),
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
        connections_migrate=server.connections_migrate,
    ),
    opts=after(images, networks, volumes),
)
release = stack.Release(
    "release",
    stack.ReleaseArgs(
        placement=placement,
        image=images.python,
        gunicorn=gunicorn,
        nginx=nginx,
        volumes=volumes,
        host=site.hosts[0],
        health_path=app.health_path,
    ),
)

pulumi.export("url", site.url)
pulumi.export("release", release.release)
