"""What one stack config says: typed and frozen. settings.py makes it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.pinned import Pinned
from components.sizing import Limits
from release.plan import Strategy


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """The Django project."""

    path: str
    django_settings_module: str
    wsgi_application: str
    environment: Mapping[str, str]
    health_path: str


@dataclass(frozen=True, kw_only=True)
class SecretSettings:
    """The site's secrets and the counter that names their volume."""

    version: int
    django_secret_key: pulumi.Output[str]
    database_password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """Where visitors find the site."""

    hosts: tuple[str, ...]
    publish_address: str
    http_port: int
    https_port: int
    upload_limit_mb: int

    @property
    def url(self) -> str:
        port = "" if self.http_port == 80 else f":{self.http_port}"  # noqa: PLR2004 - HTTP's default
        return f"http://{self.hosts[0]}{port}"


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Where images come from."""

    source: str
    """`registry` or `debian`."""
    python: str
    postgres: str
    nginx: str
    packages_date: str
    build_ca_file: str


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The Gunicorn replicas."""

    replicas: int
    limits: Limits
    workers: int
    threads: int
    request_timeout_seconds: int
    start_timeout_seconds: int
    drain_timeout_seconds: int
    long_paths: tuple[str, ...]
    long_timeout_seconds: int


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings:
    """How a release goes live."""

    strategy: Strategy
    bake_seconds: int
    keep: int
    pinned: Pinned | None
    commands: tuple[str, ...]
    migration_lock_seconds: int
    gate_paths: tuple[str, ...]
    post_paths: tuple[str, ...]
    slow_paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """The database server."""

    limits: Limits
    overrides: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SeedSettings:
    """What a new, empty database begins with."""

    dump: str
    """Path of a dump, or empty."""
    checks: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Log rotation of every container."""

    max_size_mb: int
    max_files: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that one stack config says."""

    project: str
    stack: str
    docker_host: str
    """Engine to deploy to, from `docker:host`; empty is the default one."""
    app: AppSettings
    secrets: SecretSettings
    site: SiteSettings
    images: ImageSettings
    web: WebSettings
    release: ReleaseSettings
    postgres: PostgresSettings
    seed: SeedSettings
    nginx: Limits
    logs: LogSettings
    protect_data: bool
    starts_at_boot: bool
    drift_schedule: str
    """When the server itself looks for drift: minutes, a systemd calendar event, or empty for never."""
    silenced_checks: Mapping[str, str]
    """Ids of preflight checks to leave out, with the reason."""

    @property
    def prefix(self) -> str:
        """What every physical name starts with."""
        return f"{self.project}-{self.stack}"
