"""Takes steps: the only layer that acts. A preview takes none and says what each would leave."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from engine.checkpoint import Pending
from engine.errors import EngineError, ProviderError, StepError
from engine.events import Listener, Message, StepBegan, StepEnded, StepFailed
from engine.journal import Journal, as_deleted
from engine.model import PROVIDER_PREFIX, Op, State, Step, stamped
from engine.providers import Context, Types
from engine.providers.docker_api import DockerApi
from engine.providers.provider import host_of_provider, logins_of_provider
from engine.values import Properties, Secret, mark_secrets

_OPERATIONS = {
    Op.CREATE: "creating",
    Op.CREATE_REPLACEMENT: "creating",
    Op.UPDATE: "updating",
    Op.DELETE: "deleting",
    Op.DELETE_REPLACED: "deleting",
}
_TIMEOUT_KEYS = {Op.CREATE_REPLACEMENT: "create", Op.DELETE_REPLACED: "delete"}
CLAIMED = "claimed"
"""Marks a pending create whose name was free before, so that what bears it now is this engine's."""


class Executor(Protocol):
    def take(self, step: Step) -> State | None:
        """Takes `step`; the state that it leaves. Raises StepError when it has told why it failed."""


def finished(state: State, outputs: Properties) -> State:
    """`state` with outputs as they are recorded: secrets marked."""
    marked = mark_secrets(outputs, state.inputs)
    for key in state.additional_secret_outputs:
        if key in marked and not isinstance(marked[key], Secret):
            marked = {**marked, key: Secret(marked[key])}
    return replace(state, outputs=marked)


@dataclass(kw_only=True)
class PreviewExecutor:
    """Says what each step would leave, as far as it can be known."""

    types: Types
    journal: Journal
    tell: Listener

    def take(self, step: Step) -> State | None:
        self.tell(StepBegan(step=step))
        state = self._result(step)
        self.tell(StepEnded(step=step, state=state, seconds=0.0))
        return state

    def _result(self, step: Step) -> State | None:
        new = step.new
        if new is None or step.op is Op.REPLACE:
            return None
        if new.type.startswith(PROVIDER_PREFIX):
            state = replace(new, id=new.id or str(uuid.uuid4()), outputs=_provider_outputs(new.inputs))
        elif step.op is Op.SAME or not new.custom:
            state = new
        else:
            old = step.old if step.op is Op.UPDATE else None
            known = self.types[new.type].preview(old, new.inputs)
            state = finished(new if old else replace(new, id=""), known)
        self.journal.settle(None, add=state, drop=step.old)
        return state


