"""Nginx, and the holder: a tiny container that owns the published ports for the stack's whole life.

Nginx joins the holder's network namespace, so that a new Nginx can listen beside the old one, and take over from it
without a connection being refused. Neither Nginx's image nor its configuration is in the holder.
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pulumi

from components import sizing
from components.container import announce, run
from components.sizing import Limits
from components.spec import ContainerSpec, Mount, Placement, Port, spec_hash
from components.volume import SiteVolumes
from release.hold import SPEC_LABEL

USER = "10002:10000"
HTTP_PORT, HTTPS_PORT = 8080, 8443
"""Ports inside the namespace; an unprivileged process may listen on them."""
SLOTS = 20
"""Links to live sockets, and so the most replicas that a stack can have."""

_TEMPLATES = Path(__file__).resolve().parent.parent / "nginx"
_HOLDER_LIMITS = Limits(cpus=0.1, memory_mb=16, pids=10)


@dataclass(frozen=True, kw_only=True)
class NginxArgs:
    """What the edge is made from."""

    placement: Placement
    image: str
    network: str
    """Name of the edge network."""
    volumes: SiteVolumes
    hosts: tuple[str, ...]
    """Host names of the site; others get no answer."""
    publish_address: str
    http_port: int
    https_port: int
    """0 publishes none."""
    limits: Limits
    upload_limit_mb: int
    request_timeout_seconds: int
    """Longest time that the application may take; Nginx waits a little longer."""
    drain_timeout_seconds: int
    long_paths: tuple[str, ...] = ()
    """Paths whose requests may take long, such as exports; WebSockets are known by themselves."""
    long_timeout_seconds: int = 60
    """How long those may be silent."""
    connections_migrate: bool = True
    """The server's kernel can hand waiting connections from an Nginx that stops to its successor (Linux 5.14)."""
    running_holder: str = ""
    """What the holder that runs now is made from, as its label says; empty when none runs."""


class Nginx(pulumi.ComponentResource):
    """The only part of the stack that publishes ports."""

    holder_id: pulumi.Output[str]
    """Container whose network namespace the ports are published on."""
    container_id: pulumi.Output[str]
    container_name: str
    edge: str
    """Identity of the configuration; Nginx tells it to probes."""

    def __init__(self, name: str, args: NginxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Nginx", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        holder_spec = _holder_spec(args)
        told = (
            "The holder of the published ports will be replaced, and Nginx with it: no connection is possible"
            " meanwhile, for some seconds; requests under way are finished first."
        )
        announce(self, running=args.running_holder, wanted=holder_spec.labels[SPEC_LABEL], told=told)
        holder = run(
            f"{name}-holder",
            holder_spec,
            # Whatever image it started with will do: the holder only sleeps, and replacing it interrupts the site.
            child.merge(pulumi.ResourceOptions(ignore_changes=["image"])),
        )
        spec = _spec(args)
        nginx = run(
            f"{name}-{spec.name.rpartition('-')[2]}",
            dataclasses.replace(spec, network_mode=pulumi.Output.concat("container:", holder.container.id)),
            child.merge(pulumi.ResourceOptions(depends_on=[holder.ready])),
            disposable=True,
        )
        self.holder_id, self.container_id = holder.container.id, nginx.container.id
        self.container_name, self.edge = spec.name, edge_of(args)
        self.register_outputs({"holder_id": self.holder_id, "container_id": self.container_id, "edge": self.edge})


def edge_of(args: NginxArgs) -> str:
    """Ten hex digits over the whole configuration but for themselves."""
    return hashlib.sha256(_render(args, edge="").encode()).hexdigest()[:10]


def render(args: NginxArgs) -> str:
    """Nginx's whole configuration as text."""
    return _render(args, edge=edge_of(args))


def _render(args: NginxArgs, *, edge: str) -> str:
    site = _fill(
        "site.conf",
        server_names=" ".join(args.hosts),
        read_timeout_seconds=str(args.request_timeout_seconds + 5),
        long_timeout_seconds=str(args.long_timeout_seconds),
        long_locations="".join(
            _fill("long.conf", path=path, seconds=str(args.long_timeout_seconds)) for path in args.long_paths
        ),
    )
    return _fill(
        "nginx.conf",
        worker_processes=str(sizing.nginx_workers(args.limits)),
        drain_seconds=str(args.drain_timeout_seconds),
        upload_limit_mb=str(args.upload_limit_mb),
        edge=edge,
        web_servers=_servers(""),
        canary_servers=_servers("canary-"),
        long_servers=_servers("long-"),
        site=site,
    )


class _NginxTemplate(Template):
    """`@{name}` is a value, `@@` an at sign; `$name` stays Nginx's own."""

    delimiter = "@"
    pattern = r"@(?:(?P<escaped>@)|(?P<named>(?!))|\{(?P<braced>[a-z_]+)\}|(?P<invalid>\{[^}]))"  # type: ignore[assignment]


def _fill(template: str, **values: str) -> str:
    return _NginxTemplate((_TEMPLATES / template).read_text()).substitute(values)


def _servers(pool: str) -> str:
    return "\n".join(f"        server unix:/run/slots/{pool}{slot}.sock max_fails=0;" for slot in range(SLOTS))


def _holder_spec(args: NginxArgs) -> ContainerSpec:
    ports = [Port(address=args.publish_address, external=args.http_port, internal=HTTP_PORT)]
    if args.https_port:
        ports.append(Port(address=args.publish_address, external=args.https_port, internal=HTTPS_PORT))
    spec = ContainerSpec(
        name=f"{args.placement.prefix}-edge",
        image=args.image,
        user=USER,
        limits=_HOLDER_LIMITS,
        placement=args.placement,
        role="edge",
        entrypoint=["sleep"],
        command=["infinity"],
        init=True,
        networks={args.network: []},
        ports=ports,
        sysctls={"net.ipv4.tcp_migrate_req": "1"} if args.connections_migrate else {},
        health=["grep", "-q", "eth0:", "/proc/net/dev"],
    )
    # The label says what replaces it: all of that but the image.
    return dataclasses.replace(spec, labels={SPEC_LABEL: spec_hash(dataclasses.replace(spec, image=""))})


def _spec(args: NginxArgs) -> ContainerSpec:
    """Named after all that is in it, so that any change is a new Nginx beside the old one."""
    spec = ContainerSpec(
        name=f"{args.placement.prefix}-nginx",
        image=args.image,
        user=USER,
        limits=args.limits,
        placement=args.placement,
        role="nginx",
        env={"NGINX_CONF": render(args)},
        mounts=[
            Mount(volume=args.volumes.sockets, path="/run/web", read_only=True),
            Mount(volume=args.volumes.slots, path="/run/slots", read_only=True),
            Mount(volume=args.volumes.static, path="/srv/static", read_only=True),
            Mount(volume=args.volumes.media, path="/srv/media", read_only=True),
            Mount(volume=args.volumes.buffers, path="/var/cache/nginx/buffers"),
        ],
        tmpfs_mb={"/tmp": 8},  # noqa: S108 - a path in the container
        health=["check-nginx"],
        stop_signal="SIGQUIT",  # SIGTERM would cut requests in flight
        stop_seconds=args.drain_timeout_seconds + 10,
    )
    return dataclasses.replace(spec, name=f"{spec.name}-{spec_hash(spec)}")
