"""Your own policies. What stands here holds wherever the others do; docs/policies.md shows one."""

from policy.rules import Policy

OWN: tuple[Policy, ...] = ()
