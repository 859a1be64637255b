"""A production Django site on Docker, as Pulumi components. Import them into any Pulumi program."""

from components.boot import Boot, BootArgs
from components.drift_timer import DriftTimer, DriftTimerArgs
from components.gunicorn import Gunicorn, GunicornArgs
from components.image import AppImage, AppImageArgs, StackImages, StackImagesArgs
from components.network import Networks, NetworksArgs
from components.nginx import Nginx, NginxArgs
from components.pinned import Pinned, PinnedError
from components.postgres import Postgres, PostgresArgs
from components.release import Release, ReleaseArgs
from components.rollout import Rollout
from components.secret_files import SecretFiles, SecretFilesArgs
from components.seed import Seed
from components.sizing import Limits
from components.spec import ContainerSpec, Logs, Mount, Placement, Port
from components.volume import SiteVolumes, SiteVolumesArgs

__all__ = [
    "AppImage",
    "AppImageArgs",
    "Boot",
    "BootArgs",
    "ContainerSpec",
    "DriftTimer",
    "DriftTimerArgs",
    "Gunicorn",
    "GunicornArgs",
    "Limits",
    "Logs",
    "Mount",
    "Networks",
    "NetworksArgs",
    "Nginx",
    "NginxArgs",
    "Pinned",
    "PinnedError",
    "Placement",
    "Port",
    "Postgres",
    "PostgresArgs",
    "Release",
    "ReleaseArgs",
    "Rollout",
    "SecretFiles",
    "SecretFilesArgs",
    "Seed",
    "SiteVolumes",
    "SiteVolumesArgs",
    "StackImages",
    "StackImagesArgs",
]
