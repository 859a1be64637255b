"""Has the server start the stack by itself, at boot and after a restart of Docker."""

import shlex
from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.spec import Placement
from components.step import step_environment


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
        prefix = shlex.quote(args.placement.prefix)
        local.Command(
            f"{name}-timer",
            create=f"{args.placement.python} -m timer start-at-boot {prefix}",
            delete=f"{args.placement.python} -m timer remove {prefix}",
            environment=step_environment(args.placement, {"SCRIPT": args.script}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"prefix": args.placement.prefix})
