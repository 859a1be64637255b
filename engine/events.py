"""What a run tells whoever displays it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.model import State, Step


@dataclass(frozen=True, kw_only=True)
class Began:
    """A run starts. `config` is what the program gets, secrets blinded."""

    title: str
    preview: bool
    config: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StepBegan:
    step: Step


@dataclass(frozen=True, kw_only=True)
class StepEnded:
    """`state` is what the step left; None when it is gone."""

    step: Step
    state: State | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StepFailed:
    step: Step
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Message:
    """A text about one resource, or about the stack. A passing one is only shown while it is news."""

    severity: str
    text: str
    urn: str = ""
    passing: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run is over. `changes` counts steps by operation."""

    preview: bool
    failed: bool
    seconds: float
    changes: Mapping[str, int]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    old_outputs: Mapping[str, Any] = field(default_factory=dict)


StepEvent = StepBegan | StepEnded | StepFailed
Event = Began | StepEvent | Message | Ended
Listener = Callable[[Event], None]
