"""The record of a server's capacity: what it has, what its containers may use, and what the live image is made of."""

from datetime import UTC, datetime
from typing import Any

from operations.errors import OperationError
from operations.review_image import OF_THE_SITE, asked, size_mb
from policy.inputs import ROLE_LABEL
from preflight.server import UnreachableError, observe
from release.docker_cli import Docker, inspect
from release.errors import DockerError
from review.errors import ReviewInputError
from review.records import FORMAT

_MEBIBYTE = 1024**2
_STACK_LABEL = "django-stack.stack"
_DISK = "import shutil; print(shutil.disk_usage('/').free // 1024**2)"
"""In a container: what holds the engine's data holds its root, too."""


def capacity(docker: Docker, docker_host: str, prefix: str) -> dict[str, Any]:
    """The record, as JSON. Raises OperationError."""
    try:
        server = observe(docker_host, prefix, ())
    except UnreachableError as unreachable:
        raise OperationError(str(unreachable.message)) from None
    running = inspect(docker, docker("ps", "--format={{.Names}}").split())
    containers = [_kept(each) for each in running]
    live = [each["Config"]["Image"] for each in running if _labels(each).get(_STACK_LABEL) == prefix and _is_web(each)]
    free = server.disk_free_mb
    if free is None and live:
        free = _disk_free_mb(docker, live[0])
    return {
        "format": FORMAT,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "server": {"cpus": server.cpus, "memory_mb": server.memory_mb, "disk_free_mb": free},
        "containers": sorted(containers, key=lambda each: str(each["name"])),
        "image": _image(docker, live[0]) if live else None,
    }


def _kept(container: dict[str, Any]) -> dict[str, Any]:
    host = container["HostConfig"]
    return {
        "name": container["Name"].lstrip("/"),
        "memory_mb": host.get("Memory", 0) // _MEBIBYTE,
        "cpus": host.get("NanoCpus", 0) / 1e9,
        "stack": _labels(container).get(_STACK_LABEL, ""),
        "role": _labels(container).get(ROLE_LABEL, ""),
    }


def _labels(container: dict[str, Any]) -> dict[str, str]:
    return container["Config"].get("Labels") or {}


def _is_web(container: dict[str, Any]) -> bool:
    return _labels(container).get(ROLE_LABEL) == "web"


def _image(docker: Docker, name: str) -> dict[str, Any]:
    try:
        packages = dict(asked(docker, name, {}, None).packages)
    except (DockerError, ReviewInputError):  # of an older version of the project, that has no way to tell them
        packages = {}
    return {"name": name, "size_mb": size_mb(docker, name), "packages": packages}


def _disk_free_mb(docker: Docker, image: str) -> int | None:
    told = docker("run", *OF_THE_SITE, image, "python", "-c", _DISK, check=False).strip()
    return int(told) if told.isdigit() else None