@dataclass(kw_only=True)
class LiveExecutor:
    """Takes each step for real, written down before and after."""

    types: Types
    journal: Journal
    tell: Listener
    docker: Callable[[str], DockerApi]
    """The Docker Engine of a host; the empty name is this machine's default."""
    blind: Callable[[str], str]
    parallel: int
    cwd: Path
    cancelled: threading.Event = field(default_factory=threading.Event)
    _current: dict[int, State] = field(default_factory=dict)
    _slots: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = threading.Semaphore(self.parallel)

    def take(self, step: Step) -> State | None:
        with self._slots if _reaches_outside(step) else contextlib.nullcontext():
            began = time.monotonic()
            self.tell(StepBegan(step=step))
            try:
                state = self._act(step)
            except Exception as error:
                text = str(error) if isinstance(error, EngineError) else f"internal error: {error!r}"
                self.tell(Message(severity="error", text=self.blind(text), urn=step.urn))
                self.tell(StepFailed(step=step, seconds=time.monotonic() - began))
                raise StepError(text) from error
            self.tell(StepEnded(step=step, state=state, seconds=time.monotonic() - began))
            return state

    def context(self, state: State, op: Op = Op.READ) -> Context:
        """What a provider may use while it works on `state`."""
        key = _TIMEOUT_KEYS.get(op, str(op))

        def log(severity: str, text: str) -> None:
            kind, _, passing = severity.partition("#")
            self.tell(Message(severity=kind, text=self.blind(text), urn=state.urn, passing=bool(passing)))

        provider = self.journal.find(state.provider_urn) if state.provider else None
        return Context(
            name=state.name,
            docker=lambda: self.docker(host_of_provider(provider)),
            log=log,
            progress=lambda text: log("info#passing", text),
            blind=self.blind,
            cancelled=self.cancelled,
            timeout_seconds=state.custom_timeouts.get(key),
            cwd=self.cwd,
            logins=logins_of_provider(provider),
        )

    def _act(self, step: Step) -> State | None:
        if step.op is Op.REPLACE:
            return None
        if step.op in (Op.DELETE, Op.DELETE_REPLACED):
            self._delete(step)
            return None
        new = step.state
        if new.type.startswith(PROVIDER_PREFIX):
            id_ = new.id or str(uuid.uuid4())
            state = stamped(replace(new, id=id_, outputs=_provider_outputs(new.inputs)))
        elif step.op is Op.SAME or not new.custom:
            state = new if step.op is Op.SAME else stamped(new)
        elif step.op is Op.UPDATE:
            return self._update(step)
        else:
            return self._create(step)
        self.journal.settle(None, add=state, drop=self._now(step.old))
        return state

    def _now(self, old: State | None) -> State | None:
        """What has become of an old state in this run."""
        return None if old is None else self._current.get(id(old), old)

    def _create(self, step: Step) -> State:
        new, type_ = step.state, self.types[step.state.type]
        context = self.context(new, step.op)
        type_.claim(context, new.inputs)
        pending = self.journal.begin("creating", replace(new, extra={CLAIMED: True}))
        try:
            id_, outputs = type_.create(context, new.inputs)
        except ProviderError as error:
            self._keep_partial(step, pending, error)
            raise
        state = stamped(finished(replace(new, id=id_), outputs))
        self._supersede(step, pending, state)
        return state

    def _keep_partial(self, step: Step, pending: Pending, error: ProviderError) -> None:
        if error.partial is None:
            self._give_up(pending, error)
            return
        id_, outputs = error.partial
        text = self.blind(str(error))
        state = stamped(finished(replace(step.state, id=id_, init_errors=(text,)), outputs))
        self._supersede(step, pending, state)

    def _give_up(self, pending: Pending | None, error: ProviderError) -> None:
        """Ends a failed operation; one of which nobody knows whether it took place stays pending."""
        if not error.unsure:
            self.journal.settle(pending)

    def _supersede(self, step: Step, pending: Pending, state: State) -> None:
        """Records `state`; what it replaces is gone already, or waits for its deletion at the end."""
        old = self._now(step.old)
        if old is None or old.pending_replacement:
            self.journal.settle(pending, add=state, drop=old)
            return
        leftover = as_deleted(old)
        self._current[id(step.old)] = leftover
        self.journal.settle(pending, add=state, swap=(old, leftover))

    def _update(self, step: Step) -> State:
        old, new = step.old, step.state
        assert old is not None  # noqa: S101  an update is of something
        pending = self.journal.begin("updating", new)
        try:
            context = self.context(new, step.op)
            outputs = self.types[new.type].update(context, old, new.inputs, step.diff)
        except ProviderError as error:
            self._give_up(pending, error)
            raise
        state = stamped(finished(new, outputs))
        self.journal.settle(pending, add=state, drop=old)
        return state

    def _delete(self, step: Step) -> None:
        old = step.state
        now = self._now(old)
        assert now is not None  # noqa: S101  a deletion is of something
        acts = _reaches_outside(step)
        pending = self.journal.begin("deleting", now) if acts else None
        try:
            if acts:
                self.types[old.type].delete(self.context(old, step.op), old)
        except ProviderError as error:
            self._give_up(pending, error)
            raise
        if step.op is Op.DELETE_REPLACED and not now.delete:
            waiting = replace(now, pending_replacement=True)
            self._current[id(old)] = waiting
            self.journal.settle(pending, swap=(now, waiting))
        else:
            self.journal.settle(pending, drop=now)


def _reaches_outside(step: Step) -> bool:
    """Whether a provider has something to do for `step`."""
    state = step.state
    if step.op in (Op.SAME, Op.REPLACE) or step.retained:
        return False
    return state.custom and not state.type.startswith(PROVIDER_PREFIX)


def _provider_outputs(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key != "__internal"}
