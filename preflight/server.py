"""What the Docker server is and has: observed once, then only read."""

import contextlib
import errno
import os
import platform
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from preflight.messages import CheckMessage, error

_PROC = Path("/proc")

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Somebody who has a TCP port on the server."""

    address: str
    port: int
    owner: str
    """In words: container or process, by name."""
    container: str = ""
    """The container's name, where it is one."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The Docker Engine and its host, as far as checks and components need to know them."""

    version: str
    platform: str
    """Such as linux/amd64."""
    kernel: str
    cpus: int
    memory_mb: int
    disk_free_mb: int | None
    """Free space where Docker keeps its data; None when the server is another machine."""
    disk_total_mb: int | None
    listeners: tuple[Listener, ...]
    running_specs: dict[str, str]
    """What the running containers of stacks are made from, by container name; `unknown` where no label says it."""
    volume_labels: dict[str, dict[str, str]]
    """Labels of the stack's volumes by volume name."""
    cli: str | None
    """Path of the docker command on this machine."""

    @property
    def connections_migrate(self) -> bool:
        """The kernel can hand waiting connections from one listener to another (net.ipv4.tcp_migrate_req)."""
        found = re.match(r"(\d+)\.(\d+)", self.kernel)
        return found is not None and (int(found.group(1)), int(found.group(2))) >= (5, 14)


class UnreachableError(Exception):
    """No Docker server answers; carries the check message that says why."""

    def __init__(self, message: CheckMessage) -> None:
        super().__init__(str(message))
        self.message = message


def connect(docker_host: str) -> docker.APIClient:
    """A client of the Docker server; empty is DOCKER_HOST's, or the default. Raises UnreachableError."""
    try:
        options = kwargs_from_env() | ({"base_url": docker_host} if docker_host else {})  # DOCKER_HOST and its TLS
        return docker.APIClient(version="auto", timeout=60, use_ssh_client=True, **options)
    except (DockerException, OSError) as problem:
        raise UnreachableError(_unreachable(_host(docker_host), problem)) from None


def observe(docker_host: str, prefix: str, ports: Collection[int]) -> Server:
    """Ask the Docker server; of listeners, those on `ports`. Raises UnreachableError when there is no answer."""
    host = _host(docker_host)
    with closing(connect(docker_host)) as client:
        try:
            info, containers = client.info(), client.containers()
            version = client.version()["Version"]
            volumes = client.volumes(filters={"label": f"django-stack.stack={prefix}"})["Volumes"] or []
        except (DockerException, OSError) as problem:
            raise UnreachableError(_unreachable(host, problem)) from None
    local = not host.startswith(("ssh://", "tcp://", "http"))
    disk = _disk(Path(info["DockerRootDir"])) if local else None
    return Server(
        version=version,
        platform=f"{info['OSType']}/{ARCHITECTURES.get(info['Architecture'], info['Architecture'])}",
        kernel=info["KernelVersion"],
        cpus=info["NCPU"],
        memory_mb=info["MemTotal"] // 1024**2,
        disk_free_mb=disk[0] if disk else None,
        disk_total_mb=disk[1] if disk else None,
        listeners=(*_published(containers, ports), *(_listening(ports) if local else ())),
        running_specs=_specs(containers),
        volume_labels={volume["Name"]: volume["Labels"] or {} for volume in volumes},
        cli=shutil.which("docker"),
    )


def _host(docker_host: str) -> str:
    return docker_host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def _unreachable(host: str, problem: BaseException) -> CheckMessage:
    reasons = {
        cause.errno: cause.strerror for cause in _causes(problem) if isinstance(cause, OSError) and cause.strerror
    }
    if reasons.keys() & {errno.EACCES, errno.EPERM}:
        return error(
            "host.E002",
            f"Docker: {host} must let this user in (got permission denied).",
            "Run `sudo usermod -aG docker $USER` and log in again, or run with sudo.",
        )
    return error(
        "host.E001",
        f"Docker: an engine must answer at {host} (got {next(iter(reasons.values()), str(problem))}).",
        "Start Docker, install Docker Engine 24 or newer (./pulumiw up offers to), or correct DOCKER_HOST.",
    )


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """The exception, what it was raised from, and exceptions among their arguments, as requests wraps them."""
    seen: list[BaseException] = []
    waiting: list[Any] = [problem]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, tuple):
            waiting += cause
        if not isinstance(cause, BaseException) or cause in seen:
            continue
        seen.append(cause)
        waiting += [cause.__cause__, cause.__context__, *cause.args]
    yield from seen


def _disk(root: Path) -> tuple[int, int] | None:
    try:
        usage = shutil.disk_usage(root)
    except OSError:  # Docker runs in a virtual machine of its own
        return None
    return usage.free // 1024**2, usage.total // 1024**2


def _specs(containers: list[dict[str, Any]]) -> dict[str, str]:
    labels = {each["Names"][0].lstrip("/"): each.get("Labels") or {} for each in containers}
    return {
        name: own.get("django-stack.spec", "unknown") for name, own in labels.items() if "django-stack.stack" in own
    }


def _published(containers: list[dict[str, Any]], ports: Collection[int]) -> Iterator[Listener]:
    for container in containers:
        name = container["Names"][0].lstrip("/")
        for port in container["Ports"]:
            if port.get("PublicPort") in ports and port["Type"] == "tcp":
                yield Listener(address=port["IP"], port=port["PublicPort"], owner=f"container {name}", container=name)


def _listening(ports: Collection[int]) -> Iterator[Listener]:
    """Processes of this machine that listen on TCP, from Linux's /proc; nothing elsewhere."""
    if platform.system() != "Linux":
        return
    sockets = {inode: (address, port) for inode, address, port in _listening_sockets() if port in ports}
    names = _socket_owners(set(sockets)) if sockets else {}
    for inode, (address, port) in sockets.items():
        name = names.get(inode, "a process of another user")
        if name != "docker-proxy":  # that is a container's published port, told by the container's name
            yield Listener(address=address, port=port, owner=f"process {name}" if inode in names else name)


def _listening_sockets() -> Iterator[tuple[str, str, int]]:
    for table, any_address in (("tcp", "00000000"), ("tcp6", "0" * 32)):
        path = _PROC / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            raw, port = fields[1].split(":")
            if fields[3] == "0A":  # LISTEN
                address = "0.0.0.0" if raw == any_address else _ipv4(raw)  # noqa: S104 - reported, not bound
                yield fields[9], address, int(port, 16)


def _ipv4(raw: str) -> str:
    """An address as /proc writes it, in dotted form, mapped into IPv6 or not; other IPv6 as its raw digits."""
    digits = raw.removeprefix("0000000000000000FFFF0000")
    ipv4_digits = 8
    return ".".join(str(byte) for byte in bytes.fromhex(digits)[::-1]) if len(digits) == ipv4_digits else raw


def _descriptors() -> Iterator[Path]:
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's process, or one that has just ended
            yield from list((process / "fd").iterdir())


def _socket_owners(inodes: set[str]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for descriptor in _descriptors():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            if found and found.group(1) in inodes:
                owners[found.group(1)] = (descriptor.parent.parent / "comm").read_text().strip()
        except OSError:  # a file that has just been closed
            continue
    return owners
