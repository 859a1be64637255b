"""The stack's networks."""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.spec import Placement


@dataclass(frozen=True, kw_only=True)
class NetworksArgs:
    """What the networks need to know."""

    placement: Placement


class Networks(pulumi.ComponentResource):
    """An edge network with a way out, and a data network with none. The names are plain, so that an attached
    container does not depend on the network's other properties.
    """

    edge_name: str
    """Nginx's published ports and the site's own calls to the outside."""
    data_name: str
    """PostgreSQL and those who may ask it; internal, so nothing in it reaches the outside or is reached from there."""
    edge_id: pulumi.Output[str]
    data_id: pulumi.Output[str]

    def __init__(self, name: str, args: NetworksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Networks", name, {}, opts)
        self.edge_name, self.data_name = f"{args.placement.prefix}-edge", f"{args.placement.prefix}-data"
        labels = [docker.NetworkLabelArgs(label="django-stack.stack", value=args.placement.prefix)]
        child = pulumi.ResourceOptions(parent=self)
        edge = docker.Network(f"{name}-edge", name=self.edge_name, driver="bridge", labels=labels, opts=child)
        data = docker.Network(
            f"{name}-data", name=self.data_name, driver="bridge", internal=True, labels=labels, opts=child
        )
        self.edge_id, self.data_id = edge.id, data.id
        self.register_outputs({"edge_name": self.edge_name, "data_name": self.data_name})
