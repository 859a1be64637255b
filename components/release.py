"""The step that makes a release live: gate, switch, verify, watch, drain, record."""

from dataclasses import dataclass

import pulumi

from components.gunicorn import Gunicorn
from components.rollout import Rollout
from components.step import release_step


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """Which release is to be live, and how it gets there."""

    gunicorn: Gunicorn
    rollout: Rollout


class Release(pulumi.ComponentResource):
    """A release that is live when this is ready. If it is found wanting, the one before serves on, and this fails."""

    release: pulumi.Output[str]
    """Its name, once it is live: after an update that failed, the stack's outputs still have the one before."""

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Release", name, {}, opts)
        gunicorn, nginx = args.gunicorn, args.rollout.nginx
        switched = release_step(
            f"{name}-switch",
            ["switch", gunicorn.release],
            # Not after the replicas are healthy: it waits for that itself, so as to lose no time when they are.
            pulumi.ResourceOptions(parent=self, depends_on=[*gunicorn.before_live, nginx]),
            args.rollout.placement,
            again=pulumi.Output.all(nginx.holder_id, nginx.container_id, *gunicorn.container_ids).apply(" ".join),
            environment=gunicorn.told(),
        )
        self.release = switched.id.apply(lambda _: gunicorn.release)
        self.register_outputs({"release": self.release})
