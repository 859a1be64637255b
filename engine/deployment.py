"""One run of the program: each registration is planned and taken, then what is left over is deleted."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import EngineError, StepError
from engine.events import Listener, Message
from engine.executor import Executor
from engine.journal import Journal
from engine.model import PROVIDER_PREFIX, STACK_TYPE, Goal, Op, State, Step, make_urn, urn_type
from engine.planner import Planner, default_provider_urn, deletion_waves
from engine.providers.provider import config_inputs
from engine.providers.registry import PROVIDERS
from engine.values import Properties, without_unknowns


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The answer to the program. `state` is None where the resource failed, or came after a failure."""

    urn: str
    state: State | None = None


@dataclass(kw_only=True)
class Deployment:
    """Serves one program. Safe to call from many threads."""

    stack: str
    project: str
    planner: Planner
    journal: Journal
    executor: Executor
    tell: Listener
    blind: Callable[[str], str]
    config: Mapping[str, Any]
    """Configuration values by full key, for the default providers."""
    parallel: int
    cancelled: threading.Event
    preview: bool
    counts: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _goals: dict[str, Goal] = field(default_factory=dict)
    _states: dict[str, State] = field(default_factory=dict)

    def register(self, goal: Goal, alias_names: Callable[[Goal, Goal | None], Iterable[str]]) -> Registration:
        """Plans and takes the steps for `goal`; returns when they are done.

        `alias_names` tells the URNs that the goal may have had, given its parent's goal.
        """
        if self.failed or self.cancelled.is_set():
            return Registration(urn=goal.urn)
        try:
            with self._lock:
                parent = self._goals.get(goal.parent)
                goal = replace(inherit(goal, parent), aliases=tuple(alias_names(goal, parent)))
                if goal.custom and not goal.type.startswith(PROVIDER_PREFIX) and not goal.provider:
                    goal = replace(goal, provider=self._default_provider(goal))
                steps = self.planner.plan(goal)
                self._goals[goal.urn] = goal
                self._note_alias(goal, steps)
            state = self._take(steps)
        except EngineError as error:
            self.fail(error, goal.urn)
            return Registration(urn=goal.urn)
        self._states[goal.urn] = state
        return Registration(urn=goal.urn, state=state)

    def _take(self, steps: Iterable[Step]) -> State:
        state: State | None = None
        for step in steps:
            state = self.executor.take(step) or state
            self._count(step)
        assert state is not None  # noqa: S101  the last step for a goal leaves one
        return state

    def _count(self, step: Step) -> None:
        """Counts as the CLI does: a replacement once, default providers never."""
        if step.op in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED) or step.state.is_default_provider:
            return
        with self._lock:
            self.counts[str(step.op)] += 1

    def _note_alias(self, goal: Goal, steps: list[Step]) -> None:
        old = steps[-1].old
        if old is not None and old.urn != goal.urn:
            self.journal.rename(old.urn, goal.urn)

    def fail(self, error: EngineError, urn: str = "") -> None:
        """Ends the run after what is under way."""
        self.failed = True
        if not isinstance(error, StepError):
            self.tell(Message(severity="error", text=self.blind(str(error)), urn=urn))

    def _default_provider(self, goal: Goal) -> str:
        """The reference of the provider that a resource gets when the program names none."""
        package = goal.type.partition(":")[0]
        if package not in PROVIDERS or goal.type not in self.planner.types:
            return ""  # the planner refuses it by its own name
        urn = default_provider_urn(self.stack, self.project, package, goal.version)
        state = self._states.get(urn)
        if state is None:
            provider = Goal(
                urn=urn,
                type=PROVIDER_PREFIX + package,
                custom=True,
                inputs=config_inputs(package, dict(self.config)),
                version=goal.version,
            )
            state = self._take(self.planner.plan(provider))
            self._states[urn] = state
        return f"{urn}::{state.id}"

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Records what a component, or the stack, gives out."""
        state = self._states.get(urn)
        if state is None or self.failed:
            return
        new = replace(state, outputs=outputs if self.preview else without_unknowns(outputs))
        self._states[urn] = new
        self.journal.settle(None, swap=(state, new))

    def finish(self) -> None:
        """Deletes what the program no longer has. Nothing is deleted after an error."""
        if self.failed or self.cancelled.is_set():
            return
        try:
            steps = self.planner.plan_deletes()
        except EngineError as error:
            self.fail(error)
            return
        self.delete(steps)

    def delete(self, steps: list[Step]) -> None:
        """Deletes wave by wave; stops after the wave in which something failed."""

        def take(step: Step) -> None:
            if self.cancelled.is_set():
                return
            try:
                self.executor.take(step)
                self._count(step)
            except EngineError as error:
                self.fail(error, step.urn)

        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            for wave in deletion_waves(steps):
                if self.failed or self.cancelled.is_set():
                    return
                list(pool.map(take, wave))

    def stack_outputs(self) -> Properties:
        urn = make_urn(
            stack=self.stack, project=self.project, parent="", type_=STACK_TYPE, name=f"{self.project}-{self.stack}"
        )
        state = self._states.get(urn)
        return state.outputs if state else {}


def inherit(goal: Goal, parent: Goal | None) -> Goal:
    """`goal` with what a child takes over from its parent."""
    if parent is None:
        return goal
    same_package = parent.provider and urn_type(parent.provider.rpartition("::")[0]) == (
        PROVIDER_PREFIX + goal.type.partition(":")[0]
    )
    return replace(
        goal,
        protect=parent.protect if goal.protect is None else goal.protect,
        retain_on_delete=parent.retain_on_delete if goal.retain_on_delete is None else goal.retain_on_delete,
        provider=goal.provider or (parent.provider if same_package or not goal.custom else ""),
    )
