"""The volumes that web containers and Nginx share."""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.spec import Placement


@dataclass(frozen=True, kw_only=True)
class SiteVolumesArgs:
    """What the shared volumes need to know."""

    placement: Placement
    data_protected: bool = True
    """Refuse to destroy the volumes of uploaded files and of the ledger. They are kept on the engine in any case."""


class SiteVolumes(pulumi.ComponentResource):
    """Volumes between web containers and Nginx, by what is in them. All attributes are volume names."""

    sockets: str
    """Gunicorn's sockets, one for each replica. Web containers write, Nginx connects."""
    slots: str
    """Links to the sockets that take traffic. Only the release step writes; web containers do not see it."""
    static: str
    """Collected static files. The release step writes, Nginx serves."""
    media: str
    """Files that visitors uploaded. Web containers write, Nginx serves."""
    buffers: str
    """Request bodies and answers that Nginx holds for slow clients."""
    ledger: str
    """The release ledger. Only the release step writes."""

    def __init__(self, name: str, args: SiteVolumesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:SiteVolumes", name, {}, opts)
        names = {
            use: f"{args.placement.prefix}-{use}"
            for use in ("sockets", "slots", "static", "media", "buffers", "ledger")
        }
        kept = pulumi.ResourceOptions(protect=args.data_protected, retain_on_delete=True)
        for use, volume_name in names.items():
            child = pulumi.ResourceOptions(parent=self)
            docker.Volume(
                f"{name}-{use}",
                name=volume_name,
                labels=[docker.VolumeLabelArgs(label="django-stack.stack", value=args.placement.prefix)],
                opts=child.merge(kept) if use in ("media", "ledger") else child,
            )
        self.sockets, self.slots, self.static = names["sockets"], names["slots"], names["static"]
        self.media, self.buffers, self.ledger = names["media"], names["buffers"], names["ledger"]
        self.register_outputs(names)
