"""What a release stands on, with the least that may be said of it: for tests of the components around Gunicorn."""

from typing import Any

import pulumi

from components.nginx import Nginx, NginxArgs
from components.postgres import Postgres, PostgresArgs, waiting_room
from components.rollout import Rollout
from components.sizing import Limits
from components.spec import Placement
from components.volume import SiteVolumes, SiteVolumesArgs
from release.plan import Probes

PLACEMENT = Placement(prefix="shop-prod")

GUNICORN: dict[str, Any] = {
    "placement": PLACEMENT,
    "image": "shop-prod/web:0123456789ab",
    "edge_network": "shop-prod-edge",
    "data_network": "shop-prod-data",
    "secrets_volume": "shop-prod-secrets-1",
    "django_settings_module": "shop.settings",
    "wsgi_application": "shop.wsgi:application",
    "hosts": ("www.example.com", "example.com"),
    "health_path": "/health/",
    "environment": {"A": "b"},
    "release_commands": ("python manage.py seed",),
    "replicas": 3,
    "limits": Limits(cpus=1.5, memory_mb=400, pids=99),
    "workers": 3,
    "threads": 4,
    "request_timeout_seconds": 30,
    "start_timeout_seconds": 50,
    "drain_timeout_seconds": 40,
}
"""Arguments of Gunicorn, but for the components that it is given."""

ROLLOUT: dict[str, Any] = {
    "placement": PLACEMENT,
    "image": "shop-prod/python:0123456789ab",
    "probes": Probes(host="www.example.com", health_path="/health/", post_paths=("/probe/",)),
    "start_timeout_seconds": 50,
    "drain_timeout_seconds": 40,
    "long_timeout_seconds": 90,
    "bake_seconds": 30,
    "keep": 4,
}
"""Arguments of Rollout, but for the components that it is given."""


def volumes() -> SiteVolumes:
    """The volumes that web containers and Nginx share."""
    return SiteVolumes("volumes", SiteVolumesArgs(placement=PLACEMENT))


def postgres_args(shared: SiteVolumes, **changes: Any) -> PostgresArgs:
    """Arguments of PostgreSQL with these changed."""
    args: dict[str, Any] = {
        "placement": PLACEMENT,
        "image": "shop-prod/postgres:1",
        "images_from": "registry",
        "network": "shop-prod-data",
        "limits": Limits(cpus=1, memory_mb=512, pids=100),
        "password": "unused",
        "secrets_version": 1,
        "waiting_room": waiting_room(PLACEMENT, "shop-prod/python:0123456789ab", shared),
    }
    return PostgresArgs(**args | changes)


def nginx_args(shared: SiteVolumes) -> NginxArgs:
    """Arguments of the edge."""
    return NginxArgs(
        placement=PLACEMENT,
        image="shop-prod/nginx:1",
        network="shop-prod-edge",
        volumes=shared,
        hosts=("www.example.com",),
        publish_address="127.0.0.1",
        http_port=8080,
        https_port=0,
        limits=Limits(cpus=1, memory_mb=64, pids=20),
        upload_limit_mb=5,
        request_timeout_seconds=30,
        drain_timeout_seconds=40,
    )


def around(**rollout: Any) -> dict[str, Any]:
    """The components that Gunicorn is given, with these arguments of the rollout changed."""
    shared = volumes()
    nginx = Nginx("nginx", nginx_args(shared))
    return {
        "built": pulumi.ComponentResource("django-stack:index:AppImage", "app"),
        "volumes": shared,
        "postgres": Postgres("postgres", postgres_args(shared)),
        "rollout": Rollout(**ROLLOUT | {"nginx": nginx, "volumes": shared} | rollout),
    }
