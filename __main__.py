"""The whole deployment on one page: settings in, components, outputs out."""

import pulumi

import settings as stack_settings
from components import (
    AppImage,
    AppImageArgs,
    Gunicorn,
    GunicornArgs,
    Logs,
    Networks,
    NetworksArgs,
    Nginx,
    NginxArgs,
    Postgres,
    PostgresArgs,
    Release,
    ReleaseArgs,
    SecretFiles,
    SecretFilesArgs,
    SiteVolumes,
    SiteVolumesArgs,
    StackImages,
    StackImagesArgs,
)
from components.gunicorn import USER as WEB_USER

settings = stack_settings.load()
prefix, app, site, web = settings.prefix, settings.app, settings.site, settings.web
logs = Logs(max_size_mb=settings.logs.max_size_mb, max_files=settings.logs.max_files)

images = StackImages(
    "images",
    StackImagesArgs(
        prefix=prefix,
        source=settings.images.source,
        python=settings.images.python,
        postgres=settings.images.postgres,
        nginx=settings.images.nginx,
        packages_date=settings.images.packages_date,
    ),
)
app_image = AppImage(
    "app",
    AppImageArgs(
        prefix=prefix,
        path=app.path,
        python_image=images.python,
        django_settings_module=app.django_settings_module,
        build_ca_file=settings.images.build_ca_file,
    ),
    opts=pulumi.ResourceOptions(depends_on=[images]),
)
networks = Networks("networks", NetworksArgs(prefix=prefix))
volumes = SiteVolumes("volumes", SiteVolumesArgs(prefix=prefix, data_protected=settings.protect_data))
secrets = SecretFiles(
    "secrets",
    SecretFilesArgs(
        prefix=prefix,
        version=settings.secrets.version,
        values={
            "django_secret_key": settings.secrets.django_secret_key,
            "database_password": settings.secrets.database_password,
        },
        image=images.python,
        user=WEB_USER,
        logs=logs,
    ),
    opts=pulumi.ResourceOptions(depends_on=[images]),
)
postgres = Postgres(
    "postgres",
    PostgresArgs(
        prefix=prefix,
        image=images.postgres,
        images_from=settings.images.source,
        network=networks.data_name,
        limits=settings.postgres.limits,
        password=settings.secrets.database_password,
        secrets_version=settings.secrets.version,
        settings=settings.postgres.overrides,
        data_protected=settings.protect_data,
        logs=logs,
    ),
    opts=pulumi.ResourceOptions(depends_on=[images, networks]),
)
gunicorn = Gunicorn(
    "web",
    GunicornArgs(
        prefix=prefix,
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
        replicas=web.replicas,
        limits=web.limits,
        workers=web.workers,
        threads=web.threads,
        request_timeout_seconds=web.request_timeout_seconds,
        drain_timeout_seconds=web.drain_timeout_seconds,
        logs=logs,
    ),
    opts=pulumi.ResourceOptions(depends_on=[app_image, networks, volumes, secrets, postgres]),
)
nginx = Nginx(
    "nginx",
    NginxArgs(
        prefix=prefix,
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
        logs=logs,
    ),
    opts=pulumi.ResourceOptions(depends_on=[images, networks, volumes]),
)
release = Release(
    "release",
    ReleaseArgs(
        prefix=prefix,
        image=images.python,
        gunicorn=gunicorn,
        nginx=nginx,
        volumes=volumes,
        host=site.hosts[0],
        health_path=app.health_path,
        logs=logs,
    ),
)

pulumi.export("url", site.url)
pulumi.export("release", release.release)
