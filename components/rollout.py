"""How releases of a stack go live: what does not change from one release to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.nginx import USER as NGINX_USER
from components.nginx import Nginx
from components.sizing import Limits
from components.spec import ContainerSpec, Mount, Placement
from components.step import docker_words
from components.volume import SiteVolumes
from release.plan import Plan, Probes, Strategy


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How traffic moves to a release, how it is watched, and what is kept of the ones before."""

    placement: Placement
    image: str
    """Image with the stack's Python tools."""
    nginx: Nginx
    volumes: SiteVolumes
    probes: Probes
    strategy: Strategy = field(default_factory=Strategy)
    start_timeout_seconds: int
    drain_timeout_seconds: int
    long_timeout_seconds: int
    bake_seconds: int
    """How long a release is watched after it has taken the traffic; 0 does not watch it."""
    keep: int = 5
    """Releases to keep for a rollback."""
    source: str = "."
    """Folder of the Django project; the ledger has its commit."""

    def plan(self, *, release: str, replicas: Sequence[str], sockets: Sequence[str], record: dict[str, object]) -> Plan:
        """What the steps of one release are told."""
        return Plan(
            prefix=self.placement.prefix,
            release=release,
            replicas=tuple(replicas),
            sockets=tuple(sockets),
            nginx=self.nginx.container_name,
            edge=self.nginx.edge,
            tools=tuple(docker_words(self._tools(release), "--detach")),
            probes=self.probes,
            strategy=self.strategy,
            start_seconds=self.start_timeout_seconds,
            drain_seconds=self.drain_timeout_seconds,
            long_seconds=self.long_timeout_seconds,
            stop_seconds=self.drain_timeout_seconds + 5,
            bake_seconds=self.bake_seconds,
            keep=self.keep,
            source=self.source,
            record=record,
        )

    def _tools(self, release: str) -> ContainerSpec:
        """A container that sees sockets, slots and static files, and is where the published ports are."""
        return ContainerSpec(
            name=f"{self.placement.prefix}-tools",
            image=self.image,
            user=NGINX_USER,
            limits=Limits(cpus=1, memory_mb=128, pids=200),
            placement=self.placement,
            role="tools",
            init=True,
            network_mode=f"container:{self.placement.prefix}-edge",
            mounts=[
                Mount(volume=self.volumes.slots, path="/run/slots"),
                Mount(volume=self.volumes.sockets, path="/run/web", read_only=True),
                Mount(volume=self.volumes.static, path="/srv/static", read_only=True),
                Mount(volume=self.volumes.ledger, path="/var/lib/ledger"),
            ],
            tmpfs_mb={"/tmp": 8},  # noqa: S108 - a path in the container
            labels={"django-stack.release": release},
        )
