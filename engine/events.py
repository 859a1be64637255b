"""What a run tells whoever displays it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.model import State, Step


class Began(NamedTuple):
    """A run starts. `config` is what the program gets, secrets blinded."""

    title: str
    preview: bool
    config: Mapping[str, str]


class StepBegan(NamedTuple):
    step: Step


class StepEnded(NamedTuple):
    """`state` is what the step left; None when it is gone."""

    step: Step
    state: State | None
    seconds: float


class StepFailed(NamedTuple):
    step: Step
    seconds: float


class Message(NamedTuple):
    """A text about one resource, or about the stack. A passing one is only shown while it is news."""

    severity: str
    text: str
    urn: str = ""
    passing: bool = False


class Ended(NamedTuple):
    """A run is over. `changes` counts steps by operation."""

    preview: bool
    failed: bool
    seconds: float
    changes: Mapping[str, int]
    outputs: Mapping[str, Any] = {}
    old_outputs: Mapping[str, Any] = {}


StepEvent = StepBegan | StepEnded | StepFailed
Event = Began | StepEvent | Message | Ended
Listener = Callable[[Event], None]
