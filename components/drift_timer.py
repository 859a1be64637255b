"""Has the server look for drift by itself, as no container gets the Docker socket."""

from dataclasses import dataclass

import pulumi

from components.spec import Placement
from components.step import timer_step


@dataclass(frozen=True, kw_only=True)
class DriftTimerArgs:
    """Whose drift, and when."""

    placement: Placement
    stack: str
    schedule: str
    """Minutes between two looks, or a systemd calendar event."""
    script: str
    """Text of what runs; another one is put in place of it."""


class DriftTimer(pulumi.ComponentResource):
    """A host timer that runs `./ops drift --notify` in the folder that is deployed from. Destroying it takes it away.

    That folder, its user and what it needs of the environment are those of the `up` that puts the timer in place.
    """

    def __init__(self, name: str, args: DriftTimerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:DriftTimer", name, {}, opts)
        prefix, child = args.placement.prefix, pulumi.ResourceOptions(parent=self)
        begin, end = ["look-for-drift", prefix, args.stack, args.schedule], ["stop-looking", prefix]
        timer_step(f"{name}-timer", child, args.placement, begin=begin, end=end, script=args.script)
        self.register_outputs({"schedule": args.schedule})
