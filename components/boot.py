"""Has the server start the stack by itself, at boot and after a restart of Docker."""

from dataclasses import dataclass

import pulumi

from components.spec import Placement
from components.step import timer_step


@dataclass(frozen=True, kw_only=True)
class BootArgs:
    """Whose containers are to be started."""

    placement: Placement
    script: str
    """Text of the script; another one is put in place of it."""


class Boot(pulumi.ComponentResource):
    """A host timer that starts what should run of the stack. Destroying it takes the timer away."""

    def __init__(self, name: str, args: BootArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:Boot", name, {}, opts)
        prefix, child = args.placement.prefix, pulumi.ResourceOptions(parent=self)
        begin, end = ["start-at-boot", prefix], ["remove", prefix]
        timer_step(f"{name}-timer", child, args.placement, begin=begin, end=end, script=args.script)
        self.register_outputs({"prefix": args.placement.prefix})
