"""All that one review may know, and why it does not know the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from policy.inputs import read
from policy.resource import Resource
from review.container import ContainerChange, changes
from review.migrations import Linted, Pending
from review.plan import Plan, Step
from review.records import Capacity, Ledger, Vulnerability


@dataclass(frozen=True, kw_only=True)
class Image:
    """The image of the site that was built for this change."""

    name: str
    size_mb: int
    linted: Linted


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a review is made from."""

    plan: Plan
    image: Image | None = None
    ledger: Ledger | None = None
    capacity: Capacity | None = None
    vulnerabilities: Sequence[Vulnerability] | None = None
    """What an auditor found; None where none was asked."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """What was not checked, and why: by one of the words `migrations`, `lint`, `capacity`, `image`, `audit`."""

    @cached_property
    def containers(self) -> list[ContainerChange]:
        """Every container that the plan touches."""
        return changes(self.plan)

    @cached_property
    def resources(self) -> list[Resource]:
        """What the plan makes or changes, as policies see it."""
        found = [
            read(step.type, step.name, step.new.inputs, protected=step.new.protected, retained=step.new.retained)
            for step in self.plan.steps
            if step.op != "delete" and step.new
        ]
        return [each for each in found if each]

    @property
    def linted(self) -> Linted | None:
        """The migrations that would run, if they are known; none where the step that migrates does not."""
        if not self.migrates:
            return Linted(pending=Pending(), flaws=())
        return self.image.linted if self.image and "migrations" not in self.missing else None

    @property
    def migrates(self) -> bool:
        """The step that migrates the database would run."""
        return any(each.op in ("create", "update", "replace") for each in self._steps("Command", "-migrate"))

    @property
    def brings_an_image(self) -> bool:
        """The site's own image would be another one."""
        return any(each.op in ("create", "update", "replace") for each in self._steps("Image", "app-image"))

    def _steps(self, kind: str, end: str) -> list[Step]:
        return [step for step in self.plan.of(kind) if step.name.endswith(end)]
