"""All policies over all that a stack declares."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from policy.own import OWN
from policy.resource import Container, Resource
from policy.rules import POLICIES, Policy

EVERY = (*POLICIES, *OWN)


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One policy that one resource breaks."""

    policy: Policy
    resource: Resource
    wrong: str
    """From "must" on, with what was got."""
    alike: int = 0
    """Further containers of the same role that break it in the same way."""

    @property
    def text(self) -> str:
        """Where, and what is wrong."""
        return f"{self.resource}{f' (and {self.alike} like it)' if self.alike else ''}: {self.wrong}"

    def __str__(self) -> str:
        return f"{self.policy.id} {self.text}. {self.policy.cure}"


def violations(resources: Iterable[Resource], stack: str, policies: Iterable[Policy] = EVERY) -> list[Violation]:
    """Everything that is wrong, policy by policy; replicas once."""
    resources = tuple(resources)
    found: dict[object, Violation] = {}
    for policy in policies:
        for resource in resources:
            for wrong in policy.find(resource, stack):
                key = policy.id, _kind(resource), wrong
                first = found.get(key)
                found[key] = (
                    replace(first, alike=first.alike + 1)
                    if first
                    else Violation(policy=policy, resource=resource, wrong=wrong)
                )
    return list(found.values())


def _kind(resource: Resource) -> object:
    """What replicas share: their role; anything else is one of its kind."""
    return (resource.role if isinstance(resource, Container) else "") or resource.name
