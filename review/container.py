"""Containers of a plan, before and after."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from policy.inputs import container
from policy.resource import Container
from review.plan import Plan, Step


@dataclass(frozen=True, kw_only=True)
class ContainerChange:
    """A container that would change, with what it was and what it would be."""

    step: Step
    before: Container | None
    after: Container | None

    @property
    def role(self) -> str:
        return (self.after or self.before or _NOBODY).role


def changes(plan: Plan) -> list[ContainerChange]:
    """Every container that the plan touches."""
    return [
        ContainerChange(
            step=step,
            before=container(step.old.inputs, step.name) if step.old else None,
            after=container(step.new.inputs, step.name) if step.new and step.op != "delete" else None,
        )
        for step in plan.of("Container")
    ]


def made(changes: Iterable[ContainerChange]) -> list[Container]:
    """Containers as the plan would have them; replicas once, and by a name that says so."""
    alike: dict[object, list[Container]] = {}
    for change in changes:
        if change.after:
            each = change.after
            own = None if each.role else each.name
            key = (own, each.role, each.image, each.memory_mb, each.cpus, each.ports, tuple(sorted(each.env)))
            alike.setdefault(key, []).append(each)
    return [
        dataclasses.replace(first, name=f"{first.name} (and {len(others)} like it)") if others else first
        for first, *others in alike.values()
    ]


_NOBODY = Container(name="", role="", image="", memory_mb=0, cpus=0)
