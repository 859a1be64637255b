"""Checks of the server: can it run this stack at all? Pure functions over what was observed."""

import re
from collections.abc import Iterator

from preflight.messages import CheckMessage, error, warning
from preflight.server import Listener, Server
from settings_model import Settings

ENGINE_FLOOR = 24
"""The oldest Docker Engine that the stack is tested with."""
DISK_FLOOR_MB = 1024
DISK_WARNING = 0.15
"""Share of the disk that should stay free; builds, logs and WAL need room at the same time."""
HOLDER_MB = 16


def check_host(settings: Settings, server: Server) -> list[CheckMessage]:
    """Everything that is wrong with the server for this stack."""
    return [
        *check_server(server),
        *_ports(settings, server),
        *_capacity(settings, server),
        *_data(settings, server),
    ]


def check_server(server: Server) -> list[CheckMessage]:
    """Everything that is wrong with the server for any stack."""
    return [*_engine(server), *_disk(server), *_kernel(server)]


def _engine(server: Server) -> Iterator[CheckMessage]:
    found = re.match(r"\d+", server.version)
    if found and int(found.group()) < ENGINE_FLOOR:
        yield error(
            "host.E003",
            f"Docker: the engine must be version {ENGINE_FLOOR} or newer (got {server.version}).",
            "Upgrade it; ./pulumiw up offers to where it can.",
        )
    if server.cli is None:
        yield error(
            "host.E004",
            "docker: the command must be on PATH, as steps of the deployment run it (got none).",
            "Install Docker's command line client (package docker-ce-cli or docker-cli).",
        )


def _ports(settings: Settings, server: Server) -> Iterator[CheckMessage]:
    holder = f"{settings.prefix}-edge"
    site = settings.site
    for key, port in (("httpPort", site.http_port), ("httpsPort", site.https_port)):
        taken = [owner for owner in server.listeners if port and _overlap(owner, site.publish_address, port)]
        if taken and all(owner.container != holder for owner in taken):
            yield error(
                "host.E005",
                f"{key}: {site.publish_address}:{port} must be free (got {taken[0].owner} on it).",
                f"Stop that, or set {key} to another port in Pulumi.{settings.stack}.yaml.",
            )


def _overlap(listener: Listener, address: str, port: int) -> bool:
    everywhere = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    return listener.port == port and (
        listener.address == address or listener.address in everywhere or address in everywhere
    )


def memory_needed_mb(settings: Settings) -> tuple[int, int]:
    """Limits of all containers, in MiB, and how much more it is while a release goes live beside the one before."""
    web_mb = settings.web.replicas * settings.web.limits.memory_mb
    return web_mb + settings.postgres.limits.memory_mb + settings.nginx.memory_mb + HOLDER_MB, web_mb


def _capacity(settings: Settings, server: Server) -> Iterator[CheckMessage]:
    stack_file = f"Pulumi.{settings.stack}.yaml"
    for key, limits in (
        ("webCpus", settings.web.limits),
        ("postgresCpus", settings.postgres.limits),
        ("nginxCpus", settings.nginx),
    ):
        if limits.cpus > server.cpus:
            yield error(
                "host.E006",
                f"{key}: must be at most the server's {server.cpus} CPUs (got {limits.cpus:g}).",
                f"Lower it in {stack_file}.",
            )
    steady_mb, web_mb = memory_needed_mb(settings)
    if steady_mb > server.memory_mb:
        yield error(
            "host.E007",
            f"memory: the containers' limits must fit into the server's {server.memory_mb} MiB (got {steady_mb} MiB).",
            f"Lower webReplicas, webMemoryMb or postgresMemoryMb in {stack_file}.",
        )
    elif steady_mb + web_mb > server.memory_mb:
        yield warning(
            "host.W008",
            f"memory: during a release old and new web containers need {steady_mb + web_mb} MiB together,"
            f" more than the server's {server.memory_mb} MiB.",
            f"Lower webReplicas or webMemoryMb in {stack_file}, if a release runs out of memory.",
        )


def _disk(server: Server) -> Iterator[CheckMessage]:
    if server.disk_free_mb is None or server.disk_total_mb is None:
        return
    if server.disk_free_mb < DISK_FLOOR_MB:
        yield error(
            "host.E009",
            f"disk: {DISK_FLOOR_MB} MiB must be free where Docker keeps its data (got {server.disk_free_mb} MiB).",
            "Free some; `docker system df` shows what Docker itself holds.",
        )
    elif server.disk_free_mb < server.disk_total_mb * DISK_WARNING:
        yield warning(
            "host.W010",
            f"disk: {server.disk_free_mb} of {server.disk_total_mb} MiB are free where Docker keeps its data,"
            f" less than {DISK_WARNING:.0%}.",
            "Free some before the disk is full; `docker system df` shows what Docker itself holds.",
        )


def _kernel(server: Server) -> Iterator[CheckMessage]:
    if not server.connections_migrate:
        yield warning(
            "host.W011",
            "kernel: must be Linux 5.14 or newer for Nginx to be replaced without losing a connection"
            f" (got {server.kernel}): those that wait to be accepted at that moment are reset.",
            "Upgrade the server's kernel, or change Nginx's configuration, image and limits in quiet hours.",
        )


def _data(settings: Settings, server: Server) -> Iterator[CheckMessage]:
    labels = server.volume_labels.get(f"{settings.prefix}-postgres-data", {})
    made_from = labels.get("django-stack.images-from")
    if made_from and made_from != settings.images.source:
        yield error(
            "data.E001",
            f"imagesFrom: must stay {made_from}, which the data volume was made with (got {settings.images.source}).",
            f"Set it back in Pulumi.{settings.stack}.yaml, or move the data with pg_dump into a new stack.",
        )
