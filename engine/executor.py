"""Takes steps: the only layer that acts. A preview takes none and says what each would leave."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.checkpoint import Pending
from engine.errors import EngineError, ProviderError, StepError
from engine.events import Listener, Message, StepBegan, StepEnded, StepFailed
from engine.journal import Journal
from engine.model import Op, State, Step, now_text
from engine.providers import Context
from engine.providers.docker_api import DockerApi
from engine.providers.registry import TYPES
from engine.secrets import Blinder
from engine.values import Properties, Secret, mark_secrets, reveal

_TIMEOUT_KEYS = {Op.CREATE_REPLACEMENT: "create", Op.DELETE_REPLACED: "delete"}
_DELETIONS = (Op.DELETE, Op.DELETE_REPLACED)
CLAIMED = "claimed"
"""Marks a pending create whose name was free before, so that what bears it now is this engine's."""


@dataclass(kw_only=True)
class Executor:
    """Takes each step, written down before and after; with `preview`, only says what it would leave."""

    journal: Journal
    tell: Listener
    docker: Callable[[str], DockerApi]
    """The Docker Engine of a host; the empty name is this machine's default."""
    blind: Blinder
    parallel: int
    cwd: Path
    preview: bool
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._slots = threading.Semaphore(self.parallel)
        self._current: dict[int, State] = {}  # what has become of an old state in this run

    def take(self, step: Step) -> State | None:
        """Takes `step`; the state that it leaves. Raises StepError when it has told why it failed."""
        act = self._foresee if self.preview else self._act
        with self._slots if self._acts(step) else contextlib.nullcontext():
            return self.watch(step, lambda: (step, act(step)))[1]

    def watch(self, step: Step, act: Callable[[], tuple[Step, State | None]]) -> tuple[Step, State | None]:
        """Tells how `act` goes, which takes `step`; the step that it was in the end, and the state that it leaves."""
        began = time.monotonic()
        self.tell(StepBegan(step=step))
        try:
            taken, state = act()
        except Exception as error:
            text = str(error) if isinstance(error, EngineError) else f"internal error: {error!r}"
            self.say("error", text, step.urn)
            self.tell(StepFailed(step=step, seconds=time.monotonic() - began))
            raise StepError(text) from error
        self.tell(StepEnded(step=taken, state=state, seconds=time.monotonic() - began))
        return taken, state

    def say(self, severity: str, text: str, urn: str = "", *, passing: bool = False) -> None:
        """Tells a text about one resource, or about the stack, its secrets blinded."""
        self.tell(Message(severity=severity, text=self.blind(text), urn=urn, passing=passing))

    def _acts(self, step: Step) -> bool:
        """Whether a provider has something to do for `step`."""
        reaches_outside = step.state.custom and not step.state.is_provider and not step.retained
        return reaches_outside and not self.preview and step.op not in (Op.SAME, Op.REPLACE)

    def context(self, state: State, op: Op = Op.REFRESH) -> Context:
        """What a provider may use while it works on `state`."""
        provider = self.journal.find(state.provider_urn) if state.provider else None
        host = str(reveal(provider.inputs.get("host") or "")) if provider else ""  # empty: this machine's default
        return Context(
            name=state.name,
            docker=lambda: self.docker(host),
            log=lambda severity, text: self.say(severity, text, state.urn),
            progress=lambda text: self.say("info", text, state.urn, passing=True),
            blind=self.blind,
            cancelled=self.cancelled,
            timeout_seconds=state.custom_timeouts.get(_TIMEOUT_KEYS.get(op, op)),
            cwd=self.cwd,
        )

    def _foresee(self, step: Step) -> State | None:
        new = step.new
        if new is None or step.op is Op.REPLACE:
            return None
        state = self._known(step, new)
        if state is None:
            old = step.old if step.op is Op.UPDATE else None
            known = TYPES[new.type].preview(old, new.inputs)
            state = finished(new if old else replace(new, id=""), known)
        self.journal.settle(None, add=state, drop=step.old)
        return state

    def _known(self, step: Step, new: State) -> State | None:
        """The outcome of a step that needs no provider; None if it does need one."""
        if new.is_provider and step.op is not Op.SAME:
            outputs = {key: value for key, value in new.inputs.items() if key != "__internal"}
            return stamped(replace(new, id=new.id or str(uuid.uuid4()), outputs=outputs))
        if step.op is Op.SAME:
            return new
        return None if new.custom else stamped(new)

    def _act(self, step: Step) -> State | None:
        if step.op in _DELETIONS:
            self._delete(step)
        if step.op in (Op.REPLACE, *_DELETIONS):
            return None
        old, state = self._now(step.old), self._known(step, step.state)
        if state is not None:
            self.journal.settle(None, add=state, drop=old)
            return state
        return self._update(step, step.old) if step.op is Op.UPDATE and step.old else self._create(step)

    def _now(self, old: State | None) -> State | None:
        return None if old is None else self._current.get(id(old), old)

    @contextlib.contextmanager
    def _pending(self, operation: str, state: State) -> Iterator[Pending]:
        """The operation as it stands in the file; one that failed for certain is taken out again."""
        pending = self.journal.begin(operation, state)
        try:
            yield pending
        except ProviderError as error:
            if error.partial is None and not error.unsure:
                self.journal.settle(pending)
            raise

    def _create(self, step: Step) -> State:
        new, type_ = step.state, TYPES[step.state.type]
        context = self.context(new, step.op)
        type_.claim(context, new.inputs)
        with self._pending("creating", replace(new, extra={CLAIMED: True})) as pending:
            failure: ProviderError | None = None
            try:
                id_, outputs = type_.create(context, new.inputs)
            except ProviderError as error:
                if error.partial is None:
                    raise
                (id_, outputs), failure = error.partial, error
        errors = (self.blind(str(failure)),) if failure else ()
        state = stamped(finished(replace(new, id=id_, init_errors=errors), outputs))
        self._supersede(step, pending, state)
        if failure:
            raise failure
        return state

    def _supersede(self, step: Step, pending: Pending, state: State) -> None:
        """Records `state`; what it replaces is gone already, or waits for its deletion at the end."""
        old, leftover = self._now(step.old), None
        if old is not None and not old.pending_replacement:
            leftover = self._current[id(step.old)] = replace(old, delete=True)
        self.journal.settle(pending, add=state, drop=old, instead=leftover)

    def _update(self, step: Step, old: State) -> State:
        new = step.state
        with self._pending("updating", new) as pending:
            outputs = TYPES[new.type].update(self.context(new, step.op), old, new.inputs, step.diff)
        state = stamped(finished(new, outputs))
        self.journal.settle(pending, add=state, drop=old)
        return state

    def _delete(self, step: Step) -> None:
        old, now = step.state, self._now(step.state)
        assert now is not None  # noqa: S101  a deletion is of something
        pending = waiting = None
        if self._acts(step):
            with self._pending("deleting", now) as pending:
                TYPES[old.type].delete(self.context(old, step.op), old)
        if step.op is Op.DELETE_REPLACED and not now.delete:
            waiting = self._current[id(old)] = replace(now, pending_replacement=True)
        self.journal.settle(pending, drop=now, instead=waiting)


def finished(state: State, outputs: Properties) -> State:
    """`state` with outputs as they are recorded: secrets marked."""
    marked = mark_secrets(outputs, state.inputs)
    hidden = [key for key in state.additional_secret_outputs if key in marked]
    secret = {key: marked[key] if isinstance(marked[key], Secret) else Secret(marked[key]) for key in hidden}
    return replace(state, outputs={**marked, **secret})


def stamped(state: State) -> State:
    """`state` with its times of creation and change set to now."""
    now = now_text()
    return replace(state, created=state.created or now, modified=now)
