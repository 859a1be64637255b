"""What a benchmark returns: figures with their targets, and controls that have to fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure."""

    name: str
    value: float
    unit: str
    """s, ms, MB, requests, or x for a ratio."""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is within its target; a figure without one is always."""
        too_high = self.at_most is not None and self.value > self.at_most
        too_low = self.at_least is not None and self.value < self.at_least
        return not (too_high or too_low)

    @property
    def target(self) -> str:
        parts = [("≥", self.at_least), ("≤", self.at_most)]
        return " and ".join(f"{sign} {bound:g}" for sign, bound in parts if bound is not None)


@dataclass(frozen=True, kw_only=True)
class Control:
    """A run that must fail, so that the exam is known to be able to."""

    name: str
    failed: bool
    detail: str = ""
    """What was seen."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of one benchmark, `main() -> Report` in benchmarks/NAME.py."""

    title: str
    measures: Sequence[Measure]
    controls: Sequence[Control] = ()
    raw: Any = field(default_factory=dict)
    """Everything that was measured, as JSON can hold it."""

    @property
    def complaints(self) -> list[str]:
        """Why it does not pass, a line each; none if it does."""
        if not self.controls and not any(measure.target for measure in self.measures):
            return ["it has neither a target nor a control, and so cannot fail"]
        missed = [
            f"{measure.name}: {measure.value:g} {measure.unit} misses its target ({measure.target})"
            for measure in self.measures
            if not measure.met
        ]
        void = [f"control '{control.name}' did not fail" for control in self.controls if not control.failed]
        return [*missed, *void]
