"""One run of the program: each registration is planned and taken, then what is left over is deleted."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from engine import causes
from engine.config import ConfigValue
from engine.errors import EngineError, StepError
from engine.executor import Executor
from engine.model import PROVIDER_PREFIX, Goal, Op, State, Step, make_urn, urn_type
from engine.planner import Planner, deletion_waves
from engine.providers.registry import TYPES, config_inputs
from engine.values import Properties, without_unknowns

OldUrns = Callable[[Goal | None], Iterable[str]]
Registration = Callable[["Deployment"], object]
"""Something that the program registered, to be done again by another deployment."""


@dataclass(kw_only=True)
class Deployment:
    """Serves one program. Safe to call from many threads."""

    stack: str
    project: str
    planner: Planner
    executor: Executor
    config: Mapping[str, ConfigValue]
    """For the default providers."""
    counts: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    left: list[str] = field(default_factory=list)
    """The names of what was not reached."""

    def __post_init__(self) -> None:
        self.registrations: list[Registration] = []
        self._lock = threading.RLock()
        self._goals: dict[str, Goal] = {}
        self.states: dict[str, State] = {}
        """What has been taken, by URN."""

    @property
    def stopped(self) -> bool:
        """Whether no new step may begin."""
        return self.failed or self.executor.cancelled.is_set()

    def replay(self, registrations: Iterable[Registration]) -> None:
        """Does what the program did in another run: in place of a run of the program."""
        for registration in registrations:
            registration(self)
        self.delete_leftovers()

    def register(self, goal: Goal, old_urns: OldUrns) -> State | None:
        """Plans and takes the steps for `goal`; its state, or None where it failed or came after a failure.

        `old_urns` tells the URNs that the goal may have had, given its parent's goal.
        """
        if self.stopped:
            self.left.append(goal.name)
            return None
        self.registrations.append(lambda other: other.register(goal, old_urns))
        try:
            with self._lock:
                steps = self._plan(goal, old_urns)
            state = self._take(steps)
        except EngineError as error:
            self.fail(error, goal.urn)
            return None
        self.states[goal.urn] = state
        return state

    def _plan(self, goal: Goal, old_urns: OldUrns) -> list[Step]:
        parent = self._goals.get(goal.parent)
        goal = replace(inherit(goal, parent), aliases=tuple(old_urns(parent)))
        if goal.type in TYPES and not goal.provider:
            goal = replace(goal, provider=self._default_provider(goal))
        steps = self.planner.plan(goal)
        self._goals[goal.urn] = goal
        old = steps[-1].old
        if old is not None and old.urn != goal.urn:
            self.executor.journal.rename(old.urn, goal.urn)
        return steps

    def _take(self, steps: Iterable[Step]) -> State:
        state: State | None = None
        for step in steps:
            state = self.executor.take(step) or state
            self._count(step)
        assert state is not None  # noqa: S101  the last step for a goal leaves one
        return state

    def _count(self, step: Step) -> None:
        """Counts as the CLI does: a replacement once, default providers never."""
        if step.op not in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED) and not step.state.is_default_provider:
            with self._lock:
                self.counts[str(step.op)] += 1

    def fail(self, error: EngineError, urn: str = "") -> None:
        """Ends the run after what is under way."""
        self.failed = True
        if not isinstance(error, StepError):
            self.executor.say("error", str(error), urn)

    def _default_provider(self, goal: Goal) -> str:
        """The reference of the provider that a resource gets when the program names none."""
        package = goal.type.partition(":")[0]
        type_, name = PROVIDER_PREFIX + package, f"default_{goal.version.replace('.', '_')}".rstrip("_")
        urn = make_urn(stack=self.stack, project=self.project, parent="", type_=type_, name=name)
        if urn not in self.states:
            inputs = config_inputs(package, self.config)
            provider = Goal(urn=urn, type=type_, custom=True, inputs=inputs, version=goal.version)
            self.states[urn] = self._take(self.planner.plan(provider))
        return f"{urn}::{self.states[urn].id}"

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Records what a component, or the stack, gives out."""
        self.registrations.append(lambda other: other.register_outputs(urn, outputs))
        state = self.states.get(urn)
        if state is not None and not self.failed:
            known = outputs if self.executor.preview else without_unknowns(outputs)
            self.states[urn] = replace(state, outputs=known)
            self.executor.journal.settle(None, drop=state, instead=self.states[urn])

    def delete_leftovers(self, cause: str = causes.GONE) -> None:
        """Deletes what the program no longer has, wave by wave. Nothing is deleted after an error."""
        try:
            waves = [] if self.stopped else deletion_waves(self.planner.plan_deletes(cause))
        except EngineError as error:
            self.fail(error)
            return

        def take(step: Step) -> None:
            if self.executor.cancelled.is_set():
                self.left.append(step.state.name)
                return
            try:
                self.executor.take(step)
                self._count(step)
            except EngineError as error:
                self.fail(error, step.state.urn)

        with ThreadPoolExecutor(max_workers=self.executor.parallel) as pool:
            for wave in waves:
                if not self.failed:
                    list(pool.map(take, wave))


def inherit(goal: Goal, parent: Goal | None) -> Goal:
    """`goal` with what a child takes over from its parent."""
    if parent is None:
        return goal
    package = PROVIDER_PREFIX + goal.type.partition(":")[0]
    fits = not goal.custom or (parent.provider and urn_type(parent.provider.rpartition("::")[0]) == package)
    taken = {name: getattr(parent, name) for name in ("protect", "retain_on_delete") if getattr(goal, name) is None}
    return replace(goal, **taken, provider=goal.provider or (parent.provider if fits else ""))
