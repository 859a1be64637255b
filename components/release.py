"""The step that moves traffic to a release, and ends only when the release answers through Nginx."""

from dataclasses import dataclass

import pulumi

from components.container import ContainerSpec, Mount, Placement, docker_command, docker_run
from components.gunicorn import Gunicorn
from components.nginx import SLOTS, Nginx
from components.nginx import USER as NGINX_USER
from components.sizing import Limits
from components.volume import SiteVolumes


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """Which release is to take the traffic, and how to tell that it does."""

    placement: Placement
    image: str
    """Image with the stack's Python tools."""
    gunicorn: Gunicorn
    nginx: Nginx
    volumes: SiteVolumes
    host: str
    """Host name to ask for."""
    health_path: str


class Release(pulumi.ComponentResource):
    """Points Nginx's slots at the release's sockets, then asks through Nginx until it answers, and only it."""

    release: str

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Release", name, {}, opts)
        self.release = args.gunicorn.release
        spec = ContainerSpec(
            name=f"{args.placement.prefix}-switch",
            image=args.image,
            user=NGINX_USER,
            limits=Limits(cpus=0.5, memory_mb=64, pids=20),
            placement=args.placement,
            role="switch",
            entrypoint=["python3"],
            command=[
                "/opt/stack/release_site.py",
                f"--release={self.release}",
                f"--host={args.host}",
                f"--path={args.health_path}",
                f"--slots={SLOTS}",
                *args.gunicorn.sockets,
            ],
            network_mode=f"container:{args.placement.prefix}-edge",
            mounts=[
                Mount(volume=args.volumes.slots, path="/run/slots"),
                Mount(volume=args.volumes.sockets, path="/run/web", read_only=True),
            ],
        )
        docker_command(
            f"{name}-switch",
            docker_run(spec),
            pulumi.ResourceOptions(parent=self, depends_on=[args.gunicorn, args.nginx]),
            args.placement,
            triggers=[args.nginx.holder_id, args.nginx.container_id],
        )
        self.register_outputs({"release": self.release})
