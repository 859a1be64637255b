"""A production Django site on Docker, as Pulumi components. Import them into any Pulumi program."""

from components.container import ContainerSpec, Logs, Mount, Placement, Port
from components.gunicorn import Gunicorn, GunicornArgs
from components.image import AppImage, AppImageArgs, StackImages, StackImagesArgs
from components.network import Networks, NetworksArgs
from components.nginx import Nginx, NginxArgs
from components.postgres import Postgres, PostgresArgs
from components.release import Release, ReleaseArgs
from components.secret_files import SecretFiles, SecretFilesArgs
from components.sizing import Limits
from components.volume import SiteVolumes, SiteVolumesArgs

__all__ = [
    "AppImage",
    "AppImageArgs",
    "ContainerSpec",
    "Gunicorn",
    "GunicornArgs",
    "Limits",
    "Logs",
    "Mount",
    "Networks",
    "NetworksArgs",
    "Nginx",
    "NginxArgs",
    "Placement",
    "Port",
    "Postgres",
    "PostgresArgs",
    "Release",
    "ReleaseArgs",
    "SecretFiles",
    "SecretFilesArgs",
    "SiteVolumes",
    "SiteVolumesArgs",
    "StackImages",
    "StackImagesArgs",
]
